"""What the pages say about ideal customers and sources: what each yields, and what it costs."""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Count, F, Q, Sum

from agency import clock
from agents.models import Run
from pipeline.models import IdealCustomer, Prospect, Source
from pipeline.targets import READ_BY_SCOUT

SOURCE = Source._meta.label_lower
MOST = 50
"""So many ideal customers are shown."""

Status = Prospect.Status
WRITTEN_TO = (Status.CONTACTED, Status.REPLIED, Status.LEAD, Status.DECLINED)
ANSWERED = (Status.REPLIED, Status.LEAD, Status.DECLINED)


@dataclass
class Yield:
    """What became of the prospects of one source, or of all; who got further counts before too."""

    added: int = 0
    fit: int = 0
    researched: int = 0
    contacted: int = 0
    replied: int = 0
    leads: int = 0
    usd: Decimal = Decimal(0)

    def count(self, status: str, number: int, fitting: int) -> None:
        """Count so many prospects with this status, of whom so many fit."""
        self.added += number
        self.fit += fitting
        self.researched += number if status == Status.RESEARCHED or status in WRITTEN_TO else 0
        self.contacted += number if status in WRITTEN_TO else 0
        self.replied += number if status in ANSWERED else 0
        self.leads += number if status == Status.LEAD else 0

    @property
    def each(self) -> Decimal | None:
        """What finding one prospect cost in dollars, or None where none was found."""
        return self.usd / self.added if self.added else None


@dataclass(frozen=True)
class Row:
    """One source and what it yielded."""

    source: Source
    found: Yield

    @property
    def readable(self) -> bool:
        """Whether Scout reads it again and again."""
        return self.source.kind in READ_BY_SCOUT

    @property
    def last_at(self) -> dt.datetime | None:
        """When it was last read, by the wall clock."""
        return _wall(self.source.last_read_at)

    @property
    def next_at(self) -> dt.datetime | None:
        """When it is read next, by the wall clock."""
        return _wall(self.source.next_read_at)


@dataclass(frozen=True)
class Target:
    """An ideal customer with its sources, and what they yield together."""

    customer: IdealCustomer
    found: Yield
    rows: list[Row] = field(default_factory=list)


def targets() -> list[Target]:
    """Return the ideal customers, those that are looked for first, in four queries."""
    customers = list(IdealCustomer.objects.order_by("-active", "name")[:MOST])
    by_customer: dict[int, Yield] = defaultdict(Yield)
    by_source: dict[int, Yield] = defaultdict(Yield)
    for customer, origin, status, number, fitting in _counts():
        by_customer[customer].count(status, number, fitting)
        if origin is not None:
            by_source[origin].count(status, number, fitting)
    sources = list(Source.objects.filter(ideal_customer__in=customers).order_by("name"))
    costs = _costs(sources)
    rows = defaultdict(list)
    for source in sources:
        found = by_source[source.pk]
        found.usd = costs.get(str(source.pk), Decimal(0))
        by_customer[source.ideal_customer_id].usd += found.usd
        rows[source.ideal_customer_id].append(Row(source, found))
    return [Target(one, by_customer[one.pk], rows[one.pk]) for one in customers]


def _counts() -> list[tuple[int, int | None, str, int, int]]:
    """Count by ideal customer, source and status: all, and those that fit."""
    fitting = Count("fit", filter=Q(fit__gte=F("ideal_customer__min_fit")))
    found = Prospect.objects.filter(merged_into=None).order_by()
    return list(
        found.values_list("ideal_customer", "source", "status").annotate(
            n=Count("*"), fitting=fitting
        )
    )


def _costs(sources: list[Source]) -> dict[str, Decimal]:
    keys = [str(source.pk) for source in sources]
    runs = Run.objects.filter(subject_type=SOURCE, subject_id__in=keys).order_by()
    return dict(runs.values_list("subject_id").annotate(Sum("cost_usd")))


def _wall(moment: dt.datetime | None) -> dt.datetime | None:
    return clock.wall_at(moment) if moment else None
