"""The overview: what needs the operator first, what happened meanwhile, and honest numbers."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import timezone

from agency import audit, looks
from agency.models import AgencyProfile, Client, LastLook
from agents import configs, fleet
from agents.models import Run
from control import alerts, approvals, switches
from control.models import Action, Alert, Decision
from dashboard.deciding import needs
from dashboard.house import quadrants, telling
from dashboard.views import overview
from pipeline.models import Lead
from tests.dashboard.conftest import Htmx, text_of
from tests.factories import make_lead, received, work_off

URL = "/"
PANELS = ("needs", "news", "business", "fleet", "road")


def waiting(**fields: Any) -> Action:
    lead = received(**fields)
    return Action.objects.get(subject_id=str(lead.pk), kind="reply_to_lead")


def aged(action: Action, minutes: float) -> Action:
    then = timezone.now() - dt.timedelta(minutes=minutes)
    Action.objects.filter(pk=action.pk).update(created_at=then)
    Lead.objects.filter(pk=action.subject_id).update(received_at=then)
    action.refresh_from_db()
    return action


def run(agent: str, status: str = "completed", ago: dt.timedelta = dt.timedelta(0)) -> Run:
    return Run.objects.create(
        agent=agent,
        config=configs.deployed("qualifier"),
        trigger="event",
        subject_type="pipeline.lead",
        subject_id="1",
        correlation_id=uuid.uuid4(),
        status=status,
        started_at=timezone.now() - ago,
    )


def figures(quadrant: int) -> dict[str, quadrants.Figure]:
    found = quadrants.read().quadrants[quadrant].figures
    return {figure.label: figure for figure in found}


# What needs the operator


def test_it_opens_with_a_sentence(browser: Browser) -> None:
    assert "Nothing needs you." in text_of(browser.get(URL))
    lead = waiting()
    assert "One thing needs you." in text_of(browser.get(URL))
    aged(lead, 125)
    page = text_of(browser.get(URL))
    assert "One thing needs you; it has waited <time" in page
    assert ">2 h</time>" in page
    waiting(name="Tom Beck", email="tom@beck.example")
    assert "Two things need you; the longest has waited" in text_of(browser.get(URL))


@pytest.mark.parametrize(
    ("hour", "words"), [(4, "evening"), (5, "morning"), (12, "afternoon"), (18, "evening")]
)
def test_the_greeting_is_for_the_hour_where_the_operator_is(hour: int, words: str) -> None:
    assert overview.greeting(dt.datetime(2026, 5, 4, hour)) == f"Good {words}."


def test_a_row_says_who_what_which_agent_and_where_to_decide(browser: Browser) -> None:
    action = waiting()
    page = text_of(browser.get(URL))
    assert f'href="/approvals/{action.pk}/">Dana Reyes, Harbor Plumbing</a>' in page
    assert ">Reply</span>" in page
    assert ">Qualifier</span>" in page


def test_the_longer_a_lead_waits_the_higher_it_stands(db: None) -> None:
    late, early = aged(waiting(), 30), aged(waiting(name="Tom", email="tom@beck.example"), 3)
    assert [row.key for row in needs.read([]).rows] == [str(late.pk), str(early.pk)]
    assert [row.tone for row in needs.read([]).rows] == ["bad", "warn"]


def test_a_better_lead_stands_higher_than_a_worse_one_of_the_same_age(db: None) -> None:
    good, poor = aged(waiting(), 10), aged(waiting(name="Tom", email="tom@beck.example"), 10.1)
    Lead.objects.filter(pk=poor.subject_id).update(score=20)
    assert [row.key for row in needs.read([]).rows] == [str(good.pk), str(poor.pk)]


def test_what_may_have_gone_out_and_critical_alerts_stand_before_all_else(db: None) -> None:
    aged(waiting(), 600)
    doubtful = waiting(name="Tom", email="tom@beck.example")
    Action.objects.filter(pk=doubtful.pk).update(status=Action.Status.UNKNOWN)
    alerts.raise_alert("warning", "A job gave up")
    alerts.raise_alert("critical", "Mail is refused", severity=Alert.Severity.CRITICAL)
    kinds = [row.kind for row in needs.read([]).rows]
    assert set(kinds[:2]) == {"In doubt", "Critical"}
    assert kinds[2:] == ["Reply", "Alert"]


def test_an_alert_about_a_proposal_that_stands_there_is_not_said_twice(db: None) -> None:
    action = waiting()
    alerts.raise_alert("unknown", "It may have gone out", url=f"/approvals/{action.pk}/")
    assert len(needs.read([]).rows) == 1


def test_a_proposal_costs_more_as_it_nears_its_lapse() -> None:
    week, hour = dt.timedelta(days=7), dt.timedelta(hours=1)
    calm, pressing = (needs.weigh(1, hour, needs.DAY, left=left) for left in (week, hour))
    assert pressing > calm + 3


def test_stopped_work_needs_the_operator_only_if_something_waits(browser: Browser) -> None:
    switch = switches.engage("agent", "qualifier", reason="Odd answers", by="olivia")
    assert needs.read([switch]).rows == []
    received()
    (row,) = needs.read([switch]).rows
    assert (row.kind, row.who, row.agent) == ("Stopped", "Qualifier", "qualifier")
    assert row.what == "1 job waits: “Odd answers”"
    assert "/settings/#switches" in text_of(browser.get(URL))


def test_very_many_are_counted_though_not_all_are_weighed(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(needs, "AT_MOST", 2)
    for number in range(4):
        waiting(name=f"Lead {number}", email=f"lead{number}@harbor.example")
    assert (len(needs.read([]).rows), needs.read([]).count) == (2, 4)
    assert "Four things need you" in text_of(browser.get(URL))


def test_what_waits_for_months_says_how_long(browser: Browser) -> None:
    alert = alerts.raise_alert("a", "A job gave up")
    long_ago = timezone.now() - dt.timedelta(days=160)
    Alert.objects.filter(pk=alert.pk).update(first_seen_at=long_ago)
    assert ">160 d</time>." in text_of(browser.get(URL))


def test_everything_stopped_needs_the_operator_at_once(db: None) -> None:
    switch = switches.engage("everything", reason="Odd", by="olivia")
    (row,) = needs.read([switch]).rows
    assert (row.who, row.href) == ("Everything", "/stop/")
    assert row.what == "No agent runs and nothing goes out: “Odd”"


def test_nothing_at_all_says_how_to_begin(browser: Browser) -> None:
    assert "Connect your website’s form" in text_of(browser.get(URL))
    make_lead()
    assert "All is decided." in text_of(browser.get(URL))


# What happened


def test_a_reload_keeps_the_news_and_an_absence_starts_them_anew(operator: User) -> None:
    first = timezone.now()
    assert looks.look(operator, first) == first - looks.FIRST
    soon = first + dt.timedelta(minutes=14)
    assert looks.look(operator, soon) == first - looks.FIRST
    late = soon + dt.timedelta(minutes=16)
    assert looks.look(operator, late) == soon
    assert looks.last(operator) == soon


def test_a_panel_that_fetches_itself_is_no_look(htmx: Htmx, operator: User) -> None:
    htmx.get(URL, "news")
    assert not LastLook.objects.exists()
    htmx.client.get(URL)
    assert LastLook.objects.get().user == operator


def test_what_repeats_is_folded_into_one_line(browser: Browser, operator: User) -> None:
    for number in range(4):
        action = waiting(name=f"Lead {number}", email=f"lead{number}@harbor.example")
        if not number:
            changes = {"subject": "Another"}
            action = approvals.edit(action, changes, by=operator, seen_hash=action.content_hash)
        approvals.approve(action, by=operator, seen_hash=action.content_hash)
    for number in range(3):
        audit.record("lead.received", f"Lead {number} wrote", actor=f"webhook:{number}")
    page = text_of(browser.get(URL))
    assert '<em class="actor" data-tone="accent">You</em> approved 4 proposals, edited 1' in page
    assert "3 leads came in" in page
    assert '<em class="actor" data-tone="ai">Qualifier</em> finished 4 runs' in page
    assert "proposed:" not in page


def test_others_are_called_by_their_name(operator: User) -> None:
    for actor in ("olivia", "rob"):
        audit.record("switch.engaged", f"{actor} stopped email", actor=actor, actor_kind="user")
    lines = telling.news(timezone.now() - dt.timedelta(hours=1), "olivia").lines
    assert [str(line.words).partition("</em>")[0][-3:] for line in lines] == ["rob", "You"]


def test_what_was_before_is_not_news(operator: User) -> None:
    audit.record("x.happened", "It happened", actor="the house")
    assert telling.news(timezone.now() + dt.timedelta(seconds=1), "olivia").lines == []


# The numbers


def test_leads_are_counted_beside_the_week_before(db: None) -> None:
    now = timezone.now()
    for days in (1, 2, 3, 8):
        make_lead(received_at=now - dt.timedelta(days=days), status=Lead.Status.QUALIFIED)
    make_lead(received_at=now - dt.timedelta(days=9), status=Lead.Status.REVIEW)
    make_lead(received_at=now - dt.timedelta(days=1), client=Client.objects.create(name="Vale"))
    found = figures(0)
    assert (found["Leads, 7 d"].value, found["Leads, 7 d"].change) == ("3", "+1")
    assert found["Leads, 7 d"].tone == "ok"
    assert (found["Qualified"].value, found["Qualified"].change) == ("100 %", "+50")
    assert figures(1)["Leads for them, 7 d"].value == "1"


def test_an_answer_counts_as_in_time_once_it_waits_within_two_minutes(db: None) -> None:
    now = timezone.now() - dt.timedelta(hours=1)
    for seconds in (119, 121):
        make_lead(received_at=now, drafted_at=now + dt.timedelta(seconds=seconds))
    make_lead(received_at=now, status=Lead.Status.DISQUALIFIED)
    assert figures(0)["Answered within 2 min"].value == "50 %"


def test_a_falling_cost_per_lead_is_good(db: None) -> None:
    month = dt.timedelta(days=30)
    for ago, usd in ((dt.timedelta(days=1), "0.20"), (month + dt.timedelta(days=1), "0.50")):
        made = run("qualifier", ago=ago)
        Run.objects.filter(pk=made.pk).update(cost_usd=usd)
        make_lead(received_at=timezone.now() - ago)
    each = figures(2)["Cost per lead"]
    assert (each.value, each.change, each.tone) == ("$0.20", f"{quadrants.MINUS}$0.30", "ok")


def test_what_has_no_rows_has_no_number(browser: Browser) -> None:
    for label in ("Qualified", "Answered within 2 min"):
        assert figures(0)[label].value == "–"
    page = text_of(browser.get(URL))
    assert "No invoices yet, so no revenue here." in page
    assert "no revenue recorded yet" in page
    assert "MRR" not in page


def test_approved_unedited_is_of_what_a_person_approved(operator: User) -> None:
    one, other = waiting(), waiting(name="Tom", email="tom@beck.example")
    approvals.approve(one, by=operator, seen_hash=one.content_hash)
    other = approvals.edit(other, {"subject": "Hi"}, by=operator, seen_hash=other.content_hash)
    approvals.approve(other, by=operator, seen_hash=other.content_hash)
    assert figures(3)["Approved unedited"].value == "50 %"


def test_your_time_is_what_you_looked_before_deciding(operator: User) -> None:
    assert figures(3)["Your time, 7 d"].value == "0 min"
    now = timezone.now()
    for ago, seconds in ((0, 90), (1, 150), (9, 480), (10, None)):
        Decision.objects.create(
            action=waiting(name=f"L{ago}", email=f"l{ago}@harbor.example"),
            verdict="reject",
            user=operator,
            by="olivia",
            created_at=now - dt.timedelta(days=ago),
            seconds=seconds,
        )
    time = figures(3)["Your time, 7 d"]
    assert (time.value, time.change, time.tone) == ("4 min", f"{quadrants.MINUS}4 min", "ok")
    assert quadrants._time(23_040) == "6.4 h"


def test_every_agent_of_the_fleet_is_there(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"agent{number}" for number in range(17)]
    qualifier = fleet.get("qualifier")
    others = {
        name: type(name, (type(qualifier),), {"name": name, "quadrant": "grow"})() for name in names
    }
    monkeypatch.setattr(fleet, "all_agents", lambda: {"qualifier": qualifier, **others})
    run("agent3")
    run("agent3", "failed")
    switches.engage("agent", "agent5", reason="x", by="olivia")
    page = text_of(browser.get(URL))
    assert page.count('class="cover" href="/agents/') == len(names) + 1
    assert "50 % · 2/h" in page
    assert "stopped</small>" in page


def test_the_road_is_marked_by_the_phase_alone(browser: Browser) -> None:
    AgencyProfile.load()
    AgencyProfile.objects.update(phase=2)
    page = text_of(browser.get(URL))
    assert '<li data-where="past" > <b>Foundation</b>' in page
    assert '<li data-where="now" aria-current="step"> <b>AI sales</b>' in page


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_comes_alone(panel: str, htmx: Htmx) -> None:
    received()
    work_off()
    body = text_of(htmx.get(URL, panel))
    assert f'id="{panel}"' in body
    assert not any(f'id="{other}"' in body for other in PANELS if other != panel)
