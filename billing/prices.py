"""The price book: what is sold for how much, and how far a price may be moved without asking."""

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import transaction

from agency import audit, live
from agency.models import AuditEntry
from billing.models import Package

CENT = Decimal("0.01")

STARTING: tuple[dict[str, Any], ...] = (
    {
        "slug": "missed-call-text-back",
        "name": "Missed-call text-back",
        "summary": "Whoever you could not answer gets a text within a minute and a time to call.",
        "scope": [
            "A text back within a minute of each missed call",
            "Replies sorted: new job, existing customer, wrong number",
            "New jobs offered two times for a call back",
            "A weekly report of calls missed and won back",
        ],
        "fits": ["miss", "missed", "voicemail", "phone", "call", "ring", "after hours"],
        "setup_usd": Decimal(500),
        "setup_floor_usd": Decimal(400),
        "setup_ceiling_usd": Decimal(800),
        "monthly_usd": Decimal(250),
        "monthly_floor_usd": Decimal(200),
        "monthly_ceiling_usd": Decimal(400),
    },
    {
        "slug": "website-lead-autopilot",
        "name": "Website lead autopilot",
        "summary": "Each enquiry from your site is answered, qualified and booked, day and night.",
        "scope": [
            "Every web form and e-mail enquiry answered within two minutes",
            "Questions from your own price list and service area answered",
            "Qualified enquiries booked straight into your calendar",
            "Reminders before each visit, and a new time for who did not come",
            "A monthly report of enquiries, bookings and what they were worth",
        ],
        "fits": ["lead", "website", "web", "form", "enquiry", "follow", "quote", "booking", "slow"],
        "setup_usd": Decimal(1500),
        "setup_floor_usd": Decimal(1200),
        "setup_ceiling_usd": Decimal(2500),
        "monthly_usd": Decimal(600),
        "monthly_floor_usd": Decimal(500),
        "monthly_ceiling_usd": Decimal(900),
    },
    {
        "slug": "full-front-desk",
        "name": "Full front desk",
        "summary": "Calls, messages and enquiries answered and booked for you around the clock.",
        "scope": [
            "Everything in Missed-call text-back and Website lead autopilot",
            "Calls answered by a voice that knows your prices and hours",
            "Bookings, changes and cancellations kept in your calendar",
            "Reviews asked for after each job",
            "Old customers written to when their next visit is due",
        ],
        "fits": ["receptionist", "front desk", "answer", "reviews", "no-show", "staff", "hire"],
        "setup_usd": Decimal(3500),
        "setup_floor_usd": Decimal(3000),
        "setup_ceiling_usd": Decimal(6000),
        "monthly_usd": Decimal(1500),
        "monthly_floor_usd": Decimal(1250),
        "monthly_ceiling_usd": Decimal(2500),
    },
)
"""What a new house sells, cheapest first."""


class NoPackage(LookupError):
    """Nothing is for sale: the price book has no active package."""


def objection(package: Package, setup: Decimal, monthly: Decimal) -> str:
    """Return why this price must be asked about, or nothing when it is within the bounds."""
    if not package.active:
        return f"{package} is not for sale any more"
    asked = (
        ("Setup", setup, package.setup_floor_usd, package.setup_ceiling_usd),
        ("Monthly", monthly, package.monthly_floor_usd, package.monthly_ceiling_usd),
    )
    for what, price, floor, ceiling in asked:
        if price < floor:
            return f"{what} {dollars(price)} is under the floor of {dollars(floor)}"
        if price > ceiling:
            return f"{what} {dollars(price)} is over the ceiling of {dollars(ceiling)}"
    off = _off(package, setup, monthly)
    if off > package.max_discount_percent:
        most = package.max_discount_percent
        return f"A discount of {percent(off)} is more than the {percent(most)} allowed"
    return ""


def discount(package: Package, setup: Decimal, monthly: Decimal) -> Decimal:
    """Return by how many percent the price is under the list: the larger of its two parts."""
    return _off(package, setup, monthly).quantize(CENT, ROUND_HALF_UP)


def _off(package: Package, setup: Decimal, monthly: Decimal) -> Decimal:
    parts = ((setup, package.setup_usd), (monthly, package.monthly_usd))
    return max(
        Decimal(0),
        *((listed - price) / listed * 100 if listed else Decimal(0) for price, listed in parts),
    )


def suggest(needs: Iterable[str]) -> Package:
    """Return the package that answers most of these words; of two alike, the cheaper one.

    With no word that fits, the first of the price book. Raises NoPackage.
    """
    packages = list(Package.objects.filter(active=True))
    if not packages:
        raise NoPackage("the price book has no active package")
    text = " ".join(needs).lower()
    return max(
        packages, key=lambda package: (_fit(package, text), -package.monthly_usd, -package.position)
    )


def _fit(package: Package, text: str) -> int:
    return sum(
        bool(re.search(rf"\b{re.escape(word.lower())}", text)) for word in package.fits if word
    )


def ensure() -> None:
    """Make the starting packages where there is none yet."""
    with transaction.atomic():
        if Package.objects.exists():
            return
        made = Package.objects.bulk_create(
            [Package(position=number, **fields) for number, fields in enumerate(STARTING, 1)],
            ignore_conflicts=True,
        )
        audit.record(
            "prices.begun", f"The price book begins with {len(made)} packages", actor="the house"
        )
        live.broadcast("prices")


def save(package: Package, *, by: str) -> Package:
    """Write a package that was checked, with what changed in the trail."""
    with transaction.atomic():
        before = _facts(Package.objects.select_for_update().filter(pk=package.pk).first())
        package.save()
        after = _facts(package)
        changed = {
            name: [before.get(name), value]
            for name, value in after.items()
            if before.get(name) != value
        }
        if changed:
            did = "changed" if before else "added"
            audit.record(
                f"package.{did}",
                f"{by} {did} the package {package}",
                actor=by,
                actor_kind=AuditEntry.ActorKind.USER,
                obj=package,
                data={"changed": changed},
            )
            live.broadcast("prices")
    return package


FACTS = (
    *("name", "summary", "scope", "fits", "setup_usd", "monthly_usd", "setup_floor_usd"),
    *("monthly_floor_usd", "setup_ceiling_usd", "monthly_ceiling_usd", "max_discount_percent"),
    *("term_months", "active", "position"),
)


def _facts(package: Package | None) -> dict[str, Any]:
    """Return the facts of a package as the trail keeps them: money as words."""
    if package is None:
        return {}
    found = {name: getattr(package, name) for name in FACTS}
    return {
        name: f"{value:.2f}" if isinstance(value, Decimal) else value
        for name, value in found.items()
    }


def dollars(amount: Decimal) -> str:
    """Return an amount as people write it."""
    return f"${amount:,.2f}".removesuffix(".00")


def percent(share: Decimal) -> str:
    """Return a percentage without needless zeros."""
    return f"{share.quantize(CENT, ROUND_HALF_UP).normalize():f} %"
