"""What may be done to a prospect who is written to: enroll them, send them a cold mail."""

import datetime as dt
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from agency import clock, live
from agency.models import AgencyProfile
from control import kinds
from control.models import Action
from integrations import mail
from jobs import events
from pipeline.kinds import steps
from pipeline.mail import inbox, postage, unsubscribe
from pipeline.models import (
    Contact,
    Enrollment,
    Mailbox,
    Prospect,
    Sequence,
    SequenceStep,
    Touch,
    Variant,
)
from pipeline.writing import claims, outreach, windows, wording
from pipeline.writing.claims import Claim


class EnrollParams(BaseModel):
    """Who is put into which sequence."""

    model_config = ConfigDict(extra="forbid")

    contact: int
    sequence: int


@kinds.register
class EnrollProspect(kinds.ActionKind[EnrollParams]):
    """Put a prospect at the start of a sequence; undo takes them out again."""

    name = "enroll_prospect"
    label = "Enrollments"
    params = EnrollParams
    stakes = Action.Stakes.LOW
    auto_from_phase = 1
    emits = ("step.due",)

    def summary(self, action: Action, params: EnrollParams) -> str:
        """Say who and where."""
        sequence = Sequence.objects.filter(pk=params.sequence).first()
        return f"{steps.prospect(action)} into “{sequence}”"

    def consequence(self, action: Action, params: EnrollParams) -> str:
        """Say what follows."""
        return "Its first step falls due at once; what is written still waits for you."

    def execute(self, action: Action, params: EnrollParams, guard: kinds.Guard) -> dict[str, Any]:
        """Enroll."""
        prospect = Prospect.objects.select_for_update(of=("self",)).get(pk=action.subject_id)
        contact = Contact.objects.filter(pk=params.contact, prospect=prospect).first()
        sequence = Sequence.objects.filter(pk=params.sequence).first()
        if contact is None or sequence is None:
            raise kinds.Blocked("the contact or the sequence is no longer there")
        try:
            enrollment = outreach.enroll(prospect, contact, sequence)
        except outreach.CannotEnroll as reason:
            raise kinds.Blocked(str(reason)) from reason
        return {"enrollment": str(enrollment.pk)}

    def undo(self, action: Action, params: EnrollParams) -> None:
        """Take them out; what went out stays out."""
        outreach.stop(steps.prospect(action), Enrollment.Stop.OPERATOR, by="undo")


class EmailParams(BaseModel):
    """A cold mail of one step. The recipient is the enrolled contact, never a parameter."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    enrollment: str
    position: int
    variant: int | None = None
    subject: str = Field(min_length=1, max_length=150)
    body: str = Field(min_length=1, max_length=3_000)
    claims: list[Claim] = Field(default_factory=list, max_length=10)

    @field_validator("subject")
    @classmethod
    def one_line(cls, value: str) -> str:
        """Refuse a subject that would end its header line."""
        if "\n" in value or "\r" in value:
            raise ValueError("must be one line")
        return value


@kinds.register
class SendEmail(kinds.ActionKind[EmailParams]):
    """Write to a prospect who has not asked. Irrevocable once it left."""

    name = "send_email"
    label = "Cold mails"
    word = "Mail"
    params = EmailParams
    stakes = Action.Stakes.MEDIUM
    outward = True
    channel = "email"
    message_class = "cold"
    auto_from_phase = 2
    may_from_phase = 2  # nobody asked for it: it is not earned ahead of its phase
    editable: ClassVar[tuple[str, ...]] = ("subject", "body")
    emits = ("email.sent",)

    def summary(self, action: Action, params: EmailParams) -> str:
        """Say who is written to."""
        return f"Mail to {steps.prospect(action)}: {params.subject}"

    def consequence(self, action: Action, params: EmailParams) -> str:
        """Say when it leaves and in whose name."""
        enrollment = steps.enrollment(action, params.enrollment)
        zone = windows.zone_of(enrollment.prospect)
        moment = windows.leaves_at(enrollment, looking=True)
        when = f"{moment.astimezone(zone):%a %H:%M} their time" if moment else "at once"
        where = ", into the sandbox market: nobody real is contacted"
        where = where if mail.world() == "sandbox" else ""
        return f"The mail goes out {when}{where}. Any answer of theirs stops the sequence."

    def render(self, action: Action, params: EmailParams) -> dict[str, Any]:
        """Return the mail as it goes out, with who sends it and how to be left alone."""
        enrollment = steps.enrollment(action, params.enrollment)
        profile = AgencyProfile.load()
        mailbox, contact = enrollment.mailbox, enrollment.contact
        sender = mailbox.from_email if mailbox else profile.sender_email
        first = (
            Touch.objects.filter(enrollment=enrollment, channel=SequenceStep.Channel.EMAIL)
            .exclude(message_id="")
            .order_by("sent_at")
            .first()
        )
        link = unsubscribe.url(contact)
        return {
            "world": enrollment.prospect.world,
            "message_id": f"<{action.pk}@{sender.rpartition('@')[2]}>",
            "in_reply_to": first.message_id if first else "",
            "from_name": mailbox.from_name if mailbox else profile.sender_name,
            "from_email": sender,
            "to_name": contact.name or enrollment.prospect.name,
            "to_email": contact.email,
            "reply_to": "" if mailbox else profile.reply_to,
            "subject": params.subject,
            "body": params.body,
            "unsubscribe": link,
            "footer": f"{profile.name} · {profile.postal_address}\n"
            f"If you would rather not hear from us: {link}",
        }

    def objection(self, action: Action, params: EmailParams) -> str:
        """Refuse what no fact supports, before anybody is asked."""
        prospect = steps.prospect(action)
        known = {fact.pk: f"{fact.claim} {fact.quote}" for fact in prospect.facts.all()}
        variant = _variant(params)
        profile = AgencyProfile.load()
        own = f"{variant.subject} {variant.body}" if variant else ""
        own = f"{own} {wording.SUBJECT} {prospect.place} {prospect.industry}"
        return claims.objection(
            f"{params.subject}\n{params.body}",
            params.claims,
            known,
            own=f"{own} {profile.name} {profile.sender_name}",
            company=prospect.name,
        )

    def source(self, action: Action, params: EmailParams) -> str:
        """Return the mail with its headers and its signature."""
        return mail.source(letter(action.rendered))

    def leaves_at(self, action: Action, params: EmailParams) -> dt.datetime | None:
        """Wait for their hours and for a place in the mailbox's day."""
        moment = windows.leaves_at(steps.enrollment(action, params.enrollment))
        return clock.wall_at(moment) if moment else None

    def execute(self, action: Action, params: EmailParams, guard: kinds.Guard) -> dict[str, Any]:
        """Send exactly what was approved; its Message-ID is made of the action's id."""
        approved = action.rendered
        if approved["world"] != mail.world():
            raise kinds.Blocked(f"{approved['world']} prospects get no {mail.world()} mail")
        receipt = mail.send(letter(approved), before_data=guard)
        return {"message_id": receipt.message_id, "server": receipt.server_reply}

    def done(self, action: Action, params: EmailParams) -> None:
        """Write down that it went out, and go on to the next step."""
        approved = action.rendered
        enrollment = Enrollment.objects.select_related("prospect").get(pk=params.enrollment)
        touch, _ = Touch.objects.get_or_create(
            action_id=action.pk,
            defaults={
                "prospect": enrollment.prospect,
                "contact_id": enrollment.contact_id,
                "enrollment": enrollment,
                "position": params.position,
                "channel": SequenceStep.Channel.EMAIL,
                "variant": _variant(params),
                "mailbox_id": enrollment.mailbox_id,
                "message_id": approved["message_id"],
                "to_address": str(approved["to_email"]).lower(),
                "subject": approved["subject"],
                "sent_at": clock.now(),
            },
        )
        Prospect.objects.filter(
            pk=enrollment.prospect_id,
            status__in=[Prospect.Status.NEW, Prospect.Status.RESEARCHED],
        ).update(status=Prospect.Status.CONTACTED)
        first = Mailbox.objects.filter(pk=enrollment.mailbox_id or 0, started_on=None)
        first.update(started_on=windows.day_of(clock.now()))
        outreach.advance(enrollment, params.position)
        inbox.catch_up(touch)
        events.emit("email.sent", subject=enrollment.prospect, correlation_id=action.correlation_id)
        live.broadcast("prospects", f"prospect:{enrollment.prospect_id}", "mailbox")

    def undo(self, action: Action, params: EmailParams) -> None:
        """Refuse, with the correction."""
        raise kinds.Irrevocable("A mail that left cannot be taken back; write to correct it.")


def letter(rendered: dict[str, Any]) -> mail.Message:
    """Return the cold mail that was rendered, with the headers of one-click unsubscribe.

    RFC 8058; a follow-up answers the first mail of its sequence.
    """
    headers = {
        "List-Unsubscribe": f"<{rendered['unsubscribe']}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        **postage.answers([rendered["in_reply_to"]] if rendered["in_reply_to"] else []),
    }
    message = mail.Message(
        message_id=rendered["message_id"],
        from_name=rendered["from_name"],
        from_email=rendered["from_email"],
        to_name=rendered["to_name"],
        to_email=rendered["to_email"],
        reply_to=rendered["reply_to"],
        subject=rendered["subject"],
        text=f"{rendered['body']}\n\n-- \n{rendered['footer']}\n",
        headers=headers,
    )
    return postage.stamped(message)


def _variant(params: EmailParams) -> Variant | None:
    return Variant.objects.filter(pk=params.variant).first() if params.variant else None
