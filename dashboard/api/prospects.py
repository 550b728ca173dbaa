"""Prospects over the API: listed, added once, set by hand, dropped."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from ninja import Path, Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from agency import audit
from agency.models import AuditEntry
from agency.zones import validate_timezone
from dashboard.api import problems
from dashboard.api.gate import Bearer, Call, ours_only
from dashboard.api.pages import Asked, Page, Word, page
from jobs.bodies import FieldError, Refused
from pipeline import by_hand, prospects
from pipeline.finding import candidates, fit
from pipeline.finding.sources import file
from pipeline.models import IdealCustomer, Prospect, Source

router = Router(tags=["Prospects"])
READ, WRITE = Bearer("prospects:read"), Bearer("prospects:write")
OURS = "prospects"


class ProspectOut(Schema):
    """A company that may become a client, and has not asked."""

    id: UUID
    world: str
    name: str
    domain: str
    website: str
    email: str
    phone: str
    linkedin: str
    industry: str
    place: str
    country: str
    timezone: str
    employees: int | None
    description: str
    ideal_customer: str
    source: str | None
    source_url: str
    signals: list[dict[str, Any]]
    reason: str = Field(description="Why it fits.")
    fit: int = Field(description="0 to 100.")
    status: str
    drop_reason: str
    merged_into: UUID | None = Field(description="The one it was found to be the same as.")
    researched_at: datetime | None = Field(description="Business time.")
    created_at: datetime

    @staticmethod
    def resolve_ideal_customer(row: Prospect) -> str:
        return str(row.ideal_customer)

    @staticmethod
    def resolve_source(row: Prospect) -> str | None:
        return str(row.source) if row.source is not None else None

    @staticmethod
    def resolve_merged_into(row: Prospect) -> UUID | None:
        return row.merged_into_id


class ProspectsAsked(Asked):
    """Which prospects; all of it must fit. Those merged into another are left out."""

    status: Prospect.Status | None = None
    ideal_customer: Word | None = None
    min_fit: int | None = Field(None, ge=0, le=100)
    domain: Word | None = None
    email: Word | None = Field(None, description="Its own, not a contact’s.")


class ProspectNew(Schema):
    """A company, and whom to write to there. What tells it from others: domain, phone, e-mail,
    or name and place."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(min_length=1, max_length=200)
    website: str = Field("", max_length=500)
    email: str = Field("", max_length=254)
    phone: str = Field("", max_length=40)
    linkedin: str = Field("", max_length=300)
    industry: str = Field("", max_length=100)
    place: str = Field("", max_length=120, description="City, region.")
    country: str = Field("", max_length=60)
    employees: int | None = Field(None, ge=0, le=10_000_000)
    description: str = Field("", max_length=1_000)
    person_name: str = Field("", max_length=200)
    person_role: str = Field("", max_length=120)
    person_email: str = Field("", max_length=254)
    person_phone: str = Field("", max_length=40)
    person_linkedin: str = Field("", max_length=300)
    ideal_customer: str = Field(
        "", max_length=120, description="The name of an active one; otherwise the first."
    )


class ProspectChange(Schema):
    """What to set by hand, and why; agents leave these fields alone from then on."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: str = Field(min_length=1, max_length=300)
    fit: int | None = Field(None, ge=0, le=100)
    name: str | None = Field(None, min_length=1, max_length=200)
    industry: str | None = Field(None, max_length=100)
    place: str | None = Field(None, max_length=120)
    timezone: str | None = Field(None, max_length=64)
    employees: int | None = Field(None, ge=0, le=10_000_000)
    description: str | None = Field(None, max_length=1_000)


class Why(Schema):
    """A reason, as the trail will say it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: str = Field(min_length=1, max_length=200)


@router.get("", response=Page[ProspectOut], auth=READ)
def list_prospects(request: Call, asked: Query[ProspectsAsked]) -> dict[str, Any]:
    """List prospects, newest first."""
    ours_only(request, OURS)
    found = _rows().filter(merged_into=None)
    wanted = {
        "status": asked.status,
        "ideal_customer__name": asked.ideal_customer,
        "fit__gte": asked.min_fit,
        "domain": asked.domain and asked.domain.lower(),
        "email__iexact": asked.email,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    return page(request, found.filter(**given), asked)


@router.get("/{id}", response=ProspectOut, auth=READ)
def get_prospect(request: Call, id: Path[UUID]) -> Prospect:
    """Return one prospect."""
    ours_only(request, OURS)
    return _get(id)


@router.post("", response={201: ProspectOut, 200: ProspectOut}, auth=WRITE)
def create_prospect(request: Call, body: ProspectNew) -> Status[Prospect]:
    """Add a prospect. One that is known already is returned as it is, with 200."""
    ours_only(request, OURS)
    raw = {name: value for name, value in body.model_dump().items() if value not in ("", None)}
    ideal = _ideal(candidates.text(raw.pop("ideal_customer", ""), 120))
    candidate, wrong = candidates.read(raw)
    wrong |= file.refusal(candidate)
    if wrong or candidate is None:
        errors = [FieldError(field, why) for field, why in wrong.items()]
        raise Refused(422, f"This is no prospect yet; see {', '.join(wrong)}.", *errors)
    source, _ = Source.objects.get_or_create(
        ideal_customer=ideal,
        name=f"API: {request.key.name}",
        defaults={"kind": Source.Kind.API},
    )
    measured = prospects.measure(candidate, fit.ideal(ideal), unknown=1.0)
    prospect, new = prospects.add(candidate, ideal=ideal, source=source, measured=measured)
    if new:
        audit.record(
            "prospect.added",
            f"The API key “{request.key.name}” of {request.key.created_by} added {prospect}",
            actor=request.key.created_by.get_username(),
            actor_kind=AuditEntry.ActorKind.USER,
            obj=prospect,
        )
    return Status(201 if new else 200, _get(prospect.pk))


@router.patch("/{id}", response=ProspectOut, auth=WRITE)
def change_prospect(request: Call, id: Path[UUID], body: ProspectChange) -> Prospect:
    """Set fields of a prospect by hand."""
    ours_only(request, OURS)
    prospect = _get(id)
    changes = body.model_dump(exclude_unset=True, exclude={"reason"})
    clean = {name: _clean(name, value) for name, value in changes.items()}
    if not clean:
        raise Refused(422, "There is nothing to change.", FieldError("body", "sets no field"))
    reason = _text(body.reason, 300, "reason")
    by_hand.set_fields(prospect, clean, by=request.key.created_by, reason=reason)
    return _get(id)


@router.post("/{id}/drop", response=ProspectOut, auth=WRITE)
def drop_prospect(request: Call, id: Path[UUID], body: Why) -> Prospect:
    """Drop a prospect: nobody researches or writes to it any more."""
    ours_only(request, OURS)
    prospect = _get(id)
    reason = _text(body.reason, 200, "reason")
    by_hand.drop([prospect.pk], reason, by=request.key.created_by)
    return _get(id)


def _rows() -> QuerySet[Prospect]:
    return Prospect.objects.select_related("ideal_customer", "source")


def _get(pk: UUID) -> Prospect:
    found = _rows().filter(pk=pk).first()
    if found is None:
        raise problems.not_found("prospect")
    return found


def _ideal(named: str) -> IdealCustomer:
    wanted = IdealCustomer.objects.filter(active=True).order_by("pk")
    found = (wanted.filter(name=named) if named else wanted).first()
    if found is None:
        why = "names no active ideal customer" if named else "is needed: none is active"
        raise Refused(
            422, "It is nobody’s prospect; see ideal_customer.", FieldError("ideal_customer", why)
        )
    return found


def _clean(name: str, value: Any) -> Any:
    if name == "employees" or (name == "fit" and value is not None):
        return value
    if value is None:
        raise Refused(422, f"This cannot be set so; see {name}.", FieldError(name, "is null"))
    text = _text(value, 1_000, name, empty=name != "name")
    if name == "timezone" and text:
        try:
            validate_timezone(text)
        except ValidationError:
            why = "is no time zone; use a name such as America/Phoenix"
            raise Refused(
                422, f"This cannot be set so; see {name}.", FieldError(name, why)
            ) from None
    return text


def _text(value: str, most: int, name: str, *, empty: bool = False) -> str:
    """Return text without control characters. Raises Refused (422) if nothing is left of it."""
    found = candidates.text(value, most)
    if not found and not empty:
        raise Refused(422, f"This cannot be done so; see {name}.", FieldError(name, "is empty"))
    return found
