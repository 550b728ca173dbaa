"""Whom the agency looks for and where, as the operator sets it by hand."""

from typing import Any

from django.contrib.auth.models import User
from django.db import models, transaction

from agency import audit, clock, live
from agency.models import AuditEntry
from jobs import events
from pipeline.models import IdealCustomer, Source

READ_BY_SCOUT = (Source.Kind.FEED, Source.Kind.LISTING, Source.Kind.OVERPASS)
"""The kinds of source that have an address and are read again and again."""


class CannotRead(Exception):
    """A source of this kind has nothing to read by itself."""


def save_customer(customer: IdealCustomer, *, by: User) -> None:
    """Keep what was filled in; Scout goes by it from its next reading on."""
    with transaction.atomic():
        verb = "changed" if customer.pk else "added"
        customer.save()
        _say(customer, f"ideal_customer.{verb}", f"{verb} the ideal customer “{customer}”", by)


def switch_customer(customer: IdealCustomer, *, active: bool, by: User) -> bool:
    """Look for them again, or no more; False if it is so already. Prospects stay."""
    with transaction.atomic():
        won = IdealCustomer.objects.filter(pk=customer.pk).exclude(active=active)
        if not won.update(active=active):
            return False
        verb = "resumed" if active else "paused"
        did = "looks for" if active else "no longer looks for"
        _say(customer, f"ideal_customer.{verb}", f"{did} “{customer}”", by)
    return True


def save_source(source: Source, *, by: User) -> None:
    """Keep what was filled in; a new or changed source is read at once and in full."""
    with transaction.atomic():
        verb = "changed" if source.pk else "added"
        source.next_read_at = clock.now()
        source.etag = source.last_modified = source.last_error = ""
        source.failures = 0
        source.save()
        _say(source, f"source.{verb}", f"{verb} the source “{source}”", by)


def switch_source(source: Source, *, active: bool, by: User) -> bool:
    """Read a source again, or no more; False if it is so already."""
    with transaction.atomic():
        changes: dict[str, Any] = {"active": active, "failures": 0}
        if active:
            changes |= {"next_read_at": clock.now(), "last_error": ""}
        if not Source.objects.filter(pk=source.pk).exclude(active=active).update(**changes):
            return False
        verb = "resumed" if active else "paused"
        did = "reads" if active else "no longer reads"
        _say(source, f"source.{verb}", f"{did} the source “{source}”", by)
    return True


def read_now(source: Source, *, by: User) -> None:
    """Have Scout read a source out of its turn. Raises CannotRead."""
    if source.kind not in READ_BY_SCOUT:
        raise CannotRead
    with transaction.atomic():
        events.emit("source.due", subject=source)
        _say(source, "source.read_now", f"had Scout read “{source}” out of its turn", by)


def _say(row: models.Model, verb: str, did: str, by: User) -> None:
    name = by.get_username()
    audit.record(verb, f"{name} {did}", actor=name, actor_kind=AuditEntry.ActorKind.USER, obj=row)
    live.broadcast("sources")
