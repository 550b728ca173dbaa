"""Which leads are meant, as the table's address, a saved filter and a bulk change all say it."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q
from django.db.models.expressions import OrderBy
from django.utils import timezone

from pipeline.models import Lead, LeadQuerySet, Stage

FIELDS = ("stage", "source", "score_from", "score_to", "age", "client", "q", "id")
AGES = {"1d": "Today and yesterday", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
OWN = "own"
"""The client that is none: the agency's own leads."""

MOST_IDS = 1_000
NEWEST = "newest"
SORTS = {
    NEWEST: "Newest first",
    "oldest": "Oldest first",
    "score": "Best score first",
    "waiting": "Longest in its stage",
}


@dataclass(frozen=True)
class Filter:
    """Which leads are meant; what is empty does not narrow. Scores go from 0 to 100."""

    stage: str = ""
    source: str = ""
    score_from: int | None = None
    score_to: int | None = None
    age: str = ""
    client: str = ""
    q: str = ""
    ids: tuple[uuid.UUID, ...] = ()

    @classmethod
    def parse(cls, given: Mapping[str, Sequence[str]]) -> tuple["Filter", str]:
        """Read a filter, with a sentence about what of it makes no sense and narrows nothing."""
        said = {name: _clean(given.get(name, ())) for name in FIELDS}
        problems = []
        found: dict[str, Any] = {"source": said["source"][:80], "q": said["q"][:200]}
        for name, known in (("stage", Stage.values), ("age", list(AGES))):
            if said[name] in known:
                found[name] = said[name]
            elif said[name]:
                problems.append(f"There is no {name} “{said[name][:40]}”.")
        for name in ("score_from", "score_to"):
            if _is_number(said[name]) and int(said[name]) <= 100:
                found[name] = int(said[name])
            elif said[name]:
                problems.append("A score is a whole number from 0 to 100.")
        if said["client"] == OWN or _is_number(said["client"]):
            found["client"] = said["client"]
        elif said["client"]:
            problems.append("A client is named by its number.")
        found["ids"] = tuple(_ids(given.get("id", ())))
        return cls(**found), " ".join(dict.fromkeys(problems))

    def fields(self) -> dict[str, list[str]]:
        """Return the words `parse` reads this filter from, without what does not narrow."""
        single = {name: getattr(self, name) for name in FIELDS if name != "id"}
        found = {name: [str(value)] for name, value in single.items() if value not in ("", None)}
        if self.ids:
            found["id"] = [str(pk) for pk in self.ids]
        return found

    def leads(self) -> LeadQuerySet:
        """Return the leads that are meant."""
        found = Lead.objects.at(self.stage) if self.stage else Lead.objects.all()
        if self.ids:
            found = found.filter(pk__in=self.ids)
        if self.source:
            found = found.filter(source=self.source)
        if self.score_from is not None:
            found = found.filter(score__gte=self.score_from)
        if self.score_to is not None:
            found = found.filter(score__lte=self.score_to)
        if self.age:
            days = dt.timedelta(days=int(self.age.removesuffix("d")))
            found = found.filter(received_at__gte=timezone.now() - days)
        if self.client:
            own = self.client == OWN
            found = found.filter(client=None) if own else found.filter(client_id=int(self.client))
        return found.worded(self.q) if self.q else found


def ordered(leads: LeadQuerySet, sort: str) -> LeadQuerySet:
    """Return the leads in one of `SORTS`; the key breaks ties."""
    orders: dict[str, tuple[str | OrderBy, ...]] = {
        NEWEST: ("-received_at", "id"),
        "oldest": ("received_at", "-id"),
        "score": (F("score").desc(nulls_last=True), "-id"),
        "waiting": ("staged_at", "id"),
    }
    return leads.order_by(*orders.get(sort, orders[NEWEST]))


def after(leads: LeadQuerySet, sort: str, last: Lead) -> LeadQuerySet:
    """Return those of `ordered` leads that come after `last`."""
    if sort == "score":
        same = Q(score=last.score, pk__lt=last.pk)
        if last.score is None:
            return leads.filter(same)
        return leads.filter(same | Q(score__lt=last.score) | Q(score=None))
    if sort == "oldest":
        same = Q(received_at=last.received_at, pk__lt=last.pk)
        return leads.filter(Q(received_at__gt=last.received_at) | same)
    if sort == "waiting":
        same = Q(staged_at=last.staged_at, pk__gt=last.pk)
        return leads.filter(Q(staged_at__gt=last.staged_at) | same)
    same = Q(received_at=last.received_at, pk__gt=last.pk)
    return leads.filter(Q(received_at__lt=last.received_at) | same)


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
