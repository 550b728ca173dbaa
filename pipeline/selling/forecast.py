"""What the open deals are worth, when, and which of them stand still. In business time."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import (
    Case,
    Count,
    DateTimeField,
    DecimalField,
    DurationField,
    ExpressionWrapper,
    F,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest, TruncMonth
from django.utils import timezone

from agency import clock
from pipeline.models import Deal, DealStage

USUAL = {
    DealStage.BOOKED: dt.timedelta(days=21),
    DealStage.HELD: dt.timedelta(days=14),
    DealStage.PROPOSED: dt.timedelta(days=10),
    DealStage.NEGOTIATING: dt.timedelta(days=7),
    DealStage.SIGNED: dt.timedelta(days=1),
}
"""How long it usually takes from coming to a stage until it is won."""

STILL = {
    DealStage.BOOKED: dt.timedelta(days=15),
    DealStage.HELD: dt.timedelta(days=4),
    DealStage.PROPOSED: dt.timedelta(days=10),
    DealStage.NEGOTIATING: dt.timedelta(days=7),
    DealStage.SIGNED: dt.timedelta(days=2),
}
"""Whoever has stood longer than this at a stage stands still."""

LATE = dt.timedelta(days=1)
"""A next step that is so much overdue is a risk."""

AHEAD = 3
BACK = 2
"""Months after this one and before it."""

RISKS_SHOWN = 8

_money = DecimalField(max_digits=16, decimal_places=2)
EXPECTED = ExpressionWrapper(
    F("value_usd") * F("chance") / Value(Decimal(100)), output_field=_money
)
"""Value times chance."""


@dataclass(frozen=True)
class Month:
    """What was won in a month, and what is expected of the open deals."""

    starts_on: dt.date
    won: Decimal
    expected: Decimal

    @property
    def together(self) -> Decimal:
        """Both."""
        return self.won + self.expected


@dataclass(frozen=True)
class AtStage:
    """The open deals of one stage."""

    stage: DealStage
    count: int
    value: Decimal
    expected: Decimal


@dataclass(frozen=True)
class Forecast:
    """The open deals together, by stage and by month."""

    stages: list[AtStage]
    months: list[Month]

    @property
    def count(self) -> int:
        """How many are open."""
        return sum(one.count for one in self.stages)

    @property
    def value(self) -> Decimal:
        """What they are worth if all are won."""
        return sum((one.value for one in self.stages), Decimal(0))

    @property
    def expected(self) -> Decimal:
        """What they are worth by their chances."""
        return sum((one.expected for one in self.stages), Decimal(0))

    @property
    def this_month(self) -> Month:
        """The month it is."""
        return self.months[BACK]


def read() -> Forecast:
    """Return the forecast, in two queries. Months are those of the current time zone."""
    now = clock.now()
    first = month_of(now)
    starts = [_shifted(first, n) for n in range(-BACK, AHEAD + 1)]
    expected, stages = dict.fromkeys(starts, Decimal(0)), dict(_nothing())
    for row in _open(now):
        stage, day = DealStage(row["stage"]), row["month"].date()
        one = stages[stage]
        stages[stage] = AtStage(
            stage, one.count + row["n"], one.value + row["usd"], one.expected + row["likely"]
        )
        # What is further away than shown is nobody's to count on yet.
        if day in expected:
            expected[day] += row["likely"]
    won = dict.fromkeys(starts, Decimal(0)) | dict(_won(now, starts[0]))
    return Forecast(list(stages.values()), [Month(day, won[day], expected[day]) for day in starts])


def _nothing() -> Iterable[tuple[DealStage, AtStage]]:
    return ((stage, AtStage(stage, 0, Decimal(0), Decimal(0))) for stage in Deal.OPEN)


def _open(now: dt.datetime) -> Iterable[Any]:
    """Add up the open deals by stage and by the month they close in."""
    month = TruncMonth(_closes(now), tzinfo=timezone.get_current_timezone())
    rows = Deal.objects.filter(stage__in=Deal.OPEN).order_by().values("stage", month=month)
    return rows.annotate(n=Count("pk"), usd=Sum("value_usd"), likely=Sum(EXPECTED))


def expected_close(deal: Deal) -> dt.datetime:
    """Return when an open deal is likely to close, as the forecast counts it."""
    usual = deal.stage_at + USUAL[DealStage(deal.stage)]
    return max(usual, deal.next_step_at or usual, clock.now())


def at_risk(deals: QuerySet[Deal] | None = None) -> QuerySet[Deal]:
    """Return the open deals that stand still or whose next step is overdue, dearest first."""
    now = clock.now()
    return (
        (Deal.objects.all() if deals is None else deals)
        .filter(risk_at(now), stage__in=Deal.OPEN)
        .order_by("-value_usd", "stage_at", "pk")
    )


def risk_at(now: dt.datetime) -> Q:
    """Match what is a risk at that moment."""
    still = Q(next_step_at__lt=now - LATE)
    for stage, span in STILL.items():
        ahead = Q(next_step_at__gt=now)
        still |= Q(stage=stage, stage_at__lt=now - span) & ~ahead
    return still


def why_at_risk(deal: Deal, now: dt.datetime | None = None) -> str:
    """Say why an open deal is a risk, or nothing."""
    now = now or clock.now()
    if not deal.is_open:
        return ""
    if deal.next_step_at is not None and deal.next_step_at < now - LATE:
        return f"Its next step is {_days(now - deal.next_step_at)} late"
    stands = now - deal.stage_at
    ahead = deal.next_step_at is not None and deal.next_step_at > now
    if not ahead and stands > STILL[DealStage(deal.stage)]:
        return f"Has stood here for {_days(stands)}"
    return ""


def month_of(moment: dt.datetime) -> dt.date:
    """Return the first day of its month, in the current time zone."""
    return timezone.localtime(moment).date().replace(day=1)


def _closes(now: dt.datetime) -> Greatest:
    usual = Case(
        *(When(stage=stage, then=Value(span)) for stage, span in USUAL.items()),
        default=Value(dt.timedelta(0)),
        output_field=DurationField(),
    )
    by_stage_ = ExpressionWrapper(F("stage_at") + usual, output_field=DateTimeField())
    return Greatest(by_stage_, Coalesce("next_step_at", by_stage_), Value(now))


def _won(now: dt.datetime, since: dt.date) -> Iterable[tuple[dt.date, Decimal]]:
    zone = timezone.get_current_timezone()
    start = dt.datetime.combine(since, dt.time(), tzinfo=zone)
    rows = (
        Deal.objects.filter(stage=DealStage.WON, closed_at__gte=start, closed_at__lte=now)
        .order_by()
        .values(month=TruncMonth("closed_at", tzinfo=zone))
        .annotate(usd=Sum("value_usd"))
    )
    return [(row["month"].date(), row["usd"]) for row in rows]


def _shifted(first: dt.date, months: int) -> dt.date:
    number = first.year * 12 + first.month - 1 + months
    return dt.date(number // 12, number % 12 + 1, 1)


def _days(span: dt.timedelta) -> str:
    days = max(1, span.days)
    return "a day" if days == 1 else f"{days} days"
