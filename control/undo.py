"""Undo: put back what agents did, newest first, and say what could not be put back."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from agency import audit, live
from agency.models import AuditEntry
from control import kinds, promotions
from control.models import Action


@dataclass(frozen=True)
class Outcome:
    """What became of one undo: `undone`, or why not and what to do instead."""

    action: Action
    undone: bool
    message: str


def undo(actions: Iterable[Action], *, by: User) -> list[Outcome]:
    """Undo `actions`, newest first; each in its own transaction."""
    newest_first = sorted(actions, key=lambda action: action.pk, reverse=True)
    return [_undo(action, by) for action in newest_first]


def undo_run(run_id: UUID, *, by: User) -> list[Outcome]:
    """Undo everything one run did."""
    return undo(Action.objects.filter(run_id=run_id, status=Action.Status.DONE), by=by)


def _undo(action: Action, by: User) -> Outcome:
    kind = kinds.get(action.kind)
    try:
        with transaction.atomic():
            if not action.advance(Action.Status.DONE, Action.Status.UNDONE):
                return Outcome(action, False, f"it is {action.get_status_display().lower()}")
            kind.undo(action, kinds.parsed(action))
            audit.record(
                "action.undone",
                f"{by.get_username()} undid: {action.summary}",
                actor=by.get_username(),
                actor_kind=AuditEntry.ActorKind.USER,
                obj=action,
                client=action.client,
                correlation_id=action.correlation_id,
                data={"restored": action.before},
            )
            promotions.after_outcome(action, f"{by.get_username()} undid it")
            live.broadcast("approvals", "leads", "status")
    except (kinds.Irrevocable, kinds.Blocked) as reason:
        action.refresh_from_db()
        return Outcome(action, False, str(reason))
    return Outcome(action, True, "undone")
