"""From the login through every part of the shell and back by Tab, Enter and Esc alone."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import NOBODY, PASSWORD, WALKER, Furnished, browser

MOST_TABS = 90
FIRST = "Skip to the page"
FOCUSED = """() => {
  const element = document.activeElement;
  const lit = element.tabIndex < 0 || [element, element.parentElement].some((one) =>
    [null, "::after", "::before"].some((part) => {
      const { outlineStyle, outlineWidth } = getComputedStyle(one, part);
      return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
    }));
  const { top, bottom, left, right, width, height } = element.getBoundingClientRect();
  const seen = width > 0 && height > 0 && bottom > 0 && right > 0
    && top < innerHeight && left < innerWidth;
  const name = element.getAttribute("aria-label") || element.labels?.[0]?.textContent
    || element.textContent || element.name || "";
  return {lost: element === document.body, lit, seen, tag: element.localName,
    name: name.trim().replace(/\\s+/g, " "), html: element.outerHTML.slice(0, 160)};
}"""


def focused(page: Page) -> str:
    """Return the name of what has the focus, which must be there, in sight, and marked."""
    found = page.evaluate(FOCUSED)
    assert not found["lost"], "the focus is lost"
    assert found["seen"], f"out of sight: {found['html']}"
    assert found["lit"], f"not marked: {found['html']}"
    return str(found["name"])


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called `name` has the focus; behind the last comes the first."""
    passed: list[str] = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            page.keyboard.press("Tab")
            assert focused(page) == FIRST, f"the focus is lost after {passed[-1:]}"
        if re.match(name, focused(page)):
            return
        passed.append(focused(page)[:30])
    raise AssertionError(f"{name} is not reached; passed {passed}")


def test_all_of_it_is_reached_by_tab_enter_and_escape(furnished: Furnished) -> None:
    with browser(furnished.url, cookies=NOBODY) as page:
        page.emulate_media(reduced_motion="reduce")
        page.goto(f"{furnished.url}/login/")
        if page.evaluate("document.activeElement.name") != "username":
            tab_to(page, "Username|Name")
        page.keyboard.type(WALKER)
        tab_to(page, "Password")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{furnished.url}/")

        page.keyboard.press("Tab")
        assert focused(page) == FIRST
        tab_to(page, "Approvals")
        page.keyboard.press("Enter")
        page.wait_for_url("**/approvals/")

        tab_to(page, "Find anything")
        page.keyboard.press("Enter")
        palette = page.get_by_role("dialog", name="Find anything")
        expect(palette.get_by_role("combobox")).to_be_focused()
        page.keyboard.press("Escape")
        expect(palette).to_be_hidden()
        assert focused(page).startswith("Find anything")

        tab_to(page, "Stop everything")
        page.keyboard.press("Enter")
        stop = page.get_by_role("dialog", name="Stop everything?")
        expect(stop.get_by_label("Why")).to_be_focused()
        tab_to(page, "Cancel")
        page.keyboard.press("Escape")
        expect(stop).to_be_hidden()
        assert focused(page).startswith("Stop")

        tab_to(page, "Reject")
        page.keyboard.press("Enter")
        sheet = page.locator(":popover-open")
        expect(sheet).to_be_visible()
        focused(page)
        page.keyboard.press("Escape")
        expect(sheet).to_be_hidden()
        assert focused(page).startswith("Reject")

        page.goto(f"{furnished.url}/pipeline/")
        tab_to(page, r"Lead \d")
        page.keyboard.press("m")
        move = page.get_by_role("dialog", name=re.compile("^Move "))
        expect(move).to_be_visible()
        focused(page)
        page.keyboard.press("Escape")
        expect(move).to_be_hidden()
        assert re.match(r"(Move )?Lead \d", focused(page))
