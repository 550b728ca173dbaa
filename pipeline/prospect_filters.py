"""Which prospects are meant, as their table's address and a bulk change both say it."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from pipeline import search
from pipeline.models import Prospect, World

FIELDS = ("status", "customer", "source", "fit_from", "fit_to", "signal", "world", "q", "id")
NUMBERS = ("customer", "source")
MOST_IDS = 1_000
FIT = "fit"
SORTS = {FIT: "Best fit first", "newest": "Newest first"}


@dataclass(frozen=True)
class Filter:
    """Which prospects are meant; what is empty does not narrow. Fit goes from 0 to 100."""

    status: str = ""
    customer: int | None = None
    source: int | None = None
    fit_from: int | None = None
    fit_to: int | None = None
    signal: str = ""
    world: str = ""
    q: str = ""
    ids: tuple[uuid.UUID, ...] = ()

    @classmethod
    def parse(cls, given: Mapping[str, Sequence[str]]) -> tuple["Filter", str]:
        """Read a filter, with a sentence about what of it makes no sense and narrows nothing."""
        said = {name: _clean(given.get(name, ())) for name in FIELDS}
        problems = []
        found: dict[str, Any] = {"signal": said["signal"][:100], "q": said["q"][:200]}
        for name, known in (("status", Prospect.Status.values), ("world", World.values)):
            if said[name] in known:
                found[name] = said[name]
            elif said[name]:
                problems.append(f"There is no {name} “{said[name][:40]}”.")
        for name in ("fit_from", "fit_to"):
            if _is_number(said[name]) and int(said[name]) <= 100:
                found[name] = int(said[name])
            elif said[name]:
                problems.append("Fit is a whole number from 0 to 100.")
        for name, noun in (("customer", "An ideal customer"), ("source", "A source")):
            if _is_number(said[name]):
                found[name] = int(said[name])
            elif said[name]:
                problems.append(f"{noun} is named by its number.")
        found["ids"] = tuple(_ids(given.get("id", ())))
        return cls(**found), " ".join(dict.fromkeys(problems))

    def fields(self) -> dict[str, list[str]]:
        """Return the words `parse` reads this filter from, without what does not narrow."""
        single = {name: getattr(self, name) for name in FIELDS if name != "id"}
        found = {name: [str(value)] for name, value in single.items() if value not in ("", None)}
        if self.ids:
            found["id"] = [str(pk) for pk in self.ids]
        return found

    def prospects(self) -> QuerySet[Prospect]:
        """Return the prospects that are meant; one that was merged away is part of another."""
        found = Prospect.objects.filter(merged_into=None)
        if self.ids:
            found = found.filter(pk__in=self.ids)
        if self.status:
            found = found.filter(status=self.status)
        if self.customer is not None:
            found = found.filter(ideal_customer_id=self.customer)
        if self.source is not None:
            found = found.filter(source_id=self.source)
        if self.fit_from is not None:
            found = found.filter(fit__gte=self.fit_from)
        if self.fit_to is not None:
            found = found.filter(fit__lte=self.fit_to)
        if self.signal:
            found = found.filter(signals__contains=[{"name": self.signal}])
        if self.world:
            found = found.filter(world=self.world)
        return search.matching(found, self.q, among=search.PROSPECT) if self.q else found


def ordered(prospects: QuerySet[Prospect], sort: str) -> QuerySet[Prospect]:
    """Return the prospects in one of `SORTS`; keys grow with time and break ties."""
    return prospects.order_by("-id") if sort == "newest" else prospects.order_by("-fit", "-id")


def after(prospects: QuerySet[Prospect], sort: str, last: Prospect) -> QuerySet[Prospect]:
    """Return those of `ordered` prospects that come after `last`."""
    if sort == "newest":
        return prospects.filter(pk__lt=last.pk)
    # The first half lets the index begin at the right place.
    return prospects.filter(Q(fit__lte=last.fit) & (Q(fit__lt=last.fit) | Q(pk__lt=last.pk)))


def _clean(texts: Sequence[str]) -> str:
    return next((text for raw in texts if (text := raw.replace("\0", "").strip())), "")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _ids(texts: Sequence[str]) -> list[uuid.UUID]:
    found = []
    for text in texts[:MOST_IDS]:
        try:
            found.append(uuid.UUID(text))
        except ValueError:
            continue
    return found
