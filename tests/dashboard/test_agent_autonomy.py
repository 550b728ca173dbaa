"""What an agent may do by itself, and undoing what it did: the pages."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agency.models import AgencyProfile
from control import approvals, autonomy, promotions
from control.models import Action, AutonomyRule, Promotion
from tests.dashboard.conftest import text_of
from tests.factories import earn, received, work_off

AUTONOMY = "/agents/qualifier/autonomy/"
UNDO = "/agents/qualifier/undo/"


def tighten(browser: Client, kind: str = "reply_to_lead", **data: str) -> int:
    return browser.post(reverse("autonomy-tighten", args=["qualifier", kind]), data).status_code


def test_each_kind_shows_its_level_and_what_it_has_earned(browser: Client, operator: User) -> None:
    received()
    action = Action.objects.get(kind="reply_to_lead")
    approvals.approve(action, by=operator, seen_hash=action.content_hash)
    page = text_of(browser.get(AUTONOMY))
    for words in ("runs by itself", "asks you", "1 of 1", "Runs from phase 2 on", "leaves the"):
        assert words in page
    assert "You have decided none yet." in page


def test_a_kind_is_tightened_with_a_reason_and_the_rule_lifted_again(browser: Client) -> None:
    assert tighten(browser, level="forbid", reason="Odd words") == 302
    rule = AutonomyRule.objects.get()
    page = text_of(browser.get(AUTONOMY))
    assert "forbidden" in page
    assert "Odd words" in page
    browser.post(reverse("autonomy-lift", args=["qualifier", rule.pk]))
    assert not AutonomyRule.objects.exists()


def test_tightening_needs_a_reason_and_a_level_that_tightens(browser: Client) -> None:
    assert tighten(browser, level="ask", reason="") == 422
    assert tighten(browser, level="auto", reason="Go") == 422
    assert tighten(browser, level="ask", reason="x" * 300) == 422
    assert tighten(browser, kind="launch", level="ask", reason="Go") == 404
    assert not AutonomyRule.objects.exists()


def test_a_rule_of_another_agent_is_not_lifted_here(browser: Client) -> None:
    rule = autonomy.tighten("booker", "qualify_lead", "ask", reason="Odd", by="olivia")
    url = reverse("autonomy-lift", args=["qualifier", rule.pk])
    assert browser.post(url).status_code == 404
    assert AutonomyRule.objects.exists()


def test_a_range_is_counted_then_undone_then_reported(browser: Client) -> None:
    for number in range(2):
        received(name=f"Lead {number}")
    preview = browser.get(UNDO, {"last": "1"})
    assert "Undo 2 actions" in text_of(preview)
    span = {name: preview.context[name].isoformat() for name in ("since", "until")}
    started = browser.post(f"{UNDO}now/", span)
    assert "Undoing" in text_of(browser.get(started["Location"]))
    work_off()
    page = text_of(browser.get(started["Location"]))
    assert "2 put back" in page
    assert Action.objects.filter(status="undone").count() == 2


def test_what_was_done_after_the_count_is_left_alone(browser: Client) -> None:
    received()
    preview = browser.get(UNDO, {"last": "24"})
    span = {name: preview.context[name].isoformat() for name in ("since", "until")}
    received(name="Later")
    browser.post(f"{UNDO}now/", span)
    work_off()
    assert Action.objects.filter(status="undone").count() == 1


def test_nothing_in_the_range_is_said(browser: Client) -> None:
    page = text_of(browser.get(UNDO, {"since": "2020-01-01T00:00", "until": "2020-01-02T00:00"}))
    assert "Nothing to undo." in page


def test_a_range_that_is_none_says_why(browser: Client) -> None:
    for query, reason in (
        ({"since": ""}, "Say from when on."),
        ({"since": "x"}, "valid date"),
        ({"since": "2026-01-02T00:00", "until": "2026-01-01T00:00"}, "before the start"),
        ({"last": "99"}, "Undo everything"),
        ({"since": "0001-01-01T00:00", "until": "9999-12-31T23:59"}, "Undo everything"),
    ):
        response = browser.get(UNDO, query)
        assert response.status_code == 200
        assert reason in text_of(response)
    assert browser.post(f"{UNDO}now/", {"since": "x"}).status_code == 422


def promote(browser: Client, kind: str = "reply_to_lead", **data: str) -> Any:
    return browser.post(reverse("autonomy-promote", args=["qualifier", kind]), data)


def demote(browser: Client, **data: str) -> Any:
    return browser.post(reverse("autonomy-demote", args=["qualifier", "reply_to_lead"]), data)


@pytest.mark.usefixtures("replies_may_be_earned")
def test_what_is_earned_is_offered_let_run_and_taken_back(browser: Client) -> None:
    assert "35 more in a row, unedited" in text_of(browser.get(AUTONOMY))
    earn()
    page = browser.get(AUTONOMY).content.decode()
    assert "It has earned to run by itself." in page
    assert promote(browser)["Location"] == f"{AUTONOMY}#reply_to_lead"
    page = text_of(browser.get(AUTONOMY))
    assert "olivia let it, when 35 of 35 had passed unedited" in page
    assert "Let it run by itself" not in page

    assert demote(browser, reason="").status_code == 422
    assert promotions.active("qualifier", "reply_to_lead") is not None
    demote(browser, reason="Odd words")
    assert promotions.active("qualifier", "reply_to_lead") is None
    page = text_of(browser.get(AUTONOMY))
    assert "had it ask again, “Odd words”" in page
    assert "You have decided none yet since it asks again." in page


@pytest.mark.usefixtures("replies_may_be_earned")
def test_what_is_not_earned_or_over_the_ceiling_is_refused_in_words(browser: Client) -> None:
    url = reverse("autonomy-promote", args=["qualifier", "reply_to_lead"])
    assert "35 more in a row" in text_of(browser.post(url, follow=True))
    url = reverse("autonomy-promote", args=["qualifier", "qualify_lead"])
    assert "Scores run in phase 1 anyway." in text_of(browser.post(url, follow=True))
    assert promote(browser, kind="launch").status_code == 404
    assert browser.get(url).status_code == 405
    assert not Promotion.objects.exists()


@pytest.mark.usefixtures("replies_may_be_earned")
def test_the_cockpit_offers_it_where_it_is_decided(browser: Client) -> None:
    received()
    action = Action.objects.get(kind="reply_to_lead")
    here = reverse("approval-detail", args=[action.pk])
    page = text_of(browser.get(here))
    assert "May Qualifier do this by itself?" in page
    assert "35 more in a row, unedited" in page
    earn()
    assert "Let it run by itself" in text_of(browser.get(here))
    assert promote(browser, back=here)["Location"] == here
    assert "Runs by itself since" in text_of(browser.get(here))


@pytest.mark.usefixtures("replies_may_be_earned")
def test_the_way_back_stays_in_the_house(browser: Client) -> None:
    earn()
    there = promote(browser, back="https://elsewhere.example/")["Location"]
    assert there == f"{AUTONOMY}#reply_to_lead"


def test_each_phase_says_what_it_makes_of_a_kind(browser: Client) -> None:
    for phase, words in ((1, "Is not earned ahead of phase 2"), (2, "nothing is left to earn")):
        AgencyProfile.objects.update_or_create(pk=1, defaults={"phase": phase})
        assert words in text_of(browser.get(AUTONOMY))
    page = text_of(browser.get("/agents/outreach/autonomy/"))
    assert "Is not earned ahead of phase 2" in page
