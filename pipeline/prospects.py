"""Prospects: adding one unless it is known, and taking it out again.

A duplicate is found by one look at the index of `ProspectKey`, however many prospects there are.
"""

import datetime as dt
import uuid
from collections.abc import Iterable

from django.db import connection, transaction
from django.db.models import Q

from agency import audit, clock, live
from agency.models import AuditEntry
from integrations import web
from jobs import events
from jobs.models import Job
from pipeline.finding import candidates, fit, places
from pipeline.finding.candidates import Candidate, Person
from pipeline.models import (
    Contact,
    Enrollment,
    HandTask,
    IdealCustomer,
    Prospect,
    ProspectImport,
    ProspectKey,
    Source,
    Touch,
    World,
)

ADDED, STALE = "prospect.added", "prospect.stale"

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('pipeline.prospects'))"
"""Two sources that bring the same companies at once neither double one nor wait in a circle."""

Key = tuple[str, str]


class OtherWorld(ValueError):
    """Its names are of another world than its source's, or of both."""


def known(keys: Iterable[Key]) -> dict[Key, uuid.UUID]:
    """Return which of these keys belong to a prospect, and to which; one query."""
    by_kind: dict[str, list[str]] = {}
    for kind, value in keys:
        by_kind.setdefault(kind, []).append(value)
    if not by_kind:
        return {}
    wanted = Q()
    for kind, values in by_kind.items():
        wanted |= Q(kind=kind, value__in=values)
    rows = ProspectKey.objects.filter(wanted).values_list("kind", "value", "prospect_id")
    return {(kind, value): prospect for kind, value, prospect in rows}


def duplicate(candidate: Candidate) -> uuid.UUID | None:
    """Return the prospect this is already, if any."""
    keys = candidates.keys(candidate)
    found = known(keys)
    return next((found[key] for key in keys if key in found), None)


def world_of(candidate: Candidate, source: Source | None) -> web.World:
    """Return the world it lives in: its own names', else its source's. Raises OtherWorld."""
    if candidates.is_mixed(candidate):
        raise OtherWorld("its addresses are of the sandbox and of the real world")
    own = candidates.world(candidate)
    if source is None or not source.url:
        return own or "real"
    theirs = web.world_of(source.url)
    if own is not None and own != theirs:
        raise OtherWorld(f"it is of the {own} world, and its source of the {theirs} one")
    return theirs


def one_at_a_time() -> None:
    """Let nobody else add prospects until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(ONE_AT_A_TIME)


def add(
    candidate: Candidate,
    *,
    ideal: IdealCustomer,
    source: Source | None,
    measured: fit.Fit,
    brought_by: ProspectImport | None = None,
    correlation_id: uuid.UUID | None = None,
    announce: bool = True,
) -> tuple[Prospect, bool]:
    """Add a prospect unless it is known; return it, and whether it is new. Raises OtherWorld.

    With `announce` Researcher is told at once; otherwise it waits its turn, see `finding`.
    """
    world = world_of(candidate, source)
    with transaction.atomic():
        one_at_a_time()
        old = duplicate(candidate)
        if old is not None:
            return Prospect.objects.get(pk=old), False
        prospect = made(candidate, ideal=ideal, source=source, measured=measured, world=world)
        prospect.brought_by = brought_by
        prospect.save(force_insert=True)
        ProspectKey.objects.bulk_create(keys_of(prospect, candidate))
        Contact.objects.bulk_create(contacts_of(prospect, candidate))
        if announce:
            tell(prospect, ADDED, correlation_id=correlation_id)
        live.broadcast("prospects")
    return prospect, True


def by_hand(candidate: Candidate, *, ideal: IdealCustomer, by: str) -> tuple[Prospect, bool]:
    """Add what a person typed in, research it at once, and say so in the trail.

    What they left out is taken to fit. Raises OtherWorld.
    """
    measured = measure(candidate, fit.ideal(ideal), unknown=1.0)
    with transaction.atomic():
        source, _ = Source.objects.get_or_create(
            ideal_customer=ideal, name="Added by hand", defaults={"kind": Source.Kind.MANUAL}
        )
        prospect, new = add(candidate, ideal=ideal, source=source, measured=measured)
        if new:
            audit.record(
                "prospect.added",
                f"{by} added {prospect} by hand",
                actor=by,
                actor_kind=AuditEntry.ActorKind.USER,
                obj=prospect,
            )
    return prospect, new


def measure(candidate: Candidate, wanted: fit.Ideal, *, unknown: float = fit.NOT_SAID) -> fit.Fit:
    """Weigh a candidate by what its source says about it."""
    return fit.measure(
        wanted,
        candidate.text(),
        industry=candidate.industry,
        place=candidate.place,
        employees=candidate.employees,
        unknown=unknown,
    )


def made(
    candidate: Candidate,
    *,
    ideal: IdealCustomer,
    source: Source | None,
    measured: fit.Fit,
    world: str,
) -> Prospect:
    """Return the row of a new prospect, not yet saved."""
    return Prospect(
        world=World(world),
        name=candidate.name,
        domain=candidate.domain,
        website=candidate.website,
        email=candidate.email,
        phone=candidate.phone,
        linkedin=candidate.linkedin,
        industry=candidate.industry,
        place=candidate.place,
        country=candidate.country,
        timezone=candidate.timezone or ideal.timezone,
        employees=candidate.employees,
        description=candidate.description,
        ideal_customer=ideal,
        source=source,
        source_url=candidate.url,
        signals=[
            {"name": clue.name, "quote": clue.quote, "url": candidate.url}
            for clue in measured.signals
        ],
        reason=measured.reason,
        fit=measured.points,
    )


def keys_of(prospect: Prospect, candidate: Candidate) -> list[ProspectKey]:
    """Return the keys a candidate gives a prospect, not yet saved."""
    return [
        ProspectKey(kind=kind, value=value, prospect=prospect)
        for kind, value in candidates.keys(candidate)
    ]


def learn_keys(prospect: Prospect) -> list[int]:
    """Let what is known now tell duplicates too, where no other prospect has it; return the new.

    In the caller's transaction. What it was known by before still tells it: sources keep old names.
    """
    one_at_a_time()
    candidate = Candidate(
        name=prospect.name,
        website=prospect.website,
        email=prospect.email,
        phone=prospect.phone,
        place=prospect.place,
    )
    taken = known(candidates.keys(candidate))
    fresh = [key for key in keys_of(prospect, candidate) if (key.kind, key.value) not in taken]
    return [key.pk for key in ProspectKey.objects.bulk_create(fresh)]


def contacts_of(prospect: Prospect, candidate: Candidate) -> list[Contact]:
    """Return the people and addresses a source names; the first with an address leads."""
    person, general = candidate.person, Person(email=candidate.email)
    found = [each for each in (person, general) if each]
    if person and general and person.email.lower() == general.email.lower():
        found = [person]
    rows = [
        Contact(
            prospect=prospect,
            name=each.name,
            role=each.role,
            email=each.email.lower(),
            phone=each.phone,
            linkedin=each.linkedin,
            source_url=candidate.url,
        )
        for each in found
    ]
    lead = next((row for row in rows if row.email), None)
    if lead is not None:
        lead.is_primary = True
    return rows


def tell(prospect: Prospect, event: str, *, correlation_id: uuid.UUID | None = None) -> None:
    """Wake whoever researches prospects, and remember when; in the caller's transaction."""
    prospect.announced_at = clock.now()
    Prospect.objects.filter(pk=prospect.pk).update(announced_at=prospect.announced_at)
    events.emit(event, subject=prospect, correlation_id=correlation_id)


def is_touched(prospect: Prospect) -> bool:
    """Whether somebody wrote to it, or is about to: then it stays."""
    pk = prospect.pk
    used = (Enrollment, Touch, HandTask)
    return any(model.objects.filter(prospect=pk).exists() for model in used) or (
        prospect.status not in (Prospect.Status.NEW, Prospect.Status.RESEARCHED)
        and prospect.status != Prospect.Status.DROPPED
    )


def remove(prospect: Prospect, *, correlation_id: uuid.UUID | None = None) -> bool:
    """Delete a prospect nobody has written to; return False if it is no such any more.

    In the caller's transaction. What was to look at it is called off.
    """
    now = Prospect.objects.select_for_update(of=("self",)).filter(pk=prospect.pk).first()
    if now is None or is_touched(now) or now.merged.exists() or now.merges.exists():
        return False
    waiting = Job.objects.filter(
        subject_type=Prospect._meta.label_lower,
        subject_id=str(now.pk),
        status__in=events.UNBEGUN,
    )
    if correlation_id is not None:
        waiting = waiting.filter(correlation_id=correlation_id)
        waiting.update(status=Job.Status.CANCELLED, finished_at=clock.wall())
    now.delete()
    live.broadcast("prospects", f"prospect:{prospect.pk}")
    return True


def timezone_of(prospect: Prospect, *, phone: str = "", place: str = "", country: str = "") -> str:
    """Return the prospect's time zone by what is known of it, else its ideal customer's."""
    found = places.zone(
        phone=phone or prospect.phone,
        place=place or prospect.place,
        country=country or prospect.country,
    )
    return found or prospect.timezone or prospect.ideal_customer.timezone


def since(days: int) -> dt.datetime:
    """Return the business time so many days ago."""
    return clock.now() - dt.timedelta(days=days)
