"""What was spent, counted from runs and model calls."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from agency.models import Client
from agents import fleet
from agents.models import ModelCall, Run
from control import kinds
from control.models import Action
from dashboard import charts
from dashboard.house.status import start_of_today
from dashboard.templatetags.dashboard import money

DAYS = 30
MOST = 50
"""A table shows so many; the rest is one line."""

NOTICEABLE = 0.005
TIMES_FROM = 2.0

# A span after another, each by its own range of the index: no date is computed for a row.
BY_SPAN = """
SELECT span.number, run.agent, run.runs, run.by_rules, run.calls, run.tokens, run.usd
FROM unnest(%s::timestamptz[], %s::timestamptz[]) WITH ORDINALITY AS span(low, high, number)
CROSS JOIN LATERAL (
    SELECT agent, count(*) AS runs, count(*) FILTER (WHERE calls = 0) AS by_rules,
           sum(calls) AS calls, sum(tokens) AS tokens, sum(cost_usd) AS usd
    FROM agents_run WHERE started_at >= span.low AND started_at < span.high
    GROUP BY agent
) AS run
"""


@dataclass(frozen=True)
class Spent:
    """What some runs used and cost; those without a model call were decided by rules, for $0."""

    runs: int = 0
    by_rules: int = 0
    calls: int = 0
    tokens: int = 0
    usd: Decimal = Decimal(0)

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.runs + other.runs,
            self.by_rules + other.by_rules,
            self.calls + other.calls,
            self.tokens + other.tokens,
            self.usd + other.usd,
        )

    @property
    def per_run(self) -> Decimal | None:
        """Cost of one run."""
        return self.usd / self.runs if self.runs else None


@dataclass(frozen=True)
class Span:
    """What one agent spent from `low` until before `high`."""

    low: dt.datetime
    high: dt.datetime
    agent: str
    spent: Spent


@dataclass(frozen=True)
class Period:
    """Some days until now, and as many before them, until the same time of day."""

    label: str
    now: Spent
    before: Spent

    @property
    def change(self) -> float | None:
        """Share more or less than before, or None where nothing was spent before."""
        return float(self.now.usd / self.before.usd) - 1 if self.before.usd else None

    @property
    def words(self) -> str:
        """The change in words."""
        if self.change is None:
            return "nothing before" if self.now.usd else "as before: nothing"
        if abs(self.change) < NOTICEABLE:
            return "as before"
        return f"{compared(self.change)}, {money(self.before.usd)} before"

    @property
    def tone(self) -> str:
        """Less is well, more is worth a look."""
        if self.change is None or abs(self.change) < NOTICEABLE:
            return "muted"
        return "ok" if self.change < 0 else "warn"


@dataclass(frozen=True)
class Line:
    """One line of a breakdown."""

    name: str
    spent: Spent
    href: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0


class Book:
    """The last 60 days of runs by agent, read once."""

    def __init__(self) -> None:
        self.today = start_of_today()
        self.now = timezone.now()
        self.spans = _spans(self.today, self.now)

    def between(self, low: dt.datetime, high: dt.datetime) -> Spent:
        """Add up the spans that lie in a time."""
        return _sum(one.spent for one in self.spans if low <= one.low and one.high <= high)

    def periods(self) -> list[Period]:
        """Return today, 7 and 30 days."""
        found = []
        for label, days in (("Today", 1), ("7 days", 7), ("30 days", DAYS)):
            since, back = _days_ago(self.today, days - 1), dt.timedelta(days=days)
            before = self.between(_days_ago(self.today, 2 * days - 1), self.now - back)
            found.append(Period(label, self.between(since, _end(self.now)), before))
        return found

    def by_agent(self) -> list[Line]:
        """Return the agents by what they cost in 30 days."""
        since = _days_ago(self.today, DAYS - 1)
        found: dict[str, Spent] = {}
        for one in self.spans:
            if one.low >= since:
                found[one.agent] = found.get(one.agent, Spent()) + one.spent
        known = fleet.all_agents()
        lines = [
            Line(
                name.capitalize(),
                spent,
                reverse("agent-detail", args=[name]) if name in known else "",
            )
            for name, spent in found.items()
        ]
        return sorted(lines, key=lambda line: (-line.spent.usd, -line.spent.runs, line.name))

    def drawing(self) -> SafeString:
        """Draw what each agent cost a day; nothing when none cost anything."""
        days = [_days_ago(self.today, n) for n in reversed(range(DAYS))]
        places = {day.date(): index for index, day in enumerate(days)}
        by_agent: dict[str, list[Decimal]] = {}
        for one in self.spans:
            index = places.get(timezone.localtime(one.low).date())
            if index is not None and one.spent.usd:
                values = by_agent.setdefault(one.agent.capitalize(), [Decimal(0)] * DAYS)
                values[index] += one.spent.usd
        if not by_agent:
            return SafeString("")
        labels = [f"{day.day} {day:%b}" for day in days]
        series = [charts.Series(name, values) for name, values in sorted(by_agent.items())]
        return charts.stacked("Cost a day by agent, today so far", labels, series, unit="$")


def sentence(periods: list[Period], agents: list[Line]) -> str:
    """Say what matters before the numbers."""
    month = periods[-1]
    spent = month.now
    if not spent.runs:
        return "Nothing was spent in 30 days: no agent has run."
    if not spent.usd:
        runs = "One run" if spent.runs == 1 else f"{spent.runs:,} runs"
        return f"{runs} in 30 days cost nothing: no model was asked, rules decided."
    parts = [f"{money(spent.usd)} in 30 days"]
    if month.change is not None and abs(month.change) >= NOTICEABLE:
        parts.append(f", {compared(month.change)} {_than(month.change)} the 30 days before")
    parts.append(".")
    first = agents[0]
    if len(agents) > 1:
        parts.append(f" {first.name} took {first.spent.usd / spent.usd * 100:.0f} % of it.")
    if spent.by_rules:
        parts.append(f" Rules decided {spent.by_rules:,} of {spent.runs:,} runs, at no cost.")
    return "".join(parts)


def compared(change: float) -> str:
    """Write a change: in percent, or how many times as much."""
    if change >= TIMES_FROM:
        return f"{1 + change:,.0f} times as much"
    return f"{abs(change) * 100:,.0f} % {'less' if change < 0 else 'more'}"


def _than(change: float) -> str:
    return "as" if change >= TIMES_FROM else "than"


def by_client() -> list[Line]:
    """Return the clients by what their runs cost in 30 days."""
    rows = (
        Run.objects.filter(started_at__gte=month_start())
        .values("client")
        .annotate(
            runs=Count("pk"),
            by_rules=Count("pk", filter=Q(calls=0)),
            made=Sum("calls"),
            used=Sum("tokens"),
            usd=Sum("cost_usd"),
        )
        .order_by("-usd", "-runs")
    )
    found = list(rows)
    clients = Client.objects.in_bulk([row["client"] for row in found[:MOST] if row["client"]])
    lines = []
    for row in found:
        client = clients.get(row["client"])
        name = "The agency itself" if row["client"] is None else str(client or "")
        href = reverse("client-detail", args=[client.slug]) if client else ""
        spent = Spent(row["runs"], row["by_rules"], row["made"], row["used"], row["usd"])
        lines.append(Line(name, spent, href))
    return lines


def by_model() -> list[Line]:
    """Return the models by what their calls cost in 30 days; calls under way at their worst."""
    rows = (
        ModelCall.objects.filter(started_at__gte=month_start())
        .order_by()
        .values("model")
        .annotate(
            calls=Count("pk"),
            usd=Sum(Coalesce(F("usd"), F("reserved_usd"))),
            read=Sum("input_tokens"),
            wrote=Sum("output_tokens"),
            cached=Sum("cache_read_tokens"),
        )
        .order_by("-usd")
    )
    return [
        Line(
            row["model"],
            Spent(calls=row["calls"], tokens=row["read"] + row["wrote"], usd=row["usd"]),
            "",
            row["read"],
            row["wrote"],
            row["cached"],
        )
        for row in rows
    ]


def by_kind() -> list[Line]:
    """Return the kinds of action by what led to them in 30 days."""
    rows = (
        Action.objects.filter(created_at__gte=month_start())
        .values("kind")
        .annotate(actions=Count("pk"), usd=Sum("cost_usd"))
        .order_by("-usd", "-actions")
    )
    return [Line(_label(row["kind"]), Spent(row["actions"], usd=row["usd"])) for row in rows]


def month_start() -> dt.datetime:
    """Return the midnight since which the last 30 days count."""
    return _days_ago(start_of_today(), DAYS - 1)


def total(lines: Iterable[Line]) -> Spent:
    """Add lines up."""
    return _sum(line.spent for line in lines)


def _label(kind: str) -> str:
    try:
        return kinds.get(kind).label
    except kinds.UnknownActionKind:
        return kind.replace("_", " ").capitalize()


def _sum(spent: Iterable[Spent]) -> Spent:
    return sum(spent, Spent())


def _days_ago(midnight: dt.datetime, days: int) -> dt.datetime:
    """Return the midnight so many days before, also over a change of the clocks."""
    day = midnight.date() - dt.timedelta(days=days)
    return dt.datetime.combine(day, dt.time(), tzinfo=midnight.tzinfo)


def _end(now: dt.datetime) -> dt.datetime:
    """Return the end of the last span: what starts while this is read counts."""
    return now + dt.timedelta(minutes=1)


def _spans(today: dt.datetime, now: dt.datetime) -> list[Span]:
    """Read 60 days, cut at each midnight and at this time of day where a period before ends."""
    cuts = {_days_ago(today, days) for days in range(2 * DAYS)}
    cuts |= {now - dt.timedelta(days=days) for days in (1, 7, DAYS)}
    lows = sorted(cuts)
    highs = [*lows[1:], _end(now)]
    with connection.cursor() as cursor:
        cursor.execute(BY_SPAN, [lows, highs])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return [
        Span(lows[number - 1], highs[number - 1], agent, Spent(*rest))
        for number, agent, *rest in rows
    ]
