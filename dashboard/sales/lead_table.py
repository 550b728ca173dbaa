"""The pipeline's table: the rows of a filter, their number, and their export."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict

from agency.models import Client
from dashboard.sales import csv_file, leads
from dashboard.web import PAGE_SIZE
from jobs.models import Endpoint
from pipeline import filters
from pipeline.filters import Filter
from pipeline.models import Lead

MANY = 10_000
"""More than this is not counted to the end."""

MOST_CLIENTS = 200
COLUMNS = (
    *("id", "received_at", "name", "company", "email", "phone", "website", "source", "client"),
    *("stage", "status", "score", "outcome", "drafted_at", "answered_at", "closed_at", "subject"),
)


@dataclass(frozen=True)
class Row(leads.Row):
    """One lead of the table, with its stage."""

    @property
    def stage(self) -> str:
        """The stage's name, a waiting draft counted in."""
        return self.lead.standing


@dataclass(frozen=True)
class Page:
    """The rows of one page; `after` is the key the next begins behind."""

    rows: list[Row]
    after: str
    further: bool


def read(chosen: Filter, sort: str, after: str) -> Page:
    """Return a page of the leads that are meant; an `after` that makes no sense is the first."""
    found = filters.ordered(chosen.leads().staged(), sort).select_related("client")
    last = _lead(after)
    if last is not None:
        found = filters.after(found, sort, last)
    listed = list(found.defer("fields")[: PAGE_SIZE + 1])
    more = len(listed) > PAGE_SIZE
    rows = [Row(row.lead, row.next) for row in leads.rows(listed[:PAGE_SIZE])]
    return Page(rows, str(rows[-1].lead.pk) if more else "", last is not None)


def count(chosen: Filter) -> int:
    """Count the leads that are meant, up to one more than `MANY`."""
    return chosen.leads().order_by()[: MANY + 1].count()


def in_words(number: int) -> str:
    """Write how many leads there are."""
    if number > MANY:
        return f"over {MANY:,} leads"
    return "1 lead" if number == 1 else f"{number:,} leads"


def sources() -> list[str]:
    """Return where leads come from: each webhook, and what the newest ones say."""
    newest = Lead.objects.order_by("-received_at").values_list("source", flat=True)[:300]
    hooks = Endpoint.objects.filter(purpose="leads").values_list("name", flat=True)
    return sorted({*newest, *(f"webhook:{name}" for name in hooks)})


def clients() -> list[Client]:
    """Return the clients to choose from."""
    return list(Client.objects.order_by("name")[:MOST_CLIENTS])


def query_of(data: QueryDict) -> tuple[Filter, str, str]:
    """Read filter and sort from an address, with what of it made no sense."""
    chosen, problem = Filter.parse({name: data.getlist(name) for name in filters.FIELDS})
    sort = data.get("sort", "")
    return chosen, sort if sort in filters.SORTS else filters.NEWEST, problem


def query(chosen: Filter, sort: str = filters.NEWEST) -> str:
    """Write filter and sort as an address has them."""
    fields = chosen.fields()
    if sort != filters.NEWEST:
        fields["sort"] = [sort]
    return urlencode(fields, doseq=True)


def export(chosen: Filter) -> Iterator[str]:
    """Return the leads that are meant as CSV, newest key first, a chunk at a time."""
    yield csv_file.line(COLUMNS)
    last: uuid.UUID | None = None
    while True:
        found = chosen.leads().staged().select_related("client").order_by("-pk")
        if last is not None:
            found = found.filter(pk__lt=last)
        chunk = list(found.defer("message", "fields", "score_parts")[: csv_file.CHUNK])
        if not chunk:
            return
        yield "".join(csv_file.line(_cells(lead)) for lead in chunk)
        last = chunk[-1].pk


def _cells(lead: Lead) -> list[object]:
    return [lead.standing if name == "stage" else getattr(lead, name) for name in COLUMNS]


def _lead(key: str) -> Lead | None:
    try:
        return Lead.objects.filter(pk=uuid.UUID(key)).first()
    except ValueError:
        return None
