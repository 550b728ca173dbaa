"""What the market remembers: which mails came, what is to be done about them, what was done.

An SQLite file beside the Maildir. Everything else follows from the seed and the Message-ID.
"""

import sqlite3
import time
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
"""
FIRST_WAIT, LONGEST_WAIT, MOST_TRIES = 1.0, 300.0, 40


@dataclass(frozen=True)
class Errand:
    """Something to be done about a mail; `due` is the Unix time it was meant for."""

    id: str
    kept_as: str
    address: str
    act: str
    due: float
    tries: int


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

    def due(self, now: float, limit: int) -> list[Errand]:
        """Return what is to be done now, the longest due first."""
        found = self.rows.execute(
            "SELECT id, kept_as, address, act, due, tries FROM letter"
            " WHERE try_at <= ? ORDER BY try_at LIMIT ?",
            [now, limit],
        )
        return [Errand(*row) for row in found]

    def next_due(self) -> float | None:
        found = self.rows.execute("SELECT min(try_at) FROM letter WHERE try_at IS NOT NULL")
        (at,) = found.fetchone()
        return None if at is None else float(at)

    def settle(self, errand: Errand) -> None:
        """Note that it is done, or given up."""
        self.rows.execute("UPDATE letter SET try_at = NULL WHERE id = ?", [errand.id])

    def put_off(self, errand: Errand, now: float) -> bool:
        """Try again later, each time twice as late; return False when it is given up."""
        if errand.tries + 1 >= MOST_TRIES:
            self.settle(errand)
            return False
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0**errand.tries)
        self.rows.execute(
            "UPDATE letter SET try_at = ?, tries = tries + 1 WHERE id = ?",
            [now + wait, errand.id],
        )
        return True
