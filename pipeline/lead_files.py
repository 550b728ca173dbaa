"""Files of leads, as a CRM, a form or this house writes them: each row a lead, or why not.

The columns are guessed once and shown; nothing is imported before a person has seen it.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from zoneinfo import ZoneInfo

from django.db.models.functions import Lower
from django.utils.dateparse import parse_date, parse_datetime

from agency import clock
from agency.models import Client
from jobs.bodies import Document, Refused
from pipeline import intake
from pipeline.finding.sources import file
from pipeline.models import Lead

FIELDS = {
    "name": "Name",
    "first_name": "First name",
    "last_name": "Last name",
    "email": "E-mail",
    "phone": "Phone",
    "company": "Company",
    "website": "Website",
    "subject": "Subject",
    "message": "What they wrote",
    "received_at": "When they asked",
    "timezone": "Time zone",
    "extra": "Keep beside it",
}
"""What a column may hold, with its label. Any number of columns may be kept beside a lead."""

MANY = {"extra"}
WHEN = ("received_at", "created", "created_at", "date", "submitted", "submitted_at", "create_date")
QUOTED = ("'=", "'+", "'-", "'@")
"""How spreadsheets are kept from taking a cell for a formula."""

PREVIEWED = 20
Key = tuple[str, str]


@dataclass(frozen=True)
class Found:
    """A row that is a lead, with when they asked; None is now."""

    facts: intake.LeadIn
    received_at: dt.datetime | None

    @property
    def keys(self) -> list[Key]:
        """What the same person is told by."""
        pairs = (("email", self.facts.email.lower()), ("phone", self.facts.phone))
        return [(kind, value) for kind, value in pairs if value]


@dataclass(frozen=True)
class Row:
    """A row as it would be imported. `number` counts from 1 below the header."""

    number: int
    found: Found | None
    problems: dict[str, str]
    duplicate_of: Lead | None = None
    repeats: int | None = None
    """The row of this file that is the same person."""


def guess(columns: Iterable[str]) -> dict[str, str]:
    """Return what columns most likely hold, column → field; what is unclear is kept beside."""
    names = {intake.plain(alias): field for alias, field in _aliases()}
    taken: set[str] = set()
    mapping = {}
    for column in columns:
        field = names.get(intake.plain(column), "extra")
        mapping[column] = "extra" if field in taken else field
        taken |= {field} - MANY
    beside = [column for column, field in mapping.items() if field in MANY]
    for column in beside[intake.MAX_EXTRA_FIELDS :]:
        del mapping[column]
    return mapping


def _aliases() -> list[tuple[str, str]]:
    of_names = (("first_name", intake.FIRST_NAME), ("last_name", intake.LAST_NAME))
    groups = (*intake.ALIASES.items(), *of_names, ("received_at", WHEN))
    return [(alias, field) for field, aliases in groups for alias in (field, *aliases)]


def read(
    row: Mapping[str, str], mapping: Mapping[str, str], zone: ZoneInfo
) -> tuple[Found | None, dict[str, str]]:
    """Make a lead of a row, and say by column what of it was no good."""
    said = {column: _cell(row.get(column, "")) for column in mapping}
    columns = {field: column for column, field in mapping.items() if field not in MANY}
    known: Document = {field: said[column] for field, column in columns.items() if said[column]}
    extra: Document = {
        column: said[column] for column, field in mapping.items() if field in MANY and said[column]
    }
    parts = (known.pop("first_name", ""), known.pop("last_name", ""))
    if "name" not in known and any(parts):
        known["name"] = " ".join(str(part) for part in parts if part)
    when = str(known.pop("received_at", ""))
    problems: dict[str, str] = {}
    received_at = None
    if when:
        received_at = _moment(when, zone)
        if received_at is None:
            problems[columns["received_at"]] = "is no date; write it as 2026-11-27 or with a time"
        elif received_at > clock.wall():
            problems[columns["received_at"]] = "lies ahead"
    try:
        facts = intake.check(known, extra, columns)
    except Refused as refused:
        problems |= {error.field: error.reason for error in refused.errors}
        return None, _named(problems)
    return (None if problems else Found(facts, received_at)), _named(problems)


def _named(problems: dict[str, str]) -> dict[str, str]:
    return {column: f"“{column[:40]}” {why}" for column, why in problems.items()}


def _cell(text: str) -> str:
    text = intake.CONTROL.sub("", text).strip()
    return text[1:] if text.startswith(QUOTED) else text


def _moment(text: str, zone: ZoneInfo) -> dt.datetime | None:
    """Return an ISO 8601 date or moment; one without a zone is the agency's."""
    try:
        found = parse_datetime(text)
        day = None if found is not None else parse_date(text[:10])
        if found is None and day is not None:
            found = dt.datetime.combine(day, dt.time())
        if found is None:
            return None
        aware = found if found.tzinfo is not None else found.replace(tzinfo=zone)
        return aware.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def known(client: Client | None, keys: Iterable[Key]) -> dict[Key, Lead]:
    """Return the open leads of a client, or of the agency, that these keys tell."""
    wanted: dict[str, set[str]] = {"email": set(), "phone": set()}
    for kind, value in keys:
        wanted[kind].add(value)
    open_ = Lead.objects.filter(client=client, outcome=Lead.Outcome.OPEN)
    by_email = open_.annotate(key=Lower("email")).filter(key__in=wanted["email"])
    by_phone = open_.filter(phone__in=wanted["phone"])
    return {("email", lead.email.lower()): lead for lead in by_email if lead.email} | {
        ("phone", lead.phone): lead for lead in by_phone if lead.phone
    }


def preview(
    content: bytes,
    mapping: Mapping[str, str],
    client: Client | None,
    zone: ZoneInfo,
    *,
    most: int = PREVIEWED,
) -> list[Row]:
    """Read the first rows as an import would, duplicates and all. Raises Unreadable."""
    read_ = [read(row, mapping, zone) for row in islice(file.rows(content), most)]
    there = known(client, (key for found, _ in read_ if found for key in found.keys))
    first: dict[Key, int] = {}
    rows = []
    for number, (found, problems) in enumerate(read_, 1):
        keys = found.keys if found else []
        same = next((there[key] for key in keys if key in there), None)
        again = next((first[key] for key in keys if key in first), None)
        rows.append(Row(number, found, problems, same, again))
        for key in keys:
            first.setdefault(key, number)
    return rows
