"""Whom nobody writes cold mail to: by address, by domain, by company, by a word in either."""

import unicodedata

import idna
from django.db import transaction
from django.db.models import F, Q, TextField, Value
from django.db.models.functions import Length, Lower

from agency import audit, live
from agency.models import AuditEntry
from pipeline.models import Suppression

Scope = Suppression.Scope
REMOVED = "suppression.removed"
CAME_BACK = "the mail came back"
"""How the reason begins where an address takes no mail."""


def of(address: str, company: str = "") -> Suppression | None:
    """Return the newest suppression that binds mail to this address, or of this company."""
    address, company = address.strip().lower(), company.strip().lower()
    written = spellings(address)
    domains = {
        ".".join(labels[at:])
        for each in written
        for labels in [each.rpartition("@")[2].split(".")]
        for at in range(max(1, len(labels) - 1))
    }
    binds = Q(scope=Scope.ADDRESS, lower__in=written) | Q(scope=Scope.DOMAIN, lower__in=domains)
    if company:
        binds |= Q(scope=Scope.COMPANY, lower=company)
    haystack = Value(f"{address} {company}", output_field=TextField())
    words = Suppression.objects.alias(hay=haystack, long=Length("value")).filter(
        scope=Scope.KEYWORD, long__gt=0, hay__icontains=F("value")
    )
    found = (
        Suppression.objects.alias(lower=Lower("value"))
        .filter(binds)
        .order_by("-created_at")
        .first()
    )
    word = words.order_by("-created_at").first()
    both = [one for one in (found, word) if one is not None]
    return max(both, key=lambda one: one.created_at, default=None)


def that_came_back(address: str) -> Suppression | None:
    """Return the suppression of an address that gave mail of ours back for good."""
    return Suppression.objects.filter(
        scope=Scope.ADDRESS, value=address.strip().lower(), reason__startswith=CAME_BACK
    ).first()


def spellings(address: str) -> set[str]:
    """Return how else an address is written: its domain in Unicode or ASCII, without its tag.

    Mail to `dana+news@…` reaches whoever asked that none be sent to `dana@…`.
    """
    local, _, domain = unicodedata.normalize("NFKC", address).lower().rpartition("@")
    domains = {address.rpartition("@")[2], domain.rstrip(".")}
    for convert in (_in_ascii, idna.decode):
        try:
            domains.add(convert(domain.rstrip(".")))
        except (UnicodeError, IndexError):
            continue
    return {f"{name}@{one}" for name in {local, local.partition("+")[0]} for one in domains}


def _in_ascii(domain: str) -> str:
    return idna.encode(domain, uts46=True).decode()


def add(scope: str, value: str, *, reason: str, by: str = "") -> Suppression:
    """Suppress, once; what is suppressed already stays as it is. `by` is empty for the house."""
    with transaction.atomic():
        found, made = Suppression.objects.get_or_create(
            scope=scope, value=value.strip().lower(), defaults={"reason": reason[:200]}
        )
        if made:
            audit.record(
                "suppression.added",
                f"{found.value} is written to no more: {reason}",
                actor=by or "the house",
                actor_kind=AuditEntry.ActorKind.USER if by else AuditEntry.ActorKind.SYSTEM,
                obj=found,
                data={"scope": scope, "value": found.value, "reason": reason},
            )
            live.broadcast("deliverability", "prospects")
    return found


def remove(suppression: Suppression, *, by: str) -> AuditEntry | None:
    """Lift it; return the entry it can be put back from, None if it was gone already."""
    data = {
        "scope": suppression.scope,
        "value": suppression.value,
        "reason": suppression.reason,
        "created_at": suppression.created_at.isoformat(),
    }
    with transaction.atomic():
        gone, _ = Suppression.objects.filter(pk=suppression.pk).delete()
        if not gone:
            return None
        live.broadcast("deliverability", "prospects")
        return audit.record(
            REMOVED,
            f"{by} lets {suppression.value} be written to again",
            actor=by,
            actor_kind=AuditEntry.ActorKind.USER,
            data=data,
        )


def put_back(entry: AuditEntry, *, by: str) -> bool:
    """Take a removal back, as of the day it was made; False if it is there again already."""
    data = entry.data
    with transaction.atomic():
        found, made = Suppression.objects.get_or_create(
            scope=data["scope"], value=data["value"], defaults={"reason": data["reason"]}
        )
        if made:
            Suppression.objects.filter(pk=found.pk).update(created_at=data["created_at"])
            audit.record(
                "suppression.put_back",
                f"{by} put {found.value} back on the suppression list",
                actor=by,
                actor_kind=AuditEntry.ActorKind.USER,
                obj=found,
                data=data,
            )
            live.broadcast("deliverability", "prospects")
    return made
