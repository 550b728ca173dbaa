"""What became of the best leads: calls, notes, proposals, signatures, payments, contracts."""

import datetime as dt
import hashlib
import itertools
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from agency import clock
from agency.ids import uuid7
from agency.models import AuditEntry, Client
from billing import prices
from billing.models import Contract, Package, Payment, Subscription
from pipeline.models import (
    BookingRules,
    Deal,
    DealNote,
    DealStage,
    Lead,
    Meeting,
    Proposal,
    Signature,
    Thread,
    World,
)
from pipeline.selling import deals, documents, pdf, won

STAGES = (
    *(DealStage.BOOKED, DealStage.PROPOSED, DealStage.HELD, DealStage.NEGOTIATING),
    *(DealStage.BOOKED, DealStage.PROPOSED, DealStage.BOOKED, DealStage.SIGNED),
    *(DealStage.PROPOSED, DealStage.HELD, DealStage.BOOKED, DealStage.NEGOTIATING),
)
"""Where one open deal after the other stands."""

SAID = (
    "We miss about forty calls a week, most of them in the afternoon. Dispatch is one person. They"
    " would want it before the busy season. The setup price made them pause.",
    "Two receptionists left, and the phone rings through to voicemail. They like that it books into"
    " their own calendar. They asked what happens with their data if they stop.",
    "They enter every web request by hand, often days later. Budget is there. Their partner decides"
    " too and wants to see it on one page.",
)
NEED, OBJECTION = "Calls answered when nobody is free", "The price of the setup"
WON_AT_MOST = 0.6
"""Of the leads that were won so many became clients here; the others before there were deals."""

HELD_ON = (DealStage.HELD, DealStage.PROPOSED, DealStage.NEGOTIATING, DealStage.SIGNED)
OFFERED = {
    DealStage.PROPOSED: Proposal.Status.SENT,
    DealStage.NEGOTIATING: Proposal.Status.SENT,
    DealStage.SIGNED: Proposal.Status.SIGNED,
    DealStage.WON: Proposal.Status.PAID,
    DealStage.LOST: Proposal.Status.DECLINED,
}


@dataclass
class Sold:
    """The rows, kept until all are made."""

    deals: list[Deal] = field(default_factory=list)
    meetings: list[Meeting] = field(default_factory=list)
    notes: list[DealNote] = field(default_factory=list)
    proposals: list[Proposal] = field(default_factory=list)
    signatures: list[Signature] = field(default_factory=list)
    contracts: list[Contract] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    trail: list[AuditEntry] = field(default_factory=list)

    def write(self) -> None:
        """Write all of them, what others point to first."""
        Deal.objects.bulk_create(self.deals, batch_size=1_000)
        Meeting.objects.bulk_create(self.meetings, batch_size=1_000)
        DealNote.objects.bulk_create(self.notes, batch_size=1_000)
        Proposal.objects.bulk_create(self.proposals, batch_size=1_000)
        Signature.objects.bulk_create(self.signatures, batch_size=100)
        contracts = Contract.objects.bulk_create(self.contracts, batch_size=1_000)
        Subscription.objects.bulk_create(
            Subscription(
                client_id=one.client_id,
                contract=one,
                package_id=one.package_id,
                monthly_usd=one.monthly_usd,
                started_at=one.starts_at,
                period_starts_at=one.starts_at,
                period_ends_at=won.month_after(one.starts_at),
            )
            for one in contracts
        )
        Payment.objects.bulk_create(self.payments, batch_size=1_000)
        AuditEntry.objects.bulk_create(self.trail, batch_size=1_000)


def write(rng: random.Random, most: int, clients: list[int]) -> int:
    """Write up to `most` deals of leads that qualified; return how many there are."""
    prices.ensure()
    seller = Seller(rng, most)
    qualified = Lead.objects.filter(status="qualified", client=None, deals=None).order_by("pk")
    names = Client.objects.in_bulk(clients)
    clients_left = iter(clients)
    closed = int(min(len(clients), most * WON_AT_MOST))
    for lead, pk in zip(qualified.filter(outcome="won")[:closed], clients_left, strict=False):
        seller.sell(lead, DealStage.WON, names[pk])
    for lead in qualified.filter(outcome="lost")[: most // 5]:
        seller.sell(lead, DealStage.LOST)
    rest = max(0, most - len(seller.sold.deals))
    stages = itertools.cycle(STAGES)
    for lead, stage in zip(qualified.filter(outcome="open")[:rest], stages, strict=False):
        seller.sell(lead, stage)
    seller.sold.write()
    return len(seller.sold.deals)


class Seller:
    """Makes the rows of one deal after another, its calls in hours nobody else has."""

    def __init__(self, rng: random.Random, most: int) -> None:
        self.rng = rng
        self.now = clock.now()
        self.rules = BookingRules.load()
        self.packages = list(Package.objects.filter(active=True))
        self.sold = Sold()
        few = most <= 100
        self.past = _hours(self.now, -1, range(15, 23) if few else range(24))
        self.ahead = _hours(self.now, 1, range(15, 23) if few else range(24))
        found = Thread.objects.exclude(lead=None).exclude(prospect=None)
        self.prospects: dict[UUID | None, UUID | None] = dict(
            found.values_list("lead_id", "prospect_id")
        )

    def sell(self, lead: Lead, stage: DealStage, client: Client | None = None) -> None:
        """Make a deal that stands at `stage`, with all that led there."""
        over = stage in (DealStage.WON, DealStage.LOST)
        start = next(self.ahead if stage == DealStage.BOOKED else self.past)
        at = min(self.now, start)
        since = at + (self.now - at) * self.rng.uniform(0, 0.8)
        package = self.rng.choice(self.packages)
        asked = stage in OFFERED or stage == DealStage.HELD
        deal = Deal(
            id=uuid7(),
            lead=lead,
            prospect_id=self.prospects.get(lead.pk),
            client=client,
            name=lead.company or lead.name or lead.email,
            stage=stage,
            stage_at=since,
            package=package if stage in OFFERED else None,
            setup_usd=package.setup_usd if asked else Decimal(0),
            monthly_usd=package.monthly_usd if asked else Decimal(0),
            next_step="" if over else deals.NEXT[stage],
            next_step_at=None if over else self.now + dt.timedelta(days=self.rng.uniform(-3, 9)),
            lost_reason=self.rng.choice(Deal.Lost.values) if stage == DealStage.LOST else "",
            opened_at=at - dt.timedelta(days=2),
            closed_at=since if over else None,
        )
        self.sold.deals.append(deal)
        self._meet(deal, start)
        if stage in OFFERED:
            self._offer(deal, package, since)

    def _meet(self, deal: Deal, start: dt.datetime) -> None:
        end = start + dt.timedelta(minutes=30)
        held = deal.stage != DealStage.BOOKED
        pk = uuid7()
        meeting = Meeting(
            id=pk,
            world=World.SANDBOX,
            lead=deal.lead,
            deal=deal,
            title=self.rules.title,
            location=self.rules.location,
            starts_at=start,
            ends_at=end,
            blocked_until=end,
            guest_name=deal.lead.name,
            guest_email=deal.lead.email or "nobody@example.example",
            guest_timezone="America/Phoenix",
            booked_by="guest",
            uid=f"{pk}@northwind.example",
            status=Meeting.Status.HELD if held else Meeting.Status.BOOKED,
            closed_at=end if held else None,
        )
        self.sold.meetings.append(meeting)
        if held:
            text = self.rng.choice(SAID)
            first = text.partition(". ")[0]
            self.sold.notes.append(
                DealNote(
                    deal=deal,
                    meeting=meeting,
                    text=text,
                    by="webhook:meetings",
                    kind=DealNote.Kind.TRANSCRIPT,
                    needs=[{"text": NEED, "quote": first}],
                    objections=[{"text": OBJECTION, "quote": "The setup price made them pause"}]
                    if "setup price" in text
                    else [],
                    read_at=end,
                )
            )

    def _offer(self, deal: Deal, package: Package, since: dt.datetime) -> None:
        pk = uuid7()
        document = documents.compose(
            deal,
            package,
            pk=pk,
            version=1,
            setup_usd=package.setup_usd,
            monthly_usd=package.monthly_usd,
            term_months=package.term_months,
            summary=f"{deal.name} answers every call and request within a minute.",
            scope=package.scope,
        )
        status = OFFERED[DealStage(deal.stage)]
        proposal = Proposal(
            id=pk,
            world=World.SANDBOX,
            deal=deal,
            version=1,
            status=status,
            package=package,
            setup_usd=package.setup_usd,
            monthly_usd=package.monthly_usd,
            term_months=package.term_months,
            document=document,
            document_sha256=documents.sha256(document),
            valid_until=self.now + dt.timedelta(days=documents.VALID_DAYS),
            sent_at=since,
            first_seen_at=since + dt.timedelta(hours=1),
            last_seen_at=since + dt.timedelta(hours=2),
            seen_count=2,
            declined_at=since if status == Proposal.Status.DECLINED else None,
        )
        self.sold.proposals.append(proposal)
        if status in (Proposal.Status.SIGNED, Proposal.Status.PAID):
            self._sign(deal, proposal)

    def _sign(self, deal: Deal, proposal: Proposal) -> None:
        at = clock.wall().replace(microsecond=0) - dt.timedelta(days=self.rng.uniform(0, 60))
        signature = Signature(
            proposal=proposal,
            name=deal.lead.name or deal.name,
            email=deal.lead.email,
            consent=documents.CONSENT,
            address="192.0.2.7",  # RFC 5737: nobody's
            document_sha256=proposal.document_sha256,
            signed_at=at,
        )
        signature.pdf = pdf.make(signature)
        signature.pdf_sha256 = hashlib.sha256(signature.pdf).hexdigest()
        self.sold.signatures.append(signature)
        self.sold.trail.append(_signed(signature))
        due = documents.due(proposal)
        is_paid = proposal.status == Proposal.Status.PAID
        self.sold.payments.append(
            Payment(
                world=World.SANDBOX,
                provider="sandbox",
                client=deal.client,
                purpose=won.PURPOSE,
                reference=proposal.pk,
                description=f"{proposal.document['title']}: setup and first month",
                payer_email=deal.lead.email,
                amount_usd=due,
                status=Payment.Status.PAID if is_paid else Payment.Status.EXPIRED,
                paid_at=at if is_paid else None,
            )
        )
        if deal.client is not None:
            self.sold.contracts.append(
                Contract(
                    client=deal.client,
                    package=proposal.package,
                    reference=proposal.pk,
                    document_sha256=proposal.document_sha256,
                    signed_by=signature.name,
                    signed_at=at,
                    setup_usd=proposal.setup_usd,
                    monthly_usd=proposal.monthly_usd,
                    term_months=proposal.term_months,
                    starts_at=deal.stage_at,
                )
            )


def _signed(signature: Signature) -> AuditEntry:
    proposal = signature.proposal
    return AuditEntry(
        actor=signature.name[:150],
        actor_kind=AuditEntry.ActorKind.SYSTEM,
        verb="proposal.signed",
        object_type=Proposal._meta.label_lower,
        object_id=str(proposal.pk),
        sentence=f"{signature.name} signed {proposal}",
        data={
            "document_sha256": signature.document_sha256,
            "pdf_sha256": signature.pdf_sha256,
        },
    )


def _hours(now: dt.datetime, step: int, hours: Iterable[int]) -> Iterator[dt.datetime]:
    """Return one hour after the other, away from now, of the hours (UTC) of each day."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    wanted = sorted(hours, reverse=step < 0)
    for days in itertools.count(1):
        day = midnight + dt.timedelta(days=days * step)
        yield from (day + dt.timedelta(hours=hour) for hour in wanted)
