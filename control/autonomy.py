"""How far a kind of action may go by itself for one agent, and the rules that tighten it."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q

from agency import audit, live
from agency.models import AuditEntry
from control import kinds, policy, trust
from control.models import AutonomyRule, Level
from control.policy import Verdict
from control.trust import Trust
from jobs import queue

TIGHTER = (Level.ASK, Level.FORBID)


class NoTighter(ValueError):
    """A rule only tightens: it asks or forbids."""


class SaidAlready(Exception):
    """The same rule is in force already."""


@dataclass(frozen=True)
class Freedom:
    """What one kind of action of an agent may do now, and why."""

    kind: kinds.ActionKind[Any]
    phase: Verdict
    rules: tuple[AutonomyRule, ...]
    trust: Trust

    @property
    def level(self) -> str:
        """The strictest of what the phase and the rules for every client say."""
        everywhere = [rule.level for rule in self.rules if rule.client_id is None]
        floor = [Level.ASK] if self.kind.always_asks else []
        return policy.strictest([self.phase.level, *floor, *everywhere])

    @property
    def starts(self) -> str:
        """Where it starts, before any rule: from which phase on it runs by itself."""
        if self.kind.always_asks or self.kind.auto_from_phase >= kinds.NEVER:
            return "asks in every phase"
        if self.kind.auto_from_phase <= 1:
            return "runs in every phase"
        return f"runs from phase {self.kind.auto_from_phase} on"


def read(
    agent: str, proposes: tuple[str, ...], phase: int, earned: dict[str, Trust] | None = None
) -> list[Freedom]:
    """Return how free each kind an agent proposes is in this phase; `earned` if it is known."""
    rules = list(
        AutonomyRule.objects.filter(Q(agent="") | Q(agent=agent), Q(kind="") | Q(kind__in=proposes))
        .select_related("client")
        .order_by("pk")
    )
    if earned is None:
        earned = trust.read([agent])[agent]
    return [
        Freedom(
            kind=(kind := kinds.get(name)),
            phase=policy.of_phase(kind, phase),
            rules=tuple(rule for rule in rules if rule.kind in ("", name)),
            trust=earned.get(name, Trust()),
        )
        for name in proposes
    ]


def tighten(agent: str, kind: str, level: str, *, reason: str, by: str) -> AutonomyRule:
    """Have a kind of action of an agent ask, or forbid it, in any phase.

    Raises NoTighter, SaidAlready and kinds.UnknownActionKind.
    """
    if level not in TIGHTER:
        raise NoTighter(f"“{level}” does not tighten; “ask” and “forbid” do")
    label = kinds.get(kind).label.lower()
    with transaction.atomic():
        same = AutonomyRule.objects.filter(agent=agent, kind=kind, level=level, client=None)
        if same.exists():
            raise SaidAlready(f"A rule has {agent.capitalize()} {level} already.")
        rule = AutonomyRule.objects.create(agent=agent, kind=kind, level=level, reason=reason)
        what = "must ask before it" if level == Level.ASK else "may no longer do it:"
        sentence = f"{by}: {agent.capitalize()} {what} {label}: {reason}"
        _tell(rule, "autonomy.tightened", sentence, by)
    return rule


def lift(rule: AutonomyRule, *, by: str) -> bool:
    """Take a rule away; what it held back is looked at again. False if it was gone already."""
    with transaction.atomic():
        gone, _ = AutonomyRule.objects.filter(pk=rule.pk).delete()
        if gone:
            what = f"{rule.agent.capitalize()} {rule.level}s for {rule.kind}".strip()
            _tell(rule, "autonomy.lifted", f"{by} lifted the rule “{rule.reason}” ({what})", by)
            queue.enqueue("control.tidy", {})
    return bool(gone)


def _tell(rule: AutonomyRule, verb: str, sentence: str, by: str) -> None:
    audit.record(
        verb,
        sentence,
        actor=by,
        actor_kind=AuditEntry.ActorKind.USER,
        data={
            "agent": rule.agent,
            "kind": rule.kind,
            "level": rule.level,
            "reason": rule.reason,
        },
    )
    live.broadcast("agents", f"agent:{rule.agent}", "approvals")
