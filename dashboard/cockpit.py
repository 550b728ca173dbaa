"""The approval queue: what waits for the operator, and all that is needed to decide one of it."""

import datetime as dt
import math
import uuid
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import (
    Case,
    Count,
    Exists,
    IntegerField,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.utils import timezone
from pydantic import ValidationError

from control import kinds
from control.models import Action, Decision
from pipeline.models import Lead

SHOWN = 100
LATE = dt.timedelta(minutes=15)
TOO_LATE = dt.timedelta(hours=1)
CONFIDENCE = 1.96
"""z of a two-sided 95 % interval."""

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
class Counts:
    """How much waits, and how much is put off."""

    waiting: int
    snoozed: int


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
class Trust:
    """How often the operator let an agent's actions of one kind through as they were."""

    unedited: int
    decided: int

    @property
    def lower_bound(self) -> int:
        """The lower end of the 95 % Wilson score interval, in percent (Wilson 1927)."""
        n, z = self.decided, CONFIDENCE
        if not n:
            return 0
        p = self.unedited / n
        centre = p + z * z / (2 * n)
        spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return math.floor(100 * (centre - spread) / (1 + z * z / n))


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
    return Action.objects.filter(_due(), status__in=OPEN).order_by(rank, "created_at", "pk")


def snoozed() -> QuerySet[Action]:
    """Return what the operator put off, the soonest first."""
    return Action.objects.filter(~_due(), status__in=OPEN).order_by("snoozed_until")


def counts() -> Counts:
    """Count what waits and what is put off."""
    return Counts(
        **Action.objects.filter(status__in=OPEN).aggregate(
            waiting=Count("pk", filter=_due()), snoozed=Count("pk", filter=~_due())
        )
    )


def _due() -> Q:
    return Q(snoozed_until=None) | Q(snoozed_until__lte=timezone.now())


def leaving() -> list[Leaving]:
    """Return the approved messages that wait for the end of their undo window."""
    rows = Action.objects.filter(
        status=Action.Status.APPROVED, outward=True, not_before__gt=timezone.now()
    ).order_by("not_before")
    return [
        Leaving(row.pk, title(row), row.not_before)
        for row in rows[:5]
        if row.not_before is not None
    ]


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
    return action.kind.partition("_")[0].capitalize()


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


def subject(action: Action) -> Model | None:
    """Return the record the action is about, if it still exists."""
    if not action.subject_type:
        return None
    model = apps.get_model(action.subject_type)
    found: Model | None = model._default_manager.filter(pk=action.subject_id).first()
    return found


def lead(action: Action) -> Lead | None:
    """Return the lead the action is about, if it is about one."""
    found = subject(action)
    return found if isinstance(found, Lead) else None


def trust(agent: str, kind: str) -> Trust:
    """Count how an agent's actions of one kind fared with the operator."""
    edits = Decision.objects.filter(action=OuterRef("pk"), verdict=Decision.Verdict.EDIT)
    human = Decision.objects.filter(
        action=OuterRef("pk"),
        user__isnull=False,
        verdict__in=[
            Decision.Verdict.APPROVE,
            Decision.Verdict.REJECT,
            Decision.Verdict.SEND_BACK,
        ],
        voided_at=None,
    )
    rows = (
        Action.objects.filter(Exists(human), agent=agent, kind=kind)
        .exclude(status__in=OPEN)
        .annotate(edited=Exists(edits))
        .values_list("status", "edited")
    )
    turned_down = {Action.Status.REJECTED, Action.Status.REVISE}
    decided = list(rows[:1000])
    unedited = sum(1 for status, edited in decided if status not in turned_down and not edited)
    return Trust(unedited, len(decided))


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
