"""The gate every action passes, in this order, the strictest word winning: auto < ask < forbid.

taken over → kill switch → compliance → budget → risk floor → autonomy phase, with what was earned
inside its ceiling → rules for an agent or client.
No policy means no: a message class without a compliance rule and an unknown phase are forbidden.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from agency.models import AgencyProfile
from control import kinds, phases, promotions, switches, takeovers
from control.models import Action, AutonomyRule, Level, Promotion

STRICTNESS = {Level.AUTO: 0, Level.ASK: 1, Level.FORBID: 2}


@dataclass(frozen=True)
class Verdict:
    """What one step of policy says, and why."""

    step: str
    level: str
    reason: str


@dataclass(frozen=True)
class Judgement:
    """The strictest level and all verdicts it rests on."""

    level: str
    verdicts: tuple[Verdict, ...]

    @property
    def reason(self) -> str:
        """The reasons for the level, as one sentence."""
        return "; ".join(v.reason for v in self.verdicts if v.level == self.level)

    @property
    def stopped(self) -> bool:
        """Whether a kill switch was engaged."""
        return any(v.step == "kill switch" for v in self.verdicts)

    @property
    def by_hand(self) -> bool:
        """Whether the operator has taken the subject over."""
        return any(v.step == "taken over" for v in self.verdicts)

    def as_json(self) -> list[dict[str, str]]:
        """Return what is kept on the action."""
        return [{"step": v.step, "level": v.level, "reason": v.reason} for v in self.verdicts]


ComplianceRule = Callable[[Action, Any], str | None]
_compliance: dict[str, list[ComplianceRule]] = defaultdict(list)


def compliance(*message_classes: str) -> Callable[[ComplianceRule], ComplianceRule]:
    """Register a rule for cold, reply or transactional messages: it returns why not, or None."""

    def decorate(rule: ComplianceRule) -> ComplianceRule:
        for name in message_classes:
            _compliance[name].append(rule)
        return rule

    return decorate


def judge(action: Action) -> Judgement:
    """Judge an action by its present content and the present state of the house."""
    verdicts = tuple(
        verdict
        for step in (_taken_over, _kill_switch, _compliant, _budget, _risk_floor, _phase, _rules)
        for verdict in step(action)
    )
    return Judgement(strictest(v.level for v in verdicts), verdicts)


def strictest(levels: Iterable[str]) -> str:
    """Return the strictest of some levels."""
    return max(levels, key=lambda name: STRICTNESS[Level(name)])


def _taken_over(action: Action) -> Iterator[Verdict]:
    takeover = takeovers.of(action.subject_type, action.subject_id)
    if takeover is not None:
        yield Verdict("taken over", Level.FORBID, str(takeover))


def _kill_switch(action: Action) -> Iterator[Verdict]:
    switch = switches.engaged(kinds.tags(action))
    if switch is not None:
        yield Verdict(
            "kill switch", Level.FORBID, f"stopped by {switch.engaged_by}: {switch.reason}"
        )


def _compliant(action: Action) -> Iterator[Verdict]:
    kind = kinds.get(action.kind)
    if not kind.outward:
        return
    rules = _compliance.get(kind.message_class)
    if not rules:
        yield Verdict("compliance", Level.FORBID, f"no rules exist for {kind.label.lower()}")
        return
    params = kinds.parsed(action)
    for rule in rules:
        objection = rule(action, params)
        if objection:
            yield Verdict("compliance", Level.FORBID, objection)


def _budget(action: Action) -> Iterator[Verdict]:
    if kinds.get(action.kind).cost_usd is None:
        yield Verdict("budget", Level.FORBID, "what it costs is not known")


def _risk_floor(action: Action) -> Iterator[Verdict]:
    kind = kinds.get(action.kind)
    if kind.always_asks:
        yield Verdict("risk floor", Level.ASK, "this kind of action always asks")
    why = kind.asks(action, kinds.parsed(action))
    if why:
        yield Verdict("risk floor", Level.ASK, why)


def _phase(action: Action) -> Iterator[Verdict]:
    kind, phase = kinds.get(action.kind), AgencyProfile.load().phase
    earnable = phases.standing(kind, phase) == phases.Standing.MAY
    yield of_phase(kind, phase, promotions.active(action.agent, kind.name) if earnable else None)


def of_phase(
    kind: kinds.ActionKind[Any], phase: int, promotion: Promotion | None = None
) -> Verdict:
    """Return what a phase makes of a kind of action, a promotion inside its ceiling counted in."""
    if phase not in AgencyProfile.Phase.values:
        return Verdict("phase", Level.FORBID, f"phase {phase} has no policy")
    if phase >= kind.auto_from_phase:
        return Verdict("phase", Level.AUTO, f"phase {phase} lets {kind.label.lower()} run")
    if promotion is not None and phases.standing(kind, phase) == phases.Standing.MAY:
        return Verdict(
            "phase", Level.AUTO, f"{promotion.by} let {kind.label.lower()} run: it was earned"
        )
    return Verdict("phase", Level.ASK, f"phase {phase} asks for {kind.label.lower()}")


def _rules(action: Action) -> Iterator[Verdict]:
    rules = AutonomyRule.objects.filter(
        Q(agent="") | Q(agent=action.agent),
        Q(kind="") | Q(kind=action.kind),
        Q(client=None) | Q(client=action.client_id),
    )
    for rule in rules:
        yield Verdict("rule", rule.level, rule.reason)
