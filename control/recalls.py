"""Taking back what the operator decided last, as long as nothing has come of it."""

import datetime as dt

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from control import actions, approvals, decisions, policy, takeovers, undo
from control.models import Action, Decision, Level
from jobs import events

Verdict = Decision.Verdict

REMEMBERED = dt.timedelta(minutes=10)
REVERSIBLE = (
    Verdict.APPROVE,
    Verdict.REJECT,
    Verdict.SEND_BACK,
    Verdict.SNOOZE,
    Verdict.TAKE_OVER,
)
LEFT_IN = {
    Verdict.REJECT: Action.Status.REJECTED,
    Verdict.SEND_BACK: Action.Status.REVISE,
    Verdict.TAKE_OVER: Action.Status.REJECTED,
}
WAKES = {Verdict.REJECT: "action.rejected", Verdict.SEND_BACK: "action.sent_back"}
ALIVE = (
    Action.Status.WAITING,
    Action.Status.HELD,
    Action.Status.APPROVED,
    Action.Status.EXECUTING,
    Action.Status.UNKNOWN,
    Action.Status.DONE,
)


class TooLate(Exception):
    """The decision has had its consequence, or is no longer the last word."""


def recent(user: User, most: int) -> list[Decision]:
    """Return what `user` decided lately and may still take back, the latest first."""
    rows = (
        Decision.objects.filter(user=user)
        .filter(
            voided_at=None,
            verdict__in=REVERSIBLE,
            created_at__gte=timezone.now() - REMEMBERED,
        )
        .select_related("action")
        .order_by("-pk")[: 5 * most]
    )
    return [row for row in rows if _may_return(row)][:most]


def take_back(decision: Decision, *, by: User) -> Action:
    """Undo a decision: its action waits again as it was. Raises TooLate."""
    with transaction.atomic():
        # The action first, as execution does: the other order could lock both out.
        action = Action.objects.select_for_update(of=("self",)).get(pk=decision.action_id)
        decision = Decision.objects.get(pk=decision.pk)
        if decision.voided_at is not None:
            raise TooLate("It was taken back already.")
        verdict = Verdict(decision.verdict)
        if verdict not in REVERSIBLE:
            raise TooLate("This cannot be taken back.")
        if verdict == Verdict.APPROVE:
            _take_back_approval(action, by)
        elif verdict == Verdict.SNOOZE:
            _wake(action, decision, by)
        else:
            _reopen(action, decision, by)
        action.refresh_from_db()
        return action


def _may_return(decision: Decision) -> bool:
    """Whether it looks as if there is still time; `take_back` knows for certain."""
    action, verdict = decision.action, Verdict(decision.verdict)
    if verdict == Verdict.APPROVE:
        if action.outward:
            return action.status == Action.Status.APPROVED and action.effect_started_at is None
        return action.status == Action.Status.DONE
    if verdict == Verdict.SNOOZE:
        return action.status in decisions.DECIDABLE and action.snoozed_until is not None
    if action.status != LEFT_IN[verdict] or action.expires_at <= timezone.now():
        return False
    if verdict == Verdict.SEND_BACK:
        return decision.created_at + actions.regret_window() > timezone.now()
    return True


def _take_back_approval(action: Action, by: User) -> None:
    if action.outward:
        if not approvals.recall(action, by=by):
            raise TooLate("It went out already.")
        return
    (outcome,) = undo.undo([action], by=by)
    if not outcome.undone:
        raise TooLate(f"It was not undone: {outcome.message}.")


def _wake(action: Action, decision: Decision, by: User) -> None:
    if action.status not in decisions.DECIDABLE or action.snoozed_until is None:
        raise TooLate("It does not sleep any more.")
    Action.objects.filter(pk=action.pk).update(snoozed_until=None)
    _void(action, decision, by)


def _reopen(action: Action, decision: Decision, by: User) -> None:
    verdict = Verdict(decision.verdict)
    if action.status != LEFT_IN[verdict]:
        raise TooLate(f"It is {action.get_status_display().lower()} by now.")
    if action.expires_at <= timezone.now():
        raise TooLate("It lapsed meanwhile.")
    if _replaced(action):
        raise TooLate("A newer proposal took its place.")
    name = WAKES.get(verdict)
    if name and not events.call_off(name, subject=action, correlation_id=action.correlation_id):
        raise TooLate(f"{action.agent.capitalize()} has begun to act on it.")
    if verdict == Verdict.TAKE_OVER:
        _hand_back(action, decision, by)
        return
    _let_wait(action)
    _void(action, decision, by)


def _hand_back(action: Action, decision: Decision, by: User) -> None:
    """Hand the subject back, and reopen all that this takeover closed."""
    takeover = takeovers.of(action.subject_type, action.subject_id)
    if takeover is None or decision.diff != {"takeover": takeover.pk}:
        raise TooLate("It was handed back already.")
    takeovers.hand_back(takeover, by=by)
    closed = Decision.objects.filter(
        verdict=Verdict.TAKE_OVER,
        voided_at=None,
        diff=decision.diff,
        action__subject_type=action.subject_type,
        action__subject_id=action.subject_id,
    ).select_related("action")
    for one in closed:
        if one.action.status == Action.Status.REJECTED and not _replaced(one.action):
            _let_wait(one.action)
            _void(one.action, one, by)


def _let_wait(action: Action) -> None:
    """Let it wait again, or hold it if policy forbids it by now."""
    action.advance(action.status, Action.Status.WAITING, decided_at=None, error="")
    judgement = policy.judge(action)
    if judgement.level == Level.FORBID:
        action.advance(Action.Status.WAITING, Action.Status.HELD, error=judgement.reason)


def _void(action: Action, decision: Decision, by: User) -> None:
    Decision.objects.filter(pk=decision.pk).update(voided_at=timezone.now())
    decisions.record(
        action, Verdict.REOPEN, by, note=f"took back: {decision.get_verdict_display()}"
    )


def _replaced(action: Action) -> bool:
    return Action.objects.filter(
        subject_type=action.subject_type,
        subject_id=action.subject_id,
        agent=action.agent,
        kind=action.kind,
        status__in=ALIVE,
        pk__gt=action.pk,
    ).exists()
