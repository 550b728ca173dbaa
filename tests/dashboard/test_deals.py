"""Deals on their board, their table and their own page: seen, moved, set, noted, taken along."""

import csv
import datetime as dt
import io
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agency import clock
from agency.models import AgencyProfile, AuditEntry
from control import overrides
from dashboard.sales import csv_file, deal_board
from pipeline.models import Deal, DealNote, DealStage, Lead, SavedFilter
from pipeline.selling import deals
from tests.dashboard.conftest import Htmx, text_of
from tests.factories import make_lead, make_user

BOARD, TABLE = "/pipeline/deals/", "/pipeline/deals/table/"
MOST_QUERIES = 15


def make_deal(name: str = "Harbor Plumbing", **fields: Any) -> Deal:
    deal = deals.open_for(make_lead(company=name))
    Deal.objects.filter(pk=deal.pk).update(**fields)
    deal.refresh_from_db()
    return deal


def url(name: str, deal: Deal) -> str:
    return reverse(name, args=[deal.pk])


def stage_of(deal: Deal) -> str:
    return Deal.objects.get(pk=deal.pk).stage


def many(count: int) -> None:
    now = clock.now()
    lead = make_lead(company="Many")
    rows = []
    for number in range(count):
        stage = list(DealStage)[number % len(DealStage)]
        closed = stage in deal_board.CLOSED
        own = Lead(source="x", name=f"Lead {number}", received_at=now)
        rows.append(
            Deal(
                lead=lead if closed else own,
                name=f"Company {number}",
                stage=stage,
                stage_at=now - dt.timedelta(hours=number),
                opened_at=now - dt.timedelta(hours=number + 5),
                closed_at=now if closed else None,
                setup_usd=Decimal(1000),
                monthly_usd=Decimal(100),
            )
        )
    Lead.objects.bulk_create([row.lead for row in rows if row.lead is not lead])
    Deal.objects.bulk_create(rows)


@pytest.mark.usefixtures("db")
def test_each_column_counts_all_says_their_worth_and_shows_the_newest() -> None:
    many(7 * (deal_board.SHOWN + 3))
    booked = deal_board.read().columns[0]
    assert booked.count == deal_board.SHOWN + 3
    assert len(booked.cards) == deal_board.SHOWN
    assert booked.value == booked.count * 2200
    assert booked.median is not None
    assert booked.cards[0].deal.name == "Company 0"
    won = deal_board.read().columns[5]
    assert won.closed
    assert won.median is not None


@pytest.mark.parametrize("path", [BOARD, TABLE, f"{TABLE}?risk=yes&sort=expected"])
def test_a_thousand_deals_are_shown_in_few_queries(path: str, browser: Client) -> None:
    many(1_000)
    AgencyProfile.load()
    with CaptureQueriesContext(connection) as queries:
        page = text_of(browser.get(path))
    assert len(queries) <= MOST_QUERIES, "\n".join(q["sql"][:150] for q in queries)
    assert "Company" in page


def test_a_deals_page_costs_the_same_however_much_there_is(browser: Client) -> None:
    deal = make_deal()
    with CaptureQueriesContext(connection) as before:
        browser.get(url("deal-detail", deal))
    for number in range(20):
        browser.post(url("deal-note", deal), {"text": f"Note {number}"})
    with CaptureQueriesContext(connection) as after:
        browser.get(url("deal-detail", deal))
    assert len(after) <= min(len(before) + 1, MOST_QUERIES)


def test_a_card_says_who_what_it_is_worth_and_what_next(browser: Client) -> None:
    make_deal(setup_usd=Decimal(500), monthly_usd=Decimal(250))
    page = text_of(browser.get(BOARD))
    for words in ("Harbor Plumbing", "$3,500", "20 %", "Hold the call", "$700"):
        assert words in page


def test_the_board_is_the_same_until_something_on_it_changes(db: None) -> None:
    deal = make_deal()
    before = deal_board.read().version
    assert deal_board.read().version == before
    Deal.objects.filter(pk=deal.pk).update(probability=55)
    assert deal_board.read().version != before


def test_a_deal_is_moved_without_scripts_and_back(browser: Client) -> None:
    deal = make_deal()
    assert "It stands here." in text_of(browser.get(url("deal-move", deal)))
    page = text_of(browser.post(url("deal-move", deal), {"to": "held"}, follow=True))
    assert "Harbor Plumbing: Call held." in page
    assert stage_of(deal) == "held"
    (undo,) = {part for part in page.split('"') if part.endswith("/undo/")}
    assert "Taken back: Harbor Plumbing." in text_of(browser.post(undo, follow=True))
    assert stage_of(deal) == "booked"


def test_a_move_by_script_answers_with_its_toast_and_wakes_the_board(htmx: Htmx) -> None:
    deal = make_deal()
    response = htmx.post(url("deal-move", deal), "dialog", {"to": "proposed"})
    assert "live:deals" in response["HX-Trigger"]


def test_a_lost_deal_is_asked_why(htmx: Htmx) -> None:
    deal = make_deal()
    asked = htmx.post(url("deal-move", deal), "dialog", {"to": "lost"})
    assert asked.status_code == 200
    assert "Why is Harbor Plumbing lost?" in text_of(asked)
    assert 'role="alert"' not in text_of(asked)
    again = htmx.post(url("deal-move", deal), "dialog", {"to": "lost", "note": "x"})
    assert again.status_code == 422
    assert "Say why it was lost." in text_of(again)
    assert stage_of(deal) == "booked"
    data = {"to": "lost", "reason": "price", "note": "Too much for a winter"}
    htmx.post(url("deal-move", deal), "dialog", data)
    deal.refresh_from_db()
    assert (deal.stage, deal.lost_reason, deal.lost_note) == ("lost", "price", data["note"])
    assert "Too much for a winter" in text_of(htmx.client.get(url("deal-detail", deal)))


def test_whether_it_is_won_is_asked_first(browser: Client) -> None:
    deal = make_deal()
    page = text_of(browser.post(url("deal-move", deal), {"to": "won"}))
    assert "They become a client now" in page
    assert stage_of(deal) == "booked"


@pytest.mark.parametrize("data", [{}, {"to": "x"}, {"to": "\0"}, {"to": "lost", "reason": "x"}])
def test_a_move_to_nowhere_changes_nothing(data: dict[str, str], browser: Client) -> None:
    deal = make_deal()
    assert browser.post(url("deal-move", deal), data).status_code == 422
    assert browser.post(url("deal-move", deal), {"to": "booked"}).status_code == 409
    assert stage_of(deal) == "booked"


def test_what_is_not_there_is_not_found(browser: Client) -> None:
    gone = uuid.uuid4()
    for name in ("deal-move", "deal-set", "deal-lift", "deal-note", "lead-deal"):
        assert browser.post(reverse(name, args=[gone])).status_code == 404, name
    page = browser.post(reverse("deal-move-undo", args=[gone]), follow=True)
    assert "There is no such move." in text_of(page)


def test_what_changes_a_deal_is_posted_by_somebody_logged_in(browser: Client) -> None:
    deal = make_deal()
    names = ("deal-set", "deal-lift", "deal-note", "deal-move-undo")
    for name in names:
        assert browser.get(url(name, deal)).status_code == 405, name
    browser.logout()
    for name in (*names, "deal-move"):
        assert "/login/" in browser.post(url(name, deal), {"to": "lost"})["Location"], name
    assert stage_of(deal) == "booked"


def test_value_chance_and_next_step_are_set_by_hand_and_left_to_agents_again(
    browser: Client,
) -> None:
    deal = make_deal()
    data = {
        "setup_usd": "1500",
        "monthly_usd": "600.50",
        "probability": "35",
        "next_step": "Ask their partner",
        "next_step_at": "2031-03-04T10:30",
        "reason": "They told me",
    }
    page = text_of(browser.post(url("deal-set", deal), data, follow=True))
    assert "Your word stands" in page
    deal.refresh_from_db()
    assert (deal.value_usd, deal.chance) == (Decimal("8706.00"), 35)
    assert set(overrides.fields(deal)) == set(data) - {"reason"}
    again = browser.post(url("deal-set", deal), data, follow=True)
    assert "It says so already" in text_of(again)
    browser.post(url("deal-lift", deal), {"name": "probability"})
    assert "probability" not in overrides.fields(deal)
    browser.post(url("deal-lift", deal), {"name": "stage"})


def test_what_cannot_be_set_is_said_beside_its_field(browser: Client) -> None:
    deal = make_deal()
    data = {
        "setup_usd": "-1",
        "monthly_usd": "lots",
        "probability": "120",
        "next_step_at": "soon",
    }
    response = browser.post(url("deal-set", deal), data)
    assert response.status_code == 422
    page = text_of(response)
    for words in (
        "An amount is not under zero.",
        "Enter an amount in dollars",
        "A chance is a whole number",
        "Enter a day and a time.",
        "Say why, in a few words.",
    ):
        assert words in page
    assert not overrides.fields(deal)


def test_notes_are_kept_and_shown_as_what_they_are(browser: Client) -> None:
    deal = make_deal()
    data = {"text": "<b>Sam:</b> we miss calls\nDana: noted", "transcript": "on"}
    page = text_of(browser.post(url("deal-note", deal), data, follow=True))
    assert "&lt;b&gt;Sam:&lt;/b&gt; we miss calls" in page
    note = DealNote.objects.get()
    assert (note.kind, note.by) == ("transcript", "olivia")
    for text in ("", " \n", "x" * 60_000):
        assert browser.post(url("deal-note", deal), {"text": text}).status_code == 422


def test_needs_and_objections_stand_with_the_words_that_say_so(browser: Client) -> None:
    deal = make_deal()
    for text in ("first", "second"):
        DealNote.objects.create(
            deal=deal,
            text=text,
            by="olivia",
            needs=[{"text": "Calls answered after hours", "quote": "we miss half"}],
            objections=[{"text": f"Price, {text}", "quote": ""}],
        )
    page = text_of(browser.get(url("deal-detail", deal)))
    assert page.count("Calls answered after hours") == 1
    assert "“we miss half”" in page
    assert "Price, first" in page
    assert "Price, second" in page


def test_a_lead_leads_to_its_deal(browser: Client) -> None:
    lead = make_lead()
    page = text_of(browser.get(reverse("lead-detail", args=[lead.pk])))
    assert "Open a deal" in page
    opened = browser.post(reverse("lead-deal", args=[lead.pk]))
    deal = Deal.objects.get()
    assert opened["Location"] == url("deal-detail", deal)
    browser.post(reverse("lead-deal", args=[lead.pk]))
    assert Deal.objects.count() == 1
    assert url("deal-detail", deal) in text_of(browser.get(reverse("lead-detail", args=[lead.pk])))


def test_a_filter_is_kept_for_its_own_table(browser: Client) -> None:
    make_deal()
    data = {"name": "Dear ones", "value_from": "5000", "sort": "value"}
    page = text_of(browser.post(reverse("deal-filter-save"), data, follow=True))
    assert 'href="?value_from=5000&amp;sort=value" aria-current="true"' in page
    kept = SavedFilter.objects.get()
    assert kept.page == "deals"
    assert "Dear ones" not in text_of(browser.get(reverse("pipeline-table")))
    SavedFilter.objects.create(user=make_user("oscar"), page="deals", name="Dear ones", query="")
    removed = browser.post(reverse("filter-delete", args=[kept.pk]))
    assert removed["Location"] == TABLE


def test_what_makes_no_sense_is_left_out_and_said(browser: Client) -> None:
    make_deal()
    page = text_of(browser.get(TABLE, {"stage": "x", "value_from": "lots", "page": "9"}))
    assert "There is no stage “x”." in page
    assert "Harbor Plumbing" in page


def test_the_export_holds_them_all_and_no_formula(browser: Client) -> None:
    for number in range(3):
        make_deal(f"=SUM({number})", lost_note="+1")
    response = browser.post(reverse("deal-export"), {"stage": "open"})
    text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 3
    assert not any(cell.startswith(csv_file.RISKY) for row in rows for cell in row.values())
    assert AuditEntry.objects.get(verb="deal.exported").data == {"filter": "stage=open"}
    assert browser.get(reverse("deal-export")).status_code == 405


def test_no_deals_say_the_next_step(browser: Client) -> None:
    for path in (BOARD, TABLE):
        assert "A deal is opened when a lead books a call" in text_of(browser.get(path))


def test_what_they_wrote_and_no_agent_answered_is_said_on_board_table_and_page(
    browser: Client,
) -> None:
    deal = make_deal()
    words = "Yours to answer: they wrote"
    assert words not in text_of(browser.get(BOARD))
    Lead.objects.filter(pk=deal.lead_id).update(flagged_at=clock.wall())
    for address in (BOARD, TABLE, url("deal-detail", deal)):
        assert words in text_of(browser.get(address))
