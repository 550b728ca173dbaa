"""Winning a deal: the client, its contract and its subscription, in one commit and once.

What both a lead and its deal change locks the lead first, as in `deals`.
"""

import calendar
import datetime as dt
import zoneinfo
from uuid import UUID

from django.db import transaction
from django.utils.text import slugify

from agency import audit, clock, live
from agency.models import AgencyProfile, AuditEntry, Client
from billing.models import Contract, Package, Payment, Subscription
from jobs import events, registry
from jobs.lease import Lease
from jobs.models import Event, Job, Lane
from pipeline.models import Deal, DealStage, Lead, Proposal, Prospect, Signature
from pipeline.selling import documents

PURPOSE = "proposal"
"""Of the payments that win a deal; their reference is the proposal."""

LONGEST_STEM = 60


class NotWon(Exception):
    """Nothing was signed yet, and nobody said that it is won all the same."""


def win(
    deal: Deal,
    *,
    by: str,
    proposal: Proposal | None = None,
    by_hand: bool = False,
    parent: Job | None = None,
) -> Client:
    """Make the client a deal has become, with what was agreed; the same one however often.

    What was signed is the contract. `by_hand` a person says that it is won, signed here or not.
    Raises NotWon.
    """
    with transaction.atomic():
        lead_id = Deal.objects.values_list("lead_id", flat=True).get(pk=deal.pk)
        lead = Lead.objects.select_for_update(of=("self",), no_key=True).get(pk=lead_id)
        locked = Deal.objects.select_for_update(of=("self",), no_key=True).get(pk=deal.pk)
        signed = _signed(locked, proposal)
        if locked.stage == DealStage.WON and locked.client is not None:
            _settle(signed, locked.client)
            deal.refresh_from_db()
            return locked.client
        if signed is None and not by_hand:
            raise NotWon(f"nobody has signed a proposal for {locked}")
        was = locked.stage
        client = _known(locked) or _make_client(locked, lead)
        contract = _contract(locked, client, signed, by)
        _close(locked, lead, client)
        _settle(signed, client)
        _tell(locked, lead, client, contract, was=was, by=by, by_hand=by_hand, parent=parent)
    deal.refresh_from_db()
    return client


def _signed(deal: Deal, proposal: Proposal | None) -> Signature | None:
    """Return what was signed for a deal: the proposal that is named, else its newest."""
    found = Signature.objects.filter(proposal__deal=deal).select_related("proposal__package")
    if proposal is not None:
        found = found.filter(proposal=proposal)
    return found.order_by("-signed_at").first()


def _known(deal: Deal) -> Client | None:
    """Return the client that an earlier deal of the same people made."""
    same = Deal.objects.filter(lead=deal.lead_id)
    if deal.prospect_id is not None:
        same |= Deal.objects.filter(prospect=deal.prospect_id)
    earlier = same.exclude(client=None).select_related("client").order_by("-closed_at").first()
    if earlier is None or earlier.client is None:
        return None
    Client.objects.filter(pk=earlier.client.pk, status=Client.Status.FORMER).update(
        status=Client.Status.ONBOARDING
    )
    return earlier.client


def _make_client(deal: Deal, lead: Lead) -> Client:
    """Make the client under a slug of its own; two of one name at once get two."""
    stem = slugify(deal.name)[:LONGEST_STEM].strip("-") or "client"
    zone = lead.timezone or (deal.prospect.timezone if deal.prospect is not None else "")
    if zone not in zoneinfo.available_timezones():
        zone = AgencyProfile.load().timezone
    number = 1
    while True:
        slug = stem if number == 1 else f"{stem}-{number}"
        client, made = Client.objects.get_or_create(
            slug=slug, defaults={"name": deal.name, "timezone": zone}
        )
        if made:
            return client
        number += 1


def _contract(deal: Deal, client: Client, signed: Signature | None, by: str) -> Contract | None:
    """Write down what was agreed, and the subscription if there is something to pay each month.

    Won by hand without a signature, a contract says who says so and has no hash; without a package
    there is none.
    """
    now = clock.now()
    if signed is not None:
        offer = signed.proposal
        contract = _write_contract(
            client,
            offer.package,
            reference=offer.pk,
            sha256=signed.document_sha256,
            signed_by=signed.name,
            signed_at=signed.signed_at,
            setup_usd=offer.setup_usd,
            monthly_usd=offer.monthly_usd,
            term_months=offer.term_months,
            starts_at=now,
        )
    elif deal.package is not None:
        contract = _write_contract(
            client,
            deal.package,
            reference=deal.pk,
            sha256="",
            signed_by=f"Not signed here; entered by {by}"[:200],
            signed_at=clock.wall(),
            setup_usd=deal.setup_usd,
            monthly_usd=deal.monthly_usd,
            term_months=deal.package.term_months,
            starts_at=now,
        )
    else:
        return None
    if contract.monthly_usd > 0:
        Subscription.objects.get_or_create(
            contract=contract,
            defaults={
                "client": client,
                "package": contract.package,
                "monthly_usd": contract.monthly_usd,
                "started_at": now,
                "period_starts_at": now,
                "period_ends_at": month_after(now),
            },
        )
    return contract


def _write_contract(
    client: Client, package: Package, *, reference: UUID, sha256: str, **agreed: object
) -> Contract:
    contract, _ = Contract.objects.get_or_create(
        reference=reference,
        defaults={"client": client, "package": package, "document_sha256": sha256, **agreed},
    )
    return contract


def _close(deal: Deal, lead: Lead, client: Client) -> None:
    now = clock.now()
    deal.stage, deal.client, deal.stage_at, deal.closed_at = DealStage.WON, client, now, now
    deal.next_step, deal.next_step_at, deal.lost_reason, deal.lost_note = "", None, "", ""
    deal.save()
    lead.outcome, lead.closed_at, lead.flagged_at = Lead.Outcome.WON, clock.wall(), None
    lead.save(update_fields=["outcome", "closed_at", "flagged_at"])
    if deal.prospect_id is not None:
        Prospect.objects.filter(pk=deal.prospect_id).exclude(status=Prospect.Status.LEAD).update(
            status=Prospect.Status.LEAD
        )


def _settle(signed: Signature | None, client: Client) -> None:
    """Give the client its payment, and say on the proposal that it is paid if it is."""
    if signed is None:
        return
    payments = Payment.objects.filter(purpose=PURPOSE, reference=signed.proposal_id)
    payments.filter(client=None).update(client=client)
    paid = payments.filter(status=Payment.Status.PAID).exists()
    if paid or not documents.due(signed.proposal):
        Proposal.objects.filter(pk=signed.proposal_id, status=Proposal.Status.SIGNED).update(
            status=Proposal.Status.PAID
        )


def _tell(
    deal: Deal,
    lead: Lead,
    client: Client,
    contract: Contract | None,
    *,
    was: str,
    by: str,
    by_hand: bool,
    parent: Job | None,
) -> None:
    agreed = f": {contract.package}" if contract is not None else ", without a contract"
    entry = audit.record(
        "deal.won",
        f"{deal} is won{' by hand' if by_hand else ''}{agreed}",
        actor=by,
        actor_kind=AuditEntry.ActorKind.USER if by_hand else AuditEntry.ActorKind.SYSTEM,
        obj=deal,
        client=client,
        correlation_id=parent.correlation_id if parent is not None else None,
        data={"from": was, "contract": contract.pk if contract is not None else None},
    )
    data = {"lead": str(lead.pk), "client": client.pk, "from": was, "to": DealStage.WON.value}
    for name in ("deal.stage_changed", "deal.won"):
        events.emit(
            name,
            subject=deal,
            client=client,
            correlation_id=entry.correlation_id,
            data=data | {"by": by},
        )
    live.broadcast("deals", f"deal:{deal.pk}", "leads", f"lead:{lead.pk}", "clients", "payments")


def month_after(moment: dt.datetime) -> dt.datetime:
    """Return the same day of the next month, or its last one."""
    year, month = divmod(moment.year * 12 + moment.month, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


@registry.register("pipeline.win_paid", lane=Lane.FAST, short=True)
def win_paid(job: Job, lease: Lease) -> None:
    """Win the deal whose signed proposal was paid."""
    event = Event.objects.get(pk=UUID(job.payload["event_id"]))
    payment = Payment.objects.get(pk=UUID(event.subject_id))
    if payment.purpose != PURPOSE:
        return
    proposal = Proposal.objects.select_related("deal").get(pk=payment.reference)
    win(proposal.deal, by="the house", proposal=proposal, parent=job)


@registry.register("pipeline.win_free", lane=Lane.FAST, short=True)
def win_free(job: Job, lease: Lease) -> None:
    """Win the deal whose proposal was signed and costs nothing: no payment will tell of it."""
    event = Event.objects.get(pk=UUID(job.payload["event_id"]))
    proposal = Proposal.objects.select_related("deal").get(pk=UUID(event.data["proposal"]))
    if not documents.due(proposal):
        win(proposal.deal, by="the house", proposal=proposal, parent=job)


events.subscribe("payment.succeeded", "pipeline.win_paid")
events.subscribe("proposal.signed", "pipeline.win_free")
