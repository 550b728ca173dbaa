"""The state of the agency in one sentence, as the header and the rail say it."""

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from agency.models import AgencyProfile
from agents import health
from agents.models import ModelCall, Run
from control import switches
from control.models import Alert, KillSwitch
from dashboard.deciding import cockpit
from dashboard.house import setup
from dashboard.writing import inbox
from integrations import mail

NAMED = 2
"""More agents than this are counted in the sentence; their names are in its title."""

MOST_COUNTED = 99
"""What fits above a tab on a phone; its title and the rail say it exactly."""

TABS = {
    "home": "overview",
    "approval-list": "approvals",
    "alert-list": "alerts",
    "pipeline": "pipeline",
    "lead-list": "leads",
    "agent-list": "agents",
}
"""What a phone keeps at the thumb, the first four of these that exist, and their icons."""


ALSO_AT = {"pipeline": ("/deals/", "/proposals/")}
"""Pages that belong to a link of the rail and stand at another address."""


@dataclass(frozen=True)
class Link:
    """A page in the rail, and the key that goes there after `g`."""

    label: str
    name: str
    key: str
    href: str
    current: bool
    counts: str = ""
    count: int = 0
    count_title: str = ""

    @property
    def count_short(self) -> str:
        """How many there are, as short as a phone's tab needs it."""
        if self.count > MOST_COUNTED:
            return f"{MOST_COUNTED}+"
        return str(self.count or "")

    @property
    def icon(self) -> str:
        """Its icon in the sprite, for the links that have one."""
        return TABS.get(self.name, "")


@dataclass(frozen=True)
class Group:
    """Pages that belong together."""

    label: str
    links: list[Link] = field(default_factory=list)


@dataclass(frozen=True)
class Status:
    """What the shell shows around every page."""

    name: str
    waiting: int
    alerts: int
    critical: bool
    working: list[str]
    paused: list[str]
    failing: list[str]
    spent: Decimal
    engaged: list[KillSwitch]
    stopped: KillSwitch | None
    backlog: int
    sandbox: bool
    groups: list[Group]
    recallable: list[cockpit.Leaving]
    setup: setup.Progress | None

    @property
    def backlog_words(self) -> str:
        """How many jobs wait because everything is stopped."""
        return switches.in_words(self.backlog)

    @property
    def needs(self) -> int:
        """How many things the operator has not seen to."""
        return self.waiting + self.alerts

    @property
    def needs_words(self) -> str:
        """How many decisions wait, as a sentence begins."""
        if not self.waiting:
            return "Nothing to decide"
        return f"{self.waiting:,} to decide"

    @property
    def tone(self) -> str:
        """The colour of the dot; the words beside it say the same."""
        if self.critical or self.failing:
            return "bad"
        return "warn" if self.paused or self.alerts else "ok"

    @property
    def sentence(self) -> str:
        """How the agents are: which fail, which are stopped, or that all are well."""
        failing = _some(self.failing, "failing")
        stopped = _some(self.paused, "stopped")
        return ", ".join(filter(None, [failing, stopped])) or "all agents healthy"

    @property
    def detail(self) -> str:
        """Every name behind the sentence, and who is at work."""
        parts = [("Failing", self.failing), ("Stopped", self.paused), ("At work", self.working)]
        return "; ".join(f"{what}: {', '.join(names)}" for what, names in parts if names)

    @property
    def tabs(self) -> list[Link]:
        """The links a phone keeps at the thumb."""
        links = {link.name: link for group in self.groups for link in group.links}
        return [links[name] for name in TABS if name in links][:4]

    @property
    def elsewhere(self) -> bool:
        """Whether the page is one of the rail's but none of the tabs', so “More” is current."""
        links = [link for group in self.groups for link in group.links if link.current]
        return bool(links) and not any(link.current for link in self.tabs)


def read(profile: AgencyProfile, path: str) -> Status:
    """Read the status from its rows, with the rail's links as seen from the page at `path`."""
    engaged = list(KillSwitch.objects.filter(released_at=None).order_by("engaged_at"))
    stopped = next((s for s in engaged if s.scope == KillSwitch.Scope.EVERYTHING), None)
    open_alerts = Alert.objects.in_sight()
    spent = ModelCall.objects.filter(started_at__gte=start_of_today())
    running = Run.objects.filter(status=Run.Status.RUNNING)
    # One round trip for all of them: this is read for every page.
    found = AgencyProfile.objects.annotate(
        waiting=_count(cockpit.waiting()),
        alerts=_count(open_alerts),
        unread=_count(inbox.unread()),
        critical=_count(open_alerts.filter(severity=Alert.Severity.CRITICAL)),
        failing=health.failing(),
        working=ArraySubquery(running.order_by("agent").values("agent").distinct()),
        spent=Coalesce(Subquery(_one(spent).annotate(n=Sum("usd")).values("n")), Decimal(0)),
    ).get(pk=profile.pk)
    sandbox = mail.world() == "sandbox"
    return Status(
        name=found.name,
        waiting=found.waiting,
        alerts=found.alerts,
        critical=bool(found.critical),
        working=[agent.capitalize() for agent in found.working],
        paused=[_stopped_name(s) for s in engaged if s is not stopped],
        failing=[name.capitalize() for name in found.failing],
        spent=found.spent,
        engaged=engaged,
        stopped=stopped,
        backlog=switches.waiting(stopped) if stopped else 0,
        sandbox=sandbox,
        groups=_groups(path, found.waiting, found.alerts, found.unread, sandbox),
        recallable=cockpit.leaving(),
        setup=setup.unfinished(profile),
    )


def links(*, sandbox: bool) -> list[Link]:
    """Return every page of the rail."""
    return [link for group in _groups("", 0, 0, 0, sandbox) for link in group.links]


def start_of_today() -> dt.datetime:
    """Return midnight in the operator's zone."""
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def _count(rows: QuerySet[Any]) -> Coalesce:
    return Coalesce(Subquery(_one(rows).annotate(n=Count("pk")).values("n")), 0)


def _one(rows: QuerySet[Any]) -> Any:
    """Return the rows as one group, for an aggregate inside a subquery."""
    return rows.order_by().values(group=Value(1))


def _some(names: list[str], what: str) -> str:
    """Return “Caller and Booker stopped”, or how many when they are many."""
    if not names:
        return ""
    return f"{' and '.join(names) if len(names) <= NAMED else len(names)} {what}"


def _stopped_name(switch: KillSwitch) -> str:
    if switch.scope == KillSwitch.Scope.AGENT:
        return switch.value.capitalize()
    return switches.label(switch)


def _is_at(path: str, name: str) -> bool:
    """Whether the page at `path` belongs to this link; the overview is only itself."""
    if name == "home":
        return path == reverse(name)
    return path.startswith((reverse(name), *ALSO_AT.get(name, ())))


def _groups(path: str, waiting: int, alerts: int, unread: int, sandbox: bool) -> list[Group]:
    pages = {
        "": [
            ("Overview", "home", "h", "", 0, ""),
            ("Approvals", "approval-list", "a", "approvals", waiting, "waiting for you"),
            ("Alerts", "alert-list", "t", "alerts", alerts, "not acknowledged"),
        ],
        "Acquire": [
            ("Pipeline", "pipeline", "p", "", 0, ""),
            ("Leads", "lead-list", "l", "", 0, ""),
            ("Meetings", "meeting-list", "b", "", 0, ""),
            ("Prospects", "prospect-list", "r", "", 0, ""),
            ("Ideal customers", "ideal-list", "d", "", 0, ""),
            ("Inbox", "inbox", "i", "inbox", unread, "unread"),
            ("Sequences", "sequence-list", "q", "", 0, ""),
            ("Deliverability", "deliverability", "v", "", 0, ""),
        ],
        "Serve": [("Clients", "client-list", "c", "", 0, "")],
        "Grow": [
            ("Prices", "price-list", "e", "", 0, ""),
            ("Payments", "payment-list", "w", "", 0, ""),
            ("Costs", "cost-list", "o", "", 0, ""),
        ],
        "Optimize": [("Agents", "agent-list", "g", "", 0, "")],
        "Control": [
            ("Activity", "activity-list", "y", "", 0, ""),
            ("Jobs", "job-list", "j", "", 0, ""),
            *([("Mailbox", "mailbox-list", "m", "", 0, "")] if sandbox else []),
            ("Settings", "settings", "s", "", 0, ""),
        ],
    }
    return [
        Group(
            label,
            [
                Link(name, url, key, reverse(url), _is_at(path, url), counts, n, title)
                for name, url, key, counts, n, title in links
            ],
        )
        for label, links in pages.items()
    ]
