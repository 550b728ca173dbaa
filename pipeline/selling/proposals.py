"""Proposals: versions of an offer that are sent, seen, signed, declined, or lapse.

Locks are taken in one order: actions, the deal, its proposals. So what waits for a deal is
withdrawn before the deal is locked.
"""

import datetime as dt
import hashlib
import uuid
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F, Max

from agency import audit, clock, live
from billing import prices
from billing.models import Package
from control import actions
from integrations import mail
from jobs import events
from pipeline.models import Deal, DealStage, Proposal, Signature
from pipeline.selling import deals, documents, pdf

Status = Proposal.Status
SETTLED = (Status.SIGNED, Status.PAID)
OFFERS = ("send_proposal", "negotiate")
CLOSING = (*OFFERS, "follow_up_proposal", "close_lost")
"""What may still wait for a deal when somebody signs or declines."""


class NotPossible(Exception):
    """This cannot be done with the proposal any more; the message says why."""


class Changed(NotPossible):
    """What was on the page is not what would be signed."""


def next_version(deal: Deal, *, besides: uuid.UUID | None = None) -> int:
    """Return the number of the version that would be made now."""
    others = deal.proposals.exclude(pk=besides) if besides is not None else deal.proposals.all()
    return (others.aggregate(last=Max("version"))["last"] or 0) + 1


def draft(
    deal: Deal,
    package: Package,
    *,
    setup_usd: Decimal,
    monthly_usd: Decimal,
    summary: str = "",
    scope: list[str] | None = None,
    terms: list[str] | None = None,
    term_months: int | None = None,
    pk: uuid.UUID | None = None,
    document: dict[str, Any] | None = None,
) -> Proposal:
    """Write down the next version, which nobody sees before `send`; once for each `pk`.

    With `document`, exactly this one, as somebody approved it. Raises NotPossible.
    """
    months = term_months or package.term_months
    with transaction.atomic():
        locked = _lock(deal)
        known = Proposal.objects.filter(pk=pk).first() if pk is not None else None
        row = known or Proposal(deal=locked, world=mail.world())
        if row.status != Status.DRAFT:
            return row
        _require_open(locked)
        is_new = row._state.adding
        row.pk = pk or row.pk
        row.version = next_version(locked, besides=row.pk)
        row.document = document or documents.compose(
            locked,
            package,
            pk=row.pk,
            version=row.version,
            setup_usd=setup_usd,
            monthly_usd=monthly_usd,
            term_months=months,
            summary=summary or package.summary,
            scope=package.scope if scope is None else scope,
            terms=terms,
        )
        if row.document["version"] != row.version:
            raise NotPossible("another version was made meanwhile; look at it, then decide")
        row.document_sha256 = documents.sha256(row.document)
        row.package, row.term_months = package, months
        row.setup_usd, row.monthly_usd = setup_usd, monthly_usd
        row.discount_percent = prices.discount(package, setup_usd, monthly_usd)
        row.valid_until = clock.now() + dt.timedelta(days=documents.VALID_DAYS)
        row.save(force_insert=is_new)
        show(row)
    return row


def send(proposal: Proposal, *, by: str) -> bool:
    """Put a draft in force, in place of the version before it; False if it no longer can be.

    Its time to be signed runs from here.
    """
    with transaction.atomic():
        why = f"version {proposal.version} was sent"
        withdraw(proposal.deal, why)
        deal = _lock(proposal.deal)
        row = Proposal.objects.select_for_update(of=("self",)).get(pk=proposal.pk)
        if row.status != Status.DRAFT:
            return row.status == Status.SENT
        if not deal.is_open or deal.proposals.filter(status__in=SETTLED).exists():
            Proposal.objects.filter(pk=row.pk).update(status=Status.SUPERSEDED)
            _say(row, "proposal.too_late", f"{row} came too late: {deal} is settled", by)
            return False
        older = deal.proposals.filter(status=Status.SENT).update(status=Status.SUPERSEDED)
        now = clock.now()
        row.status, row.sent_at = Status.SENT, now
        row.valid_until = now + dt.timedelta(days=documents.VALID_DAYS)
        row.save(update_fields=["status", "sent_at", "valid_until"])
        _say(row, "proposal.sent", f"{row} was sent", by)
        price = {
            "package": row.package,
            "setup_usd": row.setup_usd,
            "monthly_usd": row.monthly_usd,
        }
        deals.write(deal, price, by=by)
        again = bool(older) or row.version > 1
        deals.advance(deal, DealStage.NEGOTIATING if again else DealStage.PROPOSED, by=by)
        _emit("proposal.sent", row)
    proposal.refresh_from_db()
    return True


def seen(proposal: Proposal) -> None:
    """Count that they opened it. The first time is told; a mail scanner opens links too."""
    now = clock.now()
    with transaction.atomic():
        rows = Proposal.objects.filter(pk=proposal.pk)
        rows.update(last_seen_at=now, seen_count=F("seen_count") + 1)
        if rows.filter(first_seen_at=None).update(first_seen_at=now):
            _say(proposal, "proposal.seen", f"{proposal} was opened", "them")
            _emit("proposal.seen", proposal)
        show(proposal)


def sign(
    proposal: Proposal,
    *,
    name: str,
    email: str,
    consent: str,
    address: str,
    user_agent: str,
    seen_sha256: str,
) -> Signature:
    """Sign exactly what was seen; again returns the signature there is. Raises NotPossible.

    Wall time. What else waited for this deal, such as a follow-up, is withdrawn in the same commit.
    """
    with transaction.atomic():
        actions.withdraw(proposal.deal, CLOSING, "they signed")
        deal = _lock(proposal.deal)
        row = Proposal.objects.select_for_update(of=("self",)).get(pk=proposal.pk)
        if row.status in SETTLED:
            return row.signature
        _require_signable(row, deal, seen_sha256)
        signature = Signature(
            proposal=row,
            name=name,
            email=email,
            consent=consent,
            address=address,
            user_agent=user_agent[:300],
            document_sha256=row.document_sha256,
            signed_at=clock.wall().replace(microsecond=0),
        )
        signature.pdf = pdf.make(signature)
        signature.pdf_sha256 = hashlib.sha256(signature.pdf).hexdigest()
        signature.save(force_insert=True)
        Proposal.objects.filter(pk=row.pk).update(status=Status.SIGNED)
        hashes = {
            "document_sha256": row.document_sha256,
            "pdf_sha256": signature.pdf_sha256,
        }
        _say(row, "proposal.signed", f"{name} signed {row}", name, hashes)
        deals.advance(deal, DealStage.SIGNED, by=name)
        _emit("proposal.signed", row)
    proposal.refresh_from_db()
    return signature


def decline(proposal: Proposal, reason: str) -> None:
    """Let them say no, and why; again changes nothing. What waited is withdrawn.

    Raises NotPossible.
    """
    with transaction.atomic():
        actions.withdraw(proposal.deal, CLOSING, "they declined")
        deal = _lock(proposal.deal)
        row = Proposal.objects.select_for_update(of=("self",)).get(pk=proposal.pk)
        if row.status != Status.DECLINED:
            why = why_not_signable(row, deal)
            if why:
                raise NotPossible(why)
            row.status, row.declined_at = Status.DECLINED, clock.now()
            row.decline_reason = reason[:300]
            row.save(update_fields=["status", "declined_at", "decline_reason"])
            said = f"{row} was declined" + (f": {row.decline_reason}" if reason else "")
            _say(row, "proposal.declined", said, "them", {"reason": row.decline_reason})
            _emit("proposal.declined", row)
    proposal.refresh_from_db()


def expire(proposal: Proposal) -> bool:
    """End a proposal whose time is over; False if somebody settled it."""
    with transaction.atomic():
        actions.withdraw(proposal.deal, ["follow_up_proposal"], "the proposal lapsed")
        return _lapse(proposal, "its time is over")


def close(deal: Deal, why: str) -> None:
    """End what is still offered to a deal that is closed, in the caller's transaction."""
    withdraw(deal, why)
    for proposal in deal.proposals.filter(status=Status.SENT):
        _lapse(proposal, why)


def withdraw(deal: Deal, why: str) -> None:
    """Withdraw what agents would still send about offers to a deal, in the caller's transaction."""
    actions.withdraw(deal, ["follow_up_proposal", *OFFERS], why)


def _lapse(proposal: Proposal, why: str) -> bool:
    won = Proposal.objects.filter(pk=proposal.pk, status=Status.SENT).update(status=Status.EXPIRED)
    if won:
        _say(proposal, "proposal.expired", f"{proposal} lapsed: {why}", "the house")
    return won == 1


def newest(deal: Deal) -> Proposal | None:
    """Return the version they were sent last."""
    return deal.proposals.exclude(status=Status.DRAFT).order_by("-version").first()


def why_not_signable(proposal: Proposal, deal: Deal) -> str:
    """Return why it cannot be signed now, in words for whoever would; nothing if it can."""
    if proposal.status == Status.SUPERSEDED:
        return "A newer version replaced this one."
    if proposal.status == Status.DECLINED:
        return "This proposal was declined."
    if proposal.status == Status.EXPIRED or proposal.valid_until <= clock.now():
        return "This proposal has lapsed. Answer our mail and you get a new one."
    if proposal.status != Status.SENT or not deal.is_open:
        return "This proposal cannot be signed now. Answer our mail if you think it should."
    return ""


def _require_signable(proposal: Proposal, deal: Deal, seen_sha256: str) -> None:
    why = why_not_signable(proposal, deal)
    if why:
        raise NotPossible(why)
    if not documents.check(proposal).ok:
        raise Changed("This document is not the one that was sent to you. Please tell us.")
    if seen_sha256 != proposal.document_sha256:
        raise Changed("The document changed since you opened it. Look again, then sign.")


def _require_open(deal: Deal) -> None:
    if not deal.is_open:
        raise NotPossible("the deal is closed")
    if deal.proposals.filter(status__in=SETTLED).exists():
        raise NotPossible("they have signed already")


def _lock(deal: Deal) -> Deal:
    rows = Deal.objects.select_for_update(of=("self",), no_key=True).select_related("lead")
    return rows.get(pk=deal.pk)


def _say(
    proposal: Proposal, verb: str, sentence: str, by: str, data: dict[str, Any] | None = None
) -> None:
    audit.record(verb, sentence, actor=by[:150], obj=proposal, data=data)
    show(proposal)


def _emit(name: str, proposal: Proposal) -> None:
    data = {
        "proposal": str(proposal.pk),
        "version": proposal.version,
        "lead": str(proposal.deal.lead_id),
    }
    events.emit(name, subject=proposal.deal, client=proposal.deal.client, data=data)


def show(proposal: Proposal) -> None:
    """Let open pages know."""
    live.broadcast("deals", f"deal:{proposal.deal_id}", f"proposal:{proposal.pk}")
