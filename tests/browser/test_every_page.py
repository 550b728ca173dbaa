"""What holds for every page in a browser: accessible in both themes, wide and narrow, clean."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import axe_playwright_python
import pytest
from playwright.sync_api import Page, Response

from tests.browser.conftest import NOBODY, Furnished, browser
from tests.dashboard.test_pages import PAGES

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDE, NARROW, NARROWEST = 1280, 390, 360
PARTS = {"status", "toasts"}
"""What is only ever a part of a page."""

LARGE = "styleguide"
"""Ten thousand elements, each of which stands on another page too."""

LEFT_OUT = {"/styleguide/": (".chart", ".skeleton")}
"""Thirty charts, and words that are not there yet."""

INLINE = re.compile(r"<[a-z][^>]*?\s(style|on[a-z]+)\s*=", re.IGNORECASE)
BLOCKS = re.compile(r"<script(?![^>]*\ssrc=)|<style", re.IGNORECASE)


CHOSEN = "(theme) => { document.documentElement.dataset.theme = theme; }"
SETTLED = """() => Promise.race([(async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  await frame();
  await frame();
  const ending = document.getAnimations().filter(
    ({ effect, playState }) => playState === "running"
      && Number.isFinite(effect.getComputedTiming().endTime));
  await Promise.all(ending.map(({ finished }) => finished.catch(() => {})));
})(), new Promise((done) => setTimeout(done, 2000))])"""
"""What is still fading in, or in the other theme, is judged by a colour nobody reads it in."""


def violations(page: Page, *, only: str = "") -> list[str]:
    """Return what axe objects to, each with the first elements it means."""
    page.evaluate(SETTLED)
    run = {"type": "rule", "values": [only]} if only else {"type": "tag", "values": RULES}
    found: dict[str, Any] = page.evaluate(
        "([out, run]) => axe.run({exclude: out}, {runOnly: run, resultTypes: ['violations']})",
        [[[one] for one in LEFT_OUT.get(urlsplit(page.url).path, ())], run],
    )
    return [
        f"{one['id']}: {one['help']}: {[said(node) for node in one['nodes'][:3]]}"
        for one in found["violations"]
    ]


def said(node: dict[str, Any]) -> str:
    """Return what axe says of an element."""
    return f"{node['html'][:160]} {node.get('failureSummary', '')[:200]}"


def is_strict(policy: str) -> bool:
    """Say whether nothing inline, evaluated or foreign may run or style."""
    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    return (
        directives["script-src"] == directives["style-src"] == "'self'"
        and directives["object-src"] == directives["frame-ancestors"] == "'none'"
        and "unsafe" not in policy
    )


def assert_clean(response: Response | None) -> None:
    """Nothing inline in what the server sent, and a policy that forbids it."""
    assert response is not None
    assert response.status == 200
    html = response.text()
    assert INLINE.findall(html) == []
    assert BLOCKS.findall(html) == []
    assert is_strict(response.headers["content-security-policy"])


@pytest.mark.parametrize("name", sorted(PAGES.keys() - PARTS))
def test_it_is_accessible_in_both_themes_wide_and_narrow(name: str, furnished: Furnished) -> None:
    with browser(furnished.url, WIDE, cookies=furnished.cookies) as page:
        page.emulate_media(reduced_motion="reduce")
        assert_clean(page.goto(furnished.url + furnished.pages[name]))
        page.evaluate(AXE)
        found = {}
        for width in (WIDE, NARROW) if name != LARGE else (WIDE,):
            page.set_viewport_size({"width": width, "height": 844})
            for theme in ("light", "dark"):
                page.evaluate(CHOSEN, theme)
                # Themes differ in their colours only.
                only = "color-contrast" if theme == "dark" else ""
                seen = violations(page, only=only)
                if seen and width == NARROW:
                    # What the bar at the thumb covers by half is whole further up.
                    page.evaluate("scrollBy(0, 120)")
                    seen = violations(page, only=only)
                found[f"{width} {theme}"] = seen
        assert not any(found.values()), found
        page.set_viewport_size({"width": NARROWEST, "height": 740})
        spare = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert spare == 0, f"{spare} px wider than the screen"


@pytest.mark.parametrize("path", ["/login/", "/nothing/here/"])
def test_so_are_the_pages_without_a_login(path: str, furnished: Furnished) -> None:
    with browser(furnished.url, WIDE, cookies=NOBODY, expected="404") as page:
        page.goto(furnished.url + path)
        page.evaluate(AXE)
        found = violations(page)
        page.evaluate(CHOSEN, "dark")
        assert found + violations(page) == []
