"""The approval queue: what waits for the operator, and all that is needed to decide one of it."""

import datetime as dt
import math
import uuid
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.db.models import (
    Case,
    IntegerField,
    Model,
    Q,
    QuerySet,
    Value,
    When,
)
from django.utils import timezone
from pydantic import ValidationError

from control import kinds, recalls
from control.models import Action, Decision

SHOWN = 100
LATE = dt.timedelta(minutes=15)
LONGEST_UNDO = dt.timedelta(minutes=5)
TOO_LATE = dt.timedelta(hours=1)

OPEN = (Action.Status.WAITING, Action.Status.HELD, Action.Status.UNKNOWN)


@dataclass(frozen=True)
class Item:
    """One row of the queue."""

    action: Action
    label: str
    name: str
    line: str
    tone: str


@dataclass(frozen=True)
class Leaving:
    """An approved message that can still be called back."""

    pk: uuid.UUID
    title: str
    not_before: dt.datetime

    @property
    def seconds_left(self) -> int:
        """Whole seconds until it goes out."""
        return max(0, math.ceil((self.not_before - timezone.now()).total_seconds()))


@dataclass(frozen=True)
class Recent:
    """A decision of a moment ago that can be taken back."""

    pk: int
    verdict: str
    title: str
    leaves_at: dt.datetime | None
    seconds_left: int


@dataclass(frozen=True)
class Field:
    """A part of an action the operator may edit."""

    name: str
    label: str
    value: str
    long: bool
    error: str = ""


def waiting() -> QuerySet[Action]:
    """Return what waits for a decision now: doubts first, then by stakes, then the oldest."""
    rank = Case(
        When(status=Action.Status.UNKNOWN, then=Value(0)),
        When(status=Action.Status.HELD, then=Value(4)),
        When(stakes=Action.Stakes.HIGH, then=Value(1)),
        When(stakes=Action.Stakes.MEDIUM, then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    return Action.objects.filter(due(), status__in=OPEN).order_by(rank, "created_at", "pk")


def snoozed() -> QuerySet[Action]:
    """Return what the operator put off, the soonest first."""
    return Action.objects.filter(~due(), status__in=OPEN).order_by("snoozed_until")


def due() -> Q:
    """Return what is not put off, or whose time has come."""
    return Q(snoozed_until=None) | Q(snoozed_until__lte=timezone.now())


def leaving() -> list[Leaving]:
    """Return the approved messages that wait for the end of their undo window.

    What waits for the recipient's morning is called back from its own page.
    """
    now = timezone.now()
    rows = Action.objects.filter(
        status=Action.Status.APPROVED,
        outward=True,
        not_before__gt=now,
        not_before__lte=now + LONGEST_UNDO,
    ).order_by("not_before")
    return [
        Leaving(row.pk, title(row), row.not_before)
        for row in rows[:5]
        if row.not_before is not None
    ]


def just_decided(user: User, most: int = 3) -> list[Recent]:
    """Return what the operator decided a moment ago and can take back, the latest first."""
    return [_recent(decision) for decision in recalls.recent(user, most)]


def _recent(decision: Decision) -> Recent:
    action = decision.action
    leaves_at = action.not_before if decision.verdict == Decision.Verdict.APPROVE else None
    left = (leaves_at - timezone.now()).total_seconds() if leaves_at else 0
    name = action.rendered.get("to_name") or action.rendered.get("to_email") or action.summary
    return Recent(decision.pk, decision.verdict, str(name), leaves_at, max(0, math.ceil(left)))


def item(action: Action) -> Item:
    """Return the row of the queue for an action."""
    name = str(action.rendered.get("to_name") or action.rendered.get("to_email") or "")
    line = str(action.rendered.get("subject") or "")
    age = timezone.now() - action.created_at
    tone = ""
    if action.status == Action.Status.UNKNOWN:
        tone = "bad"
    elif action.outward and action.status == Action.Status.WAITING:
        tone = "bad" if age >= TOO_LATE else "warn" if age >= LATE else ""
    return Item(action, label(action), name or action.summary, line or action.reason, tone)


def label(action: Action) -> str:
    """Return the one word for a kind of action: “Reply” for reply_to_lead."""
    return kinds.get(action.kind).word or action.kind.partition("_")[0].capitalize()


def title(action: Action) -> str:
    """Return the words for an action where there is room for a few."""
    name = action.rendered.get("to_name") or action.rendered.get("to_email")
    return f"{label(action)} to {name}" if name else action.summary


def consequence(action: Action) -> str:
    """Return what happens on approval, in a sentence."""
    try:
        return kinds.get(action.kind).consequence(action, kinds.parsed(action))
    except ValidationError:
        return "Its content no longer fits this kind of action; reject it or send it back."


def fields(
    action: Action,
    values: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> list[Field]:
    """Return the editable parts, with what the operator typed if there is something."""
    found = []
    for name in kinds.get(action.kind).editable:
        value = (values or {}).get(name, str(action.params.get(name) or ""))
        long = name in {"body", "text"} or "\n" in value
        error = (errors or {}).get(name, "")
        found.append(Field(name, name.replace("_", " ").capitalize(), value, long, error))
    return found


def evidence(action: Action) -> list[dict[str, str]]:
    """Return what the text rests on, in the order it stands there; what it does not use, last."""
    body = str(action.rendered.get("body", ""))

    def place(one: dict[str, str]) -> int:
        spots = [body.find(one.get(part, "") or "\0") for part in ("claim", "quote")]
        found = [spot for spot in spots if spot >= 0]
        return min(found, default=len(body))

    return sorted(action.evidence, key=place)


def changes(action: Action, typed: dict[str, str]) -> list[tuple[str, str, str]]:
    """Return (label, before, after) of each part whose wording differs from the draft's."""
    found = []
    for field in fields(action, typed):
        before = str(action.params.get(field.name) or "")
        if before.strip() != field.value.strip():
            found.append((field.label, before, field.value))
    return found


def subject(action: Action) -> Model | None:
    """Return the record the action is about, if it still exists."""
    if not action.subject_type:
        return None
    model = apps.get_model(action.subject_type)
    found: Model | None = model._default_manager.filter(pk=action.subject_id).first()
    return found


def neighbours(ids: list[uuid.UUID], pk: uuid.UUID) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    """Return what stands before and after `pk` in the queue."""
    if pk not in ids:
        return None, ids[0] if ids else None
    here = ids.index(pk)
    before = ids[here - 1] if here else None
    after = ids[here + 1] if here + 1 < len(ids) else None
    return before, after


def plain(params: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return params with readable names, for an action that is no message."""
    return [(name.replace("_", " ").capitalize(), value) for name, value in params.items()]
