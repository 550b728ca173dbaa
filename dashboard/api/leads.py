"""Leads over the API: listed, added, scored and closed by hand."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Path, Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from dashboard.api import problems
from dashboard.api.gate import Bearer, Call
from dashboard.api.pages import Asked, Moment, Page, Word, page
from jobs.bodies import FieldError, Refused
from pipeline import intake
from pipeline import leads as services
from pipeline.finding.candidates import text
from pipeline.models import Lead, Stage
from pipeline.models.leads import LeadQuerySet

router = Router(tags=["Leads"])
READ, WRITE = Bearer("leads:read"), Bearer("leads:write")
Extra = str | int | float | bool | list[str | int | float | bool]


class LeadOut(Schema):
    """Somebody who asked."""

    id: UUID
    client: str | None = Field(description="Whose lead; the agency’s own where it is null.")
    source: str
    name: str
    email: str
    phone: str
    company: str
    website: str
    subject: str
    message: str
    fields: dict[str, Any] = Field(description="Whatever else was sent.")
    timezone: str
    status: str
    score: int | None = Field(description="0 to 100.")
    score_parts: list[dict[str, Any]]
    score_reason: str
    outcome: str
    stage: str = Field(description="Where the board has it, a waiting draft counted in.")
    received_at: datetime
    scored_at: datetime | None
    answered_at: datetime | None
    flagged_at: datetime | None
    closed_at: datetime | None

    @staticmethod
    def resolve_client(row: Lead) -> str | None:
        return row.client.slug if row.client is not None else None

    @staticmethod
    def resolve_stage(row: Lead) -> str:
        return row.standing.value


class LeadsAsked(Asked):
    """Which leads; all of it must fit."""

    status: Lead.Status | None = None
    stage: Stage | None = None
    outcome: Lead.Outcome | None = None
    email: Word | None = None
    source: Word | None = None
    q: Word | None = Field(None, description="Words of it, each by its beginning.")
    since: Moment | None = Field(None, description="Received then or later.")


class LeadNew(Schema):
    """Somebody who asked. An e-mail or a phone is needed, and a message, name or company."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field("", max_length=200)
    email: str = Field("", max_length=254)
    phone: str = Field("", max_length=40)
    company: str = Field("", max_length=200)
    website: str = Field("", max_length=500)
    subject: str = Field("", max_length=300)
    message: str = Field("", max_length=20_000)
    timezone: str = Field("", max_length=64, description="Such as America/Phoenix.")
    fields: dict[str, Extra] = Field({}, max_length=50, description="Whatever else is known.")


class LeadChange(Schema):
    """What to set by hand. A score or status needs a reason; agents leave it alone then."""

    model_config = ConfigDict(extra="forbid", strict=True)

    score: int | None = Field(None, ge=0, le=100)
    status: Literal["new", "qualified", "review", "disqualified"] | None = None
    outcome: Literal["open", "won", "lost"] | None = None
    reason: str = Field("", max_length=500)


@router.get("", response=Page[LeadOut], auth=READ)
def list_leads(request: Call, asked: Query[LeadsAsked]) -> dict[str, Any]:
    """List leads, newest first."""
    found = _rows(request)
    wanted = {
        "status": asked.status,
        "outcome": asked.outcome,
        "email__iexact": asked.email,
        "source": asked.source,
        "received_at__gte": asked.since,
    }
    found = found.filter(**{name: value for name, value in wanted.items() if value is not None})
    if asked.stage is not None:
        found = found.at(asked.stage)
    if asked.q:
        found = found.worded(asked.q)
    return page(request, found, asked)


@router.get("/{id}", response=LeadOut, auth=READ)
def get_lead(request: Call, id: Path[UUID]) -> Lead:
    """Return one lead."""
    return _get(request, id)


@router.post("", response={201: LeadOut}, auth=WRITE)
def create_lead(request: Call, body: LeadNew) -> Status[Lead]:
    """Add a lead; it is scored and its answer drafted as if it had come by webhook."""
    given = {name: value for name, value in body.model_dump().items() if value}
    facts = intake.check(given, given.pop("fields", {}))
    key = request.key
    lead = intake.receive(
        facts,
        source=f"api:{key.name}",
        through=f"the API key “{key.name}” of {key.created_by}",
        client=key.client,
    )
    return Status(201, _get(request, lead.pk))


@router.patch("/{id}", response=LeadOut, auth=WRITE)
def change_lead(request: Call, id: Path[UUID], body: LeadChange) -> Lead:
    """Set a lead’s score, status or outcome by hand."""
    lead = _get(request, id)
    if body.score is None and body.status is None and body.outcome is None:
        raise Refused(422, "There is nothing to change.", FieldError("body", "sets no field"))
    if body.score is not None or body.status is not None:
        reason = text(body.reason, 500)
        if not reason:
            why = "is needed for a score or a status"
            raise Refused(422, f"Say why: reason {why}.", FieldError("reason", why))
        score = lead.score if body.score is None else body.score
        services.override_score(
            lead,
            score=score,  # type: ignore[arg-type] # one that is not scored yet stays so
            status=body.status or lead.status,
            by=request.key.created_by,
            reason=reason,
        )
    if body.outcome is not None:
        services.set_outcome(lead, body.outcome, by=request.key.created_by)
    return _get(request, id)


def _rows(request: Call) -> LeadQuerySet:
    found = Lead.objects.staged().select_related("client")
    client = request.key.client_id
    return found.filter(client=client) if client is not None else found


def _get(request: Call, pk: UUID) -> Lead:
    found = _rows(request).filter(pk=pk).first()
    if found is None:
        raise problems.not_found("lead")
    return found
