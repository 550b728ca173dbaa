"""The few numbers of Acquire, Serve, Grow and Optimize, each beside the period before.

Periods are whole days counted back from now, so both are equally long: a calendar day that has
hardly begun would make every number look worse in the morning.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from dashboard.charts import sparkline
from dashboard.templatetags.dashboard import grouped, money, percent
from pipeline.leads import ANSWER_SLA_SECONDS

WEEK, MONTH = 7, 30
HOUR = 60
MINUS = "\N{MINUS SIGN}"

# All sums of two months by how many whole days ago they were, in one round trip; each day is a walk
# of its own along an index that holds all it needs. What is told of a week and the week before is
# counted no further back, and approvals by the month. Who is disqualified gets no answer, so none
# is promised (as dashboard.leads.promise counts it).
SUMS = """
WITH given AS (
    SELECT %(now)s::timestamptz AS now, %(monday)s::timestamptz AS monday,
        make_interval(secs => %(promised)s) AS promised
), day AS (
    SELECT ago, now, monday, promised, now - make_interval(days => ago + 1) AS low,
        now - make_interval(days => ago) AS high
    FROM given, generate_series(0, 59) AS ago
)
SELECT CASE WHEN lead.own THEN 'own' ELSE 'theirs' END, ago,
    lead.came, lead.qualified, lead.kept, lead.owed
FROM day CROSS JOIN LATERAL (
    SELECT client_id IS NULL AS own, count(*) AS came,
        count(*) FILTER (WHERE ago < 14 AND status = 'qualified') AS qualified,
        count(*) FILTER (WHERE ago < 14 AND status <> 'disqualified'
            AND least(drafted_at, answered_at) <= received_at + promised) AS kept,
        count(*) FILTER (WHERE ago < 14 AND status <> 'disqualified' AND (
            received_at <= now - promised OR least(drafted_at, answered_at) IS NOT NULL)) AS owed
    FROM pipeline_lead WHERE received_at > low AND received_at <= high GROUP BY 1
) AS lead
UNION ALL
SELECT 'runs', ago, run.usd, run.completed, 0, run.ended
FROM day CROSS JOIN LATERAL (
    SELECT sum(cost_usd) AS usd,
        count(*) FILTER (WHERE ago < 14 AND status = 'completed') AS completed,
        count(*) FILTER (WHERE ago < 14
            AND status IN ('completed', 'failed', 'abandoned')) AS ended
    FROM agents_run WHERE started_at > low AND started_at <= high
) AS run WHERE run.usd IS NOT NULL
UNION ALL
SELECT 'approved', CASE WHEN d.created_at > now - interval '30 days' THEN 0 ELSE 30 END,
    count(*), count(*) - count(edited.action_id), 0, 0
FROM given, control_decision d LEFT JOIN (
    -- What is approved now was edited less than 30 days before: proposals lapse sooner.
    SELECT DISTINCT action_id FROM control_decision, given
    WHERE verdict = 'edit' AND created_at > now - interval '90 days'
) edited ON edited.action_id = d.action_id
WHERE d.user_id IS NOT NULL AND d.verdict = 'approve' AND d.voided_at IS NULL
    AND d.created_at > now - interval '60 days' AND d.created_at <= now GROUP BY 2
UNION ALL
SELECT 'looked', ago, look.seconds, coalesce(look.this_week, 0), 0, 0
FROM day CROSS JOIN LATERAL (
    SELECT sum(seconds) AS seconds, sum(seconds) FILTER (WHERE created_at >= monday) AS this_week
    FROM control_decision
    WHERE seconds IS NOT NULL AND created_at > low AND created_at <= high
) AS look WHERE look.seconds IS NOT NULL AND ago < 30
UNION ALL
SELECT 'clients', 0, count(*) FILTER (WHERE status = 'active'),
    count(*) FILTER (WHERE status = 'onboarding'),
    count(*) FILTER (WHERE status = 'active' AND created_at > now - interval '30 days'),
    count(*) FILTER (WHERE status = 'suspended')
FROM agency_client, given
"""


@dataclass(frozen=True)
class Day:
    """What one day sums up to; what the four are depends on the kind of row."""

    n: float = 0
    good: float = 0
    kept: float = 0
    of: float = 0


@dataclass(frozen=True)
class Figure:
    """One number in words, with what changed."""

    label: str
    value: str
    change: str = ""
    good: bool | None = None
    title: str = ""

    @property
    def tone(self) -> str:
        """Coloured by whether it is good, not by its sign."""
        return "" if self.good is None else "ok" if self.good else "bad"


@dataclass(frozen=True)
class Quadrant:
    """One quarter of the business."""

    name: str
    href: str
    figures: Sequence[Figure]
    trend: Sequence[float]
    trend_title: str
    note: str = ""

    @property
    def spark(self) -> SafeString:
        """Draw how its main number went, if there was any."""
        return sparkline(self.trend, title=self.trend_title) if any(self.trend) else SafeString("")


@dataclass(frozen=True)
class Business:
    """The four quadrants, and what the road takes from the same rows."""

    quadrants: list[Quadrant]
    clients: int
    hours_this_week: float


class Sums:
    """The rows of SUMS by kind and day."""

    def __init__(self, rows: Sequence[tuple[str, int, float, float, float, float]]) -> None:
        self._days: dict[str, dict[int, Day]] = defaultdict(dict)
        for what, day, *sums in rows:
            self._days[what][day] = Day(*map(float, sums))

    def day(self, what: str, ago: int) -> Day:
        """Return the sums of one day."""
        return self._days[what].get(ago, Day())

    def total(self, what: str, name: str, days: int, *, before: bool = False) -> float:
        """Sum the last `days`, or as many before them."""
        start = days if before else 0
        values = (getattr(self.day(what, ago), name) for ago in range(start, start + days))
        return float(sum(values))

    def trend(self, what: str, name: str = "n") -> list[float]:
        """Return the last month by day, the oldest first."""
        return [getattr(self.day(what, ago), name) for ago in range(MONTH - 1, -1, -1)]


def read(now: dt.datetime | None = None) -> Business:
    """Read the numbers from their rows."""
    now = now or timezone.now()
    today = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - dt.timedelta(days=today.weekday())
    with connection.cursor() as cursor:
        cursor.execute(SUMS, {"now": now, "monday": monday, "promised": ANSWER_SLA_SECONDS})
        sums = Sums(cursor.fetchall())
    return Business(
        [_acquire(sums), _serve(sums), _grow(sums), _optimize(sums)],
        int(sums.day("clients", 0).n),
        sums.total("looked", "good", WEEK) / 3600,
    )


def _acquire(sums: Sums) -> Quadrant:
    figures = [
        _count(sums, "Leads, 7 d", "own", good=True),
        _share(sums, "Qualified", "own", "good", "n", WEEK),
        _share(sums, "Answered within 2 min", "own", "kept", "of", WEEK),
    ]
    trend = sums.trend("own")
    return Quadrant("Acquire", reverse("lead-list"), figures, trend, "Leads a day, 30 days")


def _serve(sums: Sums) -> Quadrant:
    clients = sums.day("clients", 0)
    new = int(clients.kept)
    figures = [
        Figure(
            "Clients active",
            grouped(int(clients.n)),
            f"+{new:,}" if new else "",
            True if new else None,
            "made in the last 30 days" if new else "",
        ),
        Figure("Being set up", grouped(int(clients.good))),
    ]
    if clients.of:
        figures.append(Figure("Suspended", grouped(int(clients.of)), good=False))
    if any(sums.trend("theirs")):
        figures.append(_count(sums, "Leads for them, 7 d", "theirs", good=True))
    trend = sums.trend("theirs")
    title = "Leads for clients a day, 30 days"
    note = "" if clients.n or clients.good else "No clients yet."
    return Quadrant("Serve", reverse("client-list"), figures, trend, title, note)


def _grow(sums: Sums) -> Quadrant:
    spend = [sums.total("runs", "n", MONTH, before=before) for before in (False, True)]
    leads = [
        sums.total("own", "n", MONTH, before=before)
        + sums.total("theirs", "n", MONTH, before=before)
        for before in (False, True)
    ]
    each = [cost / count if count else None for cost, count in zip(spend, leads, strict=True)]
    figures = [
        _changed("Cost, 30 d", spend[0], spend[1] or None, money, good=None),
        _changed("Cost per lead", each[0], each[1], money, good=False),
    ]
    trend = sums.trend("runs")
    title = "Model cost a day in $, 30 days"
    note = "No invoices yet, so no revenue here."
    return Quadrant("Grow", reverse("cost-list"), figures, trend, title, note)


def _optimize(sums: Sums) -> Quadrant:
    looked = [sums.total("looked", "n", WEEK, before=before) for before in (False, True)]
    figures = [
        _changed("Your time, 7 d", looked[0], looked[1] or None, _time, good=False),
        _share(sums, "Approved unedited", "approved", "good", "n", MONTH),
        _share(sums, "Runs that succeed", "runs", "good", "of", WEEK),
    ]
    trend = [seconds / 60 for seconds in sums.trend("looked")]
    title = "Your minutes a day, 30 days"
    return Quadrant("Optimize", reverse("agent-list"), figures, trend, title)


def _time(seconds: float) -> str:
    """Write how long the operator looked at what they decided."""
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < HOUR else f"{minutes / HOUR:.1f} h"


def _count(sums: Sums, label: str, what: str, *, good: bool | None) -> Figure:
    now, before = (sums.total(what, "n", WEEK, before=before) for before in (False, True))
    return _changed(label, now, before, lambda value: f"{value:,.0f}", good=good)


def _share(sums: Sums, label: str, what: str, part: str, whole: str, days: int) -> Figure:
    """Return a share in percent; its change is in percentage points."""
    shares = []
    for before in (False, True):
        of = sums.total(what, whole, days, before=before)
        shares.append(sums.total(what, part, days, before=before) / of if of else None)
    now, before_ = shares
    if now is None:
        return Figure(label, "–")
    if before_ is None:
        return Figure(label, percent(now), title=f"nothing in the {days} days before")
    points = round(now * 100) - round(before_ * 100)
    return Figure(
        label,
        percent(now),
        _signed(points, str) if points else "",
        points > 0 if points else None,
        f"{percent(before_)} in the {days} days before",
    )


def _changed(
    label: str,
    now: float | None,
    before: float | None,
    write: Callable[[float], str],
    *,
    good: bool | None,
) -> Figure:
    """Return a number with its change; `good` says whether more of it is, or None for neither."""
    if now is None:
        return Figure(label, "–")
    if before is None or write(now) == write(before):
        same = "the same in the period before" if before is not None else ""
        return Figure(label, write(now), title=same)
    change = now - before
    return Figure(
        label,
        write(now),
        _signed(change, write),
        None if good is None else (change > 0) == good,
        f"{write(before)} in the period before",
    )


def _signed(change: float, write: Callable[[float], str]) -> str:
    return f"{'+' if change > 0 else MINUS}{write(abs(change))}"
