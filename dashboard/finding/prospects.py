"""The prospects' table: the rows of a filter, how many they are, what narrows them."""

import uuid
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict

from dashboard.web import PAGE_SIZE
from pipeline import prospect_filters as filters
from pipeline.models import IdealCustomer, Prospect, Source
from pipeline.prospect_filters import Filter

LABEL = Prospect._meta.label_lower
MANY = 10_000
"""More than this is not counted to the end."""

MOST_CHOICES = 200
SIGNALS_SHOWN = 2


@dataclass(frozen=True)
class Page:
    """The rows of one page; `after` is the key the next begins behind."""

    rows: list[Prospect]
    after: str
    further: bool


@dataclass(frozen=True)
class Choices:
    """What the table can be filtered by."""

    customers: list[IdealCustomer]
    sources: list[Source]

    @property
    def signals(self) -> list[str]:
        """The signals that are looked for."""
        found = {signal for one in self.customers for signal in one.signals}
        return sorted(found, key=str.casefold)[:MOST_CHOICES]


def read(chosen: Filter, sort: str, after: str, number: int = MANY + 1) -> Page:
    """Return a page of prospects; an `after` that makes no sense is the first.

    `number` is how many `count` found. Few that have some words are looked up by their words and
    then sorted; of many, the first ones soon come by going through all in their order.
    """
    if not number:
        return Page([], "", False)
    meant = chosen.prospects()
    if chosen.q and number <= MANY:
        meant = Prospect.objects.filter(pk__in=meant.values("pk")[: MANY + 1])
    found = filters.ordered(meant, sort).select_related("source")
    last = _prospect(after)
    if last is not None:
        found = filters.after(found, sort, last)
    rows = list(found.defer("description")[: PAGE_SIZE + 1])
    more = len(rows) > PAGE_SIZE
    return Page(rows[:PAGE_SIZE], str(rows[PAGE_SIZE - 1].pk) if more else "", last is not None)


def choices() -> Choices:
    """Return what the table can be filtered by."""
    return Choices(
        list(IdealCustomer.objects.order_by("name")[:MOST_CHOICES]),
        list(Source.objects.order_by("name")[:MOST_CHOICES]),
    )


def count(chosen: Filter) -> int:
    """Count the prospects that are meant, up to one more than `MANY`."""
    return chosen.prospects().order_by()[: MANY + 1].count()


def in_words(number: int) -> str:
    """Write how many prospects there are."""
    if number > MANY:
        return f"over {MANY:,} prospects"
    return "1 prospect" if number == 1 else f"{number:,} prospects"


def query_of(data: QueryDict) -> tuple[Filter, str, str]:
    """Read filter and sort from an address, with what of it made no sense."""
    chosen, problem = Filter.parse({name: data.getlist(name) for name in filters.FIELDS})
    sort = data.get("sort", "")
    return chosen, sort if sort in filters.SORTS else filters.FIT, problem


def query(chosen: Filter, sort: str = filters.FIT) -> str:
    """Write filter and sort as an address has them."""
    fields = chosen.fields()
    if sort != filters.FIT:
        fields["sort"] = [sort]
    return urlencode(fields, doseq=True)


def hidden(chosen: Filter, sort: str = filters.FIT) -> list[tuple[str, str]]:
    """Return the filter as a form hides it."""
    found = [(name, text) for name, texts in chosen.fields().items() for text in texts]
    return [*found, ("sort", sort)] if sort != filters.FIT else found


def _prospect(key: str) -> Prospect | None:
    try:
        return Prospect.objects.filter(pk=uuid.UUID(key)).only("id", "fit").first()
    except ValueError:
        return None
