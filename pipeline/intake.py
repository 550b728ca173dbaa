"""From a webhook's body to a lead: what a form may call its fields, and the job that makes it."""

import functools
import json
import re
import zoneinfo
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

import phonenumbers
from django.core.exceptions import ValidationError as InvalidValue
from django.core.validators import URLValidator
from django.db import transaction
from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from agency import audit, clock, live
from agency.ids import uuid7
from agency.models import Client
from jobs import bodies, events, registry
from jobs.bodies import Document, FieldError, Refused
from jobs.lease import Lease
from jobs.models import Delivery, Job, Lane
from pipeline.models import Lead

KIND = "pipeline.take_in_lead"
MAX_EXTRA_FIELDS = 50
MAX_EXTRA_NAME = 100
MAX_EXTRA_TEXT = 2000
MAX_EXTRA_ITEMS = 20
MAX_ERRORS = 20
MIN_PHONE_DIGITS = 5

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tab and newline, those that turn the reading direction around, and halves
of characters, which JSON may hold and Postgres refuses."""

ALIASES = {
    "name": ("full_name", "your_name", "contact_name", "customer_name", "lead_name"),
    "email": (
        "email_address", "your_email", "work_email", "business_email", "contact_email", "mail",
    ),
    "phone": (
        "telephone", "tel", "phone_number", "telephone_number", "your_phone", "work_phone",
        "contact_phone", "mobile", "mobile_phone", "mobile_number", "cell",
    ),
    "company": (
        "company_name", "your_company", "organisation", "organization", "organisation_name",
        "organization_name", "business", "business_name",
    ),
    "website": ("url", "site", "website_url", "company_website", "homepage", "your_website"),
    "subject": ("your_subject", "topic", "re"),
    "message": (
        "your_message", "msg", "text", "body", "comment", "comments", "enquiry", "inquiry",
        "question", "questions", "how_can_we_help", "details", "description", "notes",
    ),
    "timezone": ("tz",),
}  # fmt: skip
"""What else a field may be called, the first one wins. Spelling is free, see `plain`."""


def plain(name: str) -> str:
    """Return what matters of a field's name: `E-Mail:`, `eMail` and `e mail` are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


FIRST_NAME = {"firstname", "givenname", "fname"}
LAST_NAME = {"lastname", "familyname", "surname", "lname"}

_BY_ALIAS = {
    plain(alias): (field, rank)
    for field, aliases in ALIASES.items()
    for rank, alias in enumerate((field, *aliases))
}

Extra = str | int | float | bool | list[str | int | float | bool]


def _text(value: object) -> str:
    """Return a value as text without control characters; Unix line ends."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        kinds = {bool: "true or false", list: "a list", dict: "an object"}
        raise ValueError(f"must be text, not {kinds.get(type(value), 'this')}")
    text = str(value).replace("\r\n", "\n").replace("\r", "\n")
    return CONTROL.sub("", text).strip()


def _line(value: object) -> str:
    return " ".join(_text(value).split())


def _at_most(limit: int, text: str) -> str:
    if len(text) > limit:
        raise ValueError(f"is longer than {limit:,} characters")
    return text


def _email(value: object) -> str:
    text = _line(value)
    if not text:
        return ""
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(f"is no e-mail address: {error}") from None
    return _at_most(254, found.ascii_email or found.normalized)


def _phone(value: object) -> str:
    """Return E.164 where the number says its country, otherwise what was typed."""
    text = _at_most(40, _line(value))
    if text and sum(c.isdigit() for c in text) < MIN_PHONE_DIGITS:
        raise ValueError("is no phone number")
    if not text.startswith("+"):
        return text
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return text
    if number.extension or not phonenumbers.is_possible_number(number):
        return text
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _website(value: object) -> str:
    text = _line(value)
    if not text:
        return ""
    if "://" not in text:
        text = "https://" + text.lstrip("/")
    try:
        parts = urlsplit(text)
        URLValidator(schemes=["http", "https"])(text)
        if parts.username is not None:
            raise ValueError
    except (ValueError, InvalidValue):
        raise ValueError("is no web address; use one such as https://example.com") from None
    return _at_most(500, parts.geturl())


def _timezone(value: object) -> str:
    text = _line(value)
    if text and text not in _time_zones():
        raise ValueError("is no time zone; use a name such as America/Phoenix")
    return text


@functools.cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _extra_name(value: object) -> str:
    name = _line(value)
    if len(name) > MAX_EXTRA_NAME:
        raise ValueError(f"has a name longer than {MAX_EXTRA_NAME} characters")
    return name


def _extra(value: object) -> Extra:
    """Return a further field's value; what is nested deeper than a short list becomes JSON text."""
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list) and len(value) <= MAX_EXTRA_ITEMS:
        kept = [item for item in value if item is not None]
        if all(isinstance(item, str | int | float) for item in kept):
            return [_at_most(MAX_EXTRA_TEXT, _text(i)) if isinstance(i, str) else i for i in kept]
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False)
    return _at_most(MAX_EXTRA_TEXT, _text(value))


def _limited(limit: int, *, lines: bool = False) -> PlainValidator:
    clean = _text if lines else _line
    return PlainValidator(lambda value: _at_most(limit, clean(value)))


class LeadIn(BaseModel):
    """What somebody wrote, clean and within limits; empty text where they wrote nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, _limited(200)] = ""
    email: Annotated[str, PlainValidator(_email)] = ""
    phone: Annotated[str, PlainValidator(_phone)] = ""
    company: Annotated[str, _limited(200)] = ""
    website: Annotated[str, PlainValidator(_website)] = ""
    subject: Annotated[str, _limited(300)] = ""
    message: Annotated[str, _limited(20_000, lines=True)] = ""
    timezone: Annotated[str, PlainValidator(_timezone)] = ""
    fields: Annotated[
        dict[Annotated[str, PlainValidator(_extra_name)], Annotated[Extra, PlainValidator(_extra)]],
        Field(max_length=MAX_EXTRA_FIELDS),
    ] = {}


def read(content_type: str, body: bytes) -> LeadIn:
    """Return the lead that a body describes. Raises Refused (400, 415, 422), fields named."""
    known, extra, written = _sort_out(bodies.parse(content_type, body))
    return check(known, extra, written)


def check(known: Document, extra: Document, written: Mapping[str, str] | None = None) -> LeadIn:
    """Return the lead of these fields. Raises Refused (422) naming each as it was written."""
    written = written or {}
    errors: list[FieldError] = []
    try:
        lead = LeadIn.model_validate({**known, "fields": extra})
        present = {field for field in known if getattr(lead, field)}
    except ValidationError as invalid:
        errors = [_field_error(error, written) for error in invalid.errors()]
        present = set(known)
    if not present & {"email", "phone"}:
        errors.append(FieldError("email", "is missing; an e-mail address or a phone is needed"))
    if not present & {"message", "name", "company"}:
        errors.append(FieldError("message", "is missing; a message, name or company is needed"))
    if errors:
        what = ", ".join(dict.fromkeys(error.field for error in errors[:MAX_ERRORS]))
        raise Refused(422, f"This is no lead yet; see {what}.", *errors[:MAX_ERRORS])
    return lead


def _sort_out(document: Document) -> tuple[Document, Document, dict[str, str]]:
    """Return the fields of LeadIn, all others, and what the sender called each of the first.

    A field's own name wins over its aliases; what loses is kept among the others.
    """
    best: dict[str, tuple[int, str]] = {}
    given = {name: value for name, value in document.items() if not _is_blank(value)}
    for name in given:
        field, rank = _BY_ALIAS.get(plain(name), ("", 0))
        if field and (field not in best or rank < best[field][0]):
            best[field] = (rank, name)
    written = {field: name for field, (_, name) in best.items()}
    known = {field: given.pop(name) for field, name in written.items()}
    for field, value in known.items():  # {"email": …, "e-mail": the same}
        for name in [n for n in given if _BY_ALIAS.get(plain(n), ("",))[0] == field]:
            if given[name] == value:
                del given[name]
    if "name" not in known:
        parts = [_take(given, FIRST_NAME), _take(given, LAST_NAME)]
        if any(parts):
            known["name"] = " ".join(part for part in parts if part)
    return known, given, written


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _take(given: Document, aliases: set[str]) -> str:
    for name, value in given.items():
        if plain(name) in aliases and isinstance(value, str):
            del given[name]
            return value
    return ""


def _field_error(error: Any, written: Mapping[str, str]) -> FieldError:
    field, *inner = error["loc"]
    if error["type"] == "too_long":
        return FieldError("fields", f"holds more than {MAX_EXTRA_FIELDS} further fields")
    name = str(inner[0]) if inner else written.get(str(field), str(field))
    return FieldError(bodies.shown(name), bodies.shown(str(error["ctx"]["error"]), 300))


@registry.register(KIND, lane=Lane.FAST, short=True)
def take_in_lead(job: Job, lease: Lease) -> None:
    """Make the lead of a delivery, once."""
    delivery = Delivery.objects.select_related("endpoint__client").get(
        pk=job.payload["delivery_id"]
    )
    endpoint = delivery.endpoint
    facts = read(delivery.content_type, bytes(delivery.body))
    lead, created = Lead.objects.get_or_create(
        delivery_id=delivery.pk,
        defaults={
            **facts.model_dump(),
            "client": endpoint.client,
            "source": f"webhook:{endpoint.name}",
            "received_at": delivery.received_at,
        },
    )
    if created:
        _announce(lead, f"wrote through {endpoint.name}", parent=job)


def receive(facts: LeadIn, *, source: str, through: str, client: Client | None) -> Lead:
    """Make a lead that a program adds, and let whoever listens know."""
    with transaction.atomic():
        lead = Lead.objects.create(
            **facts.model_dump(), client=client, source=source, received_at=clock.wall()
        )
        _announce(lead, f"wrote through {through}")
    return lead


def bring(lead: Lead, filename: str, *, answers: bool) -> None:
    """Let whoever listens know of a lead that a file brought; for `answers`, the agents too.

    Their jobs wait in the bulk lane, behind whoever writes now.
    """
    _announce(lead, f"stands in {filename}", lane=Lane.BULK, wakes=answers)


def _announce(
    lead: Lead, how: str, *, parent: Job | None = None, lane: str | None = None, wakes: bool = True
) -> None:
    who = lead.name or lead.company or lead.email or lead.phone
    company = f" of {lead.company}" if lead.name and lead.company else ""
    chain = parent.correlation_id if parent is not None else uuid7()
    audit.record(
        "lead.received",
        f"{who}{company} {how}",
        actor=lead.source,
        obj=lead,
        client=lead.client,
        correlation_id=chain,
        data={"delivery_id": str(lead.delivery_id)} if lead.delivery_id else {},
    )
    if wakes:
        events.emit(
            "lead.received",
            subject=lead,
            client=lead.client,
            correlation_id=chain,
            parent=parent,
            lane=lane,
        )
    live.broadcast("leads", f"lead:{lead.pk}")


events.comes_from("lead.received", "webhook")
