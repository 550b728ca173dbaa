"""The row of a decision, and the lock under which one is made on exactly what was seen."""

import datetime as dt
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from agency import audit, live
from agency.models import AuditEntry
from control import kinds
from control.models import Action, Decision

DECIDABLE = (Action.Status.WAITING, Action.Status.HELD)
MOST_SECONDS = 1800
"""More than this was not looking: it is cut to it."""

SAID = {
    Decision.Verdict.APPROVE: "approved",
    Decision.Verdict.EDIT: "edited",
    Decision.Verdict.REJECT: "rejected",
    Decision.Verdict.SEND_BACK: "sent back",
    Decision.Verdict.SNOOZE: "snoozed",
    Decision.Verdict.TAKE_OVER: "took over",
    Decision.Verdict.RECALL: "called back",
    Decision.Verdict.REOPEN: "reopened",
    Decision.Verdict.CONFIRM_SENT: "confirmed as sent",
    Decision.Verdict.SEND_AGAIN: "ordered to send again",
    Decision.Verdict.UNDO: "undid",
}


class Stale(Exception):
    """Somebody else decided, or the content changed since it was shown."""


def lock(action: Action, seen_hash: str) -> Action:
    """Lock an action that can be decided and is what was seen, in a transaction. Raises Stale."""
    locked = Action.objects.select_for_update(of=("self",)).get(pk=action.pk)
    if locked.status not in DECIDABLE:
        raise Stale(f"It is {locked.get_status_display().lower()} by now.")
    if locked.expires_at <= timezone.now():
        raise Stale("It lapsed: nobody decided in time.")
    if seen_hash != locked.content_hash or kinds.content_hash(locked) != locked.content_hash:
        raise Stale("Its content changed since you opened it. Look again, then decide.")
    return locked


def record(
    action: Action,
    verdict: str,
    by: User,
    *,
    note: str = "",
    diff: dict[str, Any] | None = None,
    expires_at: dt.datetime | None = None,
    seconds: int | None = None,
) -> Decision:
    """Keep a decision and say it in the trail; `seconds` is how long the operator looked."""
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
        seconds=None if seconds is None else max(0, min(MOST_SECONDS, seconds)),
    )
    said = SAID[Decision.Verdict(verdict)]
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
