"""The deals as a board: how many stand at each stage, what they are worth, what comes next."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Aggregate, Count, DateTimeField, DurationField, F, Sum, Value
from django.urls import reverse
from django.utils.safestring import SafeString

from agency import clock
from agents.models import Run
from control.models import Action
from dashboard import charts
from dashboard.sales import leads
from pipeline.models import Deal, DealStage, Lead
from pipeline.selling import forecast

LABEL = Deal._meta.label_lower
SHOWN = 12
"""Cards a column; the rest is one link away."""

CLOSED = (DealStage.WON, DealStage.LOST)
TONES = {DealStage.SIGNED: "accent", DealStage.WON: "ok"}
EMPTY = {
    DealStage.BOOKED: "No call is booked.",
    DealStage.HELD: "No call waits for its proposal.",
    DealStage.PROPOSED: "No proposal is out.",
    DealStage.NEGOTIATING: "Nobody bargains.",
    DealStage.SIGNED: "Nobody has signed and not paid.",
    DealStage.WON: "None won yet.",
    DealStage.LOST: "None lost.",
}


class Middle(Aggregate):
    """The middle value of those there are."""

    function = "percentile_disc"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"


@dataclass(frozen=True)
class Card:
    """One deal on the board: who and how much, what speaks against it, what next."""

    deal: Deal
    risk: str
    next: leads.Step
    agent: str = ""

    @property
    def stage(self) -> DealStage:
        """Where it stands."""
        return DealStage(self.deal.stage)

    @property
    def risk_word(self) -> str:
        """What speaks against it, short: the whole is in its title."""
        return "late" if self.risk.endswith("late") else "stands still" if self.risk else ""

    @property
    def took(self) -> dt.timedelta | None:
        """How long it took until it was won or lost."""
        return self.deal.closed_at - self.deal.opened_at if self.deal.closed_at else None

    @property
    def key(self) -> str:
        """What makes it the same card: a moved one fades in where it belongs."""
        return f"{self.deal.pk}:{self.deal.stage}"


@dataclass(frozen=True)
class Column:
    """One stage: how many stand there, worth how much, for how long, and the newest of them."""

    stage: DealStage
    count: int
    value: Decimal
    median: dt.timedelta | None
    cards: list[Card]

    @property
    def tone(self) -> str:
        """The colour of its dot; its name says the same."""
        return TONES.get(self.stage, "off")

    @property
    def empty(self) -> str:
        """What stands where there is no card."""
        return EMPTY[self.stage]

    @property
    def closed(self) -> bool:
        """Whether its median is how long it took, not how long it lasts."""
        return self.stage in CLOSED


@dataclass(frozen=True)
class Board:
    """All columns; `version` changes when anything on them does, times aside."""

    columns: list[Column]
    version: str

    @property
    def opens_at(self) -> DealStage:
        """Where a phone begins, which shows one column: the first that has somebody in it."""
        return next((c.stage for c in self.columns if c.count), DealStage.BOOKED)

    @property
    def total(self) -> int:
        """How many deals there are."""
        return sum(column.count for column in self.columns)


def read() -> Board:
    """Read the board, in four queries."""
    now = clock.now()
    cards = _cards(now)
    numbers = {row["stage"]: row for row in _numbers()}
    columns = []
    for stage in DealStage:
        row = numbers.get(stage, {"n": 0, "usd": Decimal(0), "since": None, "took": None})
        median = row["took"] if stage in CLOSED else row["since"] and now - row["since"]
        mine = [card for card in cards if card.stage == stage]
        columns.append(Column(stage, row["n"], row["usd"], median, mine))
    said = [(c.stage, c.count, c.value, [_said(card) for card in c.cards]) for c in columns]
    return Board(columns, hashlib.sha256(repr(said).encode()).hexdigest()[:16])


def _said(card: Card) -> tuple[object, ...]:
    deal = card.deal
    return (card.key, deal.name, deal.value_usd, deal.chance, card.risk, card.next, card.agent)


def _numbers() -> list[Any]:
    since = Middle(F("stage_at"), output_field=DateTimeField())
    took = Middle(F("closed_at") - F("opened_at"), output_field=DurationField())
    rows = Deal.objects.order_by().values("stage")
    return list(rows.annotate(n=Count("pk"), usd=Sum("value_usd"), since=since, took=took))


def _cards(now: dt.datetime) -> list[Card]:
    slices = [
        Deal.objects.filter(stage=stage)
        .annotate(at=Value(number))
        .order_by("-stage_at", "-pk")[:SHOWN]
        for number, stage in enumerate(DealStage)
    ]
    found = list(slices[0].union(*slices[1:], all=True))
    found.sort(key=lambda deal: (deal.stage_at, deal.pk), reverse=True)
    keys = [str(deal.pk) for deal in found]
    running = Run.objects.filter(status=Run.Status.RUNNING, subject_type=LABEL, subject_id__in=keys)
    working = dict(running.values_list("subject_id", "agent"))
    steps = next_steps(found)
    return [
        Card(
            deal,
            forecast.why_at_risk(deal, now),
            steps[str(deal.pk)],
            working.get(str(deal.pk), "").capitalize(),
        )
        for deal in found
    ]


def next_steps(deals: Sequence[Deal]) -> dict[str, leads.Step]:
    """Return what comes next for each deal, by its key."""
    keys = [str(deal.pk) for deal in deals]
    unsettled = Action.objects.filter(
        subject_type=LABEL, subject_id__in=keys, outward=True, status__in=Action.UNSETTLED
    ).order_by("created_at")
    pending = {action.subject_id: action for action in unsettled}
    wrote = set(
        Lead.objects.filter(
            pk__in=[deal.lead_id for deal in deals if deal.is_open], flagged_at__isnull=False
        ).values_list("pk", flat=True)
    )
    return {
        str(deal.pk): next_step(deal, pending.get(str(deal.pk)), wrote=deal.lead_id in wrote)
        for deal in deals
    }


def next_step(deal: Deal, action: Action | None, *, wrote: bool = False) -> leads.Step:
    """Return what comes next, given the newest action that is not settled.

    `wrote`: they wrote something that no agent has answered.
    """
    if action is not None:
        href = reverse("approval-detail", args=[action.pk])
        words, tone = {
            Action.Status.WAITING: ("Decide", "accent"),
            Action.Status.HELD: ("What is to go out is held", "warn"),
            Action.Status.UNKNOWN: ("Did it go out?", "bad"),
        }.get(Action.Status(action.status), ("It goes out", ""))
        return leads.Step(words, tone, href)
    if wrote:
        return leads.Step("Yours to answer: they wrote", "warn")
    if deal.stage == DealStage.LOST:
        return leads.Step(deal.get_lost_reason_display() or "Lost")
    if deal.stage == DealStage.WON:
        return leads.Step("They are a client")
    if not deal.next_step:
        return leads.Step("Nothing is planned", "warn")
    return leads.Step(deal.next_step)


def chart(read_: forecast.Forecast) -> SafeString:
    """Draw what was won and what is expected, month by month."""
    labels = [month.starts_on.strftime("%b") for month in read_.months]
    title = "Won and expected, by the month it closes"
    return charts.bars(title, labels, [float(month.together) for month in read_.months], unit="$")
