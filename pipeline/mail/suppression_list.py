"""The suppression list as the operator fills it: one value checked, or a pasted list of them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.core.validators import validate_domain_name, validate_email
from django.db import transaction

from agency import audit, live
from agency.models import AuditEntry
from pipeline.models import Suppression

MOST_AT_ONCE = 10_000

_LINES = re.compile(r"[\r\n]+")


class Refused(Exception):
    """It cannot be suppressed so; the message says why."""


@dataclass
class Import:
    """What became of a pasted list."""

    added: int = 0
    known: int = 0
    refused: list[str] = field(default_factory=list)


def cleaned(scope: str, value: str) -> str:
    """Return a value as the list holds it: lower case and checked. Raises Refused."""
    found = " ".join(value.lower().split())
    try:
        if scope == Suppression.Scope.ADDRESS:
            validate_email(found)
        elif scope == Suppression.Scope.DOMAIN:
            found = found.removeprefix("@").rstrip(".")
            validate_domain_name(found)
            if "." not in found:
                raise ValidationError("bare")
    except ValidationError:
        what = "an e-mail address" if scope == Suppression.Scope.ADDRESS else "a domain"
        raise Refused(f"“{value.strip()[:80]}” is not {what}.") from None
    if len(found) < 3 or len(found) > 254:
        raise Refused("A value has 3 to 254 characters; a shorter one would stop everybody.")
    return found


def import_lines(text: str, *, reason: str, by: str) -> Import:
    """Suppress a pasted list, an address or a domain a line; more columns than one are left out."""
    lines = [line.strip() for line in _LINES.split(text) if line.strip()]
    if len(lines) > MOST_AT_ONCE:
        raise Refused(f"{len(lines):,} lines: at most {MOST_AT_ONCE:,} at once.")
    found, result = _read(lines)
    with transaction.atomic():
        known = set(
            Suppression.objects.filter(value__in=[value for _, value in found]).values_list(
                "scope", "value"
            )
        )
        fresh = [pair for pair in found if pair not in known]
        Suppression.objects.bulk_create(
            [Suppression(scope=s, value=v, reason=reason[:200]) for s, v in fresh],
            ignore_conflicts=True,
        )
        result.added, result.known = len(fresh), len(found) - len(fresh)
        if fresh:
            words = f"{by} put {len(fresh):,} on the suppression list: {reason}"
            audit.record(
                "suppression.imported",
                words,
                actor=by,
                actor_kind=AuditEntry.ActorKind.USER,
                data={"reason": reason, "values": [value for _, value in fresh]},
            )
            live.broadcast("deliverability", "prospects")
    return result


def _read(lines: Iterable[str]) -> tuple[list[tuple[str, str]], Import]:
    found: dict[tuple[str, str], None] = {}
    result = Import()
    for line in lines:
        value = re.split(r"[,;\t]", line, maxsplit=1)[0].strip().strip("\"'<>")
        at_start = value.startswith("@")
        address = "@" in value and not at_start
        scope = Suppression.Scope.ADDRESS if address else Suppression.Scope.DOMAIN
        try:
            found[(scope.value, cleaned(scope, value))] = None
        except Refused:
            result.refused.append(line[:80])
    return list(found), result
