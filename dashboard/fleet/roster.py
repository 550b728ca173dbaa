"""The fleet in numbers, counted from rows."""

import datetime as dt
import inspect
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from agents import fleet, wiring
from agents.contract import Agent
from agents.models import Run
from control import trust
from control.models import KillSwitch
from control.trust import Trust
from dashboard.fleet import fleet_map
from dashboard.house import status
from jobs import depth

DAY = dt.timedelta(hours=24)
FAILED = (Run.Status.FAILED, Run.Status.ABANDONED)
STATES = {"ready": "Ready", "running": "Working", "stopped": "Stopped"}
WELL, SOON = 0.9, 0.7


@dataclass(frozen=True)
class Numbers:
    """What an agent did in 24 hours, what it cost today, and what waits for it."""

    runs: int = 0
    completed: int = 0
    failed: int = 0
    running: int = 0
    cost_usd: Decimal = Decimal(0)
    cost_today: Decimal = Decimal(0)
    waiting: int = 0
    trust: Trust = field(default_factory=Trust)

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


@dataclass(frozen=True)
class Spot:
    """An agent where it stands on the map."""

    node: fleet_map.Node
    member: Member

    @property
    def words(self) -> str:
        """All the map shows of it, for who cannot see it."""
        numbers = self.member.numbers
        parts = [f"{self.member.name}: {STATES[self.member.state].lower()}"]
        if numbers.waiting:
            parts.append(f"{numbers.waiting} waiting")
        if numbers.success is not None:
            parts.append(f"{numbers.success:.0%} succeed")
        if numbers.trust.share is not None:
            parts.append(f"{numbers.trust.share:.0%} approved unedited")
        return ", ".join([*parts, f"${numbers.cost_today:.2f} today"])


def members() -> list[Member]:
    """Return the whole fleet with its numbers, in four queries."""
    switches = {switch.tag: switch for switch in KillSwitch.objects.filter(released_at=None)}
    names = tuple(sorted(fleet.all_agents()))
    numbers = _numbers(names, _waiting(*names), trust.read(names))
    return [
        Member(fleet.get(name), numbers[name], switches.get(f"agent:{name}") or switches.get("*"))
        for name in names
    ]


def member(name: str, *, earned: dict[str, dict[str, Trust]] | None = None) -> Member:
    """Return one agent with its numbers, and how far it is trusted where that is known.

    What waits for a stopped one its switch counts. Raises fleet.UnknownAgent.
    """
    agent = fleet.get(name)
    switch = (
        KillSwitch.objects.filter(
            Q(scope=KillSwitch.Scope.AGENT, value=name) | Q(scope=KillSwitch.Scope.EVERYTHING),
            released_at=None,
        )
        .order_by("scope")
        .first()
    )
    waiting = _waiting(name) if switch is None else {}
    return Member(agent, _numbers((name,), waiting, earned or {})[name], switch)


def _waiting(*names: str) -> dict[str, int]:
    return depth.by_tag("agent", sorted({fleet.get(name).lane for name in names}))


def _numbers(
    wanted: tuple[str, ...], waiting: dict[str, int], earned: dict[str, dict[str, Trust]]
) -> dict[str, Numbers]:
    """Return the numbers of these agents, with what else was counted for them."""
    today = status.start_of_today()
    since = min(timezone.now() - DAY, today)
    ended = Q(started_at__gte=timezone.now() - DAY)
    # A run is over within minutes, so those under way are among the recent ones.
    recent = (
        Run.objects.filter(started_at__gte=since, agent__in=wanted)
        .values("agent")
        .annotate(
            runs=Count("pk", filter=ended),
            completed=Count("pk", filter=ended & Q(status=Run.Status.COMPLETED)),
            failed=Count("pk", filter=ended & Q(status__in=FAILED)),
            running=Count("pk", filter=Q(status=Run.Status.RUNNING)),
            cost_today=Coalesce(Sum("cost_usd", filter=Q(started_at__gte=today)), Decimal(0)),
            cost_usd=Coalesce(Sum("cost_usd", filter=ended), Decimal(0)),
        )
    )
    found: dict[str, dict[str, Any]] = {name: {"agent": name} for name in wanted}
    for row in recent:
        found[row["agent"]].update(row)
    return {
        name: Numbers(
            **{key: value for key, value in row.items() if key != "agent"},
            waiting=waiting.get(name, 0),
            trust=sum(earned.get(name, {}).values(), Trust()),
        )
        for name, row in found.items()
    }


def drawn(members: list[Member]) -> tuple[fleet_map.Map, wiring.Wiring, list[Spot]]:
    """Return the fleet's map, the lines it draws, and each agent where it stands."""
    lines = wiring.wire(member.agent for member in members)
    found = fleet_map.draw([(m.agent.name, m.agent.quadrant) for m in members], lines)
    by_name = {member.agent.name: member for member in members}
    return found, lines, [Spot(node, by_name[node.name]) for node in found.nodes]
