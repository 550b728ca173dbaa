"""What may be done with an answer to a cold mail: say what it is, and let follow what follows."""

from typing import Any

from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field

from agency import clock, live
from control import kinds
from control.models import Action
from jobs import events
from pipeline.kinds import steps
from pipeline.mail import suppressions
from pipeline.models import (
    Contact,
    Enrollment,
    InboundMail,
    Lead,
    Prospect,
    Suppression,
    Thread,
    Touch,
)
from pipeline.writing import outreach

Label = InboundMail.Label
BECOMES_LEAD = (Label.INTERESTED, Label.QUESTION, Label.REFERRAL)


class SortParams(BaseModel):
    """What an answer is, and why it is taken for that."""

    model_config = ConfigDict(extra="forbid")

    mail: str
    label: Label
    reason: str = Field(max_length=300)


@kinds.register
class SortReply(kinds.ActionKind[SortParams]):
    """Label an answer, and let follow what follows: a lead, peace for whoever wants it."""

    name = "sort_reply"
    label = "Sorted answers"
    word = "Answer"
    params = SortParams
    stakes = Action.Stakes.LOW
    auto_from_phase = 1
    emits = ("lead.received", "prospect.declined")

    def summary(self, action: Action, params: SortParams) -> str:
        """Say what they said."""
        return f"{steps.prospect(action)} answered: {Label(params.label).label.lower()}"

    def consequence(self, action: Action, params: SortParams) -> str:
        """Say what follows."""
        return "Who is interested becomes a lead; who is not is left alone."

    def execute(self, action: Action, params: SortParams, guard: kinds.Guard) -> dict[str, Any]:
        """Label it; make the lead or the suppression that follows."""
        letter_ = InboundMail.objects.select_for_update(of=("self",)).get(pk=params.mail)
        prospect = steps.prospect(action)
        if letter_.prospect_id != prospect.pk:
            raise kinds.Blocked("the answer is not of this prospect")
        if letter_.status == InboundMail.Status.SORTED:
            raise kinds.Blocked("it was sorted already")
        action.before = {"label": letter_.label, "status": prospect.status}
        letter_.label = params.label
        letter_.label_reason = params.reason
        letter_.status = InboundMail.Status.SORTED
        effect: dict[str, Any] = {}
        if params.label in BECOMES_LEAD:
            effect["lead"] = str(lead_of(letter_, prospect).pk)
        elif params.label == Label.UNSUBSCRIBE:
            effect["suppressed"] = leave_alone(letter_, prospect)
        elif params.label == Label.NOT_INTERESTED:
            _set_status(prospect, Prospect.Status.DECLINED)
        letter_.save(update_fields=["label", "label_reason", "status", "lead"])
        return effect

    def done(self, action: Action, params: SortParams) -> None:
        """Hand a lead over, or say that they declined."""
        prospect = steps.prospect(action)
        made = action.effect.get("lead")
        lead = Lead.objects.filter(pk=made).first() if made else None
        if lead is not None:
            events.emit("lead.received", subject=lead, correlation_id=action.correlation_id)
        elif params.label in (Label.UNSUBSCRIBE, Label.NOT_INTERESTED):
            events.emit("prospect.declined", subject=prospect, correlation_id=action.correlation_id)
        live.broadcast("inbox", "leads", "prospects", f"prospect:{prospect.pk}")

    def undo(self, action: Action, params: SortParams) -> None:
        """Take the label off, and lift what it suppressed; a lead stands."""
        if action.effect.get("lead"):
            raise kinds.Blocked("it became a lead; say there that it is lost")
        InboundMail.objects.filter(pk=params.mail).update(label=action.before["label"])
        # What changed again since, such as a lead it became, stays.
        Prospect.objects.filter(pk=action.subject_id, status=Prospect.Status.DECLINED).update(
            status=action.before["status"]
        )
        suppressed = action.effect.get("suppressed")
        for one in Suppression.objects.filter(pk=suppressed) if suppressed else []:
            suppressions.remove(one, by="undo")
        live.broadcast("inbox", "prospects")


def leave_alone(letter_: InboundMail, prospect: Prospect) -> int | None:
    """Write to this person no more, as they ask; return the suppression, if there was none yet."""
    touch = letter_.touch
    address = touch.to_address if touch else letter_.from_email
    known = Suppression.objects.filter(scope=Suppression.Scope.ADDRESS, value=address.lower())
    was = known.exists()
    found = suppressions.add(Suppression.Scope.ADDRESS, address, reason="asked to by mail")
    if letter_.from_email and letter_.from_email != address:
        suppressions.add(Suppression.Scope.ADDRESS, letter_.from_email, reason="asked to by mail")
    if touch is not None:
        Touch.objects.filter(pk=touch.pk, unsubscribed_at=None).update(unsubscribed_at=clock.now())
    outreach.stop(prospect, Enrollment.Stop.UNSUBSCRIBE)
    _set_status(prospect, Prospect.Status.DECLINED)
    return None if was else found.pk


def lead_of(letter_: InboundMail, prospect: Prospect) -> Lead:
    """Return the lead of the answer; the first of a conversation makes it."""
    thread = letter_.thread
    if thread is not None:
        # Two answers of one conversation, sorted at once, are one lead.
        thread = Thread.objects.select_for_update(of=("self",)).get(pk=thread.pk)
    if thread is not None and thread.lead is not None:
        letter_.lead = thread.lead
        return thread.lead
    contact = Contact.objects.filter(prospect=prospect, email__iexact=letter_.from_email).first()
    lead = Lead.objects.create(
        source="reply",
        name=(letter_.from_name or (contact.name if contact else ""))[:200],
        email=letter_.from_email,
        phone=(contact.phone if contact else "") or prospect.phone,
        company=prospect.name,
        website=prospect.website,
        subject=letter_.subject,
        message=letter_.text[:20_000],
        timezone=prospect.timezone,
        fields={"industry": prospect.industry, "place": prospect.place},
        received_at=timezone.now(),
    )
    letter_.lead = lead
    if thread is not None:
        thread.lead = lead
        thread.save(update_fields=["lead"])
    _set_status(prospect, Prospect.Status.LEAD)
    return lead


def _set_status(prospect: Prospect, status: str) -> None:
    Prospect.objects.filter(pk=prospect.pk, status__in=Prospect.OPEN).update(status=status)
