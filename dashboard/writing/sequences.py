"""What the pages say about sequences: how far people get, what answers, who is on the way."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q, QuerySet, UUIDField
from django.db.models.functions import Cast
from django.utils.safestring import SafeString

from agency import clock
from control.models import Action
from dashboard import charts
from pipeline.models import (
    Enrollment,
    HandTask,
    Prospect,
    Sequence,
    SequenceStep,
    Touch,
    Variant,
)
from pipeline.writing import bandit, outreach

NUMBERS = ("sent", "replied", "bounced", "unsubscribed")


@dataclass(frozen=True)
class Numbers:
    """What went out and what came of it."""

    sent: int = 0
    replied: int = 0
    bounced: int = 0
    unsubscribed: int = 0

    @property
    def reply_rate(self) -> float | None:
        """The share of what went out that was replied to."""
        return self.replied / self.sent if self.sent else None

    def __add__(self, other: "Numbers") -> "Numbers":
        return Numbers(*(getattr(self, name) + getattr(other, name) for name in NUMBERS))


@dataclass(frozen=True)
class Row:
    """One sequence of the list."""

    sequence: Sequence
    steps: int
    inside: int
    enrolled: int
    replied: int
    lost: int

    @property
    def reply_rate(self) -> float | None:
        """The share of those that came through or ended that replied."""
        return self.replied / self.enrolled if self.enrolled else None


@dataclass(frozen=True)
class Wording:
    """One variant with its numbers; `share` is how probably it is used next, if it can be."""

    variant: Variant
    numbers: Numbers
    share: float | None = None


@dataclass
class Step:
    """One step as the editor shows it."""

    step: SequenceStep
    wordings: list[Wording]
    here: int = 0
    due: int = 0
    waiting: int = 0
    first: bool = False
    last: bool = False
    numbers: Numbers = field(default_factory=Numbers)

    @property
    def number(self) -> int:
        """Its place, counted from 1."""
        return self.step.position + 1


def rows() -> list[Row]:
    """Return every sequence with how far its people got, in three queries."""
    found: dict[int, Counter[str]] = {}
    ended = Enrollment.objects.order_by().values_list("sequence", "status", "stop_reason")
    for sequence, status, reason, n in ended.annotate(Count("pk")):
        counts = found.setdefault(sequence, Counter())
        counts["enrolled"] += n
        counts["inside"] += n if status == Enrollment.Status.ACTIVE else 0
        counts[reason] += n
    listed = Sequence.objects.select_related("ideal_customer").annotate(n=Count("steps"))
    return [
        Row(
            sequence=one,
            steps=one.n,
            inside=(counts := found.get(one.pk, Counter()))["inside"],
            enrolled=counts["enrolled"],
            replied=counts[Enrollment.Stop.REPLY] + counts[Enrollment.Stop.BOOKING],
            lost=counts[Enrollment.Stop.BOUNCE]
            + counts[Enrollment.Stop.UNSUBSCRIBE]
            + counts[Enrollment.Stop.COMPLAINT],
        )
        for one in listed
    ]


def open_tasks() -> int:
    """Count what is due for the operator's own hands."""
    due = HandTask.objects.filter(done_at=None, skipped_at=None, due_at__lte=clock.now())
    return due.count()


@dataclass
class People:
    """Where the people of a sequence are, and how those who left it did."""

    enrolled: int = 0
    here: Counter[int] = field(default_factory=Counter)
    due: Counter[int] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)

    @property
    def inside(self) -> int:
        """How many are in it now."""
        return self.here.total()


def people(sequence: Sequence) -> People:
    """Count everybody who was ever in a sequence, in one query."""
    groups = (
        Enrollment.objects.filter(sequence=sequence)
        .order_by()
        .values_list("status", "stop_reason", "position")
        .annotate(all_=Count("pk"), now=Count("pk", filter=Q(due_at__lte=clock.now())))
    )
    found = People()
    for status, reason, position, all_, now in groups:
        found.enrolled += all_
        if status == Enrollment.Status.ACTIVE:
            found.here[position] += all_
            found.due[position] += now
        elif status == Enrollment.Status.FINISHED:
            found.left["Went through without an answer"] += all_
        else:
            found.left[str(Enrollment.Stop(reason).label) if reason else "Stopped"] += all_
    return found


def steps(sequence: Sequence, at: People) -> list[Step]:
    """Return the steps with all their numbers, in five queries."""
    found = list(sequence.steps.prefetch_related("variants"))
    numbers = _by_variant(sequence)
    waiting = _waiting(sequence)
    listed = [
        Step(
            step=step,
            wordings=_wordings(step, numbers),
            here=at.here[step.position],
            due=at.due[step.position],
            waiting=waiting[step.position],
            first=n == 0,
            last=n == len(found) - 1,
        )
        for n, step in enumerate(found)
    ]
    for one in listed:
        one.numbers = sum((w.numbers for w in one.wordings), Numbers())
    return listed


def _wordings(step: SequenceStep, numbers: dict[int, Numbers]) -> list[Wording]:
    found = {one: numbers.get(one.pk, Numbers()) for one in step.variants.all()}
    shares: dict[int, float] = {}
    if step.channel == SequenceStep.Channel.EMAIL:
        on = {v.pk: bandit.Record(n.sent, n.replied) for v, n in found.items() if v.active}
        shares = bandit.share(on) if len(on) > 1 else {}
    return [Wording(variant, known, shares.get(variant.pk)) for variant, known in found.items()]


def _by_variant(sequence: Sequence) -> dict[int, Numbers]:
    groups = (
        Touch.objects.filter(variant__step__sequence=sequence)
        .order_by()
        .values_list("variant")
        .annotate(Count("pk"), Count("replied_at"), Count("bounced_at"), Count("unsubscribed_at"))
    )
    return {variant: Numbers(*counts) for variant, *counts in groups if variant is not None}


def _waiting(sequence: Sequence) -> Counter[int]:
    """Count what waits for the operator by step: drafts to approve, tasks to do."""
    drafts = Action.objects.filter(
        kind__in=outreach.STEPS,
        status=Action.Status.WAITING,
        subject_type=Prospect._meta.label_lower,
    )
    tasks = HandTask.objects.filter(enrollment__in=inside(sequence), done_at=None, skipped_at=None)
    whose = drafts.annotate(prospect=Cast("subject_id", UUIDField())).values("prospect")
    found = Counter[int]()
    at_draft = inside(sequence).filter(prospect__in=whose)
    for position, n in _counted(at_draft).union(_counted(tasks), all=True):
        found[position] += n
    return found


def _counted(rows: QuerySet[Any]) -> Any:
    return rows.order_by().values("position").annotate(n=Count("pk")).values_list("position", "n")


def inside(sequence: Sequence) -> QuerySet[Enrollment]:
    """Return who is in a sequence now."""
    return Enrollment.objects.filter(sequence=sequence, status=Enrollment.Status.ACTIVE)


def funnel(title: str, listed: Iterable[Step], enrolled: int) -> SafeString:
    """Draw how many got each step, with what came of it."""
    stages = [charts.Stage("Enrolled", enrolled)]
    for one in listed:
        label = f"{one.number} {CHANNELS[one.step.channel]}, day {one.step.day}"
        stages.append(charts.Stage(label, one.numbers.sent, note=_came_of(one.numbers)))
    return charts.funnel(title, stages)


CHANNELS = {"email": "E-mail", "linkedin": "LinkedIn", "call": "Call"}


def _came_of(numbers: Numbers) -> str:
    parts = ((name, getattr(numbers, name)) for name in NUMBERS[1:])
    return ", ".join(f"{count:,} {name}" for name, count in parts if count)
