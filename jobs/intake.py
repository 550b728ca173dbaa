"""Inbound webhooks, stored raw with their jobs in one commit, once for each idempotency key."""

import base64
import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import connection, transaction

from agency import clock
from agency.ids import uuid7
from agency.models import Client
from jobs import queue, registry
from jobs.bodies import FieldError, Refused, media_type
from jobs.lease import Lease
from jobs.models import Delivery, DeliveryKey, Endpoint, Job, Lane

KEY_LIFETIME = dt.timedelta(hours=24)


@dataclass(frozen=True)
class Arrival:
    """A request as it came: `keys` maps the header that named it to its idempotency key."""

    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)


class Receipt(NamedTuple):
    """What the sender is told: the id of the delivery now, or of the same one before."""

    delivery_id: uuid.UUID
    received_at: dt.datetime
    duplicate: bool


class Entry:
    """A delivery on its way in, until it has its outcome."""

    def __init__(self, endpoint: Endpoint, arrival: Arrival) -> None:
        self.endpoint = endpoint
        self.arrival = arrival
        self.id = uuid7()
        self.body_hash = fingerprint(arrival)
        self.keys = arrival.keys or {"Content-Type": f"hash:{self.body_hash}"}
        self.outcome: Receipt | Refused | None = None


STORE = """
WITH entry AS (
    SELECT * FROM jsonb_to_recordset(%(entries)s::jsonb) AS _ (
        id uuid, endpoint_id bigint, content_type text, headers jsonb, body text, body_hash text,
        keys text[], job_id uuid, client_id bigint, flow bigint, correlation_id uuid)
), taken AS (
    INSERT INTO jobs_deliverykey AS held (endpoint_id, key, body_hash, delivery_id, expires_at)
    SELECT endpoint_id, key, body_hash, id, %(expires)s
    FROM entry, unnest(keys) AS key ORDER BY endpoint_id, key
    ON CONFLICT (endpoint_id, key) DO UPDATE
        SET body_hash = excluded.body_hash, delivery_id = excluded.delivery_id,
            expires_at = excluded.expires_at
        WHERE held.expires_at <= %(now)s
    RETURNING delivery_id
), whole AS (
    SELECT * FROM entry
    WHERE cardinality(keys) = (SELECT count(*) FROM taken WHERE delivery_id = entry.id)
), delivered AS (
    INSERT INTO jobs_delivery
        (id, endpoint_id, received_at, content_type, headers, body, body_hash, status, problem)
    SELECT id, endpoint_id, %(now)s, content_type, headers, decode(body, 'base64'), body_hash,
        'accepted', '{}'::jsonb
    FROM whole
), queued AS (
    INSERT INTO jobs_job
        (id, kind, payload, client_id, flow, subject_type, subject_id, tags, lane, short,
         priority, run_at, status, attempt, max_attempts, fence, unique_key, correlation_id,
         held_by, errors, created_at)
    SELECT job_id, %(kind)s, jsonb_build_object('delivery_id', id), client_id, flow,
        'jobs.delivery', id::text, '{}', %(lane)s, %(short)s, 100, %(now)s, 'available', 0,
        %(max_attempts)s, 0, 'delivery:' || id, correlation_id, '', '[]'::jsonb, %(now)s
    FROM whole
)
SELECT delivery_id, count(*) FROM taken GROUP BY delivery_id
"""
"""All entries in one round trip, as JSON because a driver is slow to write a dozen arrays.

The job is the one that `queue.enqueue` would insert.
"""


def accept(sent: Iterable[tuple[Endpoint, Arrival]], kind: str) -> list[Receipt | Refused]:
    """Store each delivery, its keys and a job of `kind`, all in one commit; return the outcomes.

    The same delivery within 24 hours gets the first one's receipt; of two at once, one waits for
    the other's commit. A key that stands for another body is Refused (422). Waking the lane is
    left to the caller, who knows when the next batch comes. Raises UnknownKind.
    """
    entries = [Entry(endpoint, arrival) for endpoint, arrival in sent]
    waiting = entries
    while waiting:  # ends: a key in the way is found, or has expired and is taken over
        batch = _without_a_common_key(waiting)
        _store(batch, registry.get(kind))
        for entry in batch:
            entry.outcome = entry.outcome or _earlier(entry)
        waiting = [entry for entry in waiting if entry.outcome is None]
    return [entry.outcome for entry in entries if entry.outcome is not None]


def _without_a_common_key(entries: Iterable[Entry]) -> list[Entry]:
    """Leave out whoever shares a key with one before; it is told of that one after the commit."""
    held: set[tuple[int, str]] = set()
    batch = []
    for entry in entries:
        keys = {(entry.endpoint.pk, key) for key in entry.keys.values()}
        if held.isdisjoint(keys):
            held |= keys
            batch.append(entry)
    return batch


def _store(batch: Sequence[Entry], kind: registry.Kind) -> None:
    """Give a receipt to each that was stored, which is: whose keys were all free."""
    now = clock.wall()
    # One statement is a transaction of its own, unless part of it may have to be taken back.
    whole = all(len(entry.keys) == 1 for entry in batch)
    with nullcontext() if whole else transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(STORE, _values(batch, kind, now))
            taken = dict(cursor.fetchall())
        halves = any(taken.get(entry.id, len(entry.keys)) < len(entry.keys) for entry in batch)
        if halves:
            transaction.set_rollback(True)
    if not halves:
        for entry in batch:
            if entry.id in taken:
                entry.outcome = Receipt(entry.id, now, duplicate=False)
    elif len(batch) > 1:
        for entry in batch:
            _store([entry], kind)


def _values(batch: Sequence[Entry], kind: registry.Kind, now: dt.datetime) -> dict[str, Any]:
    return {
        "entries": json.dumps([_row(entry) for entry in batch]),
        "now": now,
        "expires": now + KEY_LIFETIME,
        "kind": kind.name,
        "lane": kind.lane.value,
        "short": kind.short,
        "max_attempts": kind.max_attempts,
    }


def _row(entry: Entry) -> dict[str, Any]:
    client_id = entry.endpoint.client_id
    client = None if client_id is None else Client(pk=client_id)
    return {
        "id": str(entry.id),
        "endpoint_id": entry.endpoint.pk,
        "content_type": entry.arrival.content_type,
        "headers": entry.arrival.headers,
        "body": base64.b64encode(entry.arrival.body).decode(),
        "body_hash": entry.body_hash,
        "keys": list(entry.keys.values()),
        "job_id": str(uuid7()),
        "client_id": client_id,
        "flow": queue.flow(client, []),
        "correlation_id": str(uuid7()),
    }


def _earlier(entry: Entry) -> Receipt | Refused | None:
    rows = DeliveryKey.objects.filter(
        endpoint=entry.endpoint, key__in=entry.keys.values(), expires_at__gt=clock.wall()
    )
    held = {
        row[0]: row[1:]
        for row in rows.values_list("key", "body_hash", "delivery_id", "delivery__received_at")
    }
    for header, key in entry.keys.items():
        if key in held and held[key][0] != entry.body_hash:
            return Refused(
                422,
                f"This {header} was used for another body within the last 24 hours.",
                FieldError(header, "was used for another body; send a new one"),
            )
    for key in entry.keys.values():
        if key in held:
            _, delivery_id, received_at = held[key]
            return Receipt(delivery_id, received_at, duplicate=True)
    return None


def reject(endpoint: Endpoint, arrival: Arrival, refused: Refused) -> Delivery:
    """Keep what a known endpoint was sent and could not take, with the problem it was told."""
    refused.delivery_id = uuid7()
    return Delivery.objects.create(
        id=refused.delivery_id,
        endpoint=endpoint,
        received_at=clock.wall(),
        content_type=arrival.content_type,
        headers=arrival.headers,
        body=arrival.body,
        body_hash=fingerprint(arrival),
        status=Delivery.Status.REJECTED,
        problem=refused.problem(),
    )


def fingerprint(arrival: Arrival) -> str:
    """Return the hash by which two bodies are the same: media type and bytes.

    A multipart boundary is left out: browsers make a new one for each press of the button.
    """
    name, boundary = media_type(arrival.content_type)
    body = arrival.body
    if boundary:
        body = body.replace(f"--{boundary}".encode(), b"")
    return hashlib.sha256(name.encode() + b"\n" + body).hexdigest()


@registry.register("jobs.forget_delivery_keys", lane=Lane.BULK, short=True)
def forget_delivery_keys(job: Job, lease: Lease) -> None:
    """Delete idempotency keys whose 24 hours are over."""
    DeliveryKey.objects.filter(expires_at__lte=clock.wall()).delete()


registry.every(3600, "jobs.forget_delivery_keys")
