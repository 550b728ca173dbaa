"""What the checkout remembers: sessions, payments, refunds, and what is still to be told.

An SQLite file beside the Maildir; each change and what is to be told of it are one transaction.
"""

import hashlib
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS thing (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS asked (
    key TEXT PRIMARY KEY, of TEXT NOT NULL, status INTEGER NOT NULL, answer TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, body TEXT NOT NULL,
    try_at REAL, tries INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS event_due ON event (try_at) WHERE try_at IS NOT NULL;
"""

VERSION = "2026-10-28.endive"
OPEN_SECONDS = 24 * 3600
FIRST_WAIT, LONGEST_WAIT, MOST_TRIES = 1.0, 300.0, 40

DECLINED = {
    "4000000000000002": ("generic_decline", "Your card was declined."),
    "4000000000009995": ("insufficient_funds", "Your card has insufficient funds."),
}
GOOD = "4242424242424242"

Thing = dict[str, Any]


class Refused(Exception):
    """The API does not do that."""

    def __init__(self, status: int, message: str, *, code: str = "", param: str = "") -> None:
        super().__init__(message)
        self.status = status
        kind = "idempotency_error" if code == "idempotency" else "invalid_request_error"
        self.body = {"error": {"type": kind, "message": message, "code": code, "param": param}}


@dataclass(frozen=True)
class Paid:
    """What came of a card: nothing wrong, or what its payer is told."""

    problem: str = ""


@dataclass(frozen=True)
class Event:
    """Something to be told to the app."""

    number: int
    id: str
    body: str
    tries: int


class Till:
    """Used by any thread, one at a time."""

    def __init__(self, file: Path, *, clock: Callable[[], float] = time.time) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.clock = clock
        self.lock = threading.RLock()
        self.something_new = threading.Event()
        self.rows = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self.rows.execute("PRAGMA journal_mode = WAL")
        self.rows.execute("PRAGMA synchronous = NORMAL")
        self.rows.executescript(SCHEMA)

    def close(self) -> None:
        with self.lock:
            self.rows.close()

    def once(self, key: str, of: Mapping[str, str], do: Callable[[], Thing]) -> tuple[int, Thing]:
        """Do something, or answer as the first time under this key. Raises Refused."""
        mark = hashlib.sha256(json.dumps(sorted(of.items())).encode()).hexdigest()
        with self.change():
            found = self.rows.execute(
                "SELECT of, status, answer FROM asked WHERE key = ?", [key]
            ).fetchone()
            if found and found[0] != mark:
                message = "Keys for idempotent requests can only be used with the same parameters"
                raise Refused(400, message, code="idempotency")
            if found:
                return int(found[1]), json.loads(found[2])
            done = do()
            if key:
                self.rows.execute(
                    "INSERT INTO asked VALUES (?, ?, 200, ?)", [key, mark, json.dumps(done)]
                )
            return 200, done

    def open_session(self, wanted: Thing, base: str) -> Thing:
        """Make a page to pay on."""
        number = f"cs_test_{secrets.token_hex(24)}"
        now = int(self.clock())
        session = wanted | {
            "id": number,
            "object": "checkout.session",
            "created": now,
            "expires_at": now + OPEN_SECONDS,
            "livemode": False,
            "mode": "payment",
            "payment_intent": None,
            "payment_status": "unpaid",
            "status": "open",
            "url": f"{base}/c/pay/{number}",
        }
        with self.change():
            self.put(session)
        return session

    def session(self, number: str) -> Thing:
        """Return a session as it is now. Raises Refused."""
        with self.change():
            found = self.get(number, "checkout.session")
            if found["status"] == "open" and found["expires_at"] <= self.clock():
                self._expire(found)
            return found

    def expire(self, number: str) -> Thing:
        """Close a page that was not paid. Raises Refused."""
        with self.change():
            found = self.session(number)
            if found["status"] != "open":
                raise Refused(400, f"Only open sessions can be expired, not {found['status']}.")
            self._expire(found)
            return found

    def pay(self, number: str, card: str) -> Paid:
        """Try a card on an open page; one that is paid stays paid. Raises Refused."""
        digits = "".join(letter for letter in card if letter not in " -")
        with self.change():
            session = self.session(number)
            if session["status"] == "complete":
                return Paid()
            if session["status"] != "open":
                return Paid("This page has run out; go back and begin again.")
            if digits != GOOD and digits not in DECLINED:
                return Paid("Your card number is not one of the test cards.")
            intent = self._intent(session)
            if digits in DECLINED:
                return self._decline(intent, digits)
            self._succeed(session, intent)
            return Paid()

    def refund(self, number: str, amount: int | None) -> Thing:
        """Give money of a payment back. Raises Refused."""
        with self.change():
            intent = self.get(number, "payment_intent")
            if intent["status"] != "succeeded":
                raise Refused(
                    400, "This PaymentIntent does not have a successful charge to refund."
                )
            charge = self.get(intent["latest_charge"], "charge")
            wanted = charge["amount"] - charge["amount_refunded"] if amount is None else amount
            if not 0 < wanted <= charge["amount"] - charge["amount_refunded"]:
                raise Refused(400, "Refund amount is greater than unrefunded amount on charge.")
            charge["amount_refunded"] += wanted
            charge["refunded"] = charge["amount_refunded"] == charge["amount"]
            refund = {
                "id": f"re_{secrets.token_hex(12)}",
                "object": "refund",
                "amount": wanted,
                "charge": charge["id"],
                "currency": charge["currency"],
                "payment_intent": intent["id"],
                "status": "succeeded",
            }
            self.put(charge, refund)
            self.tell("charge.refunded", charge)
            return refund

    def get(self, number: str, kind: str) -> Thing:
        """Return what is kept under an id. Raises Refused."""
        found = self.rows.execute("SELECT body FROM thing WHERE id = ?", [number]).fetchone()
        body: Thing = json.loads(found[0]) if found else {}
        if body.get("object") != kind:
            raise Refused(404, f"No such {kind}: '{number}'", code="resource_missing", param="id")
        return body

    def put(self, *things: Thing) -> None:
        self.rows.executemany(
            "INSERT OR REPLACE INTO thing VALUES (?, ?)",
            [(thing["id"], json.dumps(thing)) for thing in things],
        )

    def tell(self, kind: str, thing: Thing) -> None:
        """Have the app told that something happened."""
        now = self.clock()
        event = {
            "id": f"evt_{secrets.token_hex(12)}",
            "object": "event",
            "api_version": VERSION,
            "created": int(now),
            "data": {"object": thing},
            "livemode": False,
            "pending_webhooks": 1,
            "type": kind,
        }
        self.rows.execute(
            "INSERT INTO event (id, body, try_at) VALUES (?, ?, ?)",
            [event["id"], json.dumps(event), now],
        )
        self.something_new.set()

    def due(self, limit: int) -> list[Event]:
        """Return what is to be told now, oldest first."""
        with self.lock:
            found = self.rows.execute(
                "SELECT number, id, body, tries FROM event WHERE try_at <= ?"
                " ORDER BY number LIMIT ?",
                [self.clock(), limit],
            )
            return [Event(*row) for row in found]

    def told(self, event: Event) -> None:
        with self.lock:
            self.rows.execute("UPDATE event SET try_at = NULL WHERE number = ?", [event.number])

    def put_off(self, event: Event) -> None:
        """Tell it later, each time twice as late, and after many times no more."""
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0**event.tries)
        at = None if event.tries + 1 >= MOST_TRIES else self.clock() + wait
        with self.lock:
            self.rows.execute(
                "UPDATE event SET try_at = ?, tries = tries + 1 WHERE number = ?",
                [at, event.number],
            )

    @contextmanager
    def change(self) -> Iterator[None]:
        """Do all within the block, or nothing."""
        with self.lock:
            if self.rows.in_transaction:
                yield
                return
            self.rows.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self.rows.execute("ROLLBACK")
                raise
            self.rows.execute("COMMIT")

    def _expire(self, session: Thing) -> None:
        session["status"], session["url"] = "expired", None
        self.put(session)
        self.tell("checkout.session.expired", session)

    def _intent(self, session: Thing) -> Thing:
        """Return the payment of a session, begun by its first card."""
        if session["payment_intent"]:
            return self.get(session["payment_intent"], "payment_intent")
        asked = session["payment_intent_data"]
        intent = {
            "id": f"pi_{secrets.token_hex(12)}",
            "object": "payment_intent",
            "amount": session["amount_total"],
            "amount_received": 0,
            "created": int(self.clock()),
            "currency": session["currency"],
            "description": asked.get("description"),
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": asked.get("metadata") or {},
            "status": "requires_payment_method",
        }
        session["payment_intent"] = intent["id"]
        self.put(session, intent)
        return intent

    def _decline(self, intent: Thing, digits: str) -> Paid:
        why, message = DECLINED[digits]
        intent["last_payment_error"] = {
            "type": "card_error",
            "code": "card_declined",
            "decline_code": why,
            "message": message,
        }
        self.put(intent)
        self.tell("payment_intent.payment_failed", intent)
        return Paid(message)

    def _succeed(self, session: Thing, intent: Thing) -> None:
        charge = {
            "id": f"ch_{secrets.token_hex(12)}",
            "object": "charge",
            "amount": intent["amount"],
            "amount_refunded": 0,
            "created": int(self.clock()),
            "currency": intent["currency"],
            "livemode": False,
            "metadata": intent["metadata"],
            "paid": True,
            "payment_intent": intent["id"],
            "refunded": False,
            "status": "succeeded",
        }
        intent |= {
            "amount_received": intent["amount"],
            "last_payment_error": None,
            "latest_charge": charge["id"],
            "status": "succeeded",
        }
        session |= {"payment_status": "paid", "status": "complete", "url": None}
        self.put(session, intent, charge)
        self.tell("payment_intent.succeeded", intent)
        self.tell("charge.succeeded", charge)
        self.tell("checkout.session.completed", session)
