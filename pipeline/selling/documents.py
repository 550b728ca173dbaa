"""What is signed: a proposal's document, its canonical form, its hash, whether it still holds."""

import hashlib
import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agency.models import AgencyProfile, AuditEntry
from billing import prices
from billing.models import Package
from pipeline.models import Deal, Proposal, Signature

CONSENT = (
    "I have read this proposal, I may sign for the company named in it, and I agree that my typed"
    " name is my signature."
)
"""The sentence that is agreed to; kept with each signature as it was then."""

VALID_DAYS = 14
"""A proposal can be signed for so long from when it was sent, business time."""

TERMS = (
    "Setup and the first month are due on signing. Each further month is invoiced in advance.",
    "This agreement runs for {months} months from signing, then month by month; either side may"
    " end it then with 30 days’ notice.",
    "Work begins within five working days of the payment and of your having given us access.",
    "Your data stays yours. We keep it confidential and use it for this work only.",
    "Either side may end this agreement if the other breaks it and does not put that right within"
    " 14 days of being told.",
)

MARK = "Proposal {pk}, document SHA-256 {sha256}"
"""What each PDF says of itself, in its metadata."""

_MARK = re.compile(rb"Proposal ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Check:
    """Whether a document is the one that was kept, and in a sentence what is wrong if not."""

    ok: bool
    why: str = ""
    signature: Signature | None = None


def compose(
    deal: Deal,
    package: Package,
    *,
    pk: object,
    version: int,
    setup_usd: Decimal,
    monthly_usd: Decimal,
    term_months: int,
    summary: str,
    scope: list[str],
    terms: list[str] | None = None,
) -> dict[str, Any]:
    """Return the document as it is signed: words and whole numbers only, money as words."""
    profile, lead = AgencyProfile.load(), deal.lead
    return {
        "proposal": str(pk),
        "version": version,
        "title": f"{package.name} for {deal.name}",
        "from": {
            "name": profile.name,
            "by": profile.sender_name,
            "email": profile.sender_email,
            "address": profile.postal_address,
        },
        "to": {"name": deal.name, "by": lead.name, "email": lead.email},
        "summary": summary,
        "package": package.name,
        "scope": list(scope),
        "price": {
            "currency": "USD",
            "setup": money(setup_usd),
            "monthly": money(monthly_usd),
            "list_setup": money(package.setup_usd),
            "list_monthly": money(package.monthly_usd),
            "discount_percent": money(prices.discount(package, setup_usd, monthly_usd)),
            "due_on_signing": money(setup_usd + monthly_usd),
        },
        "term_months": term_months,
        "valid_days": VALID_DAYS,
        "terms": [one.format(months=term_months) for one in TERMS] if terms is None else terms,
    }


def money(amount: Decimal) -> str:
    """Return an amount in dollars as a document has it."""
    return str(amount.quantize(CENT))


def canonical(document: dict[str, Any]) -> bytes:
    """Return the document's bytes as they are hashed: JSON, keys sorted, no spaces, UTF-8."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def sha256(document: dict[str, Any]) -> str:
    """Return the hash of a document, hex."""
    return hashlib.sha256(canonical(document)).hexdigest()


def due(proposal: Proposal) -> Decimal:
    """Return what is to pay on signing: setup and the first month."""
    return proposal.setup_usd + proposal.monthly_usd


def check(proposal: Proposal) -> Check:
    """Compare all that is kept of a proposal; the trail has its own copy of what was signed."""
    if sha256(proposal.document) != proposal.document_sha256:
        return Check(False, "Its text is not the one that was sent: the hash does not match.")
    price = proposal.document["price"]
    if (price["setup"], price["monthly"]) != (
        money(proposal.setup_usd),
        money(proposal.monthly_usd),
    ):
        return Check(False, "The price in its record is not the price in its text.")
    signature = Signature.objects.filter(proposal=proposal).first()
    if signature is None:
        return Check(True)
    if signature.document_sha256 != proposal.document_sha256:
        return Check(False, "It is not the text that was signed.", signature)
    if hashlib.sha256(signature.pdf).hexdigest() != signature.pdf_sha256:
        return Check(
            False, "The kept PDF is not the one that was made when it was signed.", signature
        )
    if _trail(proposal) != [proposal.document_sha256, signature.pdf_sha256]:
        return Check(False, "The audit trail says that something else was signed.", signature)
    return Check(True, signature=signature)


def _trail(proposal: Proposal) -> list[str]:
    entry = AuditEntry.objects.filter(
        verb="proposal.signed",
        object_type=Proposal._meta.label_lower,
        object_id=str(proposal.pk),
    ).first()
    return [entry.data["document_sha256"], entry.data["pdf_sha256"]] if entry is not None else []


def check_pdf(content: bytes) -> Check:
    """Say whether these bytes are a PDF that was made here when somebody signed."""
    found = hashlib.sha256(content).hexdigest()
    signature = Signature.objects.select_related("proposal__deal").filter(pdf_sha256=found).first()
    if signature is not None:
        return check(signature.proposal)
    named = _MARK.search(content)
    if named and Signature.objects.filter(proposal_id=named[1].decode()).exists():
        return Check(
            False,
            "This file was changed after it was signed: it is not, byte for byte, the one we keep.",
        )
    return Check(False, "This is no document that was signed here.")
