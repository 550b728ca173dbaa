"""What a person does to a lead by hand, and what the house notes about it."""

from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from agency import live
from control import overrides
from control.models import Action
from jobs import events, registry
from jobs.lease import Lease
from jobs.models import Event, Job, Lane
from pipeline import moves
from pipeline.kinds import EVENT_OF
from pipeline.models import Lead

ANSWER_SLA_SECONDS = 120


def override_score(lead: Lead, *, score: int, status: str, by: User, reason: str) -> None:
    """Set score and status by hand; agents no longer change them, whoever listens is woken."""
    changes: dict[str, object] = {}
    if score != lead.score:
        changes["score"] = score
    if status != lead.status:
        changes["status"] = status
    if not changes:
        return
    with transaction.atomic():
        overrides.override(lead, changes, by=by, reason=reason, client=lead.client)
        if "status" in changes and status in EVENT_OF:
            events.emit(EVENT_OF[Lead.Status(status)], subject=lead, client=lead.client)
        live.broadcast("leads", f"lead:{lead.pk}")


def set_outcome(lead: Lead, outcome: str, *, by: User) -> moves.Move:
    """Say how it ended, or that it has not; retraining learns from it."""
    moved = moves.close_many([lead.pk], outcome, by=by)
    lead.refresh_from_db(fields=["outcome", "closed_at", "flagged_at"])
    return moved


@registry.register("pipeline.note_draft", lane=Lane.FAST, short=True)
def note_draft(job: Job, lease: Lease) -> None:
    """Note when an answer to a lead first waited for approval: half of the two-minute promise."""
    event = Event.objects.get(pk=UUID(job.payload["event_id"]))
    action = Action.objects.get(pk=event.subject_id)
    if action.kind == "reply_to_lead":
        Lead.objects.filter(pk=action.subject_id, drafted_at=None).update(
            drafted_at=event.created_at
        )


events.subscribe("action.waiting", "pipeline.note_draft")
