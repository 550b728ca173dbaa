"""The fleet at a glance: for every agent a dot, its success in 24 hours, its runs in the hour."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from agents import fleet
from agents.models import Run
from control.models import KillSwitch
from dashboard.fleet.roster import DAY, SOON, WELL

HOUR = dt.timedelta(hours=1)
QUADRANTS = ("acquire", "serve", "grow", "optimize")


@dataclass(frozen=True)
class Glance:
    """One agent, as little as says whether to look closer."""

    name: str
    stopped: bool = False
    running: int = 0
    last_hour: int = 0
    completed: int = 0
    ended: int = 0

    @property
    def success(self) -> float | None:
        """Completed of all that ended in 24 hours."""
        return self.completed / self.ended if self.ended else None

    @property
    def tone(self) -> str:
        """How well it does; hollow when it is stopped, plain when it had nothing to do."""
        if self.stopped:
            return "off"
        if self.success is None:
            return "ai" if self.running else ""
        return "ok" if self.success >= WELL else "warn" if self.success >= SOON else "bad"


def read(engaged: Iterable[KillSwitch], now: dt.datetime | None = None) -> list[Glance]:
    """Return every agent of the fleet by quadrant and name, in one query."""
    stopped = {switch.tag for switch in engaged}
    numbers = {name: counts for name, *counts in _numbers(now or timezone.now())}
    agents = fleet.all_agents().values()
    return [
        Glance(
            agent.name,
            bool(stopped & {"*", f"agent:{agent.name}"}),
            *numbers.get(agent.name, []),
        )
        for agent in sorted(agents, key=lambda agent: (_place(agent.quadrant), agent.name))
    ]


def _place(quadrant: str) -> int:
    return QUADRANTS.index(quadrant) if quadrant in QUADRANTS else len(QUADRANTS)


def _numbers(now: dt.datetime) -> Iterable[tuple[Any, ...]]:
    running, completed = Run.Status.RUNNING, Run.Status.COMPLETED
    ended = [completed, Run.Status.FAILED, Run.Status.ABANDONED]
    return (
        Run.objects.filter(started_at__gt=now - DAY)
        .order_by()
        .values("agent")
        .annotate(
            running=Count("pk", filter=Q(status=running)),
            last_hour=Count("pk", filter=Q(started_at__gt=now - HOUR)),
            completed=Count("pk", filter=Q(status=completed)),
            ended=Count("pk", filter=Q(status__in=ended)),
        )
        .values_list("agent", "running", "last_hour", "completed", "ended")
    )
