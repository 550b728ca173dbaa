"""Nothing jumps while the operator looks: leads arrive and drafts are decided elsewhere."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from control import approvals
from control.models import Action
from tests import factories, workers
from tests.browser.conftest import browser

WATCH = """() => {
  window.shifts = [];
  // A row that makes room for a new one has moved, which is what it is there for.
  const moves = (node) =>
    (node.nodeType === Node.TEXT_NODE ? node.parentElement : node)?.closest("[data-row]");
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const moved = entry.sources.filter(({ node, previousRect: a, currentRect: b }) =>
        node && !moves(node) && (a.x !== b.x || a.y !== b.y));
      if (!entry.hadRecentInput && moved.length) {
        window.shifts.push(...moved.map(({ node, previousRect: a, currentRect: b }) =>
          `${(node.outerHTML ?? node.textContent).slice(0, 120)} ${a.x},${a.y} > ${b.x},${b.y}`));
      }
    }
  }).observe({ type: "layout-shift" });
}"""
PLACES = """() => [...document.querySelectorAll(
    "h1, main > *, .page-head *, .panel > header, .column > header, #case-title, .act, .rail a")]
  .map((one) => [one, one.getBoundingClientRect()])
  .filter(([, box]) => box.height && box.top < innerHeight)
  .map(([{ localName, id, className }, { x, y, width }]) =>
    `${localName}#${id}.${className} ${x},${y} ${width}`)"""


def places(page: Page) -> list[str]:
    """Return where the fixed parts of the page that are in sight stand."""
    found: list[Any] = page.evaluate(PLACES)
    return [str(place) for place in found]


def drafts(*names: str) -> None:
    """Let leads come in, and wait until the workers of the house have a draft for each."""
    waiting = Action.objects.filter(status="waiting")
    wanted = waiting.count() + len(names)
    for name in names:
        email = f"{name.lower().replace(' ', '.')}@harbor.example"
        factories.receive(factories.make_lead(name=name, email=email))
    workers.until(lambda: waiting.count() >= wanted, "the drafts")


def test_what_is_read_stays_where_it_is(house: str) -> None:
    drafts(*(f"Early {n}" for n in range(4)))
    with browser(house) as page:
        page.goto(f"{house}/approvals/")
        for path in ("/approvals/", "/leads/", "/pipeline/", "/pipeline/table/", "/"):
            page.goto(house + path)
            expect(page.get_by_text("Live", exact=True)).to_be_visible()
            page.wait_for_load_state("networkidle")
            page.evaluate(WATCH)
            before = places(page)
            drafts(f"Late of {path.strip('/').replace('/', ' ') or 'home'}")
            other = Action.objects.filter(status="waiting").order_by("created_at")[1]
            user = factories.make_user(f"other{path.replace('/', '')}")
            approvals.reject(other, by=user, seen_hash=other.content_hash, reason="Wrong tone")
            waiting = Action.objects.filter(status="waiting").count()
            expect(page.locator("#status")).to_have_attribute("data-needs", str(waiting))
            page.wait_for_timeout(400)
            assert page.evaluate("window.shifts") == [], path
            assert places(page) == before, path


@pytest.mark.parametrize("path", ["/approvals/", "/pipeline/", "/leads/"])
def test_the_focus_stays_while_updates_come(path: str, house: str) -> None:
    drafts("Early 1", "Early 2")
    with browser(house) as page:
        page.goto(house + path)
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        for control in (
            page.get_by_role("link", name="Stop everything"),
            page.locator("main a.cover, main a[href*='/approvals/']").first,
        ):
            control.focus()
            was = page.evaluate("document.activeElement.getAttribute('href')")
            drafts(f"Late {was[1:5]}")
            waiting = Action.objects.filter(status="waiting").count()
            expect(page.locator("#status")).to_have_attribute("data-needs", str(waiting))
            page.wait_for_timeout(300)
            assert page.evaluate("document.activeElement.getAttribute('href')") == was
