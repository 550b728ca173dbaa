"""What may be done to a lead: score it, answer it."""

import datetime as dt
from typing import Any, ClassVar

from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field, field_validator

from agency import live
from agency.models import AgencyProfile
from control import kinds, overrides
from control.models import Action
from integrations import mail
from jobs import events
from pipeline.mail import postage
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
        return f"{_lead(action)} scored {params.score}, {Lead.Status(params.status).label.lower()}"

    def consequence(self, action: Action, params: QualifyParams) -> str:
        """Say what follows."""
        return "The score is written on the lead and whoever listens to it is woken."

    def execute(self, action: Action, params: QualifyParams, guard: kinds.Guard) -> dict[str, Any]:
        """Write the score; fields a person has set by hand stay as they are."""
        lead = Lead.objects.select_for_update(of=("self",)).get(pk=_lead(action).pk)
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
        lead = _lead(action)
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


class ReplyParams(BaseModel):
    """A plain-text answer. The recipient is the lead's own address, never a parameter."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    subject: str = Field(min_length=1, max_length=200)
    body: str = Field(min_length=1, max_length=5_000)

    @field_validator("subject")
    @classmethod
    def one_line(cls, value: str) -> str:
        """Refuse a subject that would end its header line."""
        if "\n" in value or "\r" in value:
            raise ValueError("must be one line")
        return value


@kinds.register
class ReplyToLead(kinds.ActionKind[ReplyParams]):
    """Answer a lead by mail. Irrevocable once it left: correct it with another mail."""

    name = "reply_to_lead"
    label = "Replies"
    params = ReplyParams
    stakes = Action.Stakes.MEDIUM
    outward = True
    channel = "email"
    message_class = "reply"
    auto_from_phase = 2
    editable: ClassVar[tuple[str, ...]] = ("subject", "body")
    emits = ("lead.answered",)

    def summary(self, action: Action, params: ReplyParams) -> str:
        """Say who is answered."""
        return f"Reply to {_lead(action)}: {params.subject}"

    def consequence(self, action: Action, params: ReplyParams) -> str:
        """Say what follows."""
        seconds = AgencyProfile.load().undo_send_seconds
        where = (
            "to the sandbox mailbox; nobody real gets it"
            if mail.world() == "sandbox"
            else f"to {action.rendered.get('to_email', '')}"
        )
        return f"The mail goes out {where}. You can call it back for {seconds} s."

    def render(self, action: Action, params: ReplyParams) -> dict[str, Any]:
        """Return the mail as it goes out.

        Who wrote by mail is answered from the mailbox they wrote to, in the same conversation;
        anybody else by the profile's sender.
        """
        profile = AgencyProfile.load()
        lead = _lead(action)
        letter = postage.latest(lead)
        box = postage.written_to(letter) if letter is not None else None
        sender = box.from_email if box else profile.sender_email
        return {
            "world": mail.world(),
            "message_id": f"<{action.pk}@{sender.rpartition('@')[2]}>",
            "answers": [*letter.references, letter.message_id] if letter is not None else [],
            "from_name": box.from_name if box else profile.sender_name,
            "from_email": sender,
            "to_name": lead.name,
            "to_email": lead.email,
            "reply_to": "" if box else profile.reply_to,
            "subject": params.subject,
            "body": params.body,
            "footer": f"{profile.name} · {profile.postal_address}",
        }

    def source(self, action: Action, params: ReplyParams) -> str:
        """Return the mail with its headers."""
        return mail.source(_letter(action.rendered))

    def execute(self, action: Action, params: ReplyParams, guard: kinds.Guard) -> dict[str, Any]:
        """Send exactly what was approved; its Message-ID is made of the action's id."""
        approved = action.rendered
        if approved["world"] != mail.world():
            raise kinds.Blocked(
                f"it was approved for {approved['world']} mail, which is {mail.world()} now"
            )
        receipt = mail.send(_letter(approved), before_data=guard)
        return {"message_id": receipt.message_id, "server": receipt.server_reply}

    def done(self, action: Action, params: ReplyParams) -> None:
        """Note when the lead was first answered; whoever answers it has looked."""
        Lead.objects.filter(pk=action.subject_id).update(
            answered_at=Coalesce("answered_at", Now()), flagged_at=None
        )
        lead = Lead.objects.filter(pk=action.subject_id).first()
        if lead is not None:
            events.emit(
                "lead.answered",
                subject=lead,
                client=action.client,
                correlation_id=action.correlation_id,
            )
        live.broadcast("leads", f"lead:{action.subject_id}", "mailbox")

    def undo(self, action: Action, params: ReplyParams) -> None:
        """Refuse, with the correction."""
        raise kinds.Irrevocable("A mail that left cannot be taken back; write to correct it.")


def _letter(approved: dict[str, Any]) -> mail.Message:
    message = mail.Message(
        message_id=approved["message_id"],
        from_name=approved["from_name"],
        from_email=approved["from_email"],
        to_name=approved["to_name"],
        to_email=approved["to_email"],
        reply_to=approved["reply_to"],
        subject=approved["subject"],
        text=f"{approved['body']}\n\n-- \n{approved['footer']}\n",
        headers=postage.answers(approved.get("answers", [])),
    )
    return postage.stamped(message)


def _lead(action: Action) -> Lead:
    """Return the lead. Raises Blocked if it is gone."""
    lead = Lead.objects.filter(pk=action.subject_id).first()
    if lead is None:
        raise kinds.Blocked("the lead is no longer there")
    return lead
