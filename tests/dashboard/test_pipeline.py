"""The pipeline's board: what stands where, moved in one way by mouse, keys and menu."""

import datetime as dt
import uuid

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents import configs
from agents.models import Run
from dashboard.sales import board, funnel
from pipeline.models import Lead, Stage
from tests.dashboard.conftest import Htmx, text_of
from tests.factories import make_lead, received

PAGE = "/pipeline/"


def move_url(lead: Lead) -> str:
    return reverse("lead-move", args=[lead.pk])


@pytest.mark.usefixtures("db")
def test_each_column_counts_all_and_shows_the_newest() -> None:
    now = timezone.now()
    for number in range(board.SHOWN + 3):
        make_lead(name=f"Lead {number}", received_at=now - dt.timedelta(hours=number))
    new = board.read().columns[0]
    assert new.count == board.SHOWN + 3
    assert [card.lead.name for card in new.cards][:2] == ["Lead 0", "Lead 1"]
    assert len(new.cards) == board.SHOWN
    assert new.median is not None
    assert round(new.median.total_seconds() / 3600) == (board.SHOWN + 3) // 2


@pytest.mark.usefixtures("db")
def test_a_closed_column_says_how_long_it_took() -> None:
    at = timezone.now() - dt.timedelta(days=9)
    make_lead(outcome="won", received_at=at, closed_at=at + dt.timedelta(days=3))
    won = next(column for column in board.read().columns if column.stage == Stage.WON)
    assert won.median == dt.timedelta(days=3)


def test_a_phone_begins_at_the_first_column_with_somebody_in_it(browser: Client) -> None:
    make_lead(outcome="lost", closed_at=timezone.now())
    received()
    page = text_of(browser.get(PAGE))
    assert page.count("data-opens") == 1
    assert board.read().opens_at == Stage.DRAFT


def test_a_card_says_who_why_now_and_what_next(browser: Client) -> None:
    received()
    page = text_of(browser.get(PAGE))
    assert "Dana Reyes" in page
    assert "Decide</a>" in page
    (card,) = board.read().columns[1].cards
    assert card.why.strip("“”") in card.lead.message or card.why in card.lead.message


def test_a_card_an_agent_works_on_carries_its_name(browser: Client) -> None:
    lead = make_lead()
    Run.objects.create(
        agent="qualifier",
        config=configs.deployed("qualifier"),
        trigger="event",
        subject_type="pipeline.lead",
        subject_id=str(lead.pk),
        correlation_id=uuid.uuid4(),
        started_at=timezone.now(),
    )
    assert "Qualifier is on it" in text_of(browser.get(PAGE))


def test_a_lead_is_moved_without_scripts(browser: Client) -> None:
    lead = make_lead()
    sheet = text_of(browser.get(move_url(lead)))
    assert "Leads come in by themselves." not in sheet
    assert "Drafts come from an agent." in sheet
    page = text_of(browser.post(move_url(lead), {"to": "won", "back": "/leads/"}, follow=True))
    assert "Dana Reyes: Won." in page
    assert "<h1>Leads</h1>" in page
    lead.refresh_from_db()
    assert lead.outcome == "won"


def test_a_move_by_script_answers_with_its_toast_and_wakes_the_board(htmx: Htmx) -> None:
    lead = make_lead()
    response = htmx.post(move_url(lead), "dialog", {"to": "look"})
    assert "live:leads" in response["HX-Trigger"]
    (undo,) = {part for part in response.content.decode().split('"') if part.endswith("/undo/")}
    undone = htmx.post(undo, "messages")
    assert "Taken back: Dana Reyes." in text_of(undone)
    lead.refresh_from_db()
    assert lead.stage == Stage.NEW


@pytest.mark.parametrize("to", ["", "x", "draft", "new", "\0"])
def test_a_move_to_nowhere_changes_nothing(to: str, browser: Client) -> None:
    lead = make_lead()
    assert browser.post(move_url(lead), {"to": to}).status_code in {409, 422}
    lead.refresh_from_db()
    assert lead.stage == Stage.NEW


def test_only_ways_back_to_our_own_pages_are_taken(browser: Client) -> None:
    lead = make_lead()
    response = browser.post(move_url(lead), {"to": "won", "back": "https://evil.example/"})
    assert response["Location"] == PAGE


def test_what_is_not_there_is_neither_moved_nor_taken_back(browser: Client) -> None:
    assert browser.post(reverse("lead-move", args=[uuid.uuid4()]), {"to": "won"}).status_code == 404
    page = browser.post(reverse("move-undo", args=[uuid.uuid4()]), follow=True)
    assert "There is no such move." in text_of(page)
    assert browser.get(reverse("move-undo", args=[uuid.uuid4()])).status_code == 405


@pytest.mark.usefixtures("db")
def test_nobody_moves_a_lead_without_a_login(client: Client) -> None:
    lead = make_lead()
    assert "/login/" in client.post(move_url(lead), {"to": "won"})["Location"]
    lead.refresh_from_db()
    assert lead.outcome == "open"


@pytest.mark.usefixtures("db")
def test_the_board_is_the_same_until_something_on_it_changes() -> None:
    lead = make_lead()
    before = board.read().version
    assert board.read().version == before
    Lead.objects.filter(pk=lead.pk).update(outcome="won")
    assert board.read().version != before


@pytest.mark.usefixtures("db")
def test_the_funnel_counts_who_got_how_far_and_says_where_most_are_lost() -> None:
    now = timezone.now()
    for days in (1, 40):
        at = now - dt.timedelta(days=days)
        for number in range(10):
            make_lead(
                received_at=at,
                status="review" if number < 8 else "disqualified",
                scored_at=at + dt.timedelta(seconds=3),
                drafted_at=at + dt.timedelta(seconds=4),
                answered_at=at + dt.timedelta(minutes=5) if number < 6 else None,
                outcome="won" if number < days // 20 + 1 else "open",
            )
    read = funnel.read()
    assert [step.count for step in read.steps] == [10, 8, 8, 6, 1]
    assert [step.before for step in read.steps] == [10, 8, 8, 6, 3]
    assert read.steps[1].took == dt.timedelta(seconds=3)
    assert "“Answered” and “Won”: 17 % go on, 50 % in the 30 days before." in read.leak


def test_an_empty_board_says_the_next_step(browser: Client) -> None:
    assert "Webhook addresses" in text_of(browser.get(PAGE))
