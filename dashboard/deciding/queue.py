"""Which part of the queue the operator looks at, and how much is in each part."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, Count, QuerySet, Value, When
from django.urls import reverse

from control import kinds
from control.models import Action
from dashboard.deciding import cockpit, needs

VIEWS = {
    "": "All",
    "mail": "Mail",
    "money": "Money",
    "config": "Config",
    "doubt": "In doubt",
    "snoozed": "Snoozed",
}


TOPICS = ("money", "config")
"""Views that are by the kind of action, and not offered while no kind is about them."""


@dataclass(frozen=True)
class Scope:
    """A part of the queue; it stays while the operator decides."""

    view: str = ""
    agent: str = ""

    @property
    def query(self) -> str:
        """The query string that keeps it, or nothing."""
        kept = {
            name: value for name, value in (("view", self.view), ("agent", self.agent)) if value
        }
        return f"?{urlencode(kept)}" if kept else ""

    @property
    def more(self) -> str:
        """The same, ready for one more parameter."""
        return f"{self.query}&" if self.query else "?"

    @property
    def words(self) -> str:
        """What it holds, as the head of the queue says it."""
        return {"snoozed": "snoozed", "doubt": "in doubt"}.get(self.view, "waiting")

    @property
    def empty(self) -> str:
        """What the page says when nothing is in it."""
        of = f" by {self.agent.capitalize()}" if self.agent else ""
        if not self.view:
            return f"Nothing{of} waits for you."
        return f"Nothing{of} under “{VIEWS[self.view]}” waits for you."


@dataclass(frozen=True)
class Part:
    """One choice of the filter."""

    label: str
    count: int
    href: str
    current: bool


@dataclass(frozen=True)
class Parts:
    """Every choice, and how much the chosen one holds."""

    views: list[Part]
    agents: list[Part]
    shown: int
    waiting: int
    snoozed: int
    others: int


def scope(query: Mapping[str, str]) -> Scope:
    """Read the scope from a query; what makes no sense is everything."""
    view, agent = query.get("view", ""), query.get("agent", "").replace("\0", "")
    return Scope(view if view in VIEWS else "", agent if agent.isidentifier() else "")


def rows(chosen: Scope) -> list[Action]:
    """Return what the scope holds, what costs most to let wait first; the snoozed by their time."""
    found = _held(chosen)
    ordered = list(found[: cockpit.SHOWN]) if chosen.view == "snoozed" else needs.costliest(found)
    return ordered[: cockpit.SHOWN]


def _held(chosen: Scope) -> QuerySet[Action]:
    found = cockpit.snoozed() if chosen.view == "snoozed" else cockpit.waiting()
    if chosen.agent:
        found = found.filter(agent=chosen.agent)
    if chosen.view == "mail":
        return found.exclude(channel="")
    if chosen.view in TOPICS:
        return found.filter(kind__in=_kinds_about(chosen.view))
    if chosen.view == "doubt":
        return found.filter(status=Action.Status.UNKNOWN)
    return found


def parts(chosen: Scope) -> Parts:
    """Count every part of the queue in one query."""
    groups = (
        Action.objects.filter(status__in=cockpit.OPEN)
        .order_by()
        .annotate(awake=Case(When(cockpit.due(), then=Value(True)), default=Value(False)))
        .values("agent", "kind", "channel", "status", "awake")
        .annotate(n=Count("pk"))
    )
    by_view: Counter[str] = Counter()
    by_agent: Counter[str] = Counter()
    waiting = snoozed = 0
    for group in groups:
        n = group["n"]
        waiting += n * group["awake"]
        snoozed += n * (not group["awake"])
        views = _views(group)
        if not chosen.agent or group["agent"] == chosen.agent:
            by_view.update(dict.fromkeys(views, n))
        if chosen.view in views:
            by_agent[group["agent"]] += n
    return Parts(
        views=[
            Part(label, by_view[view], _href(view, chosen.agent), view == chosen.view)
            for view, label in VIEWS.items()
            if view == chosen.view or view not in TOPICS or _kinds_about(view)
        ],
        agents=[
            Part(name.capitalize(), n, _href(chosen.view, name), name == chosen.agent)
            for name, n in sorted(by_agent.items())
        ],
        shown=by_view[chosen.view],
        waiting=waiting,
        snoozed=snoozed,
        others=sum(by_agent.values()),
    )


def _views(group: Mapping[str, Any]) -> list[str]:
    if not group["awake"]:
        return ["snoozed"]
    found = [""]
    if group["channel"]:
        found.append("mail")
    found += [name for name in TOPICS if group["kind"] in _kinds_about(name)]
    if group["status"] == Action.Status.UNKNOWN:
        found.append("doubt")
    return found


def _kinds_about(topic: str) -> list[str]:
    return [name for name in kinds.names() if kinds.get(name).topic == topic]


def _href(view: str, agent: str) -> str:
    return reverse("approval-list") + Scope(view, agent).query
