"""The audit trail searched: filters that combine, cheap however long it is, and exported in full.

A page never reads the whole trail. Only what an index leads to (a record, a chain, a client, what
people did) is looked for everywhere; anything else among so many entries, newest first, and the
page says how far back that was and goes on from there.
"""

import csv
import datetime as dt
import io
import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date

from agency.models import AuditEntry, Client
from dashboard.web import PAGE_SIZE, Slice

AMONG = 50_000
AMONG_WORDS = 25_000
"""So many entries one page looks through; reading each sentence for words takes longer."""

SLACK = 10_000
"""Ids are given out a little before entries commit, so days and ids overlap by a few."""

CHUNK = 2_000
HIGHEST = 2**63 - 1

DECISIONS = (
    *("approve", "edit", "reject", "send_back", "snooze", "take_over", "recall", "reopen"),
    *("confirm_sent", "send_again", "undo"),
)
EFFECTS = ("done", "failed", "unknown", "undone", "refused", "expired")


@dataclass(frozen=True)
class Group:
    """Verbs that belong together, in plain words."""

    label: str
    verbs: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()
    ends: str = ""

    @property
    def condition(self) -> Q:
        """What an entry of the group fulfils."""
        found = Q(verb__in=self.verbs)
        for start in self.starts:
            found |= Q(verb__startswith=start)
        return found | Q(verb__endswith=self.ends) if self.ends else found


GROUPS = {
    "decisions": Group("Decisions", tuple(f"action.{verb}" for verb in DECISIONS)),
    "proposals": Group("Proposals", ("action.proposed",)),
    "effects": Group("What was done", tuple(f"action.{verb}" for verb in EFFECTS)),
    "runs": Group("Runs of agents", starts=("run.",)),
    "leads": Group("Leads", starts=("lead.",)),
    "prospects": Group(
        "Prospects",
        starts=(
            *("prospect.", "ideal_customer.", "source.", "import."),
            *("enrollment.", "suppression.", "task."),
        ),
    ),
    "sequences": Group("Sequences", starts=("sequence.", "variant.")),
    "mail": Group("Mail", starts=("mail.", "inboundmail.", "sender_domain.")),
    "clients": Group("Clients", starts=("client.",)),
    "stops": Group("Stopping and resuming", starts=("switch.",)),
    "alerts": Group("Alerts", starts=("alert.",)),
    "versions": Group("Versions of agents", starts=("config.",)),
    "jobs": Group("Jobs and limits", starts=("job.", "limit.")),
    "settings": Group(
        "Settings",
        starts=("settings.", "profile.", "phase.", "endpoint.", "api_key."),
        ends="_in_admin",
    ),
}
KINDS = {"user": "People", "agent": "Agents", "system": "The house"}
COLUMNS = (
    *("id", "at", "actor", "actor_kind", "verb", "sentence", "object_type", "object_id"),
    *("client", "correlation_id", "data"),
)


@dataclass(frozen=True)
class Wanted:
    """What to look for; all of it must fit."""

    actor: str = ""
    what: str = ""
    verb: str = ""
    object: str = ""
    client: str = ""
    correlation: str = ""
    since: str = ""
    until: str = ""
    q: str = ""

    def __bool__(self) -> bool:
        return bool(self.fields())

    def fields(self) -> dict[str, str]:
        """Return the filters that are set, by their names in a query."""
        found = {name: getattr(self, name) for name in FIELDS}
        return {name: text for name, text in found.items() if text}

    @cached_property
    def days(self) -> tuple[dt.datetime | None, dt.datetime | None]:
        """From the start of the first day to the end of the last, in the operator's zone."""
        first, last = _day(self.since), _day(self.until)
        return _start(first) if first else None, _start(last + DAY) if last else None

    @cached_property
    def whose(self) -> Client | None:
        """The client whose name or short name this is."""
        named = Client.objects.filter(Q(name__iexact=self.client) | Q(slug=self.client))
        begun = Client.objects.filter(name__istartswith=self.client)
        return (named.first() or begun.order_by("name").first()) if self.client else None

    @cached_property
    def person(self) -> bool:
        """Whether `actor` is a person's name."""
        return User.objects.filter(username=self.actor).exists()

    @property
    def problems(self) -> list[str]:
        """What makes no sense, and so narrows nothing."""
        found = [
            f"“{text}” is no day; write it as 2026-03-31"
            for text in (self.since, self.until)
            if text and _day(text) is None
        ]
        if self.what and self.what not in GROUPS:
            found.append(f"“{self.what}” is no kind of entry")
        return found

    @property
    def narrow(self) -> bool:
        """Whether an index leads to the entries, so that all of them can be looked at."""
        if self.object or self.correlation:
            return True
        if self.actor == AuditEntry.ActorKind.USER or (self.actor and self.person):
            return True
        # One client may have a quarter of the trail: its index helps only where nothing else asks.
        return bool(self.client) and not (self.actor or self.what or self.verb or self.q)

    def entries(self) -> QuerySet[AuditEntry]:
        """Return all entries that fit."""
        found = AuditEntry.objects.select_related("client")
        if self.actor in AuditEntry.ActorKind.values:
            found = found.filter(actor_kind=self.actor)
        elif self.actor:
            kinds = {"actor_kind": AuditEntry.ActorKind.USER} if self.person else {}
            found = found.filter(actor=self.actor, **kinds)
        if self.what in GROUPS:
            found = found.filter(GROUPS[self.what].condition)
        if self.verb:
            found = found.filter(verb__startswith=self.verb)
        if self.object:
            kind, _, key = self.object.partition("/")
            found = found.filter(object_type=kind, **({"object_id": key} if key else {}))
        if self.client:
            found = found.filter(client=self.whose) if self.whose else found.none()
        if self.correlation:
            found = found.filter(correlation_id=_uuid(self.correlation))
        start, end = self.days
        found = found.filter(at__gte=start) if start else found
        found = found.filter(at__lt=end) if end else found
        return found.filter(sentence__icontains=self.q) if self.q else found


FIELDS = tuple(Wanted.__dataclass_fields__)
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Found:
    """One page of entries; `back_to` is how far it looked, if there is more behind."""

    page: Slice[AuditEntry]
    among: int = 0
    back_to: dt.datetime | None = None


def search(wanted: Wanted, before: str) -> Found:
    """Return the newest page below `before` of what is wanted, looking through AMONG at most."""
    top, bottom = _bounds(wanted, before)
    among = 0 if wanted.narrow or not wanted else AMONG_WORDS if wanted.q else AMONG
    floor = max(bottom, min(top, _newest() + 1) - among) if among else bottom
    inside = wanted.entries().filter(pk__gte=floor, pk__lt=top)
    rows = list(inside.order_by("-pk")[: PAGE_SIZE + 1])
    older, back_to = "", None
    if len(rows) > PAGE_SIZE:
        older = str(rows[PAGE_SIZE - 1].pk)
    elif floor > bottom:
        back_to = AuditEntry.objects.filter(pk__lt=floor).order_by("-pk").values_list("at").first()
        older = str(floor) if back_to else ""
    newer = _key(before) is not None
    found = Slice(rows[:PAGE_SIZE], older, newer)
    return Found(found, among, back_to[0] if back_to else None)


def _bounds(wanted: Wanted, before: str) -> tuple[int, int]:
    """Return below which id, and from which on, entries can fit."""
    key = _key(before)
    top, bottom = HIGHEST if key is None else key, 0
    start, end = wanted.days
    if end:
        top = min(top, _first_id(end, HIGHEST - SLACK) + SLACK)
    if start:
        bottom = max(0, _first_id(start, HIGHEST - SLACK) - SLACK)
    return top, bottom


def _first_id(moment: dt.datetime, otherwise: int) -> int:
    """Return the id of the first entry at or after `moment`."""
    after = AuditEntry.objects.filter(at__gte=moment).order_by("at", "id")
    return after.values_list("pk", flat=True).first() or otherwise


def _newest() -> int:
    return AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def chunks(wanted: Wanted) -> Iterator[list[AuditEntry]]:
    """Return everything that fits, newest first, in pieces.

    Each piece is a statement of its own. A cursor would hold one snapshot as long as the download
    takes, and while an old snapshot is open the queue cannot clean up behind itself.
    """
    top, bottom = _bounds(wanted, "")
    top = min(top, _newest() + 1)
    while top > bottom:
        floor = bottom if wanted.narrow else max(bottom, top - 10 * CHUNK)
        inside = wanted.entries().filter(pk__gte=floor, pk__lt=top)
        rows = list(inside.order_by("-pk")[:CHUNK])
        yield rows
        top = rows[-1].pk if len(rows) == CHUNK else floor


def as_lines(rows: Iterable[AuditEntry]) -> str:
    """Write entries as JSON Lines."""
    return "".join(json.dumps(_fields(row), ensure_ascii=False) + "\n" for row in rows)


def as_csv(rows: Iterable[AuditEntry], *, head: bool = False) -> str:
    """Write entries as CSV (RFC 4180) that no spreadsheet takes for formulas."""
    text = io.StringIO()
    writer = csv.writer(text)
    if head:
        writer.writerow(COLUMNS)
    for row in rows:
        fields = _fields(row)
        fields["data"] = json.dumps(fields["data"], ensure_ascii=False) if fields["data"] else ""
        writer.writerow([_defused(fields[name]) for name in COLUMNS])
    return text.getvalue()


def _fields(row: AuditEntry) -> dict[str, Any]:
    return {
        "id": row.pk,
        "at": row.at.astimezone(dt.UTC).isoformat(),
        "actor": row.actor,
        "actor_kind": row.actor_kind,
        "verb": row.verb,
        "sentence": row.sentence,
        "object_type": row.object_type,
        "object_id": row.object_id,
        "client": row.client.name if row.client else "",
        "correlation_id": str(row.correlation_id or ""),
        "data": row.data,
    }


def _defused(value: Any) -> Any:
    """Return a cell a spreadsheet shows as it stands: one that begins like a formula is quoted.

    As OWASP advises against CSV injection.
    """
    text = str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else value


def _day(text: str) -> dt.date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _start(day: dt.date) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time()))


def _uuid(text: str) -> uuid.UUID:
    """Return the id, or one that nothing has."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)


def _key(text: str) -> int | None:
    """Return a page's key, or None for what makes no sense."""
    return (
        int(text) if text.isascii() and text.isdigit() and len(text) < len(str(HIGHEST)) else None
    )
