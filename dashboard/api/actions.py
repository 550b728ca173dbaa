"""What agents proposed and did, and the operator's decisions, over the API."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from ninja import Path, Query, Router, Schema
from pydantic import ConfigDict, Field

from agency import audit
from agency.models import AuditEntry
from control import approvals
from control.models import Action, Decision
from dashboard.api import problems
from dashboard.api.gate import Bearer, Call
from dashboard.api.pages import Asked, Page, Word, page
from jobs.bodies import FieldError, Refused
from pipeline.finding.candidates import text

router = Router()
READ, DECIDE = Bearer("actions:read"), Bearer("approvals:write")
WAITING = ["Approvals"]
SUBJECTS = {"lead": "pipeline.lead", "prospect": "pipeline.prospect", "deal": "pipeline.deal"}


class Subject(Schema):
    """Which record it is about."""

    type: str
    id: str


class ActionOut(Schema):
    """One effect that an agent proposed, and what became of it."""

    id: UUID
    kind: str
    agent: str
    status: str
    level: str = Field(description="What policy said of it: auto, ask or forbid.")
    policy: list[dict[str, Any]]
    outward: bool = Field(description="Whether it leaves the house.")
    channel: str
    stakes: str
    summary: str
    reason: str = Field(description="Why the agent proposes it.")
    evidence: list[dict[str, Any]]
    params: dict[str, Any]
    rendered: dict[str, Any] = Field(description="A message exactly as it goes out.")
    content_hash: str = Field(description="SHA-256 of what is approved.")
    subject: Subject
    client: str | None
    run_id: UUID | None
    correlation_id: UUID
    cost_usd: Decimal
    error: str
    created_at: datetime
    expires_at: datetime
    snoozed_until: datetime | None
    not_before: datetime | None = Field(description="End of the undo window.")
    decided_at: datetime | None
    finished_at: datetime | None

    @staticmethod
    def resolve_subject(row: Action) -> dict[str, str]:
        return {"type": row.subject_type.rpartition(".")[2], "id": row.subject_id}

    @staticmethod
    def resolve_client(row: Action) -> str | None:
        return row.client.slug if row.client is not None else None


class ActionsAsked(Asked):
    """Which actions; all of it must fit."""

    status: Action.Status | None = None
    agent: Word | None = None
    kind: Word | None = None
    lead: UUID | None = None
    prospect: UUID | None = None
    deal: UUID | None = None


class Seen(Schema):
    """What was looked at: the `content_hash` of the action as it was read."""

    model_config = ConfigDict(extra="forbid", strict=True)

    content_hash: str = Field(pattern=r"^[0-9a-f]{64}$")


class Rejection(Seen):
    """What was looked at, and why it is turned down."""

    reason: str = Field(min_length=1, max_length=500)


class Note(Seen):
    """What was looked at, and what to do differently."""

    note: str = Field(min_length=1, max_length=2_000)


@router.get("/actions", response=Page[ActionOut], auth=READ, tags=["Actions"])
def list_actions(request: Call, asked: Query[ActionsAsked]) -> dict[str, Any]:
    """List actions, newest first."""
    given = {"status": asked.status, "agent": asked.agent, "kind": asked.kind}
    found = _rows(request).filter(
        **{name: value for name, value in given.items() if value is not None}
    )
    for name, label in SUBJECTS.items():
        key = getattr(asked, name)
        if key is not None:
            found = found.filter(subject_type=label, subject_id=str(key))
    return page(request, found, asked)


@router.get("/actions/{id}", response=ActionOut, auth=READ, tags=["Actions"])
def get_action(request: Call, id: Path[UUID]) -> Action:
    """Return one action."""
    return _get(request, id)


@router.get("/approvals", response=Page[ActionOut], auth=READ, tags=WAITING)
def list_approvals(request: Call, asked: Query[Asked]) -> dict[str, Any]:
    """List what waits for a decision, newest first."""
    return page(request, _rows(request).filter(status__in=approvals.DECIDABLE), asked)


@router.post("/approvals/{id}/approve", response=ActionOut, auth=DECIDE, tags=WAITING)
def approve(request: Call, id: Path[UUID], body: Seen) -> Action:
    """Approve exactly what was seen. What goes out leaves after the undo window."""
    action = _get(request, id)
    _decided(
        request,
        action,
        lambda by: approvals.approve(action, by=by, seen_hash=body.content_hash),
    )
    return _get(request, id)


@router.post("/approvals/{id}/reject", response=ActionOut, auth=DECIDE, tags=WAITING)
def reject(request: Call, id: Path[UUID], body: Rejection) -> Action:
    """Turn an action down, with the reason; its agent learns from it."""
    action, reason = _get(request, id), _said(body.reason, "reason")
    _decided(
        request,
        action,
        lambda by: approvals.reject(action, by=by, seen_hash=body.content_hash, reason=reason),
    )
    return _get(request, id)


@router.post("/approvals/{id}/send-back", response=ActionOut, auth=DECIDE, tags=WAITING)
def send_back(request: Call, id: Path[UUID], body: Note) -> Action:
    """Have the agent look again, with a note."""
    action, note = _get(request, id), _said(body.note, "note")
    _decided(
        request,
        action,
        lambda by: approvals.send_back(action, by=by, seen_hash=body.content_hash, note=note),
    )
    return _get(request, id)


def _decided(request: Call, action: Action, decide: Callable[[User], Decision]) -> None:
    """Decide in the name of the key's maker, and say in the trail which key it was."""
    key, by = request.key, request.key.created_by
    try:
        decision = decide(by)
    except approvals.Stale as stale:
        raise Refused(409, str(stale)) from None
    except approvals.NotAllowed as why:
        raise Refused(409, f"Policy forbids it now: {why}") from None
    audit.record(
        "api_key.decided",
        f"It was the API key “{key.name}” of {by} that decided: {action.summary}",
        actor=by.get_username(),
        actor_kind=AuditEntry.ActorKind.USER,
        obj=action,
        client=action.client,
        correlation_id=action.correlation_id,
        data={"key": key.pk, "decision": decision.pk},
    )


def _said(words: str, name: str) -> str:
    found = text(words, 2_000)
    if not found:
        raise Refused(422, f"Say something; see {name}.", FieldError(name, "is empty"))
    return found


def _rows(request: Call) -> QuerySet[Action]:
    found = Action.objects.select_related("client")
    client = request.key.client_id
    return found.filter(client=client) if client is not None else found


def _get(request: Call, pk: UUID) -> Action:
    found = _rows(request).filter(pk=pk).first()
    if found is None:
        raise problems.not_found("action")
    return found
