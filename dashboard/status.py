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
from agents.models import ModelCall, Run
from control import switches
from control.models import Alert, KillSwitch
from dashboard import cockpit
from integrations import mail


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
    spent: Decimal
    stopped: KillSwitch | None
    backlog: int
    sandbox: bool
    groups: list[Group]
    recallable: list[cockpit.Leaving]

    @property
    def backlog_words(self) -> str:
        """How many jobs wait because everything is stopped."""
        return switches.in_words(self.backlog)

    @property
    def needs(self) -> int:
        """How many things the operator has not seen to."""
        return self.waiting + self.alerts

    @property
    def tone(self) -> str:
        """The colour of the dot; the words beside it say the same."""
        if self.critical:
            return "bad"
        return "warn" if self.paused or self.alerts else "ok"

    @property
    def sentence(self) -> str:
        """What the agents do now."""
        parts = []
        if self.working:
            parts.append(f"{', '.join(self.working)} working")
        if self.paused:
            parts.append(f"{', '.join(self.paused)} stopped")
        return ", ".join(parts) or "agents ready"


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
        critical=_count(open_alerts.filter(severity=Alert.Severity.CRITICAL)),
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
        spent=found.spent,
        stopped=stopped,
        backlog=switches.waiting(stopped) if stopped else 0,
        sandbox=sandbox,
        groups=_groups(path, found.waiting, found.alerts, sandbox),
        recallable=cockpit.leaving(),
    )


def start_of_today() -> dt.datetime:
    """Return midnight in the operator's zone."""
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def _count(rows: QuerySet[Any]) -> Coalesce:
    return Coalesce(Subquery(_one(rows).annotate(n=Count("pk")).values("n")), 0)


def _one(rows: QuerySet[Any]) -> Any:
    """Return the rows as one group, for an aggregate inside a subquery."""
    return rows.order_by().values(group=Value(1))


def _stopped_name(switch: KillSwitch) -> str:
    if switch.scope == KillSwitch.Scope.AGENT:
        return switch.value.capitalize()
    return switches.label(switch)


def _groups(path: str, waiting: int, alerts: int, sandbox: bool) -> list[Group]:
    pages = {
        "": [
            ("Approvals", "approval-list", "a", "approvals", waiting, "waiting for you"),
            ("Alerts", "alert-list", "t", "alerts", alerts, "not acknowledged"),
        ],
        "Acquire": [("Leads", "lead-list", "l", "", 0, "")],
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
                Link(name, url, key, reverse(url), path.startswith(reverse(url)), counts, n, title)
                for name, url, key, counts, n, title in links
            ],
        )
        for label, links in pages.items()
    ]
