"""Thirty drafts decided by keyboard alone, and some by touch, without one full page load."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Locator, Page, Request, Route, expect

from control.models import Action, Decision
from tests import factories, workers
from tests.browser.conftest import browser

WAYS = ("approve", "edit", "reject", "send back", "snooze", "take over")
READ_MS = 350
"""Longer than the moment in which nothing that just appeared can be approved."""


def drafts(number: int) -> None:
    """Leave drafts waiting, as the workers of the house make them."""
    for n in range(number):
        factories.receive(
            factories.make_lead(name=f"Lead {n:02}", email=f"lead{n}@harbor{n}.example")
        )
    waiting = Action.objects.filter(status="waiting")
    workers.until(lambda: waiting.count() == number, f"{number} drafts")


@contextmanager
def no_page_loads(page: Page) -> Iterator[None]:
    """Fail if the page is loaded anew, or left, meanwhile."""
    loads: list[str] = []

    def listen(request: Request) -> None:
        if request.is_navigation_request():
            loads.append(request.url)

    page.on("request", listen)
    page.evaluate("window.sameDocument = true")
    yield
    assert loads == []
    assert page.evaluate("window.sameDocument") is True
    page.remove_listener("request", listen)


def shown(page: Page) -> str:
    return page.locator("#case").get_attribute("data-pk") or ""


def decide(page: Page, way: str) -> None:
    """Decide the shown draft by keys alone."""
    keys = page.keyboard
    if way == "approve":
        keys.press("a")
    elif way == "edit":
        keys.press("e")
        expect(page.locator("#edit-body")).to_be_focused()
        keys.type("PS first. ")
        expect(page.locator("#diff ins").first).to_contain_text("PS first.")
        keys.press("Control+Enter")
    elif way == "reject":
        keys.press("r")
        keys.press("2")
    elif way == "send back":
        keys.press("b")
        keys.type("offer Thursday")
        keys.press("Control+Enter")
    elif way == "snooze":
        keys.press("s")
        keys.press("3")
    else:
        keys.press("t")
        expect(page.locator("#take-over button[data-digit]")).to_be_focused()
        keys.press("Enter")


def test_thirty_drafts_are_decided_by_keyboard_without_a_page_load(house: str) -> None:
    drafts(30)
    intended: dict[str, str] = {}
    with browser(house) as page:
        page.goto(f"{house}/approvals/")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        with no_page_loads(page):
            for number in range(30):
                way = WAYS[number % len(WAYS)]
                here = shown(page)
                assert here not in intended
                intended[here] = way
                page.wait_for_timeout(READ_MS)
                decide(page, way)
                expect(page.locator("#case")).not_to_have_attribute("data-pk", here)
            expect(page.locator("#case")).not_to_have_attribute("data-pk", here)
            workers.until(lambda: decided() >= 30, "thirty decisions")
    for pk, way in intended.items():
        check(Action.objects.get(pk=pk), way)
    timed = Decision.objects.filter(user__isnull=False).exclude(verdict="edit")
    assert timed.filter(seconds__isnull=True).count() == 0


def decided() -> int:
    people = Decision.objects.filter(user__isnull=False).exclude(verdict="edit")
    return people.values("action").distinct().count()


def check(action: Action, way: str) -> None:
    """Fail unless the database has what was meant."""
    verdicts = list(action.decisions.filter(user__isnull=False).values_list("verdict", flat=True))
    if way == "approve":
        assert verdicts == ["approve"]
        assert action.status in {"approved", "executing", "done"}
    elif way == "edit":
        assert verdicts == ["edit", "approve"]
        assert action.rendered["body"].startswith("PS first. Hi Lead")
    elif way == "reject":
        assert (action.status, action.decisions.get().note) == ("rejected", "Wrong tone")
    elif way == "send back":
        assert (action.status, action.decisions.get().note) == ("revise", "offer Thursday")
    elif way == "snooze":
        assert (action.status, verdicts) == ("waiting", ["snooze"])
        assert action.snoozed_until is not None
    else:
        assert (action.status, verdicts) == ("rejected", ["take_over"])


def test_the_next_draft_is_there_before_the_server_answers(house: str) -> None:
    drafts(3)
    with browser(house) as page:
        page.goto(f"{house}/approvals/")
        first = shown(page)
        page.wait_for_timeout(1000)
        held: list[Route] = []
        page.route("**/approve/", lambda route: held.append(route))
        with page.expect_request("**/approve/"):
            page.keyboard.press("a")
        expect(page.locator("#case")).not_to_have_attribute("data-pk", first)
        while not held:
            page.wait_for_timeout(20)
        assert Action.objects.get(pk=first).status == "waiting"
        held[0].continue_()
        expect(page.locator(".just")).to_contain_text("Approved")
        workers.until(lambda: decided() == 1, "the decision")


def test_an_edit_approved_before_its_diff_came_is_approved_as_typed(house: str) -> None:
    drafts(2)
    with browser(house) as page:
        page.goto(f"{house}/approvals/")
        first = shown(page)
        page.keyboard.press("e")
        expect(page.locator("#edit-body")).to_be_focused()
        page.keyboard.type("One thing first. ", delay=40)
        page.keyboard.press("Control+Enter")
        expect(page.locator("#case")).not_to_have_attribute("data-pk", first)
        workers.until(lambda: decided() == 1, "the decision")
    assert Action.objects.get(pk=first).rendered["body"].startswith("One thing first. Hi")


def test_what_changed_meanwhile_is_shown_again_and_not_approved(house: str) -> None:
    drafts(2)
    with browser(house, expected="status of 409") as page:
        page.goto(f"{house}/approvals/")
        first = shown(page)
        page.wait_for_timeout(1000)
        Action.objects.filter(pk=first).update(content_hash="0" * 64)
        page.keyboard.press("a")
        expect(page.get_by_text("Its content changed since you opened it")).to_be_visible()
        assert shown(page) == first
        assert Action.objects.get(pk=first).status == "waiting"


def test_undo_brings_the_last_one_back(house: str) -> None:
    drafts(2)
    with browser(house) as page:
        page.goto(f"{house}/approvals/")
        first = shown(page)
        with no_page_loads(page):
            page.wait_for_timeout(READ_MS)
            page.keyboard.press("r")
            page.keyboard.press("1")
            expect(page.locator("#case")).not_to_have_attribute("data-pk", first)
            page.keyboard.press("u")
            expect(page.locator("#case")).to_have_attribute("data-pk", first)
        assert Action.objects.get(pk=first).status == "waiting"


def test_several_are_read_in_full_and_approved_together(house: str) -> None:
    drafts(4)
    with browser(house) as page:
        page.goto(f"{house}/approvals/")
        with no_page_loads(page):
            page.keyboard.press("Shift+X")
            expect(page.locator(".picked .tally")).to_have_text("4")
            page.keyboard.press("x")
            expect(page.locator(".picked .tally")).to_have_text("3")
            page.keyboard.press("v")
            expect(page.locator(".drafts > li")).to_have_count(3)
            page.keyboard.press("a")
            expect(page.get_by_text("Approved 3 of 3.")).to_be_visible()
        assert decided() == 3


def drag(page: Page, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Pull a finger over the page."""
    touch = page.context.new_cdp_session(page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        spots = [{"x": x, "y": y} for x, y in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})

    send("touchStart", start)
    for step in range(1, 11):
        x, y = ((a + (b - a) * step / 10) for a, b in zip(start, end, strict=True))
        send("touchMove", (x, y))
    send("touchEnd")


def tap_until_decided(page: Page, button: Locator, pk: str) -> None:
    """Tap a button; again if a busy machine took the tap for a long press and nothing came."""
    case = page.locator("#case")
    for _ in range(4):
        button.tap()
        try:
            expect(case).not_to_have_attribute("data-pk", pk, timeout=10_000)
        except AssertionError:
            continue
        return
    raise AssertionError("it was tapped and nothing was decided")


def test_on_a_phone_a_swipe_and_a_tap_decide(house: str) -> None:
    drafts(4)
    with browser(house, 390, touch=True) as page:
        page.goto(f"{house}/approvals/")
        first = shown(page)
        page.wait_for_timeout(READ_MS)
        with no_page_loads(page):
            drag(page, (60, 420), (110, 422))
            drag(page, (60, 600), (150, 300))
            assert shown(page) == first
            page.evaluate("scrollTo(0, 0)")
            drag(page, (60, 420), (290, 424))
            expect(page.locator("#case")).not_to_have_attribute("data-pk", first)
            workers.until(lambda: decided() == 1, "the swipe")

            second = shown(page)
            drag(page, (320, 420), (80, 424))
            tap_until_decided(page, page.get_by_role("button", name="Not a fit"), second)

            third = shown(page)
            page.wait_for_timeout(READ_MS)
            tap_until_decided(page, page.locator(".act .primary"), third)

            fourth = shown(page)
            page.get_by_role("group", name="Decide").get_by_role("button", name="More").tap()
            page.get_by_role("button", name="Snooze", exact=True).tap()
            tap_until_decided(page, page.get_by_role("button", name="1 hour"), fourth)
            expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    decisions = Decision.objects.filter(user__isnull=False).order_by("pk")
    found = {str(one.action_id): one.verdict for one in decisions}
    assert found == {first: "approve", second: "reject", third: "approve", fourth: "snooze"}
