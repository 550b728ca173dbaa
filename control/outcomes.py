"""How an effect ended, as far as anybody knows."""

from agency import audit, live
from agency.models import AuditEntry
from control import alerts, promotions
from control.models import Action, Alert
from jobs import events


def ends_own(action: Action, status: str, error: str, **fields: object) -> bool:
    """Leave `executing` only if the effect that runs is the one this caller started."""
    won = Action.objects.filter(
        pk=action.pk,
        status=Action.Status.EXECUTING,
        effect_started_at=action.effect_started_at,
    ).update(status=status, error=error.replace("\0", "�"), **fields)
    if won:
        action.refresh_from_db()
    return won == 1


def mark_unknown(action: Action, why: str) -> None:
    """Say that nobody knows whether it happened, and ask the operator."""
    if not ends_own(action, Action.Status.UNKNOWN, why):
        return
    tell(action, "action.unknown", f"May or may not have gone out: {action.summary}", {"why": why})
    alerts.raise_alert(
        f"unknown:{action.pk}",
        f"It may have gone out: {action.summary}",
        body=f"{why}. It is not sent again by itself; say whether it was sent.",
        severity=Alert.Severity.CRITICAL,
        url=f"/approvals/{action.pk}/",
    )
    promotions.after_outcome(action, "nobody knows whether it went out")


def tell(action: Action, verb: str, sentence: str, data: dict[str, object]) -> None:
    """Record what happened to an action, and let open pages know."""
    audit.record(
        verb,
        sentence,
        actor=action.agent,
        actor_kind=AuditEntry.ActorKind.AGENT,
        obj=action,
        client=action.client,
        correlation_id=action.correlation_id,
        data=data,
    )
    live.broadcast("approvals", "status", "mailbox", f"agent:{action.agent}")


def done(action: Action, effect: dict[str, object]) -> None:
    """Record that an action was done, and let programs outside know."""
    tell(action, "action.done", f"Done: {action.summary}", effect)
    announce(action)


def announce(action: Action) -> None:
    """Let programs outside know that an action was done."""
    events.emit(
        "action.done",
        subject=action,
        client=action.client,
        correlation_id=action.correlation_id,
        data={"kind": action.kind, "agent": action.agent},
    )
