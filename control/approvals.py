"""What the operator decides about an action. Every decision is a row and has its consequence."""

import datetime as dt
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError

from agency import audit, live
from agency.models import AuditEntry
from control import actions, execution, kinds, policy
from control.models import Action, Decision, Level
from jobs import events
from jobs.lease import Held

DECIDABLE = (Action.Status.WAITING, Action.Status.HELD)


class Stale(Exception):
    """Somebody else decided, or the content changed since it was shown."""


class NotAllowed(Exception):
    """Policy forbids it; the message says why."""


class BadEdit(Exception):
    """The edited content is not valid; `field` says which part."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def approve(action: Action, *, by: User, seen_hash: str) -> Decision:
    """Approve exactly what was seen; an outward action leaves after the undo window.

    Raises Stale (decided by somebody else, expired, or the content is not what was seen) and
    NotAllowed (policy forbids it now).
    """
    _render_anew(action)
    with transaction.atomic():
        action = _lock(action, seen_hash)
        judgement = policy.judge(action)
        if judgement.level == Level.FORBID:
            raise NotAllowed(judgement.reason)
        now = timezone.now()
        decision = _decide(
            action, Decision.Verdict.APPROVE, by, expires_at=now + actions.APPROVAL_LASTS
        )
        action.advance(
            action.status,
            Action.Status.APPROVED,
            decided_at=now,
            error="",
            not_before=now + actions.undo_window(action),
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


def edit(action: Action, changes: dict[str, Any], *, by: User, seen_hash: str) -> Action:
    """Change the params of a waiting action; the diff is kept. Raises Stale, BadEdit."""
    with transaction.atomic():
        action = _lock(action, seen_hash)
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
        _decide(action, Decision.Verdict.EDIT, by, diff=diff)
        return action


def reject(action: Action, *, by: User, seen_hash: str, reason: str) -> Decision:
    """Turn the action down for good. Raises Stale."""
    with transaction.atomic():
        action = _lock(action, seen_hash)
        decision = _decide(action, Decision.Verdict.REJECT, by, note=reason)
        action.advance(action.status, Action.Status.REJECTED, decided_at=timezone.now())
        events.emit(
            "action.rejected",
            subject=action,
            client=action.client,
            correlation_id=action.correlation_id,
            data={"reason": reason},
        )
        return decision


def send_back(action: Action, *, by: User, seen_hash: str, note: str) -> Decision:
    """Have the agent look again with the operator's note. Raises Stale."""
    with transaction.atomic():
        action = _lock(action, seen_hash)
        decision = _decide(action, Decision.Verdict.SEND_BACK, by, note=note)
        action.advance(action.status, Action.Status.REVISE, decided_at=timezone.now())
        events.emit(
            "action.sent_back",
            subject=action,
            client=action.client,
            correlation_id=action.correlation_id,
            data={"note": note, "agent": action.agent, "run_id": str(action.run_id)},
        )
        return decision


def snooze(action: Action, *, by: User, seen_hash: str, until: dt.datetime) -> Decision:
    """Put the action out of sight until `until`. Raises Stale."""
    with transaction.atomic():
        action = _lock(action, seen_hash)
        note = f"until {timezone.localtime(until):%d %b %H:%M}"
        decision = _decide(action, Decision.Verdict.SNOOZE, by, note=note)
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
        _decide(action, Decision.Verdict.RECALL, by)
        return True


def confirm_sent(action: Action, *, by: User) -> bool:
    """Settle an `unknown` action: it did go out. Return False if it is settled already."""
    with transaction.atomic():
        won = action.advance(
            Action.Status.UNKNOWN, Action.Status.DONE, finished_at=timezone.now(), error=""
        )
        if won:
            _decide(action, Decision.Verdict.CONFIRM_SENT, by)
            kinds.get(action.kind).done(action, kinds.parsed(action))
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
            _decide(action, Decision.Verdict.SEND_AGAIN, by)
            decision = _decide(
                action, Decision.Verdict.APPROVE, by, expires_at=now + actions.APPROVAL_LASTS
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


def _lock(action: Action, seen_hash: str) -> Action:
    locked = Action.objects.select_for_update().get(pk=action.pk)
    if locked.status not in DECIDABLE:
        raise Stale(f"It is {locked.get_status_display().lower()} by now.")
    if locked.expires_at <= timezone.now():
        raise Stale("It lapsed: nobody decided in time.")
    if seen_hash != locked.content_hash or kinds.content_hash(locked) != locked.content_hash:
        raise Stale("Its content changed since you opened it. Look again, then decide.")
    return locked


def _decide(
    action: Action,
    verdict: str,
    by: User,
    *,
    note: str = "",
    diff: dict[str, Any] | None = None,
    expires_at: dt.datetime | None = None,
) -> Decision:
    decision = Decision.objects.create(
        action=action,
        verdict=verdict,
        content_hash=action.content_hash,
        user=by,
        by=by.get_username(),
        note=note,
        diff=diff or {},
        created_at=timezone.now(),
        expires_at=expires_at,
    )
    said = {
        Decision.Verdict.APPROVE: "approved",
        Decision.Verdict.EDIT: "edited",
        Decision.Verdict.REJECT: "rejected",
        Decision.Verdict.SEND_BACK: "sent back",
        Decision.Verdict.SNOOZE: "snoozed",
        Decision.Verdict.RECALL: "called back",
        Decision.Verdict.CONFIRM_SENT: "confirmed as sent",
        Decision.Verdict.SEND_AGAIN: "ordered to send again",
        Decision.Verdict.UNDO: "undid",
    }[Decision.Verdict(verdict)]
    audit.record(
        f"action.{verdict}",
        f"{by.get_username()} {said}: {action.summary}" + (f" ({note})" if note else ""),
        actor=by.get_username(),
        actor_kind=AuditEntry.ActorKind.USER,
        obj=action,
        client=action.client,
        correlation_id=action.correlation_id,
        data={"hash": action.content_hash, "note": note, "diff": diff or {}},
    )
    live.broadcast("approvals", "status")
    return decision
