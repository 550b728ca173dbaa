"""Outgoing webhooks: which addresses want which events, and what is on its way to them.

`events.emit` asks for the wanting endpoints in the statement that stores the event, and what is to
be posted is enqueued in the same transaction; `jobs/posting.py` posts it.
"""

import datetime as dt
import json
import re
from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction

from agency import audit, clock, live
from agency.models import AuditEntry, Client
from integrations import webhooks_out
from jobs import queue
from jobs.models import Event, Limit, OutgoingDelivery, OutgoingEndpoint

KIND = "jobs.post_event"
TEST = "webhook.test"
EVERY = "*"
NAME = re.compile(r"\*|[a-z_]+\.(?:[a-z_]+|\*)")
NEVER = ("webhook.", "job.")
"""The house's own worries: what tells that an address fails is not posted to it."""

CLOCK = "due"
"""How the events end that only say that the time for something has come."""

BOTH_SIGN = dt.timedelta(hours=24)
KEPT = dt.timedelta(days=30)
AT_ONCE = 2
"""So many posts to one address at a time: a slow one keeps no worker from the others."""

USER = AuditEntry.ActorKind.USER


class BadEndpoint(ValueError):
    """An address cannot be posted to so; `field` is what is wrong, the message says why."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(why)
        self.field = field


def patterns(event: str) -> list[str]:
    """Return what an endpoint may ask for to get an event; nothing for the house's own."""
    if event.startswith(NEVER) or event.endswith(CLOCK):
        return []
    return [event, f"{event.partition('.')[0]}.*", EVERY]


def enqueue(event: Event, endpoints: Iterable[int]) -> None:
    """Have an event posted to these endpoints; in the transaction of the change itself."""
    body = json.dumps(payload(event), ensure_ascii=False, separators=(",", ":"))
    for key in endpoints:
        delivery = OutgoingDelivery.objects.create(
            endpoint_id=key, event=event.name, body=body, next_at=event.created_at
        )
        due(delivery, client=event.client)


def payload(event: Event) -> dict[str, Any]:
    """Return an event as it is posted: what happened to which record. The record is the API's."""
    return {
        "type": event.name,
        "timestamp": event.created_at.isoformat(),
        "data": {
            "id": str(event.pk),
            "subject": {
                "type": event.subject_type.rpartition(".")[2],
                "id": event.subject_id,
            },
            "client": event.client.slug if event.client is not None else None,
            "correlation_id": str(event.correlation_id),
            "details": event.data,
        },
    }


def due(
    delivery: OutgoingDelivery, *, client: Client | None = None, run_at: dt.datetime | None = None
) -> None:
    """Enqueue the next try of a delivery."""
    queue.enqueue(
        KIND,
        {
            "delivery_id": str(delivery.pk),
            "round": delivery.round,
            "attempts": delivery.attempts,
        },
        client=client,
        subject=delivery,
        run_at=run_at,
        tags=["channel:webhook", f"webhook:{delivery.endpoint_id}"],
    )


def create(
    name: str, url: str, events: Iterable[str], *, by: str, client: Client | None = None
) -> OutgoingEndpoint:
    """Make an endpoint with a fresh secret. Raises BadEndpoint."""
    wanted = _checked(url, events)
    try:
        with transaction.atomic():
            endpoint = OutgoingEndpoint.objects.create(
                name=name,
                url=url,
                events=wanted,
                client=client,
                secret=webhooks_out.new_secret(),
                created_by=by,
            )
            Limit.objects.get_or_create(tag="webhook:*", defaults={"most": AT_ONCE})
            _record(endpoint, "made", "made the", by, {"url": url, "events": wanted})
    except IntegrityError:
        raise BadEndpoint("name", f"There is an endpoint “{name}” already.") from None
    return endpoint


def change(endpoint: OutgoingEndpoint, *, url: str, events: Iterable[str], by: str) -> None:
    """Let it take other events, or at another address; what is on its way goes there too.

    Raises BadEndpoint.
    """
    wanted = _checked(url, events)
    before = {"url": endpoint.url, "events": endpoint.events}
    endpoint.url, endpoint.events = url, wanted
    with transaction.atomic():
        endpoint.save(update_fields=["url", "events"])
        after = {"url": url, "events": wanted}
        _record(endpoint, "changed", "changed the", by, {"before": before, "after": after})


def rotate(endpoint: OutgoingEndpoint, *, by: str) -> None:
    """Give it a new secret; for a day the old one signs as well, so that none is refused."""
    endpoint.old_secret, endpoint.secret = endpoint.secret, webhooks_out.new_secret()
    endpoint.old_secret_until = clock.wall() + BOTH_SIGN
    with transaction.atomic():
        endpoint.save(update_fields=["secret", "old_secret", "old_secret_until"])
        _record(endpoint, "rotated", "gave a new secret to the", by, {})


def signing(endpoint: OutgoingEndpoint, now: dt.datetime) -> list[str]:
    """Return the secrets that sign now, the newest first."""
    until = endpoint.old_secret_until
    both = endpoint.old_secret and until is not None and now < until
    return [endpoint.secret, endpoint.old_secret] if both else [endpoint.secret]


def switch(endpoint: OutgoingEndpoint, active: bool, *, by: str) -> bool:
    """Switch it on or off; return False if it is so already. Nothing is posted later for then."""
    with transaction.atomic():
        won = OutgoingEndpoint.objects.filter(pk=endpoint.pk, active=not active).update(
            active=active, failing_since=None, off_reason=""
        )
        if won:
            on = "on" if active else "off"
            _record(endpoint, f"switched_{on}", f"switched {on} the", by, {})
    endpoint.refresh_from_db()
    return won == 1


def remove(endpoint: OutgoingEndpoint, *, by: str) -> None:
    """Delete an endpoint with its log."""
    with transaction.atomic():
        _record(endpoint, "removed", "removed the", by, {"url": endpoint.url})
        endpoint.delete()


def send_test(endpoint: OutgoingEndpoint, *, by: str) -> OutgoingDelivery:
    """Post an event that means nothing, so that a receiver can be tried."""
    now = clock.wall()
    data = {"message": f"{by} tries this endpoint."}
    body = {"type": TEST, "timestamp": now.isoformat(), "data": data}
    with transaction.atomic():
        delivery = OutgoingDelivery.objects.create(
            endpoint=endpoint, event=TEST, body=json.dumps(body), next_at=now
        )
        due(delivery)
        _record(endpoint, "tried", "sent a test to the", by, {"delivery": str(delivery.pk)})
    return delivery


def send_again(delivery: OutgoingDelivery, *, by: str) -> bool:
    """Post it anew, as the same message; return False while its next try is still to come."""
    over = [status for status in OutgoingDelivery.Status if status != "pending"]
    with transaction.atomic():
        won = OutgoingDelivery.objects.filter(pk=delivery.pk, status__in=over).update(
            status=OutgoingDelivery.Status.PENDING,
            round=delivery.round + 1,
            attempts=0,
            next_at=clock.wall(),
            finished_at=None,
        )
        if won:
            delivery.refresh_from_db()
            due(delivery)
            said = {"delivery": str(delivery.pk)}
            did = f"sent {delivery.event} again to the"
            _record(delivery.endpoint, "sent_again", did, by, said)
    return won == 1


def _checked(url: str, events: Iterable[str]) -> list[str]:
    try:
        webhooks_out.check(url)
    except webhooks_out.WebRefused as refused:
        raise BadEndpoint("url", f"{refused}.".capitalize()) from None
    wanted = sorted(set(events))
    if not wanted:
        raise BadEndpoint("events", "Choose at least one event.")
    for name in wanted:
        if not NAME.fullmatch(name) or len(name) > 80 or name.startswith(NEVER):
            raise BadEndpoint("events", f"“{name[:40]}” is no event that is posted.")
    return wanted


def _record(endpoint: OutgoingEndpoint, verb: str, did: str, by: str, data: dict[str, Any]) -> None:
    audit.record(
        f"endpoint.{verb}",
        f"{by} {did} outgoing webhook “{endpoint.name}”",
        actor=by,
        actor_kind=USER,
        obj=endpoint,
        client=endpoint.client,
        data=data,
    )
    live.broadcast("settings", f"webhook:{endpoint.pk}")
