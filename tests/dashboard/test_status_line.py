"""The header: the state of the agency in one sentence, and the messages that can be called back."""

import dataclasses
import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from agency.models import AgencyProfile
from agents import configs
from agents.models import Run
from control import alerts, approvals, switches
from control.models import Action
from dashboard.house import status
from tests.dashboard.conftest import text_of
from tests.factories import make_user, received

pytestmark = pytest.mark.django_db


def read() -> status.Status:
    return status.read(AgencyProfile.load(), "/")


def run(state: str, *, ago: int = 0, agent: str = "qualifier") -> Run:
    return Run.objects.create(
        agent=agent,
        config=configs.deployed(agent),
        trigger="event",
        subject_type="pipeline.lead",
        subject_id="x",
        correlation_id="019a4b2c-0000-7000-8000-000000000000",
        status=state,
        started_at=timezone.now() - dt.timedelta(minutes=ago),
    )


def test_all_is_well_when_nothing_waits() -> None:
    found = read()
    assert (found.needs_words, found.sentence, found.tone) == (
        "Nothing to decide",
        "all agents healthy",
        "ok",
    )


def test_it_counts_what_waits(browser: Client) -> None:
    received()
    assert read().needs_words == "1 to decide"
    received(email="tom@beck.example")
    assert read().needs_words == "2 to decide"
    page = text_of(browser.get("/leads/"))
    assert "2 to decide" in page
    assert "all agents healthy" in page
    assert "$0.00 today" in page
    assert 'data-needs="2"' in page


def test_a_tab_counts_to_99_and_its_title_exactly() -> None:
    (tab,) = [link for link in read().tabs if link.name == "alert-list"]
    counted = {n: dataclasses.replace(tab, count=n).count_short for n in (0, 7, 99, 100, 2345)}
    assert counted == {0: "", 7: "7", 99: "99", 100: "99+", 2345: "99+"}


def test_the_rail_and_the_title_of_a_tab_count_exactly(browser: Client) -> None:
    alerts.raise_alert("a", "Out of money")
    page = text_of(browser.get("/leads/"))
    assert 'id="tab-alerts" title="1 not acknowledged">1<' in page


def test_it_names_what_is_stopped_and_what_fails() -> None:
    switches.engage("channel", "email", reason="odd", by="olivia")
    assert read().sentence == "channel email stopped"
    for minutes in range(3):
        run("failed", ago=minutes)
    assert read().sentence == "Qualifier failing, channel email stopped"
    assert read().tone == "bad"
    assert read().detail == "Failing: Qualifier; Stopped: channel email"


def test_an_agent_fails_after_three_in_a_row_until_one_succeeds() -> None:
    run("failed", ago=3)
    run("failed", ago=2)
    assert read().failing == []
    run("failed", ago=1)
    assert read().failing == ["Qualifier"]
    run("completed")
    assert read().failing == []


def test_failures_of_yesterday_are_over() -> None:
    for hours in (25, 26, 27):
        run("failed", ago=hours * 60)
    assert read().failing == []


def test_many_stopped_are_counted_not_listed() -> None:
    for name in ("a", "b", "c"):
        switches.engage("client", name, reason="odd", by="olivia")
    assert read().sentence == "3 stopped"


def test_a_critical_alert_is_red() -> None:
    alerts.raise_alert("a", "Out of money", severity="critical")
    assert read().tone == "bad"


def test_a_phone_has_four_pages_at_the_thumb_and_the_menu(browser: Client) -> None:
    page = text_of(browser.get("/alerts/"))
    tabs = page.partition('class="tabs"')[2].partition("</nav>")[0]
    assert tabs.count("<a ") == 4
    assert 'popovertarget="rail"' in tabs
    assert 'aria-current="page"' in tabs


def test_the_latest_message_leaving_is_undone_by_its_key(browser: Client) -> None:
    user = make_user("pat")
    for email in ("dana@harbor.example", "tom@beck.example"):
        received(email=email)
        action = Action.objects.get(rendered__to_email=email)
        approvals.approve(action, by=user, seen_hash=action.content_hash)
    body = text_of(browser.get("/toasts/"))
    assert body.count('data-key="u"') == 1
    assert "can be called back" in body
    assert body.index(str(action.pk)) < body.index('data-key="u"')


def test_the_regions_that_speak_are_there_before_what_they_say(browser: Client) -> None:
    page = text_of(browser.get("/leads/"))
    assert '<div class="toasts" role="status" aria-atomic="false">' in page
