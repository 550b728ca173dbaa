"""What the operator decides about an action. Every decision is a row and has its consequence."""

import datetime as dt
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError

from agency import audit, live
from control import actions, decisions, execution, kinds, outcomes, policy
from control.models import Action, Decision, Level
from jobs import events
from jobs.lease import Held

DECIDABLE = decisions.DECIDABLE
Stale = decisions.Stale


class NotAllowed(Exception):
    """Policy forbids it; the message says why."""


class BadEdit(Exception):
    """The edited content is not valid; `field` says which part."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def approve(action: Action, *, by: User, seen_hash: str, seconds: int | None = None) -> Decision:
    """Approve exactly what was seen; an outward action leaves after the undo window.

    Raises Stale (decided by somebody else, expired, or the content is not what was seen) and
    NotAllowed (policy forbids it now).
    """
    _render_anew(action)
    with transaction.atomic():
        action = decisions.lock(action, seen_hash)
        judgement = policy.judge(action)
        if judgement.level == Level.FORBID:
            raise NotAllowed(judgement.reason)
        now = timezone.now()
        leaves = actions.leaves_at(action, now)
        decision = decisions.record(
            action,
            Decision.Verdict.APPROVE,
            by,
            expires_at=leaves + execution.APPROVAL_LASTS,
            seconds=seconds,
        )
        action.advance(
            action.status,
            Action.Status.APPROVED,
            decided_at=now,
            error="",
            not_before=leaves,
        )
        try:
            execution.start(action, decision)
        except (kinds.Blocked, execution.Refused, Held) as reason:
            raise NotAllowed(str(reason)) from reason
        return decision


def _render_anew(action: Action) -> None:
    """Bring a message up to date with the profile and the world: nobody approves an old one.

    In a commit of its own: the page that showed the old one is stale from then on.
    """
    try:
        with transaction.atomic():
            locked = Action.objects.select_for_update(of=("self",)).get(pk=action.pk)
            if locked.status in DECIDABLE:
                actions.render(locked)
    except kinds.Blocked as reason:
        raise NotAllowed(str(reason)) from reason


def edit(
    action: Action,
    changes: dict[str, Any],
    *,
    by: User,
    seen_hash: str,
    seconds: int | None = None,
) -> Action:
    """Change the params of a waiting action; the diff is kept. Raises Stale, BadEdit."""
    with transaction.atomic():
        action = decisions.lock(action, seen_hash)
        kind = kinds.get(action.kind)
        unknown = set(changes) - set(kind.editable)
        if unknown:
            raise BadEdit(sorted(unknown)[0], "cannot be edited")
        before = action.params
        try:
            params = kind.params.model_validate({**before, **changes})
        except ValidationError as error:
            first = error.errors()[0]
            raise BadEdit(str(first["loc"][0] if first["loc"] else ""), first["msg"]) from error
        action.params = params.model_dump(mode="json")
        diff = {
            name: {"from": before.get(name), "to": value}
            for name, value in action.params.items()
            if before.get(name) != value
        }
        if not diff:
            return action
        try:
            action.summary = kind.summary(action, params)[:300]
            action.rendered = kind.render(action, params)
        except kinds.Blocked as reason:
            raise NotAllowed(str(reason)) from reason
        action.content_hash = kinds.content_hash(action)
        action.save(update_fields=["params", "summary", "rendered", "content_hash"])
        decisions.record(action, Decision.Verdict.EDIT, by, diff=diff, seconds=seconds)
        return action


def reject(
    action: Action, *, by: User, seen_hash: str, reason: str, seconds: int | None = None
) -> Decision:
    """Turn the action down; what follows waits for the undo window. Raises Stale."""
    with transaction.atomic():
        action = decisions.lock(action, seen_hash)
        decision = decisions.record(
            action, Decision.Verdict.REJECT, by, note=reason, seconds=seconds
        )
        action.advance(action.status, Action.Status.REJECTED, decided_at=timezone.now())
        events.emit(
            "action.rejected",
            subject=action,
            client=action.client,
            correlation_id=action.correlation_id,
            data={"reason": reason},
            run_at=decision.created_at + actions.regret_window(),
        )
        return decision


def send_back(
    action: Action, *, by: User, seen_hash: str, note: str, seconds: int | None = None
) -> Decision:
    """Have the agent look again with the operator's note, after the undo window.

    Raises Stale, and NotAllowed for what no agent proposed.
    """
    with transaction.atomic():
        action = decisions.lock(action, seen_hash)
        if action.run_id is None:
            raise NotAllowed("A person proposed it, not an agent: reject it and do it anew.")
        decision = decisions.record(
            action, Decision.Verdict.SEND_BACK, by, note=note, seconds=seconds
        )
        action.advance(action.status, Action.Status.REVISE, decided_at=timezone.now())
        events.emit(
            "action.sent_back",
            subject=action,
            client=action.client,
            correlation_id=action.correlation_id,
            data={"note": note, "agent": action.agent, "run_id": str(action.run_id)},
            run_at=decision.created_at + actions.regret_window(),
        )
        return decision


def snooze(
    action: Action,
    *,
    by: User,
    seen_hash: str,
    until: dt.datetime,
    seconds: int | None = None,
) -> Decision:
    """Put the action out of sight until `until`. Raises Stale, NotAllowed."""
    with transaction.atomic():
        action = decisions.lock(action, seen_hash)
        if until >= action.expires_at:
            lapses = timezone.localtime(action.expires_at)
            raise NotAllowed(f"It would lapse unseen before that, on {lapses:%a %d %b at %H:%M}.")
        note = f"until {timezone.localtime(until):%d %b %H:%M}"
        decision = decisions.record(action, Decision.Verdict.SNOOZE, by, note=note, seconds=seconds)
        Action.objects.filter(pk=action.pk).update(snoozed_until=until)
        return decision


def recall(action: Action, *, by: User) -> bool:
    """Take back an approval within the undo window; return False if it came too late."""
    with transaction.atomic():
        won = Action.objects.filter(
            pk=action.pk, status=Action.Status.APPROVED, effect_started_at=None
        ).update(status=Action.Status.WAITING, decided_at=None, not_before=None)
        if not won:
            return False
        action.refresh_from_db()
        Decision.objects.filter(action=action, verdict="approve", consumed_at=None).update(
            voided_at=timezone.now()
        )
        decisions.record(action, Decision.Verdict.RECALL, by)
        return True


def confirm_sent(action: Action, *, by: User) -> bool:
    """Settle an `unknown` action: it did go out. Return False if it is settled already."""
    with transaction.atomic():
        won = action.advance(
            Action.Status.UNKNOWN, Action.Status.DONE, finished_at=timezone.now(), error=""
        )
        if won:
            decisions.record(action, Decision.Verdict.CONFIRM_SENT, by)
            kinds.get(action.kind).done(action, kinds.parsed(action))
            outcomes.announce(action)
        return won


def send_again(action: Action, *, by: User) -> bool:
    """Settle an `unknown` action: it did not go out, do it now. False if it is settled already."""
    with transaction.atomic():
        now = timezone.now()
        won = action.advance(
            Action.Status.UNKNOWN,
            Action.Status.APPROVED,
            effect_started_at=None,
            decided_at=now,
            not_before=now,
            error="",
        )
        if won:
            decisions.record(action, Decision.Verdict.SEND_AGAIN, by)
            decision = decisions.record(
                action, Decision.Verdict.APPROVE, by, expires_at=now + execution.APPROVAL_LASTS
            )
            execution.start(action, decision)
        return won


def expire() -> int:
    """Let proposals nobody decided in time lapse; return how many. Nothing is ever approved so."""
    count = 0
    for action in Action.objects.filter(status__in=DECIDABLE, expires_at__lte=timezone.now()):
        with transaction.atomic():
            if action.advance(action.status, Action.Status.EXPIRED):
                count += 1
                audit.record(
                    "action.expired",
                    f"Lapsed undecided: {action.summary}",
                    actor="the house",
                    obj=action,
                    client=action.client,
                    correlation_id=action.correlation_id,
                )
                live.broadcast("approvals", "status")
    return count
