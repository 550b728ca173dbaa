"""A deal as the Closer sees it: notes of its calls, what may be sold, what was offered so far."""

from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from pydantic import BaseModel, Field

from agency.models import AgencyProfile
from agents import untrusted
from billing.models import Package
from control.models import Action
from pipeline.kinds import Said
from pipeline.models import Deal, DealNote, InboundMail, Proposal
from pipeline.selling import proposals

MOST_NOTES = 3
NOTE_CHARS = 20_000
ANSWER_CHARS = 4_000


class PackageSeen(BaseModel):
    """What may be sold, and its bounds."""

    slug: str
    name: str
    summary: str
    scope: list[str]
    fits: list[str]
    setup_usd: Decimal
    monthly_usd: Decimal
    setup_floor_usd: Decimal
    monthly_floor_usd: Decimal
    max_discount_percent: Decimal
    term_months: int


class NoteSeen(BaseModel):
    """Notes of a call, and what was read out of them before."""

    pk: int
    text: str
    read: bool
    needs: list[Said] = Field(default_factory=list)
    objections: list[Said] = Field(default_factory=list)


class ProposalSeen(BaseModel):
    """What they were sent last."""

    pk: str
    version: int
    status: str
    package: str
    setup_usd: Decimal
    monthly_usd: Decimal
    discount_percent: Decimal
    term_months: int
    about: str
    scope: list[str]
    fell_due: int
    followed_up: int
    decline_reason: str


class CloserFacts(BaseModel):
    """A deal as the Closer sees it."""

    deal: str
    stage: str
    name: str
    email: str
    notes: list[NoteSeen]
    packages: list[PackageSeen]
    proposal: ProposalSeen | None
    offered: bool = Field(default=False, description="An offer waits for a yes, or is on its way.")
    answers: list[str]
    agency: str
    sender: str

    def said(self) -> str:
        """Return all that they said."""
        return "\n".join([*(note.text for note in self.notes), *self.answers])

    def needs(self) -> list[Said]:
        """Return the needs that were read out of the notes."""
        return [said for note in self.notes for said in note.needs]

    def objections(self) -> list[Said]:
        """Return the objections that were read out of the notes."""
        return [said for note in self.notes for said in note.objections]

    def as_prompt(self, note: str) -> str:
        """Return the facts for a model, what others wrote fenced."""
        told = f"\nThe operator adds: {note}" if note else ""
        return f"Deal: {self.deal}, {self.stage}{told}\n{untrusted.fence('notes', self.said())}"


def read(deal: Deal) -> CloserFacts:
    """Return the deal with its newest notes, what may be sold, and what was offered so far."""
    profile, lead = AgencyProfile.load(), deal.lead
    last = proposals.newest(deal)
    return CloserFacts(
        deal=deal.name,
        stage=deal.stage,
        name=lead.name,
        email=lead.email,
        notes=_notes(deal),
        packages=[_package(one) for one in Package.objects.filter(active=True)],
        proposal=_proposal(last) if last is not None else None,
        offered=_proposed(deal, *proposals.OFFERS).exists(),
        answers=_answers(deal, last) if last is not None else [],
        agency=profile.name,
        sender=profile.sender_name,
    )


def _notes(deal: Deal) -> list[NoteSeen]:
    newest = list(deal.notes.order_by("-pk")[:MOST_NOTES])
    waiting = {one.params["note"]: one.params for one in _proposed(deal, "read_notes")}
    return [_note(note, waiting.get(note.pk)) for note in reversed(newest)]


def _note(note: DealNote, waits: dict[str, Any] | None) -> NoteSeen:
    """Return notes as they were read, also where that waits for a yes."""
    return NoteSeen(
        pk=note.pk,
        text=note.text[:NOTE_CHARS],
        read=note.read_at is not None or waits is not None,
        needs=waits["needs"] if waits else note.needs,
        objections=waits["objections"] if waits else note.objections,
    )


def _proposed(deal: Deal, *names: str) -> QuerySet[Action]:
    """Return what is proposed for a deal and has not happened yet."""
    return Action.objects.filter(
        kind__in=names,
        subject_type=Deal._meta.label_lower,
        subject_id=str(deal.pk),
        status__in=Action.UNSETTLED,
    )


def _package(package: Package) -> PackageSeen:
    return PackageSeen(
        slug=package.slug,
        name=package.name,
        summary=package.summary,
        scope=package.scope,
        fits=package.fits,
        setup_usd=package.setup_usd,
        monthly_usd=package.monthly_usd,
        setup_floor_usd=package.setup_floor_usd,
        monthly_floor_usd=package.monthly_floor_usd,
        max_discount_percent=package.max_discount_percent,
        term_months=package.term_months,
    )


def _proposal(last: Proposal) -> ProposalSeen:
    return ProposalSeen(
        pk=str(last.pk),
        version=last.version,
        status=last.status,
        package=last.package.slug,
        setup_usd=last.setup_usd,
        monthly_usd=last.monthly_usd,
        discount_percent=last.discount_percent,
        term_months=last.term_months,
        about=last.document["summary"],
        scope=last.document["scope"],
        fell_due=last.fell_due,
        followed_up=last.followed_up,
        decline_reason=last.decline_reason,
    )


def _answers(deal: Deal, last: Proposal) -> list[str]:
    """Return what they wrote since they were sent the newest version."""
    wrote = InboundMail.objects.filter(
        lead=deal.lead_id, kind=InboundMail.Kind.REPLY, received_at__gt=last.sent_at
    )
    return [mail.text[:ANSWER_CHARS] for mail in wrote.defer("raw").order_by("received_at")]
