"""Putting jobs into the queue, in the caller's transaction."""

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any

from django.db import models
from django.utils import timezone

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
    labels = set(tags)
    if labels and client is not None:
        labels.add(f"client:{client.pk}")
    job = Job(
        kind=kind,
        payload=payload,
        client=client,
        flow=client.pk if client is not None else 0,
        subject_type=subject._meta.label_lower if subject is not None else "",
        subject_id=str(subject.pk) if subject is not None else "",
        tags=sorted(labels),
        lane=lane or spec.lane,
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
