"""Earned autonomy: what an agent earned to do by itself ahead of the phase, and how it is lost.

Only a person promotes, only what was earned, and only inside the phase's ceiling. The house takes
it back by itself: after a streak of rejections, and at the first outcome that was bad.
"""

import uuid

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from agency import audit, live
from agency.models import AgencyProfile, AuditEntry
from control import alerts, kinds, phases, trust
from control.models import Action, Decision, Level, Promotion
from control.trust import Trust
from jobs import events, registry
from jobs.lease import Lease
from jobs.models import Event, Job, Lane

STREAK = 3
OF_LAST = 5
TURNED_DOWN = (Action.Status.REJECTED, Action.Status.REVISE)
HOUSE = "the house"

Verdict = Decision.Verdict


class NotEarned(Exception):
    """It has not earned it; the message says how much is missing."""


class OverCeiling(Exception):
    """This phase does not let it be promoted, or lets it run anyway."""


class AlreadyPromoted(Exception):
    """It was promoted already."""


def active(agent: str, kind: str) -> Promotion | None:
    """Return the promotion in force."""
    return Promotion.objects.filter(agent=agent, kind=kind, ended_at=None).first()


def history(agent: str) -> list[Promotion]:
    """Return every promotion of an agent, the newest first."""
    return list(Promotion.objects.filter(agent=agent).order_by("-at", "-pk"))


def offer(agent: str, kind: str) -> Trust | None:
    """Return what a promotion would rest on; None if it is not earned or not open here."""
    if phases.standing(kinds.get(kind), AgencyProfile.load().phase) != phases.Standing.MAY:
        return None
    earned = trust.of(agent, kind)
    return earned if earned.earned and active(agent, kind) is None else None


def promote(agent: str, kind: str, *, by: str) -> Promotion:
    """Let an agent do a kind of action by itself from now on; what waits already still asks.

    Raises OverCeiling, NotEarned, AlreadyPromoted and kinds.UnknownActionKind.
    """
    found, phase = kinds.get(kind), AgencyProfile.load().phase
    label = found.label.lower()
    if phases.standing(found, phase) != phases.Standing.MAY:
        raise OverCeiling(_no_promotion(found.label, phases.standing(found, phase), phase))
    earned = trust.of(agent, kind)
    if not earned.earned:
        raise NotEarned(f"It is not earned yet: {earned.to_go:,} more in a row, unedited.")
    evidence = {
        "unedited": earned.unedited,
        "decided": earned.decided,
        "lower_bound": earned.lower_bound,
        "phase": phase,
    }
    try:
        with transaction.atomic():
            promotion = Promotion.objects.create(
                agent=agent, kind=kind, by=by, at=timezone.now(), evidence=evidence
            )
            sentence = (
                f"{by} lets {agent.capitalize()}’s {label} run: {earned.unedited} of"
                f" {earned.decided} approved unedited"
            )
            _tell(promotion, "autonomy.promoted", sentence, by, AuditEntry.ActorKind.USER)
    except IntegrityError as twice:
        raise AlreadyPromoted(f"{agent.capitalize()}’s {label} run already.") from twice
    return promotion


def _no_promotion(label: str, standing: phases.Standing, phase: int) -> str:
    if standing == phases.Standing.RUNS:
        return f"{label} run in phase {phase} anyway."
    if standing == phases.Standing.ALWAYS:
        return f"{label} always ask: nobody can earn them."
    return f"{label} cannot be earned in phase {phase}: its ceiling is to ask."


def demote(agent: str, kind: str, *, why: str, by: str = HOUSE) -> bool:
    """Have it ask again, from now on counted anew; False if it was not promoted.

    In the caller's transaction if there is one. What policy approved and has not begun asks again
    when its turn comes. The house's own word opens an alert.
    """
    with transaction.atomic():
        promotion = (
            Promotion.objects.select_for_update()
            .filter(agent=agent, kind=kind, ended_at=None)
            .first()
        )
        return promotion is not None and _end(promotion, why, by)


def _end(promotion: Promotion, why: str, by: str) -> bool:
    won = Promotion.objects.filter(pk=promotion.pk, ended_at=None).update(
        ended_at=timezone.now(), ended_by=by, end_reason=why[:300]
    )
    if not won:
        return False
    agent, label = promotion.agent.capitalize(), _label(promotion.kind)
    sentence = f"{by.capitalize()}: {agent}’s {label} ask again: {why}"
    by_house = by == HOUSE
    actor = AuditEntry.ActorKind.SYSTEM if by_house else AuditEntry.ActorKind.USER
    _tell(promotion, "autonomy.demoted", sentence, by, actor, why=why)
    if by_house:
        alerts.raise_alert(
            f"demoted:{promotion.agent}:{promotion.kind}",
            f"{agent}’s {label} ask you again",
            body=f"{why}. It ran by itself since {promotion.by} let it; what it earns is counted"
            " anew from now on.",
            url=f"/agents/{promotion.agent}/autonomy/#{promotion.kind}",
        )
    return True


def after_outcome(action: Action, why: str) -> bool:
    """Take back what let an action run whose outcome was bad, in the caller's transaction.

    What a person approved, or what ran before the promotion, is no fault of it.
    """
    if action.level != Level.AUTO:
        return False
    promotion = (
        Promotion.objects.select_for_update()
        .filter(agent=action.agent, kind=action.kind, ended_at=None, at__lte=action.created_at)
        .first()
    )
    return promotion is not None and _end(promotion, f"{why}: {action.summary}", HOUSE)


def after_decisions(promotion: Promotion) -> bool:
    """Take a promotion back if too many of the last decisions since were against it."""
    said = Decision.objects.filter(
        action=OuterRef("pk"), user__isnull=False, voided_at=None
    ).order_by()
    last = (
        Action.objects.filter(
            agent=promotion.agent, kind=promotion.kind, created_at__gte=promotion.at
        )
        .filter(
            Exists(said.filter(verdict__in=[Verdict.APPROVE, Verdict.REJECT, Verdict.SEND_BACK]))
        )
        .annotate(edited=Exists(said.filter(verdict=Verdict.EDIT)))
        .order_by("-created_at")[:OF_LAST]
    )
    against = sum(action.edited or action.status in TURNED_DOWN for action in last)
    if against < STREAK:
        return False
    why = f"of the last {len(last)} you decided, you edited or turned down {against}"
    return demote(promotion.agent, promotion.kind, why=why)


def look() -> int:
    """Look at every promotion in force; return how many were taken back."""
    return sum(after_decisions(one) for one in Promotion.objects.filter(ended_at=None))


@registry.register("control.look_at_promotion", lane=Lane.FAST, short=True)
def look_at_promotion(job: Job, lease: Lease) -> None:
    """Look at the promotion of what was turned down, once that can no longer be taken back."""
    event = Event.objects.get(pk=uuid.UUID(job.payload["event_id"]))
    action = Action.objects.get(pk=event.subject_id)
    promotion = active(action.agent, action.kind)
    if promotion is not None:
        after_decisions(promotion)


events.subscribe("action.rejected", "control.look_at_promotion")
events.subscribe("action.sent_back", "control.look_at_promotion")


def _label(kind: str) -> str:
    return kinds.get(kind).label.lower() if kind in kinds.names() else kind.replace("_", " ")


def _tell(promotion: Promotion, verb: str, sentence: str, by: str, actor: str, **more: str) -> None:
    audit.record(
        verb,
        sentence,
        actor=by,
        actor_kind=actor,
        data={
            "agent": promotion.agent,
            "kind": promotion.kind,
            "evidence": promotion.evidence,
            **more,
        },
    )
    live.broadcast("agents", f"agent:{promotion.agent}", "approvals", "status")
