"""What Outreach reads before it writes: the prospect, its step in the sequence, its answers."""

from typing import Any

from pydantic import BaseModel

from agency.models import AgencyProfile
from agents.letters import ContactFacts, FactSeen, Step, VariantSeen
from control.models import Action
from pipeline.models import Contact, Enrollment, InboundMail, Prospect
from pipeline.writing import bandit, outreach

MOST_ANSWERS = 5
MOST_FACTS = 20
ANSWER_CHARS = 4_000


class Answer(BaseModel):
    """An answer that nobody has sorted yet."""

    mail: str
    from_email: str
    subject: str
    text: str
    automatic: bool


class OutreachFacts(BaseModel):
    """All that a run looks at."""

    prospect: str
    status: str
    fit: int
    min_fit: int
    place: str
    industry: str
    contact: ContactFacts | None = None
    facts: list[FactSeen] = []
    sequence: int | None = None
    enrollment: str = ""
    step: Step | None = None
    earlier: list[str] = []
    answers: list[Answer] = []
    agency: str
    sender: str


def read(subject: Prospect) -> OutreachFacts:
    """Return the prospect, where it stands in its sequence, and what it answered."""
    profile = AgencyProfile.load()
    enrollment = (
        Enrollment.objects.filter(prospect=subject, status=Enrollment.Status.ACTIVE)
        .select_related("contact", "sequence")
        .first()
    )
    contact = enrollment.contact if enrollment else outreach.contact_for(subject)
    sequence = enrollment.sequence if enrollment else outreach.sequence_for(subject)
    return OutreachFacts(
        prospect=subject.name,
        status=subject.status,
        fit=subject.fit,
        min_fit=subject.ideal_customer.min_fit,
        place=subject.place,
        industry=subject.industry,
        contact=_contact(contact),
        facts=_facts(subject),
        sequence=sequence.pk if sequence else None,
        enrollment=str(enrollment.pk) if enrollment else "",
        step=_step(enrollment) if enrollment else None,
        earlier=_earlier(enrollment) if enrollment else [],
        answers=_answers(subject),
        agency=profile.name,
        sender=profile.sender_name,
    )


def _contact(contact: Contact | None) -> ContactFacts | None:
    if contact is None:
        return None
    return ContactFacts(pk=contact.pk, name=contact.name, role=contact.role, email=contact.email)


def _facts(prospect: Prospect) -> list[FactSeen]:
    return [
        FactSeen(pk=fact.pk, kind=fact.kind, claim=fact.claim, quote=fact.quote, url=fact.url)
        for fact in prospect.facts.all()[:MOST_FACTS]
    ]


def _step(enrollment: Enrollment) -> Step | None:
    """Return the step that is due and not proposed yet."""
    if enrollment.announced_at is None:
        return None
    step = enrollment.sequence.steps.filter(position=enrollment.position).first()
    label = Prospect._meta.label_lower
    open_ = Action.objects.filter(
        subject_type=label,
        subject_id=str(enrollment.prospect_id),
        kind__in=outreach.STEPS,
        status__in=Action.UNSETTLED,
    )
    if step is None or open_.exists():
        return None
    variants = list(step.variants.filter(active=True))
    known = bandit.records(variant.pk for variant in variants)
    return Step(
        position=step.position,
        day=step.day,
        channel=step.channel,
        variants=[
            VariantSeen(
                pk=one.pk,
                name=one.name,
                subject=one.subject,
                body=one.body,
                sent=known[one.pk].sent,
                replied=known[one.pk].replied,
            )
            for one in variants
        ],
    )


def _earlier(enrollment: Enrollment) -> list[str]:
    touches: Any = enrollment.touches.exclude(subject="").order_by("sent_at")
    return [touch.subject for touch in touches]


def _answers(prospect: Prospect) -> list[Answer]:
    unsorted = InboundMail.objects.filter(
        prospect=prospect,
        status=InboundMail.Status.READ,
        kind__in=[InboundMail.Kind.REPLY, InboundMail.Kind.AUTO_REPLY],
    ).order_by("received_at")
    return [
        Answer(
            mail=str(mail.pk),
            from_email=mail.from_email,
            subject=mail.subject,
            text=mail.text[:ANSWER_CHARS],
            automatic=mail.kind == InboundMail.Kind.AUTO_REPLY,
        )
        for mail in unsorted[:MOST_ANSWERS]
    ]
