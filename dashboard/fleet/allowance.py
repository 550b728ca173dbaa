"""What a run may use, in plain words, with what the last runs used of it."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from agents.contract import Agent
from agents.models import ModelCall, Run
from dashboard.templatetags.dashboard import grouped, money, span

LAST = 50


@dataclass(frozen=True)
class Use:
    """One limit of a run, and how near to it the last runs came."""

    words: str
    limit: str
    typical: str
    most: str
    share: float

    @property
    def tone(self) -> str:
        """How near the nearest came."""
        return "bad" if self.share >= 1 else "warn" if self.share >= 0.8 else ""


@dataclass(frozen=True)
class Allowance:
    """The last runs, newest first, and each limit with their use of it."""

    runs: list[Run]
    uses: list[Use]


def read(agent: Agent[Any, Any]) -> Allowance:
    """Return what the agent's last runs used of what a run may use."""
    tokens = (
        ModelCall.objects.filter(run=OuterRef("pk"))
        .order_by()
        .values("run")
        .annotate(n=Sum("output_tokens"))
    )
    runs = list(
        Run.objects.filter(agent=agent.name)
        .annotate(out=Coalesce(Subquery(tokens.values("n")), 0))
        .defer("input", "proposals", "path")
        .order_by("-pk")[:LAST]
    )
    now, limits = timezone.now(), agent.limits
    took = [((run.finished_at or now) - run.started_at).total_seconds() for run in runs]
    uses = [
        _use("calls of a model", limits.calls, [run.calls for run in runs], grouped),
        _use("tokens of output", limits.output_tokens, [run.out for run in runs], grouped),
        _use("for its calls", float(limits.usd), [float(run.cost_usd) for run in runs], money),
        _use("of time", limits.seconds, took, span),
    ]
    return Allowance(list(runs), uses)


def _use(words: str, limit: float, used: list[Any], write: Callable[[Any], str]) -> Use:
    most, typical = max(used, default=0), statistics.median(used) if used else 0
    if write is grouped:
        typical = round(typical)
    share = float(most) / float(limit) if limit else 0.0
    return Use(words, write(limit), write(typical), write(most), share)
