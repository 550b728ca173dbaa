"""The fleet in numbers, counted from rows."""

import datetime as dt
import inspect
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, Sum
from django.utils import timezone

from agents import fleet
from agents.contract import Agent
from agents.models import Run
from control.models import Action, Decision, KillSwitch

DAY = dt.timedelta(hours=24)
MONTH = dt.timedelta(days=30)
WELL, SOON = 0.9, 0.7


@dataclass(frozen=True)
class Numbers:
    """What an agent did: runs and cost in 24 hours, approvals in 30 days."""

    runs: int = 0
    completed: int = 0
    failed: int = 0
    running: int = 0
    cost_usd: Decimal = Decimal(0)
    approved: int = 0
    unedited: int = 0

    @property
    def success(self) -> float | None:
        """Completed of all that ended."""
        ended = self.completed + self.failed
        return self.completed / ended if ended else None

    @property
    def tone(self) -> str:
        """How good the success is: nine of ten is well."""
        share = self.success or 0.0
        return "ok" if share >= WELL else "warn" if share >= SOON else "bad"

    @property
    def unedited_share(self) -> float | None:
        """Approved by a person as they were, of all a person approved."""
        return self.unedited / self.approved if self.approved else None


@dataclass(frozen=True)
class Member:
    """One agent as the pages show it."""

    agent: Agent[Any, Any]
    numbers: Numbers
    switch: KillSwitch | None

    @property
    def name(self) -> str:
        """Its name as a title."""
        return self.agent.name.capitalize()

    @property
    def card(self) -> list[str]:
        """Its docstring, the whiteboard, in paragraphs."""
        text = inspect.getdoc(type(self.agent)) or ""
        return [paragraph.replace("\n", " ") for paragraph in text.split("\n\n")]

    @property
    def about(self) -> str:
        """What it does, in a line."""
        return self.card[0]

    @property
    def state(self) -> str:
        """`stopped`, `running` or `ready`."""
        if self.switch is not None:
            return "stopped"
        return "running" if self.numbers.running else "ready"


def members() -> list[Member]:
    """Return the whole fleet with its numbers, in three queries."""
    switches = {switch.tag: switch for switch in KillSwitch.objects.filter(released_at=None)}
    numbers = _numbers()
    return [
        Member(
            agent,
            numbers.get(name, Numbers()),
            switches.get(f"agent:{name}") or switches.get("*"),
        )
        for name, agent in sorted(fleet.all_agents().items())
    ]


def member(name: str) -> Member:
    """Return one agent with its numbers. Raises fleet.UnknownAgent."""
    agent = fleet.get(name)
    switch = (
        KillSwitch.objects.filter(
            Q(scope=KillSwitch.Scope.AGENT, value=name) | Q(scope=KillSwitch.Scope.EVERYTHING),
            released_at=None,
        )
        .order_by("scope")
        .first()
    )
    return Member(agent, _numbers(name).get(name, Numbers()), switch)


def _numbers(name: str | None = None) -> dict[str, Numbers]:
    only = Q(agent=name) if name else Q()
    now = timezone.now()
    runs = (
        Run.objects.filter(only, Q(started_at__gte=now - DAY) | Q(status=Run.Status.RUNNING))
        .values("agent")
        .annotate(
            runs=Count("pk"),
            completed=Count("pk", filter=Q(status=Run.Status.COMPLETED)),
            failed=Count("pk", filter=Q(status__in=[Run.Status.FAILED, Run.Status.ABANDONED])),
            running=Count("pk", filter=Q(status=Run.Status.RUNNING)),
            cost_usd=Sum("cost_usd"),
        )
    )
    decided = Decision.objects.filter(action=OuterRef("pk"))
    by_person = decided.filter(verdict=Decision.Verdict.APPROVE, user__isnull=False, voided_at=None)
    edited = decided.filter(verdict=Decision.Verdict.EDIT)
    approvals = (
        Action.objects.filter(only, Exists(by_person), created_at__gte=now - MONTH)
        .annotate(edited=Exists(edited))
        .values("agent")
        .annotate(approved=Count("pk"), unedited=Count("pk", filter=Q(edited=False)))
    )
    found: dict[str, dict[str, Any]] = {}
    for row in (*runs, *approvals):
        found.setdefault(row["agent"], {}).update(row)
    return {
        agent: Numbers(**{key: value for key, value in row.items() if key != "agent"})
        for agent, row in found.items()
    }
