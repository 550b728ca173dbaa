"""The whole funnel: prospects → leads → deals → clients, and where companies are lost."""

import datetime as dt
import itertools
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.safestring import SafeString

from dashboard import charts
from dashboard.sales import journey_rows
from dashboard.sales.journey_rows import (
    ANSWERED,
    BOOKED,
    CLIENT,
    FOUND,
    LEAD,
    PROPOSED,
    WRITTEN,
    Count,
    Scope,
)
from dashboard.templatetags.dashboard import span
from pipeline.models import Deal, IdealCustomer, Source, Variant

LABELS = (
    *("Found", "Written to", "Answered", "Lead", "Call booked", "Call held"),
    *("Proposal out", "Signed", "Client"),
)
PARTS = {FOUND: "Prospects", LEAD: "Leads", BOOKED: "Deals", CLIENT: "Clients"}
PERIODS = ((30, "30 days"), (90, "90 days"), (365, "A year"), (None, "All time"))
BY = {"icp": "Ideal customer", "source": "Where from", "variant": "First mail"}
CAME = {"reply": "Answer by mail", "booking": "Booking page", "hand": "By hand", "call": "Call"}
GROUPS_SHOWN = 20
FEW = 5
"""Fewer than this at a step say nothing about it."""


@dataclass(frozen=True)
class Step:
    """How many came here, now and in the days before; how long it took; who stands, who is lost.

    `through` came through the step before; others joined here by themselves.
    """

    number: int
    count: int
    through: int
    before: int
    before_through: int
    took: dt.timedelta | None
    here: int
    waited: dt.timedelta | None
    lost: int
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def label(self) -> str:
        """What it is called."""
        return LABELS[self.number]

    @property
    def part(self) -> str:
        """Which part of the line begins here, if one does."""
        return PARTS.get(self.number, "")

    @property
    def joined(self) -> int:
        """How many came in here by themselves."""
        return self.count - self.through

    @property
    def href(self) -> str:
        """Where they are listed."""
        if self.number == FOUND:
            return reverse("prospect-list")
        if self.number == LEAD:
            return reverse("pipeline-table")
        if self.number == BOOKED:
            return reverse("deal-table")
        return reverse("client-list") if self.number == CLIENT else ""


@dataclass(frozen=True)
class Group:
    """How far those of one ideal customer, source or first mail came."""

    label: str
    query: str
    found: int
    written: int
    answered: int
    leads: int
    calls: int
    proposals: int
    clients: int

    @property
    def share(self) -> str:
        """Clients of all that came in here."""
        whole = self.found or self.written or self.leads
        return f"{100 * self.clients / whole:.1f} %" if whole else "–"


@dataclass(frozen=True)
class Journey:
    """The companies of a period, step by step, and told apart."""

    steps: list[Step]
    groups: list[Group]
    days: int | None

    @property
    def empty(self) -> bool:
        """Whether nobody came at all."""
        return not any(step.count for step in self.steps)

    @property
    def parts(self) -> list[Step]:
        """The four steps the parts begin with."""
        return [step for step in self.steps if step.part]

    @property
    def leak(self) -> str:
        """Say between which steps the largest share of those decided is lost, and why."""
        worst: tuple[float, Step, Step] | None = None
        for one, next_ in itertools.pairwise(self.steps):
            decided = next_.through + one.lost
            if decided >= FEW and (worst is None or next_.through / decided < worst[0]):
                worst = (next_.through / decided, one, next_)
        if worst is None:
            return "Too few yet to say where they are lost."
        share, one, next_ = worst
        if share >= 1:
            return "Everybody decided on goes on at every step."
        words = (
            f"Most are lost between “{one.label}” and “{next_.label}”: {100 * share:.0f} % of those"
            " decided go on"
        )
        for reason, count in one.reasons.most_common(1):
            words += f"; {count} for “{reason}”"
        return f"{words}."

    @property
    def stuck(self) -> str:
        """Say where most stand still now, and since when."""
        standing = [step for step in self.steps[WRITTEN:CLIENT] if step.here and step.waited]
        most = max(standing, key=lambda step: step.here, default=None)
        if most is None:
            return ""
        return (
            f"Most of those under way stand at “{most.label}”: {most.here:,}, half of them for"
            f" longer than {span(most.waited)}."
        )

    def chart(self) -> SafeString:
        """Draw it."""
        period = f"found or come in the last {self.days} days" if self.days else "of all time"
        stages = [
            charts.Stage(
                step.label,
                step.count,
                self._note(step),
                step.href,
                step.through if step.joined else None,
            )
            for step in self.steps
        ]
        return charts.funnel(f"Companies {period}", stages)

    def _note(self, step: Step) -> str:
        parts = []
        if step.took is not None:
            parts.append(f"after {span(step.took)}")
        if step.joined and step.number == LEAD and step.through:
            parts.append(f"{step.joined:,} by themselves")
        previous = self.steps[step.number - 1].before if step.number else 0
        if previous:
            parts.append(f"before: {100 * step.before_through / previous:.0f} %")
        return " · ".join(parts)


def read(scope: Scope) -> Journey:
    """Read the funnel: two queries, and one more for the names of what is told apart."""
    counts, middles = journey_rows.read(scope)
    steps = [_step(number, counts, middles) for number in range(journey_rows.STEPS)]
    return Journey(steps, _groups(scope, counts), scope.days)


def _step(number: int, counts: list[Count], middles: journey_rows.Middle) -> Step:
    def came(recent: bool, *, alone: bool = True) -> int:
        return sum(
            one.number
            for one in counts
            if one.recent == recent
            and one.reached >= number
            and (not one.alone or (alone and number >= LEAD))
        )

    ended = [one for one in counts if one.recent and one.reached == number and one.lost]
    here = [one for one in counts if one.recent and one.reached == number and not one.lost]
    reasons: Counter[str] = Counter()
    for one in ended:
        if one.reason:
            reasons[str(Deal.Lost(one.reason).label).lower()] += one.number
    joins = number == LEAD
    return Step(
        number=number,
        count=came(True),
        through=came(True, alone=not joins),
        before=came(False),
        before_through=came(False, alone=not joins),
        took=middles.took.get(number),
        here=sum(one.number for one in here),
        waited=middles.stood.get(number),
        lost=sum(one.number for one in ended),
        reasons=reasons,
    )


def _groups(scope: Scope, counts: list[Count]) -> list[Group]:
    """Return who they are told apart by, those with the most clients and leads first."""
    found: dict[str | None, Counter[int]] = {}
    for one in counts:
        if one.recent:
            steps = found.setdefault(_key(scope, one), Counter())
            for number in range(LEAD if one.alone else FOUND, one.reached + 1):
                steps[number] += one.number
    names = _names(scope.by, found)
    groups = [
        Group(
            *names[key],
            *(steps[n] for n in (FOUND, WRITTEN, ANSWERED, LEAD, BOOKED, PROPOSED, CLIENT)),
        )
        for key, steps in found.items()
    ]
    groups.sort(key=lambda one: (-one.clients, -one.calls, -one.leads, -one.found, one.label))
    return groups[:GROUPS_SHOWN]


def _key(scope: Scope, one: Count) -> str | None:
    return "alone" if one.alone and scope.by != "source" else one.key


def _names(by: str, keys: dict[str | None, Counter[int]]) -> dict[str | None, tuple[str, str]]:
    """Return by key: its name, and the query that shows only those."""
    ids = {key: int(key.rpartition(":")[2]) for key in keys if key and key[-1].isdigit()}
    known: dict[int, str] = {}
    if by == "icp":
        known = dict(IdealCustomer.objects.filter(pk__in=ids.values()).values_list("pk", "name"))
    elif by == "source":
        known = dict(Source.objects.filter(pk__in=ids.values()).values_list("pk", "name"))
    elif by == "variant":
        variants = Variant.objects.filter(pk__in=ids.values()).select_related("step__sequence")
        known = {one.pk: f"{one.name}: {one.subject or one.step.sequence}" for one in variants}
    found: dict[str | None, tuple[str, str]] = {}
    for key in keys:
        if key in ids and (by != "source" or str(key).startswith("source:")):
            name = known.get(ids[key], "no longer there")
            found[key] = (name, "" if by == "variant" else urlencode({"of": f"{by}:{ids[key]}"}))
        elif key == "alone":
            found[key] = ("Came by themselves", urlencode({"of": "alone"}))
        elif key is None:
            found[key] = ("Not written to yet", "")
        else:
            found[key] = (_came(key), "")
    return found


def _came(key: str) -> str:
    kind = key.removeprefix("came:")
    if kind in CAME:
        return CAME[kind]
    return kind.replace(":", " ").replace("_", " ").capitalize()
