"""The operator's minutes: the time decisions took, as it was measured."""

import datetime as dt

import pytest
from django.utils import timezone

from control import approvals, minutes
from control.models import Action, Decision
from tests import factories

pytestmark = pytest.mark.django_db


def decide(seconds: int | None, email: str, verdict: str = "approve") -> Decision:
    factories.received(email=email)
    action = Action.objects.get(status="waiting")
    user = factories.make_user(email.partition("@")[0])
    if verdict == "approve":
        return approvals.approve(action, by=user, seen_hash=action.content_hash, seconds=seconds)
    return approvals.reject(
        action, by=user, seen_hash=action.content_hash, reason="no", seconds=seconds
    )


def test_this_week_is_summed_by_kind_of_work() -> None:
    decide(90, "a@harbor.example")
    decide(30, "b@harbor.example", "reject")
    assert minutes.this_week() == [("Qualifier: replies", 2.0)]
    assert minutes.total_minutes(timezone.now() - dt.timedelta(hours=1)) == 2.0


def test_a_decision_made_without_scripts_is_not_counted() -> None:
    decide(None, "a@harbor.example")
    assert minutes.this_week() == []
    assert minutes.total_minutes(timezone.now() - dt.timedelta(hours=1)) == 0


def test_nobody_looked_for_more_than_half_an_hour_or_less_than_nothing() -> None:
    assert decide(100_000, "a@harbor.example").seconds == 1800
    assert decide(-5, "b@harbor.example").seconds == 0


def test_the_week_begins_on_monday_in_the_operators_zone() -> None:
    with timezone.override("America/Phoenix"):
        start = minutes.start_of_week()
    assert (start.weekday(), start.hour, start.tzname()) == (0, 0, "MST")
    assert dt.timedelta(0) <= timezone.now() - start < dt.timedelta(days=7, hours=1)
