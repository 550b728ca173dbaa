"""Putting jobs into the queue, in the caller's transaction."""

import datetime as dt
import json
import uuid
from collections.abc import Iterable
from typing import Any

from django.db import connection, models
from django.utils import timezone

from agency.ids import uuid7
from agency.models import Client
from jobs import registry, wakeups
from jobs.models import Job


def enqueue(
    kind: str,
    payload: dict[str, Any],
    *,
    client: Client | None = None,
    subject: models.Model | None = None,
    lane: str | None = None,
    priority: int = 100,
    run_at: dt.datetime | None = None,
    unique_key: str | None = None,
    correlation_id: uuid.UUID | None = None,
    parent: Job | None = None,
    tags: Iterable[str] = (),
) -> Job:
    """Insert one job and wake its lane on commit.

    `unique_key` makes it idempotent: the job already under that key is returned instead.
    A child (`parent`) inherits the correlation id and the client. `tags` is what a kill switch
    can reach the job by; a job without any is the house's own bookkeeping and always runs.
    Raises UnknownKind.
    """
    spec = registry.get(kind)
    if parent is not None:
        correlation_id = correlation_id or parent.correlation_id
        client = client or parent.client
    now = timezone.now()
    due = run_at is None or run_at <= now
    labels = labelled(tags, client)
    job = Job(
        kind=kind,
        payload=payload,
        client=client,
        flow=flow(client, labels),
        subject_type=subject._meta.label_lower if subject is not None else "",
        subject_id=str(subject.pk) if subject is not None else "",
        tags=labels,
        lane=lane or spec.lane,
        short=spec.short,
        priority=priority,
        run_at=run_at or now,
        status=Job.Status.AVAILABLE if due else Job.Status.SCHEDULED,
        max_attempts=spec.max_attempts,
        unique_key=unique_key,
        parent_id=parent.pk if parent is not None else None,
    )
    if correlation_id is not None:
        job.correlation_id = correlation_id
    if unique_key is None:
        job.save(force_insert=True)
    else:
        Job.objects.bulk_create([job], ignore_conflicts=True)
        job = Job.objects.get(unique_key=unique_key)
    if due:
        wakeups.wake_on_commit(job.lane)
    return job


COPY = """
COPY jobs_job (id, kind, payload, client_id, flow, subject_type, subject_id, tags, lane, short,
    priority, run_at, status, attempt, max_attempts, fence, correlation_id, held_by, errors,
    created_at)
FROM STDIN
"""


def enqueue_many(
    kind: str,
    payloads: Iterable[dict[str, Any]],
    *,
    client: Client | None = None,
    lane: str | None = None,
    priority: int = 100,
    run_at: dt.datetime | None = None,
    tags: Iterable[str] = (),
) -> int:
    """Insert one job for each payload by COPY, each a chain of its own; return how many.

    One hint wakes the lane for all of them on commit. Raises UnknownKind.
    """
    spec = registry.get(kind)
    now = timezone.now()
    due = run_at is None or run_at <= now
    labels = labelled(tags, client)
    status = Job.Status.AVAILABLE if due else Job.Status.SCHEDULED
    count = 0
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for payload in payloads:
            copy.write_row(
                (
                    *(uuid7(), kind, json.dumps(payload), client.pk if client else None),
                    *(flow(client, labels), "", "", labels, lane or spec.lane, spec.short),
                    *(priority, run_at or now, status, 0, spec.max_attempts, 0, uuid7()),
                    *("", "[]", now),
                )
            )
            count += 1
    if due and count:
        wakeups.wake_on_commit(lane or spec.lane)
    return count


def labelled(tags: Iterable[str], client: Client | None) -> list[str]:
    """Return the tags of a job, its client's among them unless it is the house's own work."""
    labels = set(tags)
    if labels and client is not None:
        labels.add(f"client:{client.pk}")
    return sorted(labels)


def flow(client: Client | None, tags: list[str]) -> int:
    """Return what the job takes turns as: a client's work, the house's, or what both need done.

    Untagged jobs have flows of their own (-id-1), because no switch or limit reaches them.
    """
    number = client.pk if client is not None else 0
    return number if tags else -number - 1
