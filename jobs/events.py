"""Events wake their subscribers: one job each, in the transaction of the change itself."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import models

from agency.ids import uuid7
from agency.models import Client
from jobs import queue
from jobs.models import Event, Job


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


def emit(
    name: str,
    *,
    subject: models.Model,
    client: Client | None = None,
    correlation_id: uuid.UUID | None = None,
    parent: Job | None = None,
    data: dict[str, Any] | None = None,
) -> Event:
    """Record that `name` happened to `subject` and enqueue one job per subscriber."""
    if correlation_id is None:
        correlation_id = parent.correlation_id if parent is not None else uuid7()
    event = Event.objects.create(
        name=name,
        subject_type=subject._meta.label_lower,
        subject_id=str(subject.pk),
        client=client,
        correlation_id=correlation_id,
        data=data or {},
    )
    for wanted in _subscriptions.get(name, ()):
        queue.enqueue(
            wanted.kind,
            {**dict(wanted.payload), "event_id": str(event.pk)},
            client=client,
            subject=subject,
            lane=wanted.lane,
            correlation_id=correlation_id,
            parent=parent,
            tags=wanted.tags,
        )
    return event
