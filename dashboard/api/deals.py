"""Deals, calls and clients over the API; read only."""

from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from ninja import Path, Query, Router, Schema
from pydantic import ConfigDict, Field

from agency.models import Client
from dashboard.api import problems
from dashboard.api.gate import Bearer, Call
from dashboard.api.pages import Asked, Moment, Page, Word, page
from pipeline.models import Deal, DealStage, Meeting

M = TypeVar("M", bound=Model)
router = Router()
DEALS, MEETINGS, CLIENTS = (
    Bearer("deals:read"),
    Bearer("meetings:read"),
    Bearer("clients:read"),
)


class DealOut(Schema):
    """A sale under way, or over, with one company. Its times are business time."""

    id: UUID
    lead: UUID
    prospect: UUID | None
    client: str | None = Field(description="What it became when it was won.")
    name: str
    stage: str
    stage_at: datetime
    package: str | None
    setup_usd: Decimal
    monthly_usd: Decimal
    value_usd: Decimal = Field(description="Its setup and twelve months.")
    chance: int = Field(description="Percent.")
    next_step: str
    next_step_at: datetime | None
    lost_reason: str
    lost_note: str
    opened_at: datetime
    closed_at: datetime | None
    created_at: datetime

    @staticmethod
    def resolve_lead(row: Deal) -> UUID:
        return row.lead_id

    @staticmethod
    def resolve_prospect(row: Deal) -> UUID | None:
        return row.prospect_id

    @staticmethod
    def resolve_client(row: Deal) -> str | None:
        return row.client.slug if row.client is not None else None

    @staticmethod
    def resolve_package(row: Deal) -> str | None:
        return row.package.slug if row.package is not None else None


class DealsAsked(Asked):
    """Which deals; all of it must fit."""

    stage: DealStage | None = None
    open: bool | None = Field(None, description="Neither won nor lost.")
    lead: UUID | None = None
    prospect: UUID | None = None


class MeetingOut(Schema):
    """A call with a lead. Its times are business time."""

    id: UUID
    lead: UUID
    deal: UUID | None
    title: str
    status: str
    starts_at: datetime
    ends_at: datetime
    location: str
    guest_name: str
    guest_email: str
    guest_phone: str
    guest_timezone: str
    guest_note: str
    booked_by: str
    moved_count: int
    cancelled_by: str
    cancel_reason: str
    closed_at: datetime | None
    created_at: datetime

    @staticmethod
    def resolve_lead(row: Meeting) -> UUID:
        return row.lead_id

    @staticmethod
    def resolve_deal(row: Meeting) -> UUID | None:
        return row.deal_id


class MeetingsAsked(Asked):
    """Which calls; all of it must fit."""

    status: Meeting.Status | None = None
    lead: UUID | None = None
    since: Moment | None = Field(None, description="Starts then or later.")
    until: Moment | None = Field(None, description="Starts before then.")


class ClientOut(Schema):
    """A client of the agency."""

    slug: str
    name: str
    status: str
    timezone: str
    created_at: datetime


class ClientsAsked(Schema):
    """Which clients; all of it must fit."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=200)
    cursor: int | None = Field(None, ge=1, le=2**63 - 1, description="`next` of the page before.")
    status: Client.Status | None = None


@router.get("/deals", response=Page[DealOut], auth=DEALS, tags=["Deals"])
def list_deals(request: Call, asked: Query[DealsAsked]) -> dict[str, Any]:
    """List deals, newest first."""
    found = _deals(request)
    if asked.open is not None:
        found = found.filter(closed_at__isnull=asked.open)
    return page(request, _filtered(found, asked, "stage", "lead", "prospect"), asked)


@router.get("/deals/{id}", response=DealOut, auth=DEALS, tags=["Deals"])
def get_deal(request: Call, id: Path[UUID]) -> Deal:
    """Return one deal."""
    return _found(_deals(request).filter(pk=id), "deal")


@router.get("/meetings", response=Page[MeetingOut], auth=MEETINGS, tags=["Calls"])
def list_meetings(request: Call, asked: Query[MeetingsAsked]) -> dict[str, Any]:
    """List calls, the latest booked first."""
    found = _filtered(_meetings(request), asked, "status", "lead")
    if asked.since is not None:
        found = found.filter(starts_at__gte=asked.since)
    if asked.until is not None:
        found = found.filter(starts_at__lt=asked.until)
    return page(request, found, asked)


@router.get("/meetings/{id}", response=MeetingOut, auth=MEETINGS, tags=["Calls"])
def get_meeting(request: Call, id: Path[UUID]) -> Meeting:
    """Return one call."""
    return _found(_meetings(request).filter(pk=id), "call")


@router.get("/clients", response=Page[ClientOut], auth=CLIENTS, tags=["Clients"])
def list_clients(request: Call, asked: Query[ClientsAsked]) -> dict[str, Any]:
    """List clients, newest first."""
    return page(request, _filtered(_clients(request), asked, "status"), asked)


@router.get("/clients/{slug}", response=ClientOut, auth=CLIENTS, tags=["Clients"])
def get_client(request: Call, slug: Path[Word]) -> Client:
    """Return one client."""
    return _found(_clients(request).filter(slug=slug), "client")


def _deals(request: Call) -> QuerySet[Deal]:
    """Return all deals; for a client’s key those with its own leads, not that with itself."""
    found = Deal.objects.select_related("client", "package")
    client = request.key.client_id
    return found.filter(lead__client=client) if client is not None else found


def _meetings(request: Call) -> QuerySet[Meeting]:
    client = request.key.client_id
    found = Meeting.objects.all()
    return found.filter(lead__client=client) if client is not None else found


def _clients(request: Call) -> QuerySet[Client]:
    client = request.key.client_id
    found = Client.objects.all()
    return found.filter(pk=client) if client is not None else found


def _filtered(found: QuerySet[Any], asked: Schema, *names: str) -> QuerySet[Any]:
    given = {name: getattr(asked, name) for name in names}
    return found.filter(**{name: value for name, value in given.items() if value is not None})


def _found(rows: QuerySet[M], what: str) -> M:
    found = rows.first()
    if found is None:
        raise problems.not_found(what)
    return found
