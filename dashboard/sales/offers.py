"""A proposal for the operator: how it went, what a version changed, and the next one laid ready."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing import prices
from pipeline.models import Deal, Proposal
from pipeline.selling import proposals


@dataclass(frozen=True)
class Moment:
    """Something that happened to a proposal, business time."""

    at: dt.datetime
    said: str
    tone: str = ""


@dataclass(frozen=True)
class Difference:
    """A part of the document that another version has otherwise."""

    label: str
    before: str
    after: str


PARTS = (
    ("Package", ("package",)),
    ("What it is about", ("summary",)),
    ("What they get", ("scope",)),
    ("Setup", ("price", "setup")),
    ("Each month", ("price", "monthly")),
    ("Months", ("term_months",)),
    ("Terms", ("terms",)),
)
TONES = {"sent": "", "signed": "ok", "paid": "ok", "declined": "bad", "expired": "warn"}


def moments(proposal: Proposal) -> list[Moment]:
    """Return what happened to it in business time, in order."""
    found = [
        (proposal.sent_at, "Sent", ""),
        (proposal.first_seen_at, "First opened", "ok"),
        (proposal.followed_up_at, f"Reminded, {proposal.followed_up} so far", ""),
        (proposal.last_seen_at, f"Opened last, {proposal.seen_count} times in all", ""),
        (proposal.declined_at, "Declined", "bad"),
    ]
    if proposal.seen_count == 1:
        found.pop(3)
    return [Moment(at, said, tone) for at, said, tone in found if at is not None]


def differences(before: Proposal, after: Proposal) -> list[Difference]:
    """Return what the later version says otherwise."""
    found = []
    for label, path in PARTS:
        was, now = (_part(one.document, path) for one in (before, after))
        if was != now:
            found.append(Difference(label, was, now))
    return found


def _part(document: dict[str, Any], path: tuple[str, ...]) -> str:
    value: Any = document
    for name in path:
        value = value.get(name, "")
    if path[0] == "price":
        return prices.dollars(Decimal(value))
    return "\n".join(value) if isinstance(value, list) else str(value)


def initial(deal: Deal) -> dict[str, Any]:
    """Return what the next version begins with: the one before it, or the package that fits."""
    last = proposals.newest(deal)
    first = next(iter(deal.lead.name.split()), "there")
    mail = {
        "subject": f"Our proposal for {deal.name}",
        "body": f"Hi {first},\n\nhere is our proposal, with what you get and what it costs.",
    }
    if last is not None:
        document = last.document
        return mail | {
            "package": last.package.slug,
            "setup_usd": last.setup_usd,
            "monthly_usd": last.monthly_usd,
            "term_months": last.term_months,
            "about": document["summary"],
            "scope": "\n".join(document["scope"]),
            "subject": f"A new version of our proposal for {deal.name}",
        }
    words = [said["text"] + " " + said["quote"] for note in deal.notes.all() for said in note.needs]
    try:
        package = prices.suggest([*words, deal.lead.message])
    except prices.NoPackage:
        return mail
    return mail | {
        "package": package.slug,
        "setup_usd": package.setup_usd,
        "monthly_usd": package.monthly_usd,
        "term_months": package.term_months,
        "about": package.summary,
        "scope": "\n".join(package.scope),
    }
