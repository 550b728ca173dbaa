"""A card is moved by mouse, by keys and by its menu, which all do the same, and back again."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from agency.models import AuditEntry
from pipeline import moves
from pipeline.models import Deal, DealStage, Stage
from pipeline.selling import deals
from tests import workers
from tests.browser.conftest import browser
from tests.factories import make_lead

NAME, COMPANY = "Dana Reyes", "Harbor Plumbing"


def by_mouse(page: Page) -> None:
    page.locator(".card").drag_to(page.locator("[data-stage=won]"))


def by_keys(page: Page) -> None:
    page.get_by_role("link", name=NAME, exact=True).focus()
    page.keyboard.press("Shift+ArrowRight")


def by_menu(page: Page) -> None:
    page.get_by_role("link", name=NAME, exact=True).focus()
    page.keyboard.press("m")
    expect(page.get_by_role("dialog", name=f"Move {NAME}")).to_be_visible()
    page.keyboard.press("5")


@pytest.mark.parametrize("way", [by_mouse, by_keys, by_menu])
def test_a_card_is_moved_and_the_move_taken_back(way: Callable[[Page], None], house: str) -> None:
    # Between "Needs a look" and "Won" there is one step, whichever way it is gone.
    lead = make_lead(name=NAME, status="review")
    with browser(house) as page:
        page.goto(f"{house}/pipeline/")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        way(page)
        expect(page.get_by_text(f"{NAME}: Won.")).to_be_visible()
        won = page.locator("[data-stage=won]")
        expect(won.get_by_role("link", name=NAME, exact=True)).to_be_visible()
        expect(won.locator("header b")).to_have_text("1")
        assert moves.stage_of(lead.pk) == Stage.WON
        assert AuditEntry.objects.filter(verb=moves.MOVED).count() == 1

        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text(f"Taken back: {NAME}.")).to_be_visible()
        workers.until(lambda: moves.stage_of(lead.pk) == Stage.LOOK, "the way back")
        look = page.locator("[data-stage=look]")
        expect(look.get_by_role("link", name=NAME, exact=True)).to_be_visible()


def test_a_card_keeps_the_focus_where_it_was_moved_to(house: str) -> None:
    make_lead(name=NAME, status="review")
    with browser(house) as page:
        page.goto(f"{house}/pipeline/")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        by_keys(page)
        expect(page.locator("[data-stage=won] a.cover")).to_be_focused()


def test_a_phone_opens_where_somebody_waits_and_stays_there(house: str) -> None:
    make_lead(name=NAME, status="review")
    with browser(house, 390, touch=True) as page:
        page.goto(f"{house}/pipeline/")
        look = page.locator("[data-stage=look]")
        expect(look.get_by_role("link", name=NAME, exact=True)).to_be_in_viewport()
        expect(page.locator("[data-stage=new]")).not_to_be_in_viewport()
        page.evaluate("htmx.trigger(document.body, 'live:leads')")
        make_lead(name="Mae Lin", status="review")
        page.evaluate("htmx.trigger(document.body, 'live:leads')")
        expect(page.get_by_role("link", name="Mae Lin", exact=True)).to_be_in_viewport()


def test_on_a_phone_the_menu_moves_it_by_touch(house: str) -> None:
    lead = make_lead(name=NAME, status="review")
    with browser(house, 390, touch=True) as page:
        page.goto(f"{house}/pipeline/")
        expect(page.get_by_text(NAME)).to_be_attached()
        page.get_by_role("link", name=f"Move {NAME}").tap()
        page.get_by_role("button", name="Lost").tap()
        expect(page.get_by_text(f"{NAME}: Lost.")).to_be_visible()
    assert moves.stage_of(lead.pk) == Stage.LOST


def deal_by_mouse(page: Page, to: str) -> None:
    page.locator(".card").drag_to(page.locator(f"[data-stage={to}]"))


def deal_by_keys(page: Page, to: str) -> None:
    page.get_by_role("link", name=COMPANY, exact=True).focus()
    page.keyboard.press("m")
    expect(page.get_by_role("dialog", name=f"Move {COMPANY}")).to_be_visible()
    page.keyboard.press({"held": "2", "lost": "7"}[to])


@pytest.mark.parametrize("way", [deal_by_mouse, deal_by_keys])
def test_a_deal_is_moved_lost_for_a_reason_and_taken_back(
    way: Callable[[Page, str], None], house: str
) -> None:
    deal = deals.open_for(make_lead(name=NAME, company=COMPANY))
    with browser(house) as page:
        page.goto(f"{house}/pipeline/deals/")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        way(page, "held")
        expect(page.get_by_text(f"{COMPANY}: Call held.")).to_be_visible()
        held, lost = page.locator("[data-stage=held]"), page.locator("[data-stage=lost]")
        expect(held.get_by_role("link", name=COMPANY, exact=True)).to_be_visible()

        way(page, "lost")
        expect(page.get_by_role("dialog", name=f"Why is {COMPANY} lost?")).to_be_visible()
        page.keyboard.press("Escape")
        expect(held.get_by_role("link", name=COMPANY, exact=True)).to_be_visible()
        assert Deal.objects.get(pk=deal.pk).stage == DealStage.HELD

        way(page, "lost")
        page.get_by_label("Not now").check()
        page.get_by_role("button", name="It is lost").click()
        expect(page.get_by_text(f"{COMPANY}: Lost.")).to_be_visible()
        expect(lost.get_by_role("link", name=COMPANY, exact=True)).to_be_visible()
        assert Deal.objects.get(pk=deal.pk).lost_reason == Deal.Lost.TIMING

        page.get_by_role("button", name="Undo").last.click()
        expect(page.get_by_text(f"Taken back: {COMPANY}.")).to_be_visible()
        expect(held.get_by_role("link", name=COMPANY, exact=True)).to_be_visible()
        assert Deal.objects.get(pk=deal.pk).lost_reason == ""
