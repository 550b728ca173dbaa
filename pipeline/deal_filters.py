"""Which deals are meant, as their table's address, a saved filter and the export all say it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.expressions import OrderBy

from pipeline.models import Deal, DealStage
from pipeline.selling import forecast

FIELDS = ("stage", "package", "value_from", "value_to", "lost", "risk", "q")
OPEN = "open"
NEXT = "next"
SORTS = {
    NEXT: "Next step first",
    "newest": "Newest first",
    "value": "Most worth first",
    "expected": "Most expected first",
    "waiting": "Longest in its stage",
}
_ORDERS: dict[str, tuple[str | OrderBy, ...]] = {
    NEXT: (F("next_step_at").asc(nulls_last=True), "stage_at", "pk"),
    "newest": ("-opened_at", "-pk"),
    "value": ("-value_usd", "pk"),
    "expected": (forecast.EXPECTED.desc(), "pk"),
    "waiting": ("stage_at", "pk"),
}


@dataclass(frozen=True)
class Filter:
    """Which deals are meant; what is empty does not narrow. Values are in whole dollars."""

    stage: str = ""
    package: int | None = None
    value_from: int | None = None
    value_to: int | None = None
    lost: str = ""
    risk: str = ""
    q: str = ""

    @classmethod
    def parse(cls, given: Mapping[str, Sequence[str]]) -> tuple["Filter", str]:
        """Read a filter, with a sentence about what of it makes no sense and narrows nothing."""
        said = {name: _clean(given.get(name, ())) for name in FIELDS}
        problems = []
        found: dict[str, Any] = {"q": said["q"][:200]}
        known = {"stage": [OPEN, *DealStage.values], "lost": Deal.Lost.values, "risk": ["yes"]}
        for name, values in known.items():
            if said[name] in values:
                found[name] = said[name]
            elif said[name]:
                noun = {"stage": "stage", "lost": "reason", "risk": "risk"}[name]
                problems.append(f"There is no {noun} “{said[name][:40]}”.")
        numbers = {
            "package": "A package is named by its number.",
            "value_from": "A value is a whole number of dollars.",
            "value_to": "A value is a whole number of dollars.",
        }
        for name, problem in numbers.items():
            if _is_number(said[name]):
                found[name] = int(said[name])
            elif said[name]:
                problems.append(problem)
        return cls(**found), " ".join(dict.fromkeys(problems))

    def fields(self) -> dict[str, list[str]]:
        """Return the words `parse` reads this filter from, without what does not narrow."""
        said = {name: getattr(self, name) for name in FIELDS}
        return {name: [str(value)] for name, value in said.items() if value not in ("", None)}

    def deals(self) -> QuerySet[Deal]:
        """Return the deals that are meant."""
        found = Deal.objects.all()
        if self.stage == OPEN:
            found = found.filter(stage__in=Deal.OPEN)
        elif self.stage:
            found = found.filter(stage=self.stage)
        if self.package is not None:
            found = found.filter(package=self.package)
        if self.value_from is not None:
            found = found.filter(value_usd__gte=self.value_from)
        if self.value_to is not None:
            found = found.filter(value_usd__lte=self.value_to)
        if self.lost:
            found = found.filter(lost_reason=self.lost)
        for word in self.q.split()[:6]:
            who = Q(name__icontains=word) | Q(lead__name__icontains=word)
            found = found.filter(who | Q(lead__email__icontains=word))
        return forecast.at_risk(found) if self.risk else found


def ordered(deals: QuerySet[Deal], sort: str) -> QuerySet[Deal]:
    """Return the deals in one of `SORTS`; the key breaks ties."""
    return deals.order_by(*_ORDERS.get(sort, _ORDERS[NEXT]))


def _clean(texts: Sequence[str]) -> str:
    return next((text for raw in texts if (text := raw.replace("\0", "").strip())), "")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10
