"""Running a claimed job, and what becomes of it when it fails."""

import datetime as dt
import logging
import random
import time
import traceback

from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from agency.db import give_back_connections
from integrations.errors import ServiceError
from jobs import claim, events, limits, registry, tally
from jobs.lease import Held, Holder, Lease, LeaseLost
from jobs.models import Job

BACKOFF_BASE = 2
BACKOFF_CAP_SECONDS = 3600
ERRORS_KEPT = 20

log = logging.getLogger(__name__)


class BatchFailed(Exception):
    """A job of the batch failed, and so nothing of it was done.

    `args` are the batch's size, and the job, or None when it showed only in the end.
    """


COMPLETE = """
UPDATE jobs_job
SET status = 'completed', attempt = attempt + 1, fence = fence + 1, started_at = %s,
    finished_at = clock_timestamp()
WHERE id = ANY (%s) AND status = 'available'
"""


def run_batch(lane: str, limit: int, holder: Holder) -> int:
    """Run up to `limit` short jobs in one transaction with their claim and completion.

    Return how many. If anything goes wrong with one of them, nothing of the batch has happened:
    raises BatchFailed, and that one, or else each, is to be claimed and run by itself.
    """
    started = time.monotonic()
    with transaction.atomic():
        jobs, stopped = claim.lock(lane, limit)
        if jobs:
            _run_together(jobs, holder)
    if stopped:
        claim.put_aside(stopped)
    if jobs:
        tally.count_batch(jobs, time.monotonic() - started)
    return len(jobs) + len(stopped)


def _run_together(jobs: list[Job], holder: Holder) -> None:
    now = timezone.now()
    culprit: Job | None = None
    try:
        for job in jobs:
            culprit, job.started_at = job, now
            kind = registry.get(job.kind)
            if not kind.short:
                raise TypeError(f"{job} was short when it was enqueued")
            kind.handler(job, Lease(job, holder))
        culprit = None
        with connection.cursor() as cursor:
            cursor.execute(COMPLETE, [now, [job.pk for job in jobs]])
            # Else a foreign key found broken at COMMIT would fail the batch without a trace.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except Exception as error:
        raise BatchFailed(len(jobs), culprit) from error


def run(job: Job, holder: Holder) -> None:
    """Run one claimed job to completed, retryable, held or discarded."""
    lease = Lease(job, holder)
    started = time.monotonic()
    outcome = "lost"
    holder.in_hand.add((job.pk, job.fence))
    try:
        try:
            _call(job, lease)
            outcome = "completed"
        except LeaseLost:
            raise
        except Held as held:
            hold(lease, held.tag)
            outcome = "held"
        except ServiceError as error:
            log.warning("%s failed: %s", job, error)
            outcome = fail(lease, str(error), permanent=error.permanent)
        except Exception as error:
            # The one place where any failure of a job ends up.
            log.exception("%s failed", job)
            outcome = fail(lease, "".join(traceback.format_exception_only(error)).strip())
    except LeaseLost as lost:
        log.warning("%s: %s", job, lost)
    finally:
        holder.in_hand.discard((job.pk, job.fence))
        tally.count(job, outcome, time.monotonic() - started)
        if not job.short:
            limits.ended(job)
        give_back_connections()


def _call(job: Job, lease: Lease) -> None:
    kind = registry.get(job.kind)
    if kind.short:
        with transaction.atomic():
            kind.handler(job, lease)
            lease.complete()
        return
    kind.handler(job, lease)
    if not lease.finished:
        lease.complete()


def hold(lease: Lease, tag: str) -> None:
    """Put the job aside until the switch is released; the try does not count."""
    lease.settle(Job.Status.HELD, held_by=tag, attempt=max(0, lease.job.attempt - 1))


def fail(lease: Lease, error: str, *, permanent: bool = False) -> str:
    """Retry later with backoff and jitter, or discard after the last attempt; return which.

    Raises LeaseLost.
    """
    job = lease.job
    error = error.replace("\x00", "")  # which Postgres cannot store
    if not connection.in_atomic_block:
        connection.close()  # the failure may have been the connection's own
    entry = {"attempt": job.attempt, "at": timezone.now().isoformat(), "error": error[:4000]}
    errors = [*job.errors, entry][-ERRORS_KEPT:]
    with transaction.atomic():
        if permanent or job.attempt >= job.max_attempts:
            lease.settle(Job.Status.DISCARDED, errors=errors, finished_at=timezone.now())
            _announce(job, error)
            return "discarded"
        # By the clock that will find it due: this process's may be off by hours.
        run_at = Now() + backoff(job.attempt)
        lease.settle(Job.Status.RETRYABLE, errors=errors, run_at=run_at)
        return "retried"


def backoff(attempt: int) -> dt.timedelta:
    """Return 2^attempt seconds, at most an hour, with ±25 % jitter so that retries spread."""
    seconds = min(BACKOFF_BASE**attempt, BACKOFF_CAP_SECONDS)
    return dt.timedelta(seconds=seconds * random.uniform(0.75, 1.25))  # noqa: S311 - jitter


def _announce(job: Job, error: str) -> None:
    woken = {wanted.kind for wanted in events.subscriptions().get("job.discarded", ())}
    if job.kind in woken:
        return  # the alarm itself failed; alarming about it would never end
    events.emit(
        "job.discarded",
        subject=job,
        client=job.client,
        correlation_id=job.correlation_id,
        data={"kind": job.kind, "error": error[:500]},
    )
