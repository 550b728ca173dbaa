"""What a person does to prospects by hand, to one or to many, and how that is taken back."""

from collections import Counter
from collections.abc import Callable, Iterable
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from agency import audit, live
from agency.ids import uuid7
from agency.models import AuditEntry
from control import overrides
from pipeline import prospects
from pipeline.models import Contact, Enrollment, Prospect, Sequence, Suppression
from pipeline.writing import outreach

DROPPED = "prospect.dropped"
SUPPRESSED = "prospect.suppressed"
ENROLLED = "prospect.enrolled"
UNDONE = "prospect.change_undone"

AT_ONCE = 1_000
"""The most prospects of one change: it is one transaction."""

SETTABLE = {
    "fit": "Fit",
    "name": "Name",
    "industry": "Industry",
    "place": "Place",
    "timezone": "Time zone",
    "employees": "Employees",
    "description": "What it does",
}
"""What may be set by hand; agents leave it alone from then on."""


TELLING = ("name", "place")
"""What of it tells a company from others, so that it is not found a second time."""


class NotPossible(Exception):
    """A change cannot be made, or taken back; the message says why."""


@dataclass(frozen=True)
class Change:
    """What was changed; `pk` is the correlation id of its entries in the trail."""

    pk: UUID
    count: int
    left_out: tuple[str, ...] = ()
    """Why some were not changed, the most frequent reason first."""


def drop(keys: SequenceOf[UUID], reason: str, *, by: User) -> Change:
    """Drop up to `AT_ONCE` prospects: nobody researches or writes to them any more."""
    with transaction.atomic():
        befores = {}
        for prospect in _lock(keys):
            if prospect.status == Prospect.Status.DROPPED:
                continue
            befores[prospect] = {"status": prospect.status, "drop_reason": prospect.drop_reason}
            outreach.stop(prospect, Enrollment.Stop.DROPPED, by=by.get_username())
        Prospect.objects.filter(pk__in=[prospect.pk for prospect in befores]).update(
            status=Prospect.Status.DROPPED, drop_reason=reason
        )
        return _record(DROPPED, befores, "dropped {}", by, {"reason": reason})


def suppress(keys: SequenceOf[UUID], reason: str, *, by: User) -> Change:
    """See that nobody writes cold mail to up to `AT_ONCE` prospects: their domain and addresses."""
    with transaction.atomic():
        befores = {}
        for prospect in _lock(keys):
            made = [
                row.pk
                for scope, value in _suppressible(prospect)
                for row, is_new in [
                    Suppression.objects.get_or_create(
                        scope=scope, value=value, defaults={"reason": reason}
                    )
                ]
                if is_new
            ]
            outreach.stop(prospect, Enrollment.Stop.SUPPRESSED, by=by.get_username())
            if made:
                befores[prospect] = {"suppressions": made}
        did = "saw that nobody writes to {}"
        return _record(SUPPRESSED, befores, did, by, {"reason": reason})


def enroll(keys: SequenceOf[UUID], sequence: Sequence, *, by: User) -> Change:
    """Put up to `AT_ONCE` prospects at the start of a sequence; who cannot be is left out."""
    refused: Counter[str] = Counter()
    with transaction.atomic():
        befores: dict[Prospect, dict[str, Any]] = {}
        for prospect in _lock(keys):
            contact = outreach.contact_for(prospect)
            if contact is None:
                refused[f"{prospect} has no address"] += 1
                continue
            try:
                outreach.enroll(prospect, contact, sequence)
            except outreach.CannotEnroll as reason:
                refused[str(reason)] += 1
            else:
                befores[prospect] = {}
        change = _record(ENROLLED, befores, "put {} into a sequence", by, {"to": str(sequence)})
    return Change(change.pk, change.count, tuple(why for why, _ in refused.most_common(3)))


def undo(pk: UUID, *, by: User) -> Change:
    """Take back a change of many; one that was changed since stays. Raises NotPossible."""
    entries = AuditEntry.objects.filter(correlation_id=pk, verb__in=[DROPPED, SUPPRESSED])
    found = {UUID(entry.object_id): entry for entry in entries[:AT_ONCE]}
    if not found:
        raise NotPossible("There is no such change.")
    with transaction.atomic():
        befores: dict[Prospect, dict[str, Any]] = {}
        for prospect in _lock(list(found)):
            entry = found[prospect.pk]
            put_back: Callable[[Prospect, dict[str, Any]], bool] = (
                _undrop if entry.verb == DROPPED else _unsuppress
            )
            if put_back(prospect, entry.data["before"]):
                befores[prospect] = {}
        if not befores:
            raise NotPossible("It was changed again since.")
        return _record(UNDONE, befores, "took back the change of {}", by, {})


def set_fields(prospect: Prospect, changes: dict[str, Any], *, by: User, reason: str) -> None:
    """Set fields by hand; agents no longer change them. Raises KeyError for others."""
    for name in changes:
        SETTABLE[name]
    with transaction.atomic():
        overrides.override(prospect, changes, by=by, reason=reason)
        if not changes.keys().isdisjoint(TELLING):
            prospects.learn_keys(prospect)
        live.broadcast("prospects", topic(prospect))


def lift(prospect: Prospect, name: str, *, by: User) -> bool:
    """Let agents decide a field again; False if they do."""
    lifted = overrides.lift(prospect, name, by=by)
    if lifted:
        live.broadcast("prospects", topic(prospect))
    return lifted


def add_contact(prospect: Prospect, *, by: User, **fields: str) -> Contact:
    """Add a person by hand; the first one with an address is whom is written to."""
    with transaction.atomic():
        first = not prospect.contacts.filter(is_primary=True).exists()
        contact = Contact.objects.create(
            prospect=prospect, is_primary=first and bool(fields["email"]), **fields
        )
        _say(prospect, "prospect.contact_added", f"added {contact} at {prospect}", by)
        return contact


def make_primary(contact: Contact, *, by: User) -> None:
    """Write to this person from now on; a sequence that is under way goes on as it began."""
    with transaction.atomic():
        Contact.objects.filter(prospect_id=contact.prospect_id).update(is_primary=False)
        contact.is_primary = True
        contact.save(update_fields=["is_primary"])
        prospect = contact.prospect
        _say(prospect, "prospect.contact_chosen", f"writes to {contact} at {prospect}", by)


def topic(prospect: Prospect) -> str:
    """Return the live topic of one prospect's page."""
    return f"prospect:{prospect.pk}"


def _suppressible(prospect: Prospect) -> list[tuple[str, str]]:
    """Return what to suppress: the whole domain, and addresses that are of another one."""
    scope = Suppression.Scope
    found = [(scope.DOMAIN.value, prospect.domain.lower())] if prospect.domain else []
    addresses = {prospect.email, *prospect.contacts.values_list("email", flat=True)} - {""}
    for address in sorted(address.lower() for address in addresses):
        if not prospect.domain or address.rpartition("@")[2] != prospect.domain.lower():
            found.append((scope.ADDRESS.value, address))
    return found or [(scope.COMPANY.value, prospect.name.lower()[:254])]


def _undrop(prospect: Prospect, before: dict[str, Any]) -> bool:
    if prospect.status != Prospect.Status.DROPPED:
        return False
    prospect.status, prospect.drop_reason = before["status"], before["drop_reason"]
    prospect.save(update_fields=["status", "drop_reason"])
    return True


def _unsuppress(prospect: Prospect, before: dict[str, Any]) -> bool:
    return bool(Suppression.objects.filter(pk__in=before["suppressions"]).delete()[0])


def _lock(keys: Iterable[UUID]) -> list[Prospect]:
    """Lock prospects, in one order for everybody."""
    wanted = Prospect.objects.select_for_update(of=("self",)).filter(
        pk__in=list(keys)[:AT_ONCE], merged_into=None
    )
    return list(wanted.order_by("pk"))


def _record(
    verb: str,
    befores: dict[Prospect, dict[str, Any]],
    did: str,
    by: User,
    data: dict[str, Any],
) -> Change:
    """Write the trail, an entry a prospect, and tell open pages."""
    pk, name = uuid7(), by.get_username()
    AuditEntry.objects.bulk_create(
        AuditEntry(
            verb=verb,
            sentence=f"{name} {did.format(prospect)}",
            actor=name,
            actor_kind=AuditEntry.ActorKind.USER,
            object_type=Prospect._meta.label_lower,
            object_id=str(prospect.pk),
            correlation_id=pk,
            data={**data, "before": before},
        )
        for prospect, before in befores.items()
    )
    live.broadcast("activity", "prospects", *(topic(prospect) for prospect in befores))
    return Change(pk, len(befores))


def _say(prospect: Prospect, verb: str, did: str, by: User) -> None:
    name = by.get_username()
    audit.record(
        verb, f"{name} {did}", actor=name, actor_kind=AuditEntry.ActorKind.USER, obj=prospect
    )
    live.broadcast("prospects", topic(prospect))
