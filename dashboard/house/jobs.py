"""What the pages say about jobs: the lanes, who works, what failed, and one job's whole chain."""

import datetime as dt
import uuid
from collections import defaultdict
from dataclasses import dataclass, replace

from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from agents.models import Run
from control import switches
from control.models import Action
from dashboard.finding import prospects
from dashboard.sales import leads
from dashboard.web import Slice, newest
from jobs import chain, operate
from jobs.chain import Link
from jobs.filters import LAST_ERROR, Filter
from jobs.models import ArchivedJob, Depth, Job, Lane, Limit, Tally, Worker

MINUTES = 15
LOOKED_AT = 10_000
"""What no index finds is looked for among so many of the newest jobs."""

STALE = dt.timedelta(seconds=60)
STOPPED_SHOWN = dt.timedelta(minutes=5)
LOST_SHOWN = dt.timedelta(hours=1)
WORKERS_SHOWN = 50
OPERATIONS = ("jobs.operate", switches.DISCARD)
MEASURED = {
    Job.Status.AVAILABLE,
    Job.Status.SCHEDULED,
    Job.Status.RETRYABLE,
    Job.Status.RUNNING,
    Job.Status.HELD,
}
RAN = (Tally.Outcome.COMPLETED, Tally.Outcome.RETRIED, Tally.Outcome.DISCARDED)


@dataclass(frozen=True)
class Bar:
    """One minute of a lane: how many jobs ended, drawn on a scale of 20."""

    label: str
    count: int
    x: int
    height: float

    @property
    def y(self) -> float:
        """Where the bar starts, from the top."""
        return 20 - self.height


@dataclass(frozen=True)
class LaneRow:
    """One lane: how deep it is, and how fast it went lately."""

    name: str
    counts: dict[str, int]
    oldest_at: dt.datetime | None
    bars: list[Bar]
    delay_seconds: float | None
    most: int | None

    @property
    def per_minute(self) -> float:
        """How many jobs ended in a minute, over the last fifteen."""
        return sum(bar.count for bar in self.bars) / MINUTES


@dataclass(frozen=True)
class Lanes:
    """All lanes, as of when they were counted."""

    rows: list[LaneRow]
    measured_at: dt.datetime | None

    @property
    def stale(self) -> bool:
        """Whether nobody has counted for too long."""
        return self.measured_at is None or timezone.now() - self.measured_at > STALE


def depths() -> list[Depth]:
    """Return what the sweep counted last."""
    return list(Depth.objects.all())


def lanes(depths: list[Depth], limits: dict[str, int]) -> Lanes:
    """Return the lanes as the sweep counted them last, and what ended in the last minutes."""
    counts: dict[str, dict[str, int]] = {lane: {} for lane in Lane.values}
    oldest: dict[str, dt.datetime | None] = {}
    measured = None
    for row in depths:
        counts[row.lane][row.status] = row.count
        measured = min(measured or row.measured_at, row.measured_at)
        if row.status == Job.Status.AVAILABLE:
            oldest[row.lane] = row.oldest_at
    ended, waited = _ended()
    rows = [
        LaneRow(
            name=lane,
            counts=counts[lane],
            oldest_at=oldest.get(lane),
            bars=_bars(ended[lane]),
            delay_seconds=waited[lane],
            most=limits.get(f"lane:{lane}"),
        )
        for lane in Lane.values
    ]
    return Lanes(rows, measured)


def _minutes() -> list[dt.datetime]:
    this = timezone.now().replace(second=0, microsecond=0)
    return [this - dt.timedelta(minutes=ago) for ago in reversed(range(MINUTES))]


def _ended() -> tuple[dict[str, dict[dt.datetime, int]], dict[str, float | None]]:
    """Return, by lane, how many jobs ended in each minute and the mean seconds they had waited."""
    rows = (
        Tally.objects.filter(minute__gte=_minutes()[0], outcome__in=RAN)
        .order_by()
        .values_list("lane", "minute")
        .annotate(Sum("count"), Sum("wait_seconds"))
    )
    ended: dict[str, dict[dt.datetime, int]] = defaultdict(dict)
    sums: dict[str, tuple[int, float]] = defaultdict(lambda: (0, 0.0))
    for lane, minute, count, wait in rows:
        ended[lane][minute] = count
        sums[lane] = (sums[lane][0] + count, sums[lane][1] + wait)
    means = {lane: wait / count if count else None for lane, (count, wait) in sums.items()}
    return ended, defaultdict(lambda: None, means)


def _bars(ended: dict[dt.datetime, int]) -> list[Bar]:
    most = max(ended.values(), default=0) or 1
    return [
        # Any work at all is seen.
        Bar(
            f"{timezone.localtime(minute):%H:%M}",
            count,
            x * 6,
            max(1.5, round(20 * count / most, 1)) if count else 0.5,
        )
        for x, minute in enumerate(_minutes())
        for count in [ended.get(minute, 0)]
    ]


def limits() -> dict[str, int]:
    """Return all limits by tag."""
    return dict(Limit.objects.order_by("tag").values_list("tag", "most"))


def workers() -> list[Worker]:
    """Return who works, and who left or was lost of late, with what each has in hand."""
    running = (
        Job.objects.filter(status=Job.Status.RUNNING, worker=OuterRef("pk"))
        .order_by()
        .values("worker")
        .annotate(n=Count("pk"))
        .values("n")
    )
    now = timezone.now()
    shown = Q(lost_at=None, stopped_at=None)
    shown |= Q(stopped_at__gte=now - STOPPED_SHOWN) | Q(lost_at__gte=now - LOST_SHOWN)
    found = Worker.objects.filter(shown).annotate(
        running=Coalesce(Subquery(running, output_field=IntegerField()), 0)
    )
    return sorted(
        found.order_by("-beat_at")[:WORKERS_SHOWN],
        key=lambda worker: (bool(worker.stopped_at or worker.lost_at), worker.name),
    )


@dataclass(frozen=True)
class Operation:
    """What an operator ordered to be done with many jobs, and how far it is."""

    job: Job
    order: operate.Order

    @property
    def done(self) -> int:
        """How many jobs it has dealt with."""
        return self.order.done + sum(self.order.skipped.values())

    @property
    def words(self) -> str:
        """What it does, in words."""
        chosen = replace(Filter.parse(self.order.filter), until=None)
        if chosen.statuses == operate.MEANT[self.order.verb]:
            chosen = replace(chosen, statuses=())
        why = f" ({self.order.reason})" if self.order.reason else ""
        return f"{self.order.verb.capitalize()} jobs: {chosen}{why}"


def operations() -> list[Operation]:
    """Return what is being done with many jobs now."""
    found = operate.operations(OPERATIONS)
    return [Operation(job, operate.Order.model_validate(job.payload)) for job in found]


@dataclass(frozen=True)
class Listed:
    """A page of jobs; `among` is how many of the newest were looked at, or 0 for all."""

    page: Slice[Job]
    among: int = 0


def listed(chosen: Filter, before: str, depths: list[Depth]) -> Listed:
    """Return a page of the jobs of a filter, newest first.

    A lane that is not deep is read through its own index, else the newest jobs are walked by id;
    what no index serves is looked for among the newest LOOKED_AT only.
    """
    rows, among = chosen.rows(), 0
    wide = replace(chosen, kind="", client=None, tag="", cause="")
    if _is_shallow(wide, depths):
        # The limit keeps the planner from walking by id all the same.
        rows = rows.filter(pk__in=wide.rows().values("pk")[: 2 * LOOKED_AT])
    elif chosen.needs_a_look_at_each:
        edge = wide.rows().order_by("-pk").values("pk")[LOOKED_AT : LOOKED_AT + 1]
        rows = rows.filter(pk__gt=Coalesce(Subquery(edge), uuid.UUID(int=0)))
        among = LOOKED_AT
    if chosen.cause:
        rows = _of_cause(rows, chosen)
    return Listed(newest(rows.select_related("client"), before), among)


def _is_shallow(wide: Filter, depths: list[Depth]) -> bool:
    """Whether the last count found few enough jobs in these lanes and statuses to read them all."""
    if wide.ids or wide.correlation_id or not set(wide.statuses) <= MEASURED or not wide.statuses:
        return False
    counted = [
        row.count
        for row in depths
        if row.status in wide.statuses and row.lane in (wide.lanes or Lane.values)
    ]
    return bool(depths) and sum(counted) <= LOOKED_AT


def _of_cause(rows: QuerySet[Job], chosen: Filter) -> QuerySet[Job]:
    found = rows.order_by("-pk").annotate(error_text=LAST_ERROR)
    errors = found.values_list("pk", "error_text")[:LOOKED_AT]
    return Job.objects.filter(pk__in=[pk for pk, error in errors if chosen.keeps(error)])


@dataclass(frozen=True)
class Step:
    """One line of a chain, as deep as what it came of says."""

    depth: int
    link: Link
    href: str
    current: bool


DEEPEST = 6


def steps(job: Job | ArchivedJob) -> list[Step]:
    """Return the whole chain a job is part of: events, jobs, runs and actions."""
    chained = {"correlation_id": job.correlation_id}
    runs = Run.objects.filter(**chained).order_by("pk")[: chain.LONGEST]
    actions = Action.objects.filter(**chained).order_by("pk")[: chain.LONGEST]
    links = [
        *chain.read(job.correlation_id),
        *(_of_run(run) for run in runs),
        *(_of_action(action) for action in actions),
    ]
    return [
        Step(min(depth, DEEPEST), link, _href(link), link.id == str(job.pk))
        for depth, link in chain.tree(links)
    ]


def _of_run(run: Run) -> Link:
    name = f"{run.agent.capitalize()}: {run.outcome}" if run.outcome else run.agent.capitalize()
    return Link(str(run.pk), run.started_at, "run", name, run.status, (str(run.job_id),))


def _of_action(action: Action) -> Link:
    parents = (str(action.run_id),)
    return Link(str(action.pk), action.created_at, "action", action.summary, action.status, parents)


PAGES = {"job": "job-detail", "run": "run-detail", "action": "approval-detail"}


def _href(link: Link) -> str:
    if link.what in PAGES:
        return reverse(PAGES[link.what], args=[link.id])
    return subject_href(*link.subject)


def subject_href(kind: str, key: str) -> str:
    """Return the page of what a job or an event is about, or nothing."""
    pages = {
        leads.LABEL: "lead-detail",
        prospects.LABEL: "prospect-detail",
        "control.action": "approval-detail",
    }
    if kind not in pages:
        return ""
    try:
        return reverse(pages[kind], args=[uuid.UUID(key)])
    except ValueError:
        return ""
