"""Deals: opened when a call is booked, moved on by what happens, moved about by hand, and back.

What both a lead and its deal change locks the lead first.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.dateparse import parse_datetime

from agency import audit, clock, live
from agency.ids import uuid7
from agency.models import AuditEntry
from control import overrides
from jobs import events
from jobs.models import Job
from pipeline.models import Deal, DealStage, InboundMail, Lead, Prospect, Thread

MOVED = "deal.moved"
UNDONE = "deal.move_undone"
STEP = ("next_step", "next_step_at")
FACTS = ("stage", "stage_at", "closed_at", "lost_reason", "lost_note", *STEP)
"""What a move may change, and its undo puts back; so with the lead's `LEAD_FACTS`."""

LEAD_FACTS = ("outcome", "closed_at", "flagged_at")

NEXT = {
    DealStage.BOOKED: "Hold the call",
    DealStage.HELD: "Send a proposal",
    DealStage.PROPOSED: "Hear what they say to the proposal",
    DealStage.NEGOTIATING: "Agree on the price",
    DealStage.SIGNED: "Wait for the payment",
}
"""What comes next where nobody said."""

BY_HAND = ("setup_usd", "monthly_usd", "package", "probability", *STEP)
"""What a person may set; an agent then leaves it alone."""


CLOSED_BY_HAND = "the deal was closed by hand"


class NotPossible(Exception):
    """A deal cannot be moved there, or back; the message says why."""


@dataclass(frozen=True)
class Choice:
    """A stage a deal could be moved to, and why not if it cannot."""

    stage: DealStage
    refused: str = ""


@dataclass(frozen=True)
class Move:
    """What was moved; `pk` is the correlation id of its entry in the trail."""

    pk: UUID
    deal: Deal


def open_for(lead: Lead, *, by: str = "", parent: Job | None = None) -> Deal:
    """Return the open deal of a lead, made by its first call; one that was lost is open again."""
    with transaction.atomic():
        locked = Lead.objects.select_for_update(of=("self",), no_key=True).get(pk=lead.pk)
        found = Deal.objects.filter(lead=locked, stage__in=Deal.OPEN).first()
        if found is not None:
            return found
        now = clock.now()
        deal = Deal.objects.create(
            lead=locked,
            prospect=prospect_of(locked),
            name=(locked.company or str(locked))[:200],
            stage_at=now,
            opened_at=now,
            next_step=NEXT[DealStage.BOOKED],
        )
        if locked.outcome == Lead.Outcome.LOST:
            locked.outcome, locked.closed_at = Lead.Outcome.OPEN, None
            locked.save(update_fields=["outcome", "closed_at"])
        audit.record(
            "deal.opened",
            f"A deal with {deal} was opened" + (f" by {by}" if by else ""),
            actor=by or "house",
            obj=deal,
            client=locked.client,
            correlation_id=parent.correlation_id if parent is not None else None,
        )
        events.emit(
            "deal.opened",
            subject=deal,
            client=locked.client,
            parent=parent,
            data={"lead": str(locked.pk)},
        )
        _show(deal)
    return deal


def prospect_of(lead: Lead) -> Prospect | None:
    """Return the prospect a lead came of, as its mail says; of two merged ones, the kept one."""
    threads = Thread.objects.filter(lead=lead).exclude(prospect=None)
    mails = InboundMail.objects.filter(lead=lead).exclude(prospect=None)
    for rows in (threads.order_by("pk"), mails.order_by("pk")):
        row = rows.select_related("prospect__merged_into").first()
        if row is not None and row.prospect is not None:
            return row.prospect.merged_into or row.prospect
    return None


def advance(
    deal: Deal,
    stage: str,
    *,
    by: str,
    next_step: str = "",
    next_step_at: dt.datetime | None = None,
    only_from: Iterable[str] | None = None,
) -> bool:
    """Move a deal on as something happened; False if it stands there, is further, or is closed.

    `only_from` says from which stages instead. What a person set as the next step stays.
    """
    to = DealStage(stage)
    if to == DealStage.LOST:
        raise ValueError("a deal is lost by lose(), which asks why")
    order = list(DealStage)
    wanted = set(only_from) if only_from is not None else set(order[: order.index(to)])
    with transaction.atomic():
        locked = Deal.objects.select_for_update(of=("self",), no_key=True).get(pk=deal.pk)
        if locked.stage not in wanted.intersection(Deal.OPEN):
            return False
        was = DealStage(locked.stage)
        step = {"next_step": next_step[:200] or NEXT.get(to, ""), "next_step_at": next_step_at}
        _set(locked, _standing(to) | _left(locked, step))
        audit.record(
            "deal.advanced",
            f"{locked}: {to.label}, was {was.label}",
            actor=by or "house",
            obj=locked,
            data={"from": was, "to": to},
        )
        _changed(locked, was, by)
    _copy(locked, deal)
    return True


def write(deal: Deal, changes: dict[str, Any], *, by: str) -> list[str]:
    """Set fields of `BY_HAND` for the house and return which; those a person has set stay."""
    unknown = set(changes).difference(BY_HAND)
    if unknown:
        raise ValueError(f"not for the house to write: {sorted(unknown)}")
    with transaction.atomic():
        locked = Deal.objects.select_for_update(of=("self",), no_key=True).get(pk=deal.pk)
        written = _left(locked, changes)
        if written:
            _set(locked, written)
            _show(locked)
    _copy(locked, deal)
    return sorted(written)


def plan_call(deal: Deal, starts_at: dt.datetime | None, *, by: str) -> None:
    """Note when the call is that comes next, or that another one is needed; a later stage stays."""
    with transaction.atomic():
        locked = Deal.objects.select_for_update(of=("self",), no_key=True).get(pk=deal.pk)
        if locked.stage == DealStage.BOOKED:
            words = NEXT[DealStage.BOOKED] if starts_at else "Find another time for the call"
            write(deal, {"next_step": words, "next_step_at": starts_at}, by=by)


def set_field(deal: Deal, changes: dict[str, Any], *, by: User, reason: str) -> None:
    """Set fields of `BY_HAND` by hand; agents no longer change them."""
    unknown = set(changes).difference(BY_HAND)
    if unknown:
        raise ValueError(f"not to be set by hand: {sorted(unknown)}")
    changed = {name: value for name, value in changes.items() if getattr(deal, name) != value}
    if not changed:
        return
    with transaction.atomic():
        overrides.override(deal, changed, by=by, reason=reason, client=deal.client)
        _show(deal)
    deal.refresh_from_db()


def lose(deal: Deal, reason: str, note: str = "", *, by: str) -> bool:
    """Say that a deal is lost, and why; its lead is lost too. False if it was closed already."""
    with transaction.atomic():
        locked, lead = _lock(deal.pk)
        if not locked.is_open:
            return False
        was = DealStage(locked.stage)
        _lose(locked, lead, Deal.Lost(reason), note)
        audit.record(
            "deal.lost",
            f"{locked} is lost: {locked.get_lost_reason_display().lower()}",
            actor=by or "house",
            obj=locked,
            client=lead.client,
            data={"from": was, "reason": locked.lost_reason, "note": locked.lost_note},
        )
        _changed(locked, was, by)
    _copy(locked, deal)
    return True


def take_up(deal: Deal, stage: str, *, by: str) -> None:
    """Open a lost deal again where it stood, as when its loss is undone. Raises NotPossible."""
    with transaction.atomic():
        locked, lead = _lock(deal.pk)
        if locked.stage != DealStage.LOST:
            raise NotPossible("It is not lost any more.")
        if _another_open(locked):
            raise NotPossible("There is a newer open deal with them.")
        to = DealStage(stage)
        _open(locked, lead, to)
        audit.record(
            "deal.taken_up",
            f"{locked} is open again: {to.label}",
            actor=by,
            obj=locked,
            client=lead.client,
        )
        _changed(locked, DealStage.LOST, by)
    _copy(locked, deal)


def choices(stage: str) -> list[Choice]:
    """Return every stage in order; one that a deal at `stage` cannot go to by hand says why."""
    return [Choice(to, _refused(DealStage(stage), to)) for to in DealStage]


def _refused(stage: DealStage, to: DealStage) -> str:
    if to == stage:
        return "It stands here."
    if stage == DealStage.WON:
        return "It was won: they are a client."
    return ""


def move(pk: UUID, to: str, *, by: User, reason: str = "", note: str = "") -> Move:
    """Move a deal to another stage by hand. Raises Deal.DoesNotExist, NotPossible.

    To lose it takes one of `Deal.Lost` as the reason; to win it makes the client.
    """
    from pipeline.selling import proposals  # which moves deals on by this module

    stage = DealStage(to)
    closes = stage in (DealStage.WON, DealStage.LOST)
    with transaction.atomic():
        if closes:  # whoever sends takes the action first, then the deal
            proposals.withdraw(Deal.objects.get(pk=pk), CLOSED_BY_HAND)
        deal, lead = _lock(pk)
        was = DealStage(deal.stage)
        refused = _refused(was, stage)
        if refused:
            raise NotPossible(refused)
        if not deal.is_open and _another_open(deal):
            raise NotPossible("There is a newer open deal with them.")
        before = _facts(deal, lead)
        if stage == DealStage.LOST:
            if reason not in Deal.Lost.values:
                raise NotPossible("Say why it was lost.")
            _lose(deal, lead, Deal.Lost(reason), note)
        elif stage == DealStage.WON:
            _win(deal, by)
            lead.refresh_from_db()
        else:
            _open(deal, lead, stage)
        if closes:
            proposals.close(deal, CLOSED_BY_HAND)
        moved = _record(MOVED, deal, lead, before, f"moved {{}} to {stage.label}", by)
        if stage != DealStage.WON:
            _changed(deal, was, by.get_username())
        return moved


def reopen(deal: Deal, *, by: User) -> Move:
    """Take up a lost deal again, where a call was booked. Raises NotPossible."""
    return move(deal.pk, DealStage.BOOKED, by=by)


def undo(pk: UUID, *, by: User) -> Move:
    """Put back what a move changed. Raises NotPossible where it was changed since, or is won."""
    entry = AuditEntry.objects.filter(correlation_id=pk, verb=MOVED).first()
    if entry is None:
        raise NotPossible("There is no such move.")
    with transaction.atomic():
        deal, lead = _lock(UUID(entry.object_id))
        now = _facts(deal, lead)
        was = DealStage(deal.stage)
        if was == DealStage.WON:
            raise NotPossible("It was won: they are a client.")
        if now != entry.data["after"]:
            raise NotPossible("It was changed again since.")
        before = entry.data["before"]
        if before["stage"] not in (DealStage.WON, DealStage.LOST) and _another_open(deal):
            raise NotPossible("There is a newer open deal with them.")
        _set(deal, {name: _value(name, before[name]) for name in FACTS})
        for name in LEAD_FACTS:
            setattr(lead, name, _value(name, before[f"lead_{name}"]))
        lead.save(update_fields=LEAD_FACTS)
        undone = _record(UNDONE, deal, lead, now, "took back the move of {}", by)
        _changed(deal, was, by.get_username())
        return undone


def _lock(pk: UUID) -> tuple[Deal, Lead]:
    """Lock a deal and its lead, the lead first. Raises Deal.DoesNotExist."""
    lead_id = Deal.objects.values_list("lead_id", flat=True).get(pk=pk)
    leads = Lead.objects.select_for_update(of=("self",), no_key=True).select_related("client")
    lead = leads.get(pk=lead_id)
    deal = Deal.objects.select_for_update(of=("self",), no_key=True).get(pk=pk)
    deal.lead = lead
    return deal, lead


def _another_open(deal: Deal) -> bool:
    others = Deal.objects.filter(lead_id=deal.lead_id, stage__in=Deal.OPEN)
    return others.exclude(pk=deal.pk).exists()


def _standing(stage: DealStage) -> dict[str, Any]:
    """Return what is written on a deal that comes to stand at `stage`."""
    now = clock.now()
    closed = stage in (DealStage.WON, DealStage.LOST)
    return {"stage": stage, "stage_at": now, "closed_at": now if closed else None}


def _open(deal: Deal, lead: Lead, stage: DealStage) -> None:
    step = _left(deal, {"next_step": NEXT[stage], "next_step_at": None})
    _set(deal, _standing(stage) | {"lost_reason": "", "lost_note": ""} | step)
    if lead.outcome != Lead.Outcome.OPEN:
        lead.outcome, lead.closed_at = Lead.Outcome.OPEN, None
        lead.save(update_fields=["outcome", "closed_at"])


def _lose(deal: Deal, lead: Lead, reason: Deal.Lost, note: str) -> None:
    step = {"next_step": "", "next_step_at": None}
    why = {"lost_reason": reason, "lost_note": note[:300]}
    _set(deal, _standing(DealStage.LOST) | why | step)
    if lead.outcome == Lead.Outcome.OPEN:
        lead.outcome, lead.closed_at, lead.flagged_at = Lead.Outcome.LOST, clock.wall(), None
        lead.save(update_fields=LEAD_FACTS)


def _win(deal: Deal, by: User) -> None:
    from pipeline.selling import won  # which moves deals on by this module

    won.win(deal, by=by.get_username(), by_hand=True)
    deal.refresh_from_db()


def _left(deal: Deal, changes: dict[str, Any]) -> dict[str, Any]:
    """Return what of it no person has set by hand; a next step and its time belong together."""
    kept = set(overrides.fields(deal))
    if kept.intersection(STEP):
        kept.update(STEP)
    return {name: value for name, value in changes.items() if name not in kept}


def _set(deal: Deal, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(deal, name, value)
    deal.save(update_fields=list(changes))


def _copy(locked: Deal, deal: Deal) -> None:
    """Let the caller's own row say what the locked one does."""
    for name in (*FACTS, *BY_HAND):
        setattr(deal, name, getattr(locked, name))


def _changed(deal: Deal, was: DealStage, by: str) -> None:
    """Tell that a deal stands elsewhere: to whoever listens, and to open pages."""
    data = {"lead": str(deal.lead_id), "from": was.value, "to": str(deal.stage), "by": by}
    events.emit("deal.stage_changed", subject=deal, client=deal.client, data=data)
    if deal.stage == DealStage.LOST:
        events.emit(
            "deal.lost",
            subject=deal,
            client=deal.client,
            data={"lead": str(deal.lead_id), "reason": deal.lost_reason},
        )
    _show(deal)


def _show(deal: Deal) -> None:
    live.broadcast("deals", f"deal:{deal.pk}", "leads", f"lead:{deal.lead_id}")


def _facts(deal: Deal, lead: Lead) -> dict[str, str | None]:
    """Return the facts of a deal and its lead as the trail keeps them."""
    found = {name: _kept(getattr(deal, name)) for name in FACTS}
    return found | {f"lead_{name}": _kept(getattr(lead, name)) for name in LEAD_FACTS}


def _kept(value: Any) -> str | None:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return None if value is None else str(value)


def _value(name: str, kept: str | None) -> Any:
    return parse_datetime(kept) if kept and name.endswith("_at") else kept


def _record(
    verb: str, deal: Deal, lead: Lead, before: dict[str, str | None], did: str, by: User
) -> Move:
    """Write the trail of a move."""
    pk, name = uuid7(), by.get_username()
    audit.record(
        verb,
        f"{name} {did.format(deal)}",
        actor=name,
        actor_kind=AuditEntry.ActorKind.USER,
        obj=deal,
        client=lead.client,
        correlation_id=pk,
        data={"before": before, "after": _facts(deal, lead)},
    )
    return Move(pk, deal)
