"""Several decisions at once, each on its own content: what changed meanwhile is left out."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.models import User

from control import approvals
from control.models import Action, Decision

MOST = 50
"""More bodies than this nobody reads before deciding on all of them."""


class TooMany(Exception):
    """More were picked than are decided at once."""


@dataclass(frozen=True)
class Picked:
    """An action as it was shown: only that content is decided on."""

    pk: uuid.UUID
    seen_hash: str


@dataclass(frozen=True)
class Outcome:
    """What became of one: decided, or why it was left out."""

    action: Action
    decision: Decision | None
    why: str = ""


def approve_all(picked: list[Picked], *, by: User, seconds: int | None = None) -> list[Outcome]:
    """Approve each that is still what was seen; never what has high stakes. Raises TooMany."""

    def approve(action: Action, seen_hash: str, share: int | None) -> Decision:
        return approvals.approve(action, by=by, seen_hash=seen_hash, seconds=share)

    return _each(picked, approve, seconds)


def reject_all(
    picked: list[Picked], *, by: User, reason: str, seconds: int | None = None
) -> list[Outcome]:
    """Reject each that is still what was seen, for one reason. Raises TooMany."""

    def reject(action: Action, seen_hash: str, share: int | None) -> Decision:
        return approvals.reject(action, by=by, seen_hash=seen_hash, reason=reason, seconds=share)

    return _each(picked, reject, seconds)


def _each(
    picked: list[Picked],
    decide: Callable[[Action, str, int | None], Decision],
    seconds: int | None,
) -> list[Outcome]:
    once = {one.pk: one for one in picked}
    if len(once) > MOST:
        raise TooMany(f"Pick at most {MOST} at once.")
    found = Action.objects.in_bulk(list(once))
    outcomes = []
    for number, (pk, one) in enumerate(once.items()):
        action = found.get(pk)
        if action is None:
            continue
        if action.stakes == Action.Stakes.HIGH:
            outcomes.append(Outcome(action, None, "High stakes are decided one by one."))
            continue
        try:
            decision = decide(action, one.seen_hash, _share(seconds, len(once), number))
        except (approvals.Stale, approvals.NotAllowed) as reason:
            action.refresh_from_db()
            outcomes.append(Outcome(action, None, str(reason)))
        else:
            outcomes.append(Outcome(action, decision))
    return outcomes


def _share(seconds: int | None, parts: int, number: int) -> int | None:
    """Return the part of the time spent on one of them; all parts together are `seconds`."""
    if seconds is None:
        return None
    whole, rest = divmod(seconds, parts)
    return whole + (number < rest)
