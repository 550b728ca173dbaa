"""What becomes of an action whose job a person cancelled or discarded."""

from django.utils import timezone

from control import outcomes
from control.models import Action, Decision
from jobs import registry
from jobs.models import Job


@registry.given_up("control.execute")
def settle(jobs: list[Job], why: str) -> None:
    """Leave no action approved that nobody will do: in doubt it is `unknown`, else turned down."""
    decisions = {job.payload["action_id"]: job.payload["decision_id"] for job in jobs}
    # Of an action's jobs the newest is last; an older one belongs to an approval called back.
    actions = Action.objects.select_for_update(of=("self",)).filter(pk__in=decisions)
    for action in actions.order_by("pk"):
        if live_decision(action) != decisions[str(action.pk)]:
            continue
        if action.status == Action.Status.EXECUTING:
            outcomes.mark_unknown(action, "its worker stopped in the middle of it")
        else:
            turn_down(action, Action.Status.APPROVED, why)


def turn_down(action: Action, status: str, why: str) -> None:
    """Reject an action in this status, and void its approval."""
    if not action.advance(status, Action.Status.REJECTED, error=why):
        return
    approvals = action.decisions.filter(verdict=Decision.Verdict.APPROVE, consumed_at=None)
    approvals.update(voided_at=timezone.now())
    outcomes.tell(action, "action.discarded", f"Discarded: {action.summary}", {"why": why})


def live_decision(action: Action) -> int | None:
    """Return the last approval of an action."""
    last = action.decisions.filter(verdict=Decision.Verdict.APPROVE).order_by("-pk").first()
    return last.pk if last is not None else None
