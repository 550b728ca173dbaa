"""Automatic trips: a switch engages itself, opens an alert, and waits for a person."""

import datetime as dt

from django.db.models import Q
from django.utils import timezone

from control import alerts, switches
from control.models import Action, Alert, KillSwitch

FAILURES_IN_A_ROW = 2
SAME_PROPOSALS = 3
NO_PROGRESS_WINDOW = dt.timedelta(days=1)

ALREADY = "already"
"""Of what was proposed or done before, by a run that was woken at the same time."""


def trip(scope: str, value: str, *, cause: str, reason: str) -> None:
    """Engage the switch, unless it is engaged, and alert; `cause` groups the alerts."""
    try:
        switches.engage(scope, value, reason=reason, by=f"trip: {cause}", automatic=True)
    except switches.AlreadyEngaged:
        return
    alerts.raise_alert(
        f"trip:{scope}:{value}:{cause}",
        f"{value.capitalize()} was stopped: {cause}",
        body=f"{reason}\n\nNothing goes on there until you release it under Settings.",
        severity=Alert.Severity.CRITICAL,
        url="/settings/#switches",
    )


def after_failure(action: Action) -> None:
    """Stop a channel whose last two effects both failed for good."""
    if not action.channel:
        return
    ended = (Action.Status.DONE, Action.Status.FAILED)
    last = Action.objects.filter(channel=action.channel, status__in=ended).order_by("-finished_at")
    # What was done has no such key, and for the database unlike nothing is not known.
    about_channel = Q(effect__failed__isnull=True) | ~Q(effect__failed__in=["recipient", "action"])
    last = last.filter(about_channel)
    states = list(last.values_list("status", flat=True)[:FAILURES_IN_A_ROW])
    if states == [Action.Status.FAILED] * FAILURES_IN_A_ROW:
        trip(
            KillSwitch.Scope.CHANNEL,
            action.channel,
            cause=f"{FAILURES_IN_A_ROW} failures in a row",
            reason=f"The last {FAILURES_IN_A_ROW} over {action.channel} failed: {action.error}",
        )


def after_proposal(action: Action) -> None:
    """Stop an agent that by itself proposes the same for the same subject again and again."""
    same = (
        Action.objects.filter(
            agent=action.agent,
            kind=action.kind,
            subject_type=action.subject_type,
            subject_id=action.subject_id,
            params=action.params,
            decisions__user=None,
            created_at__gt=timezone.now() - NO_PROGRESS_WINDOW,
            effect__refused__isnull=True,
        )
        .distinct()
        .count()
    )
    if same >= SAME_PROPOSALS:
        trip(
            KillSwitch.Scope.AGENT,
            action.agent,
            cause="no progress",
            reason=f"It proposed the same {same} times: {action.summary}",
        )
