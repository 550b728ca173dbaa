"""Deals with a call behind them, proposals that were sent, and people who sign them."""

from typing import Any

from billing import prices
from billing.models import Package
from pipeline.kinds import ProposalParams
from pipeline.models import Deal, DealStage, Proposal, Signature
from pipeline.selling import deals, documents, proposals
from tests.factories import make_lead

TRANSCRIPT = """Alex: Thanks for making the time, Dana.
Dana: Sure. We miss about half our calls when the crew is out, and they go to voicemail.
Dana: Honestly we lose jobs because nobody calls back the same day.
Alex: What would have to be true for you to start?
Dana: It must not be too expensive, our budget is tight this quarter.
Dana: I am also not sure it works with ServiceTitan.
Alex: Understood.
Dana: Please send me a proposal and I will look at it with my partner this week.
"""


def make_package(slug: str = "missed-call-text-back") -> Package:
    """Return a package of the starting price book."""
    prices.ensure()
    return Package.objects.get(slug=slug)


def make_deal(**lead: Any) -> Deal:
    """Return a deal whose call was held."""
    deal = deals.open_for(make_lead(**lead))
    deals.advance(deal, DealStage.HELD, by="booker")
    return deal


def params(package: Package | None = None, **fields: Any) -> ProposalParams:
    """Return an offer at list price, unless `fields` say otherwise."""
    package = package or make_package()
    wanted = {
        "package": package.slug,
        "setup_usd": package.setup_usd,
        "monthly_usd": package.monthly_usd,
        "term_months": package.term_months,
        "about": "You miss calls when the crew is out. We text back for you.",
        "scope": package.scope,
        "subject": "Our proposal",
        "body": "Hi Dana,\n\nhere is our proposal.",
    }
    return ProposalParams.model_validate(wanted | fields)


def make_sent(deal: Deal | None = None, **fields: Any) -> Proposal:
    """Return a proposal that was sent, at list price unless `fields` say otherwise."""
    package = make_package()
    wanted: dict[str, Any] = {"setup_usd": package.setup_usd, "monthly_usd": package.monthly_usd}
    proposal = proposals.draft(deal or make_deal(), package, **wanted | fields)
    assert proposals.send(proposal, by="closer")
    return proposal


def sign(proposal: Proposal, **fields: Any) -> Signature:
    """Sign what is on the page."""
    wanted: dict[str, Any] = {
        "name": "Dana Reyes",
        "email": "dana@harborplumbing.example",
        "consent": documents.CONSENT,
        "address": "203.0.113.9",
        "user_agent": "Firefox",
        "seen_sha256": proposal.document_sha256,
    }
    return proposals.sign(proposal, **wanted | fields)
