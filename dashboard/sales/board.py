"""The pipeline as a board and as a funnel: where leads stand, for how long, and where they leak."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from statistics import median_low

from django.db.models import Count, F, Value
from django.db.models.functions import Left
from django.utils import timezone

from agents.models import Run
from dashboard.sales import leads
from pipeline.models import Lead, Stage

SHOWN = 12
"""Cards a column; the rest is one link away."""

LATELY = 500
EXCERPT = 200
URGENT = ("intent", "timing")
"""The dimensions of a score that say why now, rather than why at all."""

CLOSED = (Stage.WON, Stage.LOST)
NOT_A_TARGET = (Stage.NEW, Stage.DRAFT)
TONES = {Stage.DRAFT: "accent", Stage.LOOK: "warn", Stage.WON: "ok"}
EMPTY = {
    Stage.NEW: "Nobody waits to be read.",
    Stage.DRAFT: "No draft waits.",
    Stage.ANSWERED: "Nobody was answered yet.",
    Stage.LOOK: "Nothing to look at.",
    Stage.WON: "None won yet.",
    Stage.LOST: "None lost.",
}


SHORT = {
    "Answer waits for you": "Decide",
    "Answer may have gone out": "Did it go out?",
    "You wanted to look": "You put it here",
}


@dataclass(frozen=True)
class Card:
    """One lead on the board: who, why now, what next."""

    lead: Lead
    stage: Stage
    why: str
    next: leads.Step
    at: dt.datetime
    agent: str = ""

    @property
    def words(self) -> str:
        """What comes next, short: the column says the rest."""
        return SHORT.get(self.next.words, self.next.words)

    @property
    def took(self) -> dt.timedelta | None:
        """How long it took until it was won or lost."""
        return self.lead.closed_at - self.lead.received_at if self.lead.closed_at else None

    @property
    def key(self) -> str:
        """What makes it the same card: a moved one fades in where it belongs."""
        return f"{self.lead.pk}:{self.stage}"


@dataclass(frozen=True)
class Column:
    """One stage: how many stand there, for how long, and the newest of them."""

    stage: Stage
    count: int
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

    @property
    def takes(self) -> bool:
        """Whether leads can be moved here by hand."""
        return self.stage not in NOT_A_TARGET


@dataclass(frozen=True)
class Board:
    """All columns; `version` changes when anything on them does, times aside."""

    columns: list[Column]
    version: str

    @property
    def opens_at(self) -> Stage:
        """Where a phone begins, which shows one column: the first that has somebody in it."""
        return next((column.stage for column in self.columns if column.count), Stage.NEW)

    @property
    def total(self) -> int:
        """How many leads there are."""
        return sum(column.count for column in self.columns)


def read() -> Board:
    """Read the board in few queries, each of which reads little, however many leads there are."""
    numbers = counts()
    times = medians(numbers) | lately()
    cards = _cards(_newest())
    columns = [
        Column(
            stage,
            numbers[stage],
            times.get(stage),
            [card for card in cards if card.stage == stage],
        )
        for stage in Stage
    ]
    said = [(c.stage, c.count, [(k.key, k.why, k.next, k.agent) for k in c.cards]) for c in columns]
    return Board(columns, hashlib.sha256(repr(said).encode()).hexdigest()[:16])


def counts() -> dict[str, int]:
    """Count the leads by where they stand, in one walk over an index."""
    rows = (
        Lead.objects.order_by()
        .values("stage")
        .annotate(n=Count("pk"), drafts=Count("pk", filter=Lead.objects.with_draft()))
    )
    found = dict.fromkeys(Stage.values, 0)
    for row in rows:
        found[row["stage"]] += row["n"] - row["drafts"]
        found[Stage.DRAFT] += row["drafts"]
    return found


def medians(numbers: dict[str, int]) -> dict[str, dt.timedelta]:
    """Return for how long the middle lead of each open stage has stood there.

    The middle is found by its place in the index: sorting a hundred thousand takes too long.
    """
    slices = []
    for stage, count in numbers.items():
        if count and stage not in CLOSED:
            since = "drafted_at" if stage == Stage.DRAFT else "staged_at"
            standing = Lead.objects.at(stage).order_by(F(since).desc(nulls_last=True))
            middle = standing[count // 2 : count // 2 + 1]
            slices.append(middle.values_list(Value(stage), since))
    now = timezone.now()
    found = slices[0].union(*slices[1:], all=True) if slices else []
    return {stage: now - since for stage, since in found if since}


def lately() -> dict[str, dt.timedelta]:
    """Return how long the middle one of the lately won, and of the lately lost, took."""
    slices = [
        Lead.objects.at(stage)
        .order_by("-staged_at", "-pk")
        .values_list(Value(stage.value), "staged_at", "received_at")[:LATELY]
        for stage in CLOSED
    ]
    took: dict[str, list[dt.timedelta]] = {}
    for stage, closed, came in slices[0].union(*slices[1:], all=True):
        took.setdefault(stage, []).append(closed - came)
    return {stage: median_low(spans) for stage, spans in took.items()}


def _newest() -> list[Lead]:
    """Return the newest leads of each stage, by when they came to it."""
    slices = [
        Lead.objects.at(stage)
        .annotate(now=Value(stage.value), excerpt=Left("message", EXCERPT))
        .defer("message", "fields")
        .order_by("-staged_at", "-pk")[:SHOWN]
        for stage in Stage
    ]
    return list(slices[0].union(*slices[1:], all=True))


def _cards(found: list[Lead]) -> list[Card]:
    keys = [str(lead.pk) for lead in found]
    running = Run.objects.filter(
        status=Run.Status.RUNNING, subject_type=leads.LABEL, subject_id__in=keys
    )
    working = dict(running.values_list("subject_id", "agent"))
    rows = {row.lead.pk: row.next for row in leads.rows(found)}
    return [
        Card(
            lead,
            lead.standing,
            why_now(lead),
            rows[lead.pk],
            lead.drafted_at if lead.standing == Stage.DRAFT and lead.drafted_at else lead.staged_at,
            working.get(str(lead.pk), "").capitalize(),
        )
        for lead in found
    ]


def why_now(lead: Lead) -> str:
    """Return the one thing that speaks most for a lead, in its own words where it said so."""
    speaks = [part for part in lead.score_parts if float(part["points"]) > 0]
    speaks.sort(key=lambda part: (part["dimension"] not in URGENT, -float(part["points"])))
    known = f"{lead.name} {lead.company} {lead.email}".lower()
    for part in speaks:
        quote = str(part.get("quote", ""))
        if quote and quote.lower() not in known:
            return f"“{quote}”"
    words = lead.subject or getattr(lead, "excerpt", "")
    return words or (str(speaks[0]["why"]) if speaks else lead.score_reason)
