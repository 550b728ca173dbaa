"""What the market remembers: which mails came, what is to be done about them, what was done.

An SQLite file beside the Maildir. Everything else follows from the seed and the Message-ID.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS market (began REAL NOT NULL);
CREATE TABLE IF NOT EXISTS letter (
    id TEXT PRIMARY KEY, kept_as TEXT NOT NULL, address TEXT NOT NULL, cold INTEGER NOT NULL,
    act TEXT NOT NULL, due REAL NOT NULL, try_at REAL, tries INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS letter_due ON letter (try_at) WHERE try_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS letter_to ON letter (address, cold);
CREATE TABLE IF NOT EXISTS topic (
    letter TEXT PRIMARY KEY, address TEXT NOT NULL, name TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS topic_to ON topic (address, name);
CREATE TABLE IF NOT EXISTS call (
    uid TEXT PRIMARY KEY, address TEXT NOT NULL, page TEXT NOT NULL, ends REAL NOT NULL,
    sequence INTEGER NOT NULL, state TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS call_of ON call (address);
CREATE TABLE IF NOT EXISTS proposal (
    address TEXT PRIMARY KEY, page TEXT NOT NULL, state TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS plan (
    id TEXT PRIMARY KEY, address TEXT NOT NULL, act TEXT NOT NULL, page TEXT NOT NULL,
    about TEXT NOT NULL, due REAL NOT NULL, try_at REAL, tries INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS plan_due ON plan (try_at) WHERE try_at IS NOT NULL;
"""
FIRST_WAIT, LONGEST_WAIT, MOST_TRIES = 1.0, 300.0, 40


@dataclass(frozen=True)
class Errand:
    """Something to be done; `due` is the Unix time it was meant for.

    It is about a mail, which was `kept_as`; or it was planned, for a page, and is about a call, by
    its uid, or is so many a try.
    """

    id: str
    kept_as: str
    address: str
    act: str
    due: float
    tries: int
    page: str = ""
    about: str = ""

    @property
    def table(self) -> str:
        return "letter" if self.kept_as else "plan"


@dataclass(frozen=True)
class Call:
    """A call in somebody's calendar, until when in business time: standing, over, missed, off."""

    uid: str
    address: str
    page: str
    ends: float
    sequence: int
    state: str


@dataclass(frozen=True)
class Proposal:
    """What somebody did about the proposal they have: open, asked, signed, paid, declined."""

    address: str
    page: str
    state: str


@dataclass(frozen=True)
class Plan:
    """What somebody means to do at a Unix time. A later plan of the same id replaces it."""

    id: str
    address: str
    act: str
    due: float
    page: str = ""
    about: str = ""


Note = Call | Proposal | Plan


class Ledger:
    """Used by one thread."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.rows = sqlite3.connect(file, isolation_level=None)
        self.rows.execute("PRAGMA journal_mode = WAL")
        self.rows.execute("PRAGMA synchronous = NORMAL")
        self.rows.executescript(SCHEMA)

    def close(self) -> None:
        self.rows.close()

    def began(self) -> float:
        """Return the Unix time at which this market first opened."""
        found = self.rows.execute("SELECT began FROM market").fetchone()
        if found is None:
            found = (time.time(),)
            self.rows.execute("INSERT INTO market VALUES (?)", found)
        return float(found[0])

    def knows(self, letter: str) -> bool:
        return bool(self.rows.execute("SELECT 1 FROM letter WHERE id = ?", [letter]).fetchone())

    def count(self, address: str, *, cold: bool) -> int:
        """Return how many mails of this sort came to an address so far."""
        found = self.rows.execute(
            "SELECT count(*) FROM letter WHERE address = ? AND cold = ?", [address, cold]
        )
        return int(found.fetchone()[0])

    def note(
        self, letter: str, kept_as: str, address: str, *, cold: bool, act: str, due: float
    ) -> None:
        """Remember a mail and what is to be done about it; no act, nothing."""
        self.rows.execute(
            "INSERT INTO letter (id, kept_as, address, cold, act, due, try_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [letter, kept_as, address, cold, act, due, due if act else None],
        )

    def note_topic(self, letter: str, address: str, name: str) -> int:
        """Remember what a mail is about; return how many of that sort came to the address."""
        self.rows.execute("INSERT OR IGNORE INTO topic VALUES (?, ?, ?)", [letter, address, name])
        question = "SELECT count(*) FROM topic WHERE address = ? AND name = ?"
        return int(self.rows.execute(question, [address, name]).fetchone()[0])

    def calls(self, address: str) -> list[Call]:
        found = self.rows.execute(
            "SELECT uid, address, page, ends, sequence, state FROM call WHERE address = ?",
            [address],
        )
        return [Call(*row) for row in found]

    def call(self, uid: str) -> Call | None:
        found = self.rows.execute(
            "SELECT uid, address, page, ends, sequence, state FROM call WHERE uid = ?", [uid]
        ).fetchone()
        return Call(*found) if found else None

    def proposal(self, address: str) -> Proposal | None:
        found = self.rows.execute(
            "SELECT address, page, state FROM proposal WHERE address = ?", [address]
        ).fetchone()
        return Proposal(*found) if found else None

    def keep(self, *notes: Note) -> None:
        """Remember what became of something, in place of what was known of it."""
        for note in notes:
            if isinstance(note, Call):
                values = [note.uid, note.address, note.page, note.ends, note.sequence, note.state]
                self.rows.execute("REPLACE INTO call VALUES (?, ?, ?, ?, ?, ?)", values)
            elif isinstance(note, Proposal):
                values = [note.address, note.page, note.state]
                self.rows.execute("REPLACE INTO proposal VALUES (?, ?, ?)", values)
            else:
                self.rows.execute(
                    "REPLACE INTO plan (id, address, act, page, about, due, try_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [note.id, note.address, note.act, note.page, note.about, note.due, note.due],
                )

    def is_planned(self, name: str) -> bool:
        question = "SELECT 1 FROM plan WHERE id = ? AND try_at IS NOT NULL"
        return bool(self.rows.execute(question, [name]).fetchone())

    def drop_plan(self, name: str) -> None:
        self.rows.execute("UPDATE plan SET try_at = NULL WHERE id = ?", [name])

    @contextmanager
    def together(self) -> Iterator[None]:
        """Remember all of it or nothing."""
        self.rows.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.rows.execute("ROLLBACK")
            raise
        self.rows.execute("COMMIT")

    def due(self, now: float, limit: int) -> list[Errand]:
        """Return what is to be done now, the longest due first."""
        found = self.rows.execute(
            "SELECT id, kept_as, address, act, due, tries, '', '', try_at FROM letter"
            " WHERE try_at <= :now UNION ALL"
            " SELECT id, '', address, act, due, tries, page, about, try_at FROM plan"
            " WHERE try_at <= :now ORDER BY try_at LIMIT :limit",
            {"now": now, "limit": limit},
        )
        return [Errand(*row[:-1]) for row in found]

    def next_due(self) -> float | None:
        found = self.rows.execute(
            "SELECT min(at) FROM (SELECT min(try_at) AS at FROM letter WHERE try_at IS NOT NULL"
            " UNION ALL SELECT min(try_at) FROM plan WHERE try_at IS NOT NULL)"
        )
        (at,) = found.fetchone()
        return None if at is None else float(at)

    def settle(self, errand: Errand) -> None:
        """Note that it is done, or given up. What was planned anew meanwhile still stands."""
        self.rows.execute(
            f"UPDATE {errand.table} SET try_at = NULL WHERE id = ? AND due = ?",  # noqa: S608
            [errand.id, errand.due],
        )

    def put_off(self, errand: Errand, now: float) -> bool:
        """Try again later, each time twice as late; return False when it is given up."""
        if errand.tries + 1 >= MOST_TRIES:
            self.settle(errand)
            return False
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0**errand.tries)
        self.rows.execute(
            f"UPDATE {errand.table} SET try_at = ?, tries = tries + 1"  # noqa: S608
            " WHERE id = ? AND due = ?",
            [now + wait, errand.id, errand.due],
        )
        return True
