"""How a wording reads with a real prospect: written by the same rules as the mail itself."""

import re
from dataclasses import dataclass

from pydantic import ValidationError

from agency.models import AgencyProfile
from agents import letters
from agents.letters import ContactFacts, FactSeen, VariantSeen
from pipeline.models import Contact, Prospect, Sequence, SequenceStep
from pipeline.writing import outreach

MOST = 20
PARAGRAPHS = re.compile(r"\n\s*\n")
READ = (Prospect.Status.RESEARCHED, Prospect.Status.CONTACTED)


@dataclass
class _About:
    prospect: str
    place: str
    industry: str
    agency: str
    sender: str


@dataclass(frozen=True)
class Preview:
    """A wording filled for one prospect: the facts it names, the paragraphs that lack one."""

    prospect: Prospect
    contact: Contact | None
    subject: str
    body: str
    evidence: list[dict[str, str]]
    left_out: list[str]


def examples(sequence: Sequence) -> list[Prospect]:
    """Return prospects a wording can be tried on, the best first."""
    found = Prospect.objects.filter(merged_into=None, status__in=READ)
    if sequence.ideal_customer_id:
        found = found.filter(ideal_customer=sequence.ideal_customer_id)
    return list(found.order_by("-fit", "-id")[:MOST])


def preview(
    step: SequenceStep, subject: str, body: str, prospect: Prospect, profile: AgencyProfile
) -> Preview | None:
    """Write a wording for a prospect as Outreach would by its rules; None if it is too long."""
    contact = outreach.contact_for(prospect)
    facts = [
        FactSeen(pk=one.pk, kind=one.kind, claim=one.claim, quote=one.quote, url=one.url)
        for one in prospect.facts.all()[:MOST]
    ]
    variant = VariantSeen(pk=0, name="", subject=subject, body=body, sent=0, replied=0)
    seen = letters.Step(
        position=step.position, day=step.day, channel=step.channel, variants=[variant]
    )
    about = _About(
        prospect.name, prospect.place, prospect.industry, profile.name, profile.sender_name
    )
    whom = ContactFacts(
        pk=contact.pk if contact else 0,
        name=contact.name if contact else "",
        role=contact.role if contact else "",
        email=contact.email if contact else "",
    )
    try:
        draft = letters.template(variant, seen, facts, whom, about)
    except ValidationError:
        return None
    by_pk = {fact.pk: fact for fact in facts}
    evidence = [
        {"claim": one.text, "quote": by_pk[one.fact].quote, "source": by_pk[one.fact].url}
        for one in draft.claims
    ]
    if step.channel == SequenceStep.Channel.EMAIL:
        text, subject = letters.signed(draft.body, about), draft.subject
    else:
        text, subject = letters.by_hand(seen, facts, whom, about), ""

    def is_left_out(paragraph: str) -> bool:
        alone = variant.model_copy(update={"body": paragraph})
        return not letters.template(alone, seen, facts, whom, about).body

    parts = [part for part in PARAGRAPHS.split(body) if part.strip()]
    left_out = [part for part in parts if is_left_out(part)]
    return Preview(prospect, contact, subject, text, evidence, left_out)
