"""How far leads get, how long each step takes, and where most of them are lost."""

import datetime as dt
import itertools
from dataclasses import dataclass

from django.db.models import Aggregate, Case, Count, DurationField, F, Q, When
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from dashboard import charts
from dashboard.templatetags.dashboard import span
from pipeline.models import Lead

DAYS = 30
TIMED = 2_000
"""So many of the newest leads say how long a step takes."""

FEW = 5
"""Fewer leads than this at a step say nothing about it."""

STEPS = ("Came in", "Fit or may fit", "Draft written", "Answered", "Won")
_FITS = Q(status__in=["qualified", "review"])
REACHED = Case(
    When(outcome="won", then=4),
    When(_FITS, answered_at__isnull=False, then=3),
    When(_FITS, drafted_at__isnull=False, then=2),
    When(_FITS, then=1),
    default=0,
)
"""The last of the steps a lead came to; who won came through all of them."""

TOOK = {
    "Fit or may fit": F("scored_at") - F("received_at"),
    "Draft written": F("drafted_at") - F("received_at"),
    "Answered": F("answered_at") - F("drafted_at"),
    "Won": F("closed_at") - F("answered_at"),
}


class Median(Aggregate):
    """The middle value of those there are."""

    function = "percentile_disc"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = DurationField()


@dataclass(frozen=True)
class Step:
    """How many leads got this far, now and in the days before, and the median time it took."""

    label: str
    count: int
    before: int
    took: dt.timedelta | None


@dataclass(frozen=True)
class Funnel:
    """The leads that came in the last days, step by step."""

    steps: list[Step]

    @property
    def leads(self) -> int:
        """How many came in."""
        return self.steps[0].count

    @property
    def leak(self) -> str:
        """Say between which steps the largest share is lost, and how that was before."""
        worst: tuple[float, Step, Step] | None = None
        for one, next_ in itertools.pairwise(self.steps):
            if one.count >= FEW:
                goes_on = next_.count / one.count
                if worst is None or goes_on < worst[0]:
                    worst = (goes_on, one, next_)
        if worst is None:
            return "Too few leads yet to say where they are lost."
        share, one, next_ = worst
        if share >= 1:
            return "Everybody goes on at every step."
        words = (
            f"Most are lost between “{one.label}” and “{next_.label}”: {share:.0%} go on"
        ).replace("%", " %")
        if one.before >= FEW:
            return f"{words}, {next_.before / one.before * 100:.0f} % in the {DAYS} days before."
        return f"{words}."

    def chart(self) -> SafeString:
        """Draw it."""
        base = reverse("pipeline-table")
        hrefs = {"Came in": f"{base}?age={DAYS}d", "Won": f"{base}?age={DAYS}d&stage=won"}
        befores = [None, *self.steps]
        stages = [
            charts.Stage(step.label, step.count, _note(step, previous), hrefs.get(step.label, ""))
            for step, previous in zip(self.steps, befores, strict=False)
        ]
        return charts.funnel(f"Leads of the last {DAYS} days", stages)


def _note(step: Step, previous: Step | None) -> str:
    parts = []
    if step.took is not None:
        parts.append(f"after {span(step.took)}")
    if previous is None:
        parts.append(f"{step.before:,} in the {DAYS} days before")
    elif previous.before:
        parts.append(f"before: {step.before / previous.before * 100:.0f} %")
    return " · ".join(parts)


def read() -> Funnel:
    """Count the leads of the last days and of as many before; both queries read an index only."""
    now = timezone.now()
    start = now - dt.timedelta(days=DAYS)
    recent = Lead.objects.filter(received_at__gte=start)
    both = Lead.objects.filter(received_at__gte=start - dt.timedelta(days=DAYS))
    counted = (
        both.order_by()
        .values(reached=REACHED, recent=Q(received_at__gte=start))
        .annotate(n=Count("pk"))
        .values_list("reached", "recent", "n")
    )
    counts = {(reached, recent): n for reached, recent, n in counted}
    took = recent.order_by("-received_at")[:TIMED].aggregate(
        **{f"t{STEPS.index(label)}": Median(took) for label, took in TOOK.items()}
    )
    return Funnel(
        [
            Step(
                label,
                sum(counts.get((n, True), 0) for n in range(number, len(STEPS))),
                sum(counts.get((n, False), 0) for n in range(number, len(STEPS))),
                took.get(f"t{number}"),
            )
            for number, label in enumerate(STEPS)
        ]
    )
