"""Two prospects that are one company: found, merged into one, and taken apart again."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from agency import audit, live
from agency.models import AuditEntry
from jobs import events
from pipeline import by_hand, search
from pipeline.models import (
    Contact,
    Enrollment,
    Fact,
    HandTask,
    InboundMail,
    Prospect,
    ProspectKey,
    ProspectMerge,
    Thread,
    Touch,
)
from pipeline.writing import outreach

MOVES: dict[str, tuple[type[models.Model], str]] = {
    "contacts": (Contact, "people"),
    "facts": (Fact, "facts"),
    "keys": (ProspectKey, "marks it is told by"),
    "enrollments": (Enrollment, "runs through a sequence"),
    "touches": (Touch, "messages sent"),
    "tasks": (HandTask, "tasks by hand"),
    "threads": (Thread, "conversations"),
    "mails": (InboundMail, "mails received"),
}
"""What belongs to a prospect and goes with it: its name in the record of a merge, and in words."""

FILLED = (
    *("domain", "website", "email", "phone", "linkedin", "industry", "place", "country"),
    *("timezone", "employees", "description", "reason"),
)
"""What is taken over where the one that is kept has nothing."""

ORDER = ("dropped", "new", "researched", "contacted", "declined", "replied", "lead")
"""How far a prospect got; the one that is kept stands where the further one stood."""

MOST = 50
GROUPS = 200


class CannotMerge(Exception):
    """Two prospects cannot be made one, or one two again; the message says why."""


@dataclass(frozen=True)
class Pair:
    """Two prospects that may be one company, and what speaks for it."""

    kept: Prospect
    gone: Prospect
    why: str


@dataclass(frozen=True)
class Preview:
    """What a merge would move to the one that is kept, and by field which blanks it would fill."""

    moves: list[tuple[str, int]]
    fills: list[tuple[str, str]]
    stops: bool


def suggestions() -> list[Pair]:
    """Return pairs that may be one company, the surest first; those kept apart are not."""
    alive = Prospect.objects.filter(merged_into=None)
    phones = alive.exclude(phone="").order_by("phone").values_list("phone", flat=True)
    shared = phones.annotate(n=Count("*")).filter(n__gt=1)[:GROUPS]
    names = alive.annotate(key=search.COMPANY).order_by("key").values_list("key", flat=True)
    alike = names.annotate(n=Count("*")).filter(n__gt=1).exclude(key="")[:GROUPS]
    pairs = [
        *_pairs(alive.filter(phone__in=list(shared)), by_name=False),
        *_pairs(alive.annotate(key=search.COMPANY).filter(key__in=list(alike)), by_name=True),
    ]
    return _unsettled(pairs)[:MOST]


def like(prospect: Prospect) -> list[Pair]:
    """Return which others may be the same company as this one."""
    others = Prospect.objects.filter(merged_into=None).exclude(pk=prospect.pk)
    same = Q(pk__in=[])
    if prospect.phone:
        same |= Q(phone=prospect.phone)
    if prospect.domain:
        same |= Q(domain=prospect.domain)
    by_key = Prospect.objects.filter(pk=prospect.pk).annotate(key=search.COMPANY).values("key")
    found = others.annotate(key=search.COMPANY).filter(same | Q(key=by_key[:1]))
    return [Pair(prospect, other, _why(prospect, other)) for other in found[:MOST]]


def preview(kept: Prospect, gone: Prospect) -> Preview:
    """Say what a merge would do. Raises CannotMerge."""
    _check(kept, gone)
    counts = {name: _rows(name, gone, kept).count() for name in MOVES if name != "keys"}
    return Preview(
        [(MOVES[name][1], count) for name, count in counts.items() if count],
        [(name, str(value)) for name, value in _fills(kept, gone).items()],
        Enrollment.objects.filter(prospect=gone, status=Enrollment.Status.ACTIVE).exists(),
    )


def merge(kept_pk: UUID, gone_pk: UUID, *, by: User) -> ProspectMerge:
    """Make one of two: what belongs to the second goes to the first. Raises CannotMerge."""
    with transaction.atomic():
        kept, gone = _lock(kept_pk, gone_pk)
        _check(kept, gone)
        outreach.stop(gone, Enrollment.Stop.OPERATOR, by=by.get_username())
        moved: dict[str, Any] = {"fields": {}}
        for name in MOVES:
            rows = _rows(name, gone, kept)
            moved[name] = [str(pk) for pk in rows.values_list("pk", flat=True)]
            if name == "contacts":
                _yield_primary(rows, kept, moved)
            rows.update(prospect=kept)
        changes = {**_fills(kept, gone), "status": max(kept.status, gone.status, key=ORDER.index)}
        for name, value in changes.items():
            moved["fields"][name] = [getattr(kept, name), value]
            setattr(kept, name, value)
        kept.save(update_fields=list(changes))
        gone.merged_into = kept
        gone.save(update_fields=["merged_into"])
        if kept.mails.filter(pk__in=moved["mails"], status=InboundMail.Status.READ).exists():
            events.emit("reply.received", subject=kept)
        row = ProspectMerge.objects.create(kept=kept, gone=gone, moved=moved, by=by.get_username())
        _tell(row, "prospect.merged", f"merged {gone} into {kept}", by)
        return row


def undo(merge_pk: int, *, by: User) -> ProspectMerge:
    """Make two of one again; what came since stays with the one kept. Raises CannotMerge."""
    with transaction.atomic():
        row = ProspectMerge.objects.select_for_update().filter(pk=merge_pk).first()
        if row is None or row.undone_at is not None:
            raise CannotMerge("It is taken back already.")
        kept, gone = _lock(row.kept_id, row.gone_id)
        if gone.merged_into_id != kept.pk or kept.merged_into_id is not None:
            raise CannotMerge(f"{kept} was merged again since; take that back first.")
        for name, (model, _) in MOVES.items():
            keys = row.moved.get(name, [])
            model._default_manager.filter(pk__in=keys, prospect=kept).update(prospect=gone)
        if row.moved.get("primary"):
            Contact.objects.filter(pk=row.moved["primary"], prospect=gone).update(is_primary=True)
        changed = []
        for name, (was, became) in row.moved["fields"].items():
            if getattr(kept, name) == became:
                setattr(kept, name, was)
                changed.append(name)
        kept.save(update_fields=changed)
        gone.merged_into = None
        gone.save(update_fields=["merged_into"])
        row.undone_at = timezone.now()
        row.save(update_fields=["undone_at"])
        _tell(row, "prospect.unmerged", f"took {gone} and {kept} apart again", by)
        return row


def keep_apart(kept: Prospect, gone: Prospect, *, by: User) -> None:
    """Say that two are not one: a merge that moved nothing and is undone, so never suggested."""
    with transaction.atomic():
        row = ProspectMerge.objects.create(
            kept=kept, gone=gone, by=by.get_username(), undone_at=timezone.now()
        )
        _tell(row, "prospect.kept_apart", f"says that {kept} and {gone} are two companies", by)


def recent() -> list[ProspectMerge]:
    """Return the newest merges that still hold."""
    rows = ProspectMerge.objects.filter(undone_at=None).select_related("kept", "gone")
    return list(rows.order_by("-pk")[:10])


def _pairs(prospects: QuerySet[Prospect], *, by_name: bool) -> list[Pair]:
    """Return neighbours of equal phone or name; the older, better known one is to be kept."""
    groups: dict[str, list[Prospect]] = {}
    # In the order of the index: by age Postgres reads everybody and works out each one's key.
    for one in prospects.order_by("key" if by_name else "phone", "pk")[: GROUPS * 4]:
        groups.setdefault(getattr(one, "key", "") if by_name else one.phone, []).append(one)
    found = []
    for members in groups.values():
        best = max(members, key=lambda one: (ORDER.index(one.status), one.fit))
        for other in members:
            if other is not best and (not by_name or _near(best, other)):
                found.append(Pair(best, other, _why(best, other)))
    return found


def _near(one: Prospect, other: Prospect) -> bool:
    """Whether two are, as far as their places say, in the same one."""
    if one.country and other.country and one.country != other.country:
        return False
    here, there = one.place.casefold(), other.place.casefold()
    return not here or not there or here in there or there in here


def _why(one: Prospect, other: Prospect) -> str:
    found = []
    if one.phone and one.phone == other.phone:
        found.append("same phone")
    if one.domain and one.domain == other.domain:
        found.append("same domain")
    if getattr(one, "key", one.name.casefold()) == getattr(other, "key", other.name.casefold()):
        found.append("same name, same place" if _near(one, other) else "same name")
    return ", ".join(found) or "same name, written differently"


def _unsettled(pairs: list[Pair]) -> list[Pair]:
    """Leave out what comes twice, and what a person has decided already."""
    keys = {pair.kept.pk for pair in pairs} | {pair.gone.pk for pair in pairs}
    rows = ProspectMerge.objects.filter(kept__in=keys, gone__in=keys)
    seen = {frozenset(row) for row in rows.values_list("kept_id", "gone_id")}
    found = []
    for pair in pairs:
        both = frozenset((pair.kept.pk, pair.gone.pk))
        if both not in seen:
            seen.add(both)
            found.append(pair)
    return found


def _check(kept: Prospect, gone: Prospect) -> None:
    if kept.pk == gone.pk:
        raise CannotMerge("That is one prospect already.")
    for one in (kept, gone):
        if one.merged_into_id is not None:
            raise CannotMerge(f"{one} is part of another prospect already.")
    if kept.world != gone.world:
        raise CannotMerge("One is real and the other of the sandbox.")


def _rows(name: str, gone: Prospect, kept: Prospect) -> QuerySet[Any]:
    """Return what would move; a person with an address that is known there stays behind."""
    found = MOVES[name][0]._default_manager.filter(prospect=gone)
    if name == "contacts":
        known = kept.contacts.exclude(email="").values_list("email", flat=True)
        return found.exclude(pk__in=found.filter(email__in=list(known)).values("pk"))
    return found


def _yield_primary(rows: QuerySet[Contact], kept: Prospect, moved: dict[str, Any]) -> None:
    """Leave one person to be written to: that of the prospect that is kept, if there is one."""
    primary = rows.filter(is_primary=True).first()
    if primary is not None and kept.contacts.filter(is_primary=True).exists():
        moved["primary"] = primary.pk
        Contact.objects.filter(pk=primary.pk).update(is_primary=False)


def _fills(kept: Prospect, gone: Prospect) -> dict[str, Any]:
    return {
        name: getattr(gone, name)
        for name in FILLED
        if getattr(kept, name) in ("", None) and getattr(gone, name) not in ("", None)
    }


def _lock(*keys: UUID) -> list[Prospect]:
    """Lock prospects in one order for everybody, return them in the order asked for."""
    wanted = Prospect.objects.select_for_update(of=("self",)).filter(pk__in=keys).order_by("pk")
    found = {one.pk: one for one in wanted}
    if len(found) < len(set(keys)):
        raise CannotMerge("One of them is not there.")
    return [found[key] for key in keys]


def _tell(row: ProspectMerge, verb: str, did: str, by: User) -> None:
    name = by.get_username()
    for one in (row.kept, row.gone):
        audit.record(
            verb,
            f"{name} {did}",
            actor=name,
            actor_kind=AuditEntry.ActorKind.USER,
            obj=one,
            data={"merge": row.pk},
        )
    _broadcast((row.kept, row.gone))


def _broadcast(prospects: Iterable[Prospect]) -> None:
    live.broadcast("prospects", *(by_hand.topic(one) for one in prospects))
