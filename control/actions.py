"""Proposing: how an agent's wish becomes a row, is judged, and goes on from there."""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from django.db import models, transaction
from django.utils import timezone
from pydantic import BaseModel

from agency import audit, live
from agency.models import AgencyProfile, AuditEntry, Client
from control import execution, kinds, outcomes, policy, trips
from control.models import Action, Decision, Level
from jobs import events


@dataclass(frozen=True)
class Evidence:
    """What a claim rests on: a verbatim quote and where it stands."""

    claim: str
    quote: str
    source: str


@dataclass(frozen=True)
class Proposal:
    """What an agent asks the house to do."""

    kind: str
    params: BaseModel
    reason: str
    evidence: tuple[Evidence, ...] = field(default=())


@dataclass(frozen=True)
class Origin:
    """Which run proposes, or a person and no run; for whom, and at what cost so far."""

    agent: str
    run_id: uuid.UUID | None
    correlation_id: uuid.UUID
    subject: models.Model
    client: Client | None
    engine: str
    cost_usd: Decimal = Decimal(0)


def propose(proposal: Proposal, origin: Origin) -> Action:
    """Record the proposal, judge it, and let it run, ask, or hold it; in the caller's transaction.

    Record-only actions that policy lets through are done before this returns.
    """
    action = draft(proposal, origin)
    judgement = policy.judge(action)
    action.level = judgement.level
    action.policy = judgement.as_json()
    action.save(force_insert=True)
    audit.record(
        "action.proposed",
        f"{action.agent.capitalize()} proposed: {action.summary}",
        actor=action.agent,
        actor_kind=AuditEntry.ActorKind.AGENT,
        obj=action,
        client=action.client,
        correlation_id=action.correlation_id,
        data={"reason": action.reason, "policy": action.policy, "hash": action.content_hash},
    )
    kind, params = kinds.get(action.kind), kinds.parsed(action)
    already = kind.already(action, params)
    if already:
        action.effect = {"refused": trips.ALREADY}
        action.save(update_fields=["effect"])
        _refuse(action, already)
    else:
        put_aside(action)
        objection = kind.objection(action, params)
        if objection:
            _refuse(action, objection)
        else:
            _route(action, judgement)
        if not judgement.by_hand:
            trips.after_proposal(action)
    live.broadcast("approvals", "status", f"agent:{action.agent}")
    return action


def draft(proposal: Proposal, origin: Origin) -> Action:
    """Return the action as it would be proposed, rendered and hashed; not saved. Raises Blocked."""
    kind = kinds.get(proposal.kind)
    action = Action(
        kind=kind.name,
        params=proposal.params.model_dump(mode="json"),
        agent=origin.agent,
        run_id=origin.run_id,
        client=origin.client,
        subject_type=origin.subject._meta.label_lower,
        subject_id=str(origin.subject.pk),
        correlation_id=origin.correlation_id,
        reason=proposal.reason,
        evidence=[vars(item) for item in proposal.evidence],
        engine=origin.engine,
        cost_usd=origin.cost_usd,
        stakes=kind.stakes,
        outward=kind.outward,
        channel=kind.channel,
        expires_at=timezone.now() + kind.expires_after,
    )
    params = kinds.parsed(action)
    action.summary = kind.summary(action, params)[:300]
    action.rendered = kind.render(action, params)
    action.content_hash = kinds.content_hash(action)
    return action


def _route(action: Action, judgement: policy.Judgement) -> None:
    if judgement.by_hand:
        _refuse(action, judgement.reason)
    elif judgement.level == Level.FORBID:
        action.advance(Action.Status.PROPOSED, Action.Status.HELD, error=judgement.reason)
    elif judgement.level == Level.ASK:
        action.advance(Action.Status.PROPOSED, Action.Status.WAITING)
        events.emit(
            "action.waiting",
            subject=action,
            client=action.client,
            correlation_id=action.correlation_id,
        )
    else:
        approve_by_policy(action, judgement)


def _refuse(action: Action, why: str) -> None:
    action.advance(Action.Status.PROPOSED, Action.Status.REJECTED, error=why)
    outcomes.tell(action, "action.refused", f"Refused, {why}: {action.summary}", {})


def approve_by_policy(action: Action, judgement: policy.Judgement) -> None:
    """Approve what policy does not ask about; the same single-use approval as a person's."""
    now = timezone.now()
    leaves = leaves_at(action, now)
    action.advance(
        Action.Status.PROPOSED, Action.Status.APPROVED, decided_at=now, not_before=leaves
    )
    decision = Decision.objects.create(
        action=action,
        verdict=Decision.Verdict.APPROVE,
        content_hash=action.content_hash,
        by=f"policy: {judgement.reason}"[:150],
        created_at=now,
        expires_at=leaves + execution.APPROVAL_LASTS,
    )
    audit.record(
        "action.approve",
        f"Policy let it run: {action.summary}",
        actor=decision.by,
        obj=action,
        client=action.client,
        correlation_id=action.correlation_id,
        data={"hash": action.content_hash, "policy": action.policy},
    )
    execution.start(action, decision)


def leaves_at(action: Action, now: dt.datetime) -> dt.datetime:
    """Return when an action approved now leaves: after the undo window, and in its own time."""
    if not action.outward:
        return now
    own = kinds.get(action.kind).leaves_at(action, kinds.parsed(action))
    return max(now + regret_window(), own or now)


def regret_window() -> dt.timedelta:
    """Return how long what follows from a decision waits, so that it can be taken back."""
    return dt.timedelta(seconds=AgencyProfile.load().undo_send_seconds)


def render(action: Action) -> bool:
    """Render the action anew and keep it if it differs; return whether it did. Raises Blocked."""
    kind = kinds.get(action.kind)
    rendered = kind.render(action, kinds.parsed(action))
    if rendered == action.rendered:
        return False
    action.rendered = rendered
    action.content_hash = kinds.content_hash(action)
    action.save(update_fields=["rendered", "content_hash"])
    return True


def rejudge_held() -> int:
    """Route the actions policy held back that it would let go on now; return how many."""
    freed = 0
    for action in Action.objects.filter(status=Action.Status.HELD).order_by("pk"):
        try:
            freed += _rejudge(action)
        except kinds.Blocked as block:
            with transaction.atomic():
                action.refresh_from_db()
                action.advance(Action.Status.HELD, Action.Status.FAILED, error=str(block))
                outcomes.tell(action, "action.failed", f"Failed: {action.summary}: {block}", {})
    return freed


def _rejudge(action: Action) -> bool:
    with transaction.atomic():
        held = Action.objects.select_for_update(of=("self",)).filter(pk=action.pk)
        now = held.filter(status=Action.Status.HELD).first()
        if now is None:
            return False
        render(now)
        judgement = policy.judge(now)
        if judgement.level == Level.FORBID:
            return False
        now.advance(
            Action.Status.HELD,
            Action.Status.PROPOSED,
            error="",
            level=judgement.level,
            policy=judgement.as_json(),
        )
        outcomes.tell(now, "action.freed", f"No longer held back: {now.summary}", {})
        _route(now, judgement)
        return True


def withdraw(
    subject: models.Model, names: Iterable[str], why: str, *, among: models.Q | None = None
) -> int:
    """Take back what is proposed or approved of these kinds and has not begun; return how many.

    `among` narrows it down to some of the subject's. In the caller's transaction. One that begins
    at the same moment is either withdrawn here or not: both take the action's row.
    """
    open_ = Action.objects.select_for_update().filter(
        among or models.Q(),
        subject_type=subject._meta.label_lower,
        subject_id=str(subject.pk),
        kind__in=list(names),
        status__in=[Action.Status.WAITING, Action.Status.HELD, Action.Status.APPROVED],
    )
    count = 0
    for action in open_.order_by("pk"):
        if action.advance(action.status, Action.Status.EXPIRED, error=why):
            Decision.objects.filter(
                action=action, verdict=Decision.Verdict.APPROVE, consumed_at=None, voided_at=None
            ).update(voided_at=timezone.now())
            outcomes.tell(action, "action.withdrawn", f"Withdrawn, {why}: {action.summary}", {})
            count += 1
    return count


def put_aside(action: Action, *, whoever: bool = False) -> None:
    """Put aside what the same agent, or `whoever`, proposed before: one answer is enough."""
    if kinds.get(action.kind).one_of_many:
        return
    older = Action.objects.filter(
        kind=action.kind,
        subject_type=action.subject_type,
        subject_id=action.subject_id,
        status__in=[Action.Status.WAITING, Action.Status.HELD],
    ).exclude(pk=action.pk)
    for old in older if whoever else older.filter(agent=action.agent):
        if old.advance(old.status, Action.Status.EXPIRED, error="a newer proposal replaced it"):
            outcomes.tell(old, "action.superseded", f"Replaced by a newer one: {old.summary}", {})
