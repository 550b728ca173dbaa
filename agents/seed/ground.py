"""What finding and writing stand on: ideal customers, sources, sequences, mailboxes.

Nothing of it acts by itself: what would be read is paused or belongs to a paused ideal customer,
and who is still in the middle of a sequence is in a paused one, all but a few.
"""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from agency import clock
from agency.models import AgencyProfile
from integrations import signing
from pipeline import starting
from pipeline.models import (
    IdealCustomer,
    Mailbox,
    SenderDomain,
    Sequence,
    SequenceStep,
    Source,
    Suppression,
    Variant,
)
from pipeline.writing import windows

SINCE = 88
"""So many days ago the first mail went out."""

PAUSED_SINCE = 14
"""So many days ago the second sequence was paused, with people in it."""

YOUNG_SINCE = 3
YOUNG_ROOM = 12

DENTAL: dict[str, Any] = {
    "industries": ["dental", "orthodontics"],
    "places": ["Arizona", "New Mexico"],
    "signals": ["hiring", "new location", "bad reviews", "slow replies"],
    "keywords": ["no-shows", "booking", "front desk"],
    "exclusions": ["dental laboratory"],
    "min_fit": 65,
}
ROOFS: dict[str, Any] = {
    "industries": ["roofing", "electrical"],
    "places": ["Colorado", "Nevada"],
    "signals": ["hiring", "bad reviews", "funding"],
    "keywords": ["missed calls", "reviews", "follow up"],
    "exclusions": ["franchise"],
    "min_fit": 60,
    "timezone": "America/Denver",
    "active": False,
}
SOURCES: tuple[tuple[int, str, str, str, dict[str, Any]], ...] = (
    (0, "feed", "Arizona business news", "https://news.market.example/feed.xml", {}),
    (0, "listing", "Arizona trades directory", "https://directory.market.example/arizona/", {}),
    (0, "overpass", "Map of Arizona", "https://overpass.market.example/api/interpreter", {}),
    (0, "file", "Trade fair, badge list", "", {}),
    (0, "manual", "Added by hand", "", {}),
    (1, "listing", "Dentists by town", "https://directory.market.example/dentists/",
     {"active": False}),
    (1, "feed", "Openings in the Southwest", "https://openings.market.example/feed.xml",
     {"active": False, "failures": 5, "last_error": "404: there is no such page any more"}),
    (1, "file", "Sales Navigator, dental", "", {}),
    (2, "overpass", "Map of the Mountain West", "https://overpass.market.example/api/west", {}),
    (2, "listing", "Licensed contractors", "https://licences.market.example/register/", {}),
)  # fmt: skip
"""Of which ideal customer, kind, name, address, and what else."""

NEVER = (
    ("domain", "competitor.example", "A competitor"),
    ("company", "northwind mutual", "They asked us by phone"),
    ("keyword", "county of", "Public bodies: tenders only"),
)


@dataclass(frozen=True)
class Step:
    """One step of a sequence, with its wordings."""

    position: int
    day: int
    channel: str
    variants: list[Variant]


@dataclass
class Ground:
    """All of it, as rows."""

    ideals: list[IdealCustomer]
    states: list[tuple[str, ...]]
    sources: list[list[Source]]
    running: Sequence
    paused: Sequence
    steps: dict[int, list[Step]]
    warm: list[Mailbox]
    young: Mailbox
    young_room: int = field(default=YOUNG_ROOM)


def lay(mailboxes: int) -> Ground:
    """Make what there is not yet; `mailboxes` are warm, and one more is young."""
    starting.ensure()
    first = IdealCustomer.objects.order_by("pk")[0]
    ideals = [
        first,
        IdealCustomer.objects.get_or_create(name="Dental practices", defaults=DENTAL)[0],
        IdealCustomer.objects.get_or_create(name="Roofs and wires", defaults=ROOFS)[0],
    ]
    running = _sequence(starting.FIRST_CONTACT)
    paused = _sequence("Before the storms")
    Sequence.objects.filter(pk=paused.pk).update(ideal_customer=ideals[2], active=False)
    for scope, value, reason in NEVER:
        Suppression.objects.get_or_create(scope=scope, value=value, defaults={"reason": reason})
    warm, young = _mailboxes(mailboxes)
    return Ground(
        ideals=ideals,
        states=[("Arizona",), ("Arizona", "New Mexico"), ("Colorado", "Nevada")],
        sources=_sources(ideals),
        running=running,
        paused=paused,
        steps={one.pk: _steps(one) for one in (running, paused)},
        warm=warm,
        young=young,
    )


def _sources(ideals: list[IdealCustomer]) -> list[list[Source]]:
    now = clock.now()
    found: list[list[Source]] = [[] for _ in ideals]
    for number, (at, kind, name, url, more) in enumerate(SOURCES):
        known: dict[str, Any] = {"kind": kind, "url": url, **more}
        if url:
            known["last_read_at"] = now - dt.timedelta(minutes=7 + 11 * number)
            known["next_read_at"] = known["last_read_at"] + dt.timedelta(hours=4)
        source, _ = Source.objects.get_or_create(
            ideal_customer=ideals[at], name=name, defaults=known
        )
        found[at].append(source)
    return found


def _sequence(name: str) -> Sequence:
    return Sequence.objects.filter(name=name).first() or starting.sequence(name)


def _steps(sequence: Sequence) -> list[Step]:
    steps = SequenceStep.objects.filter(sequence=sequence).prefetch_related("variants")
    return [Step(one.position, one.day, one.channel, list(one.variants.all())) for one in steps]


def _mailboxes(count: int) -> tuple[list[Mailbox], Mailbox]:
    """Return the warm ones and the young one; all but the first are of a domain of their own."""
    profile = AgencyProfile.load()
    first = Mailbox.objects.order_by("pk").first() or starting.mailbox(profile)
    local, _, name = profile.sender_email.partition("@")
    private, public = signing.generate()
    domain, _ = SenderDomain.objects.get_or_create(
        domain=f"try-{name}", defaults={"dkim_private_key": private, "dkim_public_key": public}
    )
    more = [
        Mailbox.objects.get_or_create(
            from_email=f"{local}{number}@{domain}",
            defaults={
                "name": f"{profile.sender_name} {number}",
                "from_name": profile.sender_name,
                "domain": domain,
            },
        )[0]
        for number in range(2, count + 2)
    ]
    today = windows.day_of(clock.now())
    warm, young = [first, *more[:-1]], more[-1]
    for boxes, days in ((warm, SINCE), ([young], YOUNG_SINCE)):
        keys = [box.pk for box in boxes]
        Mailbox.objects.filter(pk__in=keys).update(started_on=today - dt.timedelta(days=days))
    return warm, young
