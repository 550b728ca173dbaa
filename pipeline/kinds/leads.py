"""What may be done to a lead: score it, answer it."""

import datetime as dt
from typing import Any

from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field

from agency import live
from control import kinds, overrides
from control.models import Action
from jobs import events
from pipeline.kinds import letters
from pipeline.models import Lead

EVENT_OF = {
    Lead.Status.QUALIFIED: "lead.qualified",
    Lead.Status.REVIEW: "lead.needs_review",
    Lead.Status.DISQUALIFIED: "lead.disqualified",
}
SCORED = ("score", "status", "score_parts", "score_reason")


class ScorePart(BaseModel):
    """One signal's share of a score."""

    model_config = ConfigDict(extra="forbid")

    dimension: str
    signal: str
    points: float
    max: float
    why: str
    quote: str = ""


class QualifyParams(BaseModel):
    """A score from 0 to 100, what it makes of the lead, and every point explained."""

    model_config = ConfigDict(extra="forbid")

    score: int = Field(ge=0, le=100)
    status: Lead.Status
    parts: list[ScorePart]
    reason: str


@kinds.register
class QualifyLead(kinds.ActionKind[QualifyParams]):
    """Set a lead's score and status. Changes records only; undo puts the old ones back."""

    name = "qualify_lead"
    label = "Scores"
    params = QualifyParams
    stakes = Action.Stakes.LOW
    auto_from_phase = 1
    emits = tuple(EVENT_OF.values())

    def summary(self, action: Action, params: QualifyParams) -> str:
        """Say who got which score."""
        status = Lead.Status(params.status).label.lower()
        return f"{letters.lead(action)} scored {params.score}, {status}"

    def consequence(self, action: Action, params: QualifyParams) -> str:
        """Say what follows."""
        return "The score is written on the lead and whoever listens to it is woken."

    def execute(self, action: Action, params: QualifyParams, guard: kinds.Guard) -> dict[str, Any]:
        """Write the score; fields a person has set by hand stay as they are."""
        lead = Lead.objects.select_for_update(of=("self",)).get(pk=letters.lead(action).pk)
        action.before = {name: getattr(lead, name) for name in SCORED} | {
            "scored_at": lead.scored_at.isoformat() if lead.scored_at else None
        }
        kept = overrides.fields(lead)
        found = {
            "score": params.score,
            "status": params.status,
            "score_parts": [part.model_dump() for part in params.parts],
            "score_reason": params.reason,
        }
        written = {name: value for name, value in found.items() if name not in kept}
        for name, value in written.items():
            setattr(lead, name, value)
        lead.scored_at = timezone.now()
        lead.save(update_fields=[*written, "scored_at"])
        return {"written": sorted(written), "kept_by_override": sorted(kept)}

    def done(self, action: Action, params: QualifyParams) -> None:
        """Hand over by the lead's status as it stands now."""
        lead = letters.lead(action)
        live.broadcast("leads", f"lead:{lead.pk}")
        if action.before["status"] == lead.status:
            return
        name = EVENT_OF.get(Lead.Status(lead.status))
        if name is not None:
            events.emit(
                name,
                subject=lead,
                client=action.client,
                correlation_id=action.correlation_id,
                data={"score": lead.score},
            )

    def undo(self, action: Action, params: QualifyParams) -> None:
        """Put the former score back, unless something newer changed it."""
        lead = Lead.objects.select_for_update().get(pk=action.subject_id)
        kept = overrides.fields(lead)
        written = [name for name in action.effect.get("written", []) if name not in kept]
        set_then = {"score": params.score, "status": params.status}
        if any(getattr(lead, name) != set_then[name] for name in written if name in set_then):
            raise kinds.Blocked("the score was changed again since")
        for name in written:
            setattr(lead, name, action.before[name])
        then = action.before["scored_at"]
        lead.scored_at = dt.datetime.fromisoformat(then) if then else None
        lead.save(update_fields=[*written, "scored_at"])
        live.broadcast("leads", f"lead:{lead.pk}")


class ReplyParams(letters.LetterParams):
    """A plain-text answer."""


@kinds.register
class ReplyToLead(letters.LetterToLead[ReplyParams]):
    """Answer a lead by mail. Irrevocable once it left: correct it with another mail."""

    name = "reply_to_lead"
    label = "Replies"
    params = ReplyParams
    auto_from_phase = 2
    emits = ("lead.answered",)

    def summary(self, action: Action, params: ReplyParams) -> str:
        """Say who is answered."""
        return f"Reply to {letters.lead(action)}: {params.subject}"

    def done(self, action: Action, params: ReplyParams) -> None:
        """Note when the lead was first answered, and hand over."""
        letters.answered(action)
        lead = Lead.objects.filter(pk=action.subject_id).first()
        if lead is not None:
            events.emit(
                "lead.answered",
                subject=lead,
                client=action.client,
                correlation_id=action.correlation_id,
            )
