"""Calls by the clock: reminders once, late ones never, moved ones anew, ended ones asked about."""

import datetime as dt

import pytest
from django.db.models import Q

from control import actions, policy
from control.models import Action
from jobs.models import Event
from pipeline.meetings import booking, due
from pipeline.models import Meeting
from tests.calls import begins, booked, free_slots, look, of_kind, set_phase
from tests.mailserver import Inbox

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


def told() -> list[str]:
    found = Event.objects.filter(name="meeting.reminder_due").order_by("pk")
    return [event.data["which"] for event in found]


def test_a_day_and_an_hour_before_they_are_reminded_once_each(inbox: Inbox) -> None:
    set_phase(2)
    meeting = begins(booked(), 20 * HOUR)
    look()
    look()
    assert told() == ["day"]
    begins(meeting, HOUR / 2)
    look()
    look()
    assert told() == ["day", "hour"]
    assert [one.params["which"] for one in of_kind("remind")] == ["day", "hour"]
    subjects = [letter["Subject"] for letter in inbox.letters]
    assert sum("Reminder" in one for one in subjects) == 2


@pytest.mark.parametrize("hours", [25, 11, 2, -1])
def test_at_any_other_time_nobody_is(hours: int) -> None:
    begins(booked(), hours * HOUR)
    look()
    assert told() == []


def test_a_moved_call_is_reminded_of_anew_and_the_old_reminder_taken_back() -> None:
    meeting = begins(booked(), 20 * HOUR)
    look()
    booking.move(meeting, free_slots()[9], by="guest")
    begins(meeting, 18 * HOUR)
    look()
    assert told() == ["day", "day"]
    old, new = of_kind("remind")
    assert (old.status, new.status) == (Action.Status.EXPIRED, Action.Status.WAITING)
    assert new.params["revision"] == 1


def test_a_reminder_that_waited_too_long_is_taken_back() -> None:
    meeting = begins(booked(), 20 * HOUR)
    look()
    begins(meeting, -HOUR / 4)
    look()
    assert of_kind("remind")[0].status == Action.Status.EXPIRED
    assert "has begun" in of_kind("remind")[0].error


@pytest.mark.parametrize("how", ["cancel", "hold", "miss"])
def test_a_call_that_is_closed_is_reminded_of_no_more(how: str) -> None:
    meeting = begins(booked(), 20 * HOUR)
    look()
    begins(meeting, -HOUR)
    getattr(booking, how)(meeting, by="olivia")
    look()
    assert of_kind("remind")[0].status == Action.Status.EXPIRED


def test_a_reminder_does_not_leave_once_the_call_was_moved_meanwhile() -> None:
    meeting = begins(booked(), 20 * HOUR)
    look()
    (action,) = of_kind("remind")
    Meeting.objects.filter(pk=meeting.pk).update(revision=1)
    assert "moved since" in policy.judge(action).reason


def test_a_call_is_asked_about_a_quarter_of_an_hour_after_its_end() -> None:
    meeting = begins(booked(), -HOUR)  # it ended half an hour ago
    assert list(due.over()) == [meeting]
    begins(meeting, -dt.timedelta(minutes=40))  # ten minutes ago
    assert not due.over().exists()
    begins(meeting, -HOUR)
    booking.hold(meeting, by="olivia")
    assert not due.over().exists()


def test_only_some_of_a_subjects_actions_are_taken_back() -> None:
    meeting = booked()
    look()
    count = actions.withdraw(
        meeting.lead, ["send_invitation"], "no", among=Q(params__meeting="another")
    )
    assert count == 0
    assert of_kind("send_invitation")[0].status == Action.Status.WAITING
