"""How far a kind of action may go by itself for one agent, and the rules that tighten it."""

from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet
from django.db.models.functions import JSONObject

from agency import audit, live
from agency.models import AuditEntry, Client
from control import kinds, phases, policy, trust
from control.models import AutonomyRule, Level, Promotion
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
    number: int

    @property
    def promotion(self) -> Promotion | None:
        """What lets it run ahead of its phase, if something does."""
        return self.trust.promotion

    @property
    def standing(self) -> phases.Standing:
        """Where the phase puts it, before any promotion or rule."""
        return phases.standing(self.kind, self.number)

    @property
    def may_earn(self) -> bool:
        """Whether a promotion is open to it here, and it has none."""
        return self.standing == phases.Standing.MAY and self.promotion is None

    @property
    def offered(self) -> bool:
        """Whether it has earned to be let run, here and now."""
        return self.may_earn and self.trust.earned

    @property
    def ceiling(self) -> str:
        """How far it may be promoted, in any phase."""
        first = phases.earnable_from(self.kind)
        if first >= kinds.NEVER:
            return "always asks: nobody can earn it"
        if self.kind.auto_from_phase <= 1:
            return "nothing to earn: it runs in every phase"
        if first >= self.kind.auto_from_phase:
            return f"is not earned ahead of phase {self.kind.auto_from_phase}"
        if first <= 1:
            return "may be earned in any phase before"
        return f"may be earned from phase {first} on"

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
        _freedom(
            kinds.get(name),
            phase,
            earned.get(name, Trust()),
            tuple(rule for rule in rules if rule.kind in ("", name)),
        )
        for name in proposes
    ]


def of(agent: str, kind: str, phase: int) -> Freedom:
    """Return what a kind of an agent's actions has earned in this phase, rules left aside."""
    return _freedom(kinds.get(kind), phase, trust.of(agent, kind), ())


def _freedom(
    kind: kinds.ActionKind[Any], phase: int, earned: Trust, rules: tuple[AutonomyRule, ...]
) -> Freedom:
    return Freedom(kind, policy.of_phase(kind, phase, earned.promotion), rules, earned, phase)


def tighten(
    agent: str, kind: str, level: str, *, reason: str, by: str, client: Client | None = None
) -> AutonomyRule:
    """Have a kind of action of an agent ask, or forbid it, in any phase; for one client, or all.

    For a client the agent, the kind or both may be left empty: then it holds for every one.
    Raises NoTighter, SaidAlready and kinds.UnknownActionKind.
    """
    if level not in TIGHTER:
        raise NoTighter(f"“{level}” does not tighten; “ask” and “forbid” do")
    if client is None and not (agent and kind):
        raise NoTighter("a rule for every client names an agent and a kind of action")
    label = kinds.get(kind).label.lower() if kind else "anything"
    who = agent.capitalize() or "every agent"
    with transaction.atomic():
        if client is not None:
            Client.objects.select_for_update(no_key=True).get(pk=client.pk)
        same = AutonomyRule.objects.filter(agent=agent, kind=kind, level=level, client=client)
        if same.exists():
            raise SaidAlready(f"A rule has {who} {level} already.")
        rule = AutonomyRule.objects.create(
            agent=agent, kind=kind, level=level, reason=reason, client=client
        )
        what = "must ask about" if level == Level.ASK else "may no longer do"
        whom = f" for {client}" if client is not None else ""
        sentence = f"{by}: {who[:1].upper()}{who[1:]} {what} {label}{whom}: {reason}"
        _tell(rule, "autonomy.tightened", sentence, by)
    return rule


def with_rules(clients: QuerySet[Client]) -> QuerySet[Client]:
    """Return clients with the rules for each of them alone, the newest last, as `tightened`."""
    rules = AutonomyRule.objects.filter(client=OuterRef("pk")).order_by("pk")
    named = JSONObject(**{name: name for name in ("pk", "agent", "kind", "level", "reason")})
    return clients.annotate(tightened=ArraySubquery(rules.values(row=named)))


def of_client(client: Client) -> list[AutonomyRule]:
    """Return the rules that hold for one client only, the newest last."""
    read: list[dict[str, Any]] | None = getattr(client, "tightened", None)
    if read is None:
        return list(AutonomyRule.objects.filter(client=client).order_by("pk"))
    return [AutonomyRule(**row) for row in read]


def lift(rule: AutonomyRule, *, by: str) -> bool:
    """Take a rule away; what it held back is looked at again. False if it was gone already."""
    with transaction.atomic():
        gone, _ = AutonomyRule.objects.filter(pk=rule.pk).delete()
        if gone:
            who = rule.agent.capitalize() or "every agent"
            what = f"{who} {rule.level}s for {rule.kind or 'anything'}"
            _tell(rule, "autonomy.lifted", f"{by} lifted the rule “{rule.reason}” ({what})", by)
            queue.enqueue("control.tidy", {})
    return bool(gone)


def _tell(rule: AutonomyRule, verb: str, sentence: str, by: str) -> None:
    audit.record(
        verb,
        sentence,
        actor=by,
        actor_kind=AuditEntry.ActorKind.USER,
        client=rule.client,
        data={
            "agent": rule.agent,
            "kind": rule.kind,
            "level": rule.level,
            "reason": rule.reason,
        },
    )
    live.broadcast("agents", f"agent:{rule.agent}", "approvals", "status")
