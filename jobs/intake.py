"""Inbound webhooks, stored raw with their job in one commit, once for each idempotency key."""

import datetime as dt
import hashlib
import json
import uuid
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db import connection, transaction

from agency import clock
from agency.ids import uuid7
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


STORE = """
WITH taken AS (
    INSERT INTO jobs_deliverykey AS held (endpoint_id, key, body_hash, delivery_id, expires_at)
    SELECT %(endpoint)s, wanted, %(hash)s, %(id)s, %(expires)s
    FROM unnest(%(keys)s::text[]) AS wanted ORDER BY wanted
    ON CONFLICT (endpoint_id, key) DO UPDATE
        SET body_hash = excluded.body_hash, delivery_id = excluded.delivery_id,
            expires_at = excluded.expires_at
        WHERE held.expires_at <= %(now)s
    RETURNING 1
)
INSERT INTO jobs_delivery
    (id, endpoint_id, received_at, content_type, headers, body, body_hash, status, problem)
SELECT %(id)s, %(endpoint)s, %(now)s, %(type)s, %(headers)s::jsonb, %(body)s, %(hash)s,
    'accepted', '{}'::jsonb
WHERE (SELECT count(*) FROM taken) = cardinality(%(keys)s::text[])
"""


def accept(endpoint: Endpoint, arrival: Arrival, kind: str) -> Receipt:
    """Store the delivery, its keys and one job of `kind` in one commit, once for all its keys.

    The same delivery within 24 hours gets the first one's receipt; of two at once, one waits for
    the other's commit. Raises Refused (422) when a key stands for another body.
    """
    body_hash = fingerprint(arrival)
    keys = arrival.keys or {"Content-Type": f"hash:{body_hash}"}
    while True:  # ends: a key that is in the way is either found or, having expired, taken over
        receipt = _store(endpoint, arrival, kind, body_hash, keys)
        receipt = receipt or _earlier(endpoint, body_hash, keys)
        if receipt is not None:
            return receipt


def _store(
    endpoint: Endpoint, arrival: Arrival, kind: str, body_hash: str, keys: dict[str, str]
) -> Receipt | None:
    now = clock.wall()
    delivery = Delivery(id=uuid7(), received_at=now)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                STORE,
                {
                    "id": delivery.pk,
                    "endpoint": endpoint.pk,
                    "now": now,
                    "expires": now + KEY_LIFETIME,
                    "keys": list(keys.values()),
                    "hash": body_hash,
                    "type": arrival.content_type,
                    "headers": json.dumps(arrival.headers),
                    "body": arrival.body,
                },
            )
            stored = cursor.rowcount == 1
        if not stored:
            transaction.set_rollback(True)  # with two keys, one of them may have been free
            return None
        queue.enqueue(
            kind,
            {"delivery_id": str(delivery.pk)},
            client=endpoint.client,
            subject=delivery,
            unique_key=f"delivery:{delivery.pk}",
        )
    return Receipt(delivery.pk, now, duplicate=False)


def _earlier(endpoint: Endpoint, body_hash: str, keys: dict[str, str]) -> Receipt | None:
    rows = DeliveryKey.objects.filter(
        endpoint=endpoint, key__in=keys.values(), expires_at__gt=clock.wall()
    )
    held = {
        row[0]: row[1:]
        for row in rows.values_list("key", "body_hash", "delivery_id", "delivery__received_at")
    }
    for header, key in keys.items():
        if key in held and held[key][0] != body_hash:
            raise Refused(
                422,
                f"This {header} was used for another body within the last 24 hours.",
                FieldError(header, "was used for another body; send a new one"),
            )
    for key in keys.values():
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
