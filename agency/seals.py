"""Seals the audit trail: a chain of hashes in which a changed, removed or slipped-in entry shows.

The hash of a seal is the lower-case hexadecimal SHA-256 of these values, in this order, each as
`<length in bytes>:<UTF-8 bytes>,` or, for NULL, `-`:

    prev, seq, and the entry's id, at, actor, actor_kind, verb, object_type, object_id, client_id,
    correlation_id, sentence, data

`prev` is the hash of the seal before, or 64 zeros; `seq` counts 1, 2, 3 …; numbers are decimal;
`at` is UTC as Postgres writes a timestamp in JSON (`2026-11-24T03:00:00.5`), `data` as it writes
a jsonb. docs/AUDIT.md has a program that checks an export and nothing else.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, pairwise
from typing import Any, NamedTuple

from django.db import connection, transaction

from agency.models import AuditUnsealed

BATCH = 5_000
GENESIS = "0" * 64
LOWEST = -(2**63)  # of a bigint

# Texts that differ whenever the stored values do, whatever the session's settings.
TEXTS = {
    "id": "e.id::text",
    "at": "to_json(e.at AT TIME ZONE 'UTC') #>> '{}'",
    "actor": "e.actor",
    "actor_kind": "e.actor_kind",
    "verb": "e.verb",
    "object_type": "e.object_type",
    "object_id": "e.object_id",
    "client_id": "e.client_id::text",
    "correlation_id": "e.correlation_id::text",
    "sentence": "e.sentence",
    "data": "e.data::text",
}
SELECTED = ", ".join(TEXTS.values())

Entry = Sequence[str | None]


@dataclass(frozen=True)
class Head:
    """The last seal. Kept outside the database, it fixes everything up to there for good."""

    seq: int
    hash: str
    at: datetime  # when it was looked up

    def __str__(self) -> str:
        return f"{self.seq} {self.hash} {self.at.isoformat(timespec='seconds')}"


class Link(NamedTuple):
    """One seal as it is stored, with the texts of its entry, None if that is gone."""

    seq: int
    id: int
    prev: str
    hash: str
    entry: Entry | None


class Mark(NamedTuple):
    """A seal that was written down outside the database."""

    seq: int
    hash: str


class Fault(NamedTuple):
    """What is wrong with an entry; without an entry where only its seal is known to be gone."""

    entry: int | None
    what: str

    def __str__(self) -> str:
        return f"entry {self.entry}: {self.what}" if self.entry is not None else self.what


@dataclass(frozen=True)
class Report:
    """What a look at the whole trail found: at most one fault of each sort, by entry."""

    head: Head | None
    marks: int
    waiting: int
    faults: list[Fault]


def digest(prev: str, seq: int, entry: Entry) -> str:
    """Return the hash of a seal. `entry` holds the texts in the order of `TEXTS`."""
    hashed = hashlib.sha256()
    for text in (prev, str(seq), *entry):
        raw = b"" if text is None else text.encode()
        hashed.update(b"-" if text is None else b"%d:%s," % (len(raw), raw))
    return hashed.hexdigest()


def seal() -> int:
    """Seal the committed entries that wait and return how many; 0 while another process does.

    Each batch is a transaction of its own, unless the caller has one open. An entry committed
    late, after higher ids were sealed, is sealed by the next call.
    """
    sealed, start = 0, LOWEST
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            ids = _waiting_from(start, cursor)
            if not ids:
                return sealed
            sealed += _seal(ids, cursor)
        start = ids[-1] + 1


def head() -> Head | None:
    """Return the last seal, or None before the first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq, hash, statement_timestamp() FROM agency_auditseal"
            " ORDER BY seq DESC LIMIT 1"
        )
        row = cursor.fetchone()
    return Head(*row) if row else None


def links(*, after: int, until: int) -> Iterator[Link]:
    """Read the seals with `after` < seq <= `until`, a batch in memory at a time."""
    while batch := _read_links(after, until):
        yield from batch
        after = batch[-1].seq


def verify(marks: Iterable[Mark] = ()) -> Report:
    """Compute every seal anew, compare with `marks` (by ascending seq), look for loose entries.

    Reads batch by batch and holds no transaction open; what is sealed meanwhile is left out.
    """
    last = head()
    seals = _Chain(iter(marks))
    found = [
        seals.check(links(after=LOWEST, until=last.seq) if last else ()),
        _never_sealed(),
        _gone_before_its_seal(),
    ]
    faults = sorted(
        (fault for fault in found if fault),
        key=lambda fault: (fault.entry is None, fault.entry or 0),
    )
    waiting = AuditUnsealed.objects.count()
    return Report(head=last, marks=seals.compared, waiting=waiting, faults=faults)


class _Chain:
    """Follows the seals up to the first that is not as it must be."""

    def __init__(self, marks: Iterator[Mark]) -> None:
        self.seq = 0
        self.hash = GENESIS
        self.compared = 0
        self._marks = marks
        self._mark = next(marks, None)

    def check(self, found: Iterable[Link]) -> Fault | None:
        """Return the first fault."""
        for link, following in pairwise(chain(found, [None])):
            if link is not None and (fault := self._follow(link, following)):
                return fault
        if self._mark is not None:
            what = f"cut off: seal {self._mark.seq} was exported, the chain ends at {self.seq}"
            return Fault(None, what)
        return None

    def _follow(self, link: Link, following: Link | None) -> Fault | None:
        """Go on to this seal. The next one tells whether it or its entry was changed."""
        if link.seq != self.seq + 1:
            what = f"out of order: its seal {link.seq} stands where seal {self.seq + 1} should"
            return Fault(link.id, what)
        if link.prev != self.hash:
            what = f"out of order: its seal {link.seq} does not follow from the one before"
            return Fault(link.id, what)
        if link.entry is None:
            return Fault(link.id, f"missing: only its seal {link.seq} is left")
        right = digest(link.prev, link.seq, link.entry)
        if link.hash != right:
            if following is not None and following.prev == right:
                return Fault(link.id, f"its seal {link.seq} was changed, the entry was not")
            return Fault(link.id, f"changed: it is not what was sealed as {link.seq}")
        self.seq, self.hash = link.seq, link.hash
        return self._compare(link.id)

    def _compare(self, entry: int) -> Fault | None:
        """Hold the seal reached against every mark of its seq."""
        here = (self.seq, self.hash)
        if self._mark is not None and self._mark.seq == self.seq:
            self.compared += 1
        while self._mark is not None and self._mark.seq == self.seq:
            if self._mark != here:
                what = f"rebuilt: its seal {self.seq} is not the one that was exported"
                return Fault(entry, what)
            self._mark = next(self._marks, None)
        return None


def _waiting_from(start: int, cursor: Any) -> list[int]:
    """Return the next waiting ids, if this transaction is, or becomes, the one that seals."""
    cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('agency_auditseal'))")
    if not cursor.fetchone()[0]:
        return []
    cursor.execute(
        "SELECT entry FROM agency_auditunsealed WHERE entry >= %s ORDER BY entry LIMIT %s",
        [start, BATCH],
    )
    return [row[0] for row in cursor.fetchall()]


def _seal(ids: list[int], cursor: Any) -> int:
    """Seal those of the waiting entries that exist; a lost one goes on waiting, to be found."""
    cursor.execute("SELECT seq, hash FROM agency_auditseal ORDER BY seq DESC LIMIT 1")
    seq, prev = cursor.fetchone() or (0, GENESIS)
    cursor.execute(
        f"SELECT e.id, {SELECTED} FROM agency_auditentry e WHERE e.id = ANY(%s) ORDER BY e.id",  # noqa: S608
        [ids],
    )
    made: list[tuple[int, int, str, str]] = []
    for number, *entry in cursor.fetchall():
        seq += 1
        made.append((seq, number, prev, digest(prev, seq, entry)))
        prev = made[-1][-1]
    if made:
        columns = [list(column) for column in zip(*made, strict=True)]
        cursor.execute(
            "INSERT INTO agency_auditseal (seq, entry, prev, hash)"
            " SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[])",
            columns,
        )
        cursor.execute("DELETE FROM agency_auditunsealed WHERE entry = ANY(%s)", [columns[1]])
    return len(made)


def _read_links(after: int, until: int) -> list[Link]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT s.seq, s.entry, s.prev, s.hash, e.id, {SELECTED}"  # noqa: S608
            " FROM (SELECT * FROM agency_auditseal WHERE seq > %s AND seq <= %s"
            " ORDER BY seq LIMIT %s) s"
            " LEFT JOIN agency_auditentry e ON e.id = s.entry ORDER BY s.seq",
            [after, until, BATCH],
        )
        return [
            Link(seq, number, prev, hash_, None if found is None else entry)
            for seq, number, prev, hash_, found, *entry in cursor.fetchall()
        ]


def _never_sealed() -> Fault | None:
    return _first(
        "SELECT e.id FROM agency_auditentry e"
        " WHERE NOT EXISTS (SELECT FROM agency_auditseal s WHERE s.entry = e.id)"
        " AND NOT EXISTS (SELECT FROM agency_auditunsealed u WHERE u.entry = e.id)"
        " ORDER BY e.id LIMIT 1",
        "never sealed, and not waiting to be",
    )


def _gone_before_its_seal() -> Fault | None:
    return _first(
        "SELECT u.entry FROM agency_auditunsealed u"
        " WHERE NOT EXISTS (SELECT FROM agency_auditentry e WHERE e.id = u.entry)"
        " ORDER BY u.entry LIMIT 1",
        "missing: it was gone before it was sealed",
    )


def _first(query: str, what: str) -> Fault | None:
    with connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
    return Fault(row[0], what) if row else None
