"""The deals' table: the rows of a filter, what they are worth together, and their export."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Count, QuerySet, Sum
from django.http import QueryDict

from agency import clock
from billing.models import Package
from dashboard.sales import csv_file, deal_board, leads
from dashboard.web import PAGE_SIZE
from pipeline import deal_filters
from pipeline.deal_filters import Filter
from pipeline.models import Deal
from pipeline.selling import forecast

COLUMNS = (
    *("id", "opened_at", "name", "contact", "email", "stage", "stage_at", "package", "setup_usd"),
    *("monthly_usd", "value_usd", "chance", "next_step", "next_step_at", "lost_reason"),
    *("lost_note", "closed_at"),
)


@dataclass(frozen=True)
class Row:
    """One deal of the table."""

    deal: Deal
    next: leads.Step
    risk: str


@dataclass(frozen=True)
class Total:
    """How many are meant, and what they are worth."""

    count: int
    value: Decimal
    expected: Decimal

    @property
    def words(self) -> str:
        """Write how many there are."""
        return "1 deal" if self.count == 1 else f"{self.count:,} deals"


def read(chosen: Filter, sort: str, number: str, count: int) -> tuple["Page[Deal]", list[Row]]:
    """Return a page of the deals that are meant, and its rows; a number without sense is the first.

    `count` is how many are meant, as `total` has counted already.
    """
    found = deal_filters.ordered(chosen.deals(), sort).select_related("lead", "package")
    pages = Paginator(found, PAGE_SIZE)
    pages.__dict__["count"] = count
    listed = pages.get_page(number)
    deals = list(listed.object_list)
    steps, now = deal_board.next_steps(deals), clock.now()
    rows = [Row(deal, steps[str(deal.pk)], forecast.why_at_risk(deal, now)) for deal in deals]
    return listed, rows


def total(chosen: Filter) -> Total:
    """Count the deals that are meant, and add up what they are worth."""
    found = chosen.deals().order_by()
    row = found.aggregate(n=Count("pk"), usd=Sum("value_usd"), likely=Sum(forecast.EXPECTED))
    return Total(row["n"], row["usd"] or Decimal(0), row["likely"] or Decimal(0))


def packages() -> QuerySet[Package]:
    """Return the packages to choose from, those no longer sold among them."""
    return Package.objects.all()[:100]


def query_of(data: QueryDict) -> tuple[Filter, str, str]:
    """Read filter and sort from an address, with what of it made no sense."""
    chosen, problem = Filter.parse({name: data.getlist(name) for name in deal_filters.FIELDS})
    sort = data.get("sort", "")
    return chosen, sort if sort in deal_filters.SORTS else deal_filters.NEXT, problem


def query(chosen: Filter, sort: str = deal_filters.NEXT) -> str:
    """Write filter and sort as an address has them."""
    fields = chosen.fields()
    if sort != deal_filters.NEXT:
        fields["sort"] = [sort]
    return urlencode(fields, doseq=True)


def export(chosen: Filter) -> Iterator[str]:
    """Return the deals that are meant as CSV, newest first, a chunk at a time."""
    yield csv_file.line(COLUMNS)
    last = None
    while True:
        found = chosen.deals().select_related("lead", "package").order_by("-pk")
        if last is not None:
            found = found.filter(pk__lt=last)
        chunk = list(found[: csv_file.CHUNK])
        if not chunk:
            return
        yield "".join(csv_file.line(_cells(deal)) for deal in chunk)
        last = chunk[-1].pk


def _cells(deal: Deal) -> list[object]:
    known = {"contact": deal.lead.name, "email": deal.lead.email}
    return [known[name] if name in known else getattr(deal, name) for name in COLUMNS]
