"""Events wake their subscribers: one job each, in the transaction of the change itself."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection, models
from django.utils import timezone
from psycopg.types.json import Jsonb

from agency import live
from agency.ids import uuid7
from agency.models import Client
from jobs import outgoing, queue
from jobs.models import Event, Job

UNBEGUN = (Job.Status.SCHEDULED, Job.Status.AVAILABLE, Job.Status.HELD)


@dataclass(frozen=True)
class Subscription:
    """Who is woken by an event: a job of `kind` with `payload` and `tags`."""

    kind: str
    payload: tuple[tuple[str, Any], ...]
    tags: tuple[str, ...]
    lane: str | None


_subscriptions: dict[str, list[Subscription]] = defaultdict(list)


def subscribe(
    event: str,
    kind: str,
    payload: dict[str, Any] | None = None,
    *,
    tags: Iterable[str] = (),
    lane: str | None = None,
) -> None:
    """Enqueue a job of `kind` for each `event`; its payload gains the event's id."""
    wanted = Subscription(kind, tuple((payload or {}).items()), tuple(tags), lane)
    if wanted not in _subscriptions[event]:
        _subscriptions[event].append(wanted)


def subscriptions() -> dict[str, list[Subscription]]:
    """Return the wiring, event name → who it wakes."""
    return dict(_subscriptions)


_origins: dict[str, str] = {}


def comes_from(event: str, origin: str) -> None:
    """Say what outside the fleet brings `event`: a webhook, the clock, the operator."""
    _origins[event] = origin


def origins() -> dict[str, str]:
    """Return what is known of where events come from, event name → origin."""
    return dict(_origins)


STORE = """
WITH stored AS (
    INSERT INTO jobs_event
        (id, name, subject_type, subject_id, client_id, correlation_id, data, created_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
)
SELECT id FROM jobs_outgoingendpoint
WHERE active AND events && %s::varchar[] AND (client_id IS NULL OR client_id = %s)
ORDER BY id
"""
"""Who wants it is asked in the same round trip, which costs nothing where nobody does."""


def _store(event: Event) -> list[int]:
    """Insert an event; return the outgoing endpoints that want it."""
    values: list[Any] = [
        *(event.pk, event.name, event.subject_type, event.subject_id, event.client_id),
        *(event.correlation_id, Jsonb(event.data), event.created_at),
        *(outgoing.patterns(event.name), event.client_id),
    ]
    with connection.cursor() as cursor:
        cursor.execute(STORE, values)
        return [key for (key,) in cursor.fetchall()]


def emit(
    name: str,
    *,
    subject: models.Model,
    client: Client | None = None,
    correlation_id: uuid.UUID | None = None,
    parent: Job | None = None,
    data: dict[str, Any] | None = None,
    run_at: dt.datetime | None = None,
    lane: str | None = None,
) -> Event:
    """Record that `name` happened to `subject` and enqueue one job per subscriber, for `run_at`.

    `lane` is for what happened to many at once: their jobs wait there instead of their own.
    """
    if correlation_id is None:
        correlation_id = parent.correlation_id if parent is not None else uuid7()
    event = Event(
        name=name,
        subject_type=subject._meta.label_lower,
        subject_id=str(subject.pk),
        client=client,
        correlation_id=correlation_id,
        data=data or {},
        created_at=timezone.now(),
    )
    endpoints = _store(event)
    if endpoints:
        outgoing.enqueue(event, endpoints)
    live.broadcast(f"event:{name}")
    for wanted in _subscriptions.get(name, ()):
        queue.enqueue(
            wanted.kind,
            {**dict(wanted.payload), "event_id": str(event.pk)},
            client=client,
            subject=subject,
            lane=lane or wanted.lane,
            correlation_id=correlation_id,
            parent=parent,
            tags=wanted.tags,
            run_at=run_at,
        )
    return event


def call_off(name: str, *, subject: models.Model, correlation_id: uuid.UUID) -> bool:
    """Cancel the jobs the latest `name` of `subject` woke; False if one of them has begun.

    In the caller's transaction; waits for a worker that has just claimed one.
    """
    event = (
        Event.objects.filter(
            correlation_id=correlation_id,
            name=name,
            subject_type=subject._meta.label_lower,
            subject_id=str(subject.pk),
        )
        .order_by("-pk")
        .first()
    )
    if event is None:
        return True
    woken = Job.objects.select_for_update(of=("self",)).filter(
        correlation_id=correlation_id, payload__event_id=str(event.pk)
    )
    jobs = list(woken.order_by("pk"))
    begun = any(job.status not in UNBEGUN or job.attempt for job in jobs)
    if begun or len(jobs) < len(_subscriptions.get(name, ())):
        return False
    Job.objects.filter(pk__in=[job.pk for job in jobs]).update(
        status=Job.Status.CANCELLED, finished_at=timezone.now()
    )
    return True
