"""Moving leads over the board by hand, and taking a move back."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from agency import live
from agency.ids import uuid7
from agency.models import AuditEntry
from control import overrides
from pipeline.models import Deal, Lead, Stage

MOVED = "lead.moved"
UNDONE = "lead.move_undone"
FACTS = ("outcome", "status", "flagged_at", "answered_at", "closed_at")
"""What a move may change, and its undo puts back."""

AT_ONCE = 1_000
"""The most leads of one move: it is one transaction."""


class NotPossible(Exception):
    """A lead cannot be moved there, or back; the message says why."""


@dataclass(frozen=True)
class Choice:
    """A stage a lead could be moved to, and why not if it cannot."""

    stage: Stage
    refused: str = ""


@dataclass(frozen=True)
class Move:
    """What was moved; `pk` is the correlation id of its entries in the trail."""

    pk: UUID
    leads: list[Lead]


def choices(stage: str) -> list[Choice]:
    """Return every stage in order; one that a lead at `stage` cannot go to says why."""
    return [Choice(to, _refused(Stage(stage), to)) for to in Stage]


def _refused(stage: Stage, to: Stage) -> str:
    if to == stage:
        return "It stands here."
    if to == Stage.NEW:
        return "Leads come in by themselves."
    if to == Stage.DRAFT:
        return "Drafts come from an agent."
    if to == Stage.ANSWERED and stage == Stage.DRAFT:
        return "Its draft still waits: send it or reject it."
    return ""


def move(pk: UUID, to: str, *, by: User) -> Move:
    """Move a lead to another stage. Raises Lead.DoesNotExist, NotPossible."""
    stage = Stage(to)
    with transaction.atomic():
        (lead,) = _lock([pk])
        refused = _refused(stage_of(pk), stage)
        if refused:
            raise NotPossible(refused)
        if stage in (Stage.WON, Stage.LOST) and lead.deals.filter(stage__in=Deal.OPEN).exists():
            raise NotPossible("A deal with them is open: close that one.")
        before = _facts(lead)
        if stage == Stage.ANSWERED and lead.status == Lead.Status.DISQUALIFIED:
            reason = f"Moved to {stage.label}"
            changes = {"status": Lead.Status.QUALIFIED}
            overrides.override(lead, changes, by=by, reason=reason, client=lead.client)
        for name, value in _written(lead, stage).items():
            setattr(lead, name, value)
        lead.save(update_fields=FACTS)
        return _record(MOVED, {lead: before}, f"moved {{}} to {stage.label}", by)


def stage_of(pk: UUID) -> Stage:
    """Return where a lead stands now. Raises Lead.DoesNotExist."""
    return Lead.objects.staged().get(pk=pk).standing


def close_many(pks: Sequence[UUID], outcome: str, *, by: User) -> Move:
    """Set the outcome of up to `AT_ONCE` leads.

    Those that have it already are left alone, and those with an open deal: it ends with the deal.
    """
    wanted = Lead.Outcome(outcome)
    closed_at = None if wanted == Lead.Outcome.OPEN else timezone.now()
    with transaction.atomic():
        found = _lock(pks[:AT_ONCE])
        under_way = set(
            Deal.objects.filter(lead__in=found, stage__in=Deal.OPEN).values_list("lead", flat=True)
        )
        befores = {
            lead: _facts(lead)
            for lead in found
            if lead.outcome != wanted.value and lead.pk not in under_way
        }
        changes = {"outcome": wanted, "closed_at": closed_at, "flagged_at": None}
        Lead.objects.filter(pk__in=[lead.pk for lead in befores]).update(**changes)
        for lead in befores:
            lead.outcome, lead.closed_at, lead.flagged_at = wanted, closed_at, None
        did = "opened {} again" if wanted == Lead.Outcome.OPEN else f"marked {{}} {wanted.value}"
        return _record(MOVED, befores, did, by)


def undo(pk: UUID, *, by: User) -> Move:
    """Put back what a move changed; leads that were changed since stay. Raises NotPossible."""
    entries = AuditEntry.objects.filter(correlation_id=pk, verb=MOVED)
    by_lead = {UUID(entry.object_id): entry.data for entry in entries[:AT_ONCE]}
    if not by_lead:
        raise NotPossible("There is no such move.")
    befores = {}
    with transaction.atomic():
        for lead in _lock(list(by_lead)):
            data = by_lead[lead.pk]
            if _facts(lead) != data["after"]:
                continue
            befores[lead] = data["after"]
            if lead.status != data["before"]["status"]:
                overrides.lift(lead, "status", by=by)
            for name, value in data["before"].items():
                at = dt.datetime.fromisoformat(value) if value and name.endswith("_at") else value
                setattr(lead, name, at)
            lead.save(update_fields=FACTS)
        if not befores:
            raise NotPossible("It was changed again since.")
        return _record(UNDONE, befores, "took back the move of {}", by)


def _lock(pks: Iterable[UUID]) -> list[Lead]:
    """Lock leads, in one order for everybody. Raises Lead.DoesNotExist if none is there."""
    locked = Lead.objects.select_for_update(of=("self",)).filter(pk__in=pks).order_by("pk")
    found = list(locked.select_related("client"))
    if not found:
        raise Lead.DoesNotExist
    return found


def _written(lead: Lead, stage: Stage) -> dict[str, Any]:
    """Return what is written on a lead that is moved to `stage`."""
    now = timezone.now()
    if stage in (Stage.WON, Stage.LOST):
        return {"outcome": stage.value, "closed_at": now, "flagged_at": None}
    opened: dict[str, Any] = {"outcome": Lead.Outcome.OPEN, "closed_at": None}
    if stage == Stage.LOOK:
        return opened | {"flagged_at": now}
    return opened | {"flagged_at": None, "answered_at": lead.answered_at or now}


def _facts(lead: Lead) -> dict[str, str | None]:
    """Return the lead's facts as the trail keeps them."""
    found: dict[str, str | None] = {}
    for name in FACTS:
        value = getattr(lead, name)
        found[name] = value.isoformat() if isinstance(value, dt.datetime) else value and str(value)
    return found


def _record(verb: str, befores: dict[Lead, dict[str, str | None]], did: str, by: User) -> Move:
    """Write the trail of a move, an entry a lead, and tell open pages."""
    pk, name = uuid7(), by.get_username()
    AuditEntry.objects.bulk_create(
        AuditEntry(
            verb=verb,
            sentence=f"{name} {did.format(lead)}",
            actor=name,
            actor_kind=AuditEntry.ActorKind.USER,
            object_type=Lead._meta.label_lower,
            object_id=str(lead.pk),
            client_id=lead.client_id,
            correlation_id=pk,
            data={"before": before, "after": _facts(lead)},
        )
        for lead, before in befores.items()
    )
    live.broadcast("activity", "leads", *(f"lead:{lead.pk}" for lead in befores))
    return Move(pk, list(befores))
