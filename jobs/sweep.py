"""What the clock does: due jobs, jobs of silent workers, recurring jobs, lost hints."""

import datetime as dt

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from jobs import queue, registry, run, wakeups
from jobs.lease import Holder, Lease, LeaseLost
from jobs.models import Job, Schedule, Worker

PROMOTE = """
UPDATE jobs_job SET status = 'available'
WHERE id IN (
    SELECT id FROM jobs_job
    WHERE status IN ('scheduled', 'retryable') AND run_at <= clock_timestamp()
    ORDER BY run_at LIMIT 1000 FOR UPDATE SKIP LOCKED)
"""

FREE = """
UPDATE jobs_job SET status = 'available', held_by = ''
WHERE id IN (
    SELECT id FROM jobs_job j
    WHERE j.status = 'held' AND NOT EXISTS (
        SELECT 1 FROM jobs_hold h WHERE h.tag = '*' OR h.tag = ANY (j.tags))
    LIMIT 1000 FOR UPDATE SKIP LOCKED)
"""

LOST = """
UPDATE jobs_worker SET lost_at = clock_timestamp()
WHERE lost_at IS NULL AND stopped_at IS NULL
  AND beat_at < clock_timestamp() - make_interval(secs => %s)
"""


def sweep() -> None:
    """Promote what is due, take over from silent workers, run schedules, wake the lanes."""
    promote()
    free()
    reap()
    recur()
    for lane in Job.objects.filter(status=Job.Status.AVAILABLE).values_list("lane").distinct():
        wakeups.send(lane[0])


def promote() -> int:
    """Make due scheduled and retryable jobs available; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(PROMOTE)
        return int(cursor.rowcount)


def free() -> int:
    """Free held jobs no hold reaches: put aside just as their switch was released."""
    with connection.cursor() as cursor:
        cursor.execute(FREE)
        return int(cursor.rowcount)


def reap() -> int:
    """Take running jobs away from workers that went silent or left; return how many.

    The next claim gives each a new fencing token, which refuses whatever the old holder writes.
    """
    with connection.cursor() as cursor:
        cursor.execute(LOST, [settings.JOBS_LEASE_SECONDS])
    gone = Worker.objects.exclude(lost_at=None, stopped_at=None)
    return _take_over_each(Job.objects.filter(status=Job.Status.RUNNING, worker__in=gone))


def reclaim(holder: Holder) -> int:
    """Give back jobs this holder was handed and dropped; return how many.

    As when the database went away just when the end of a job was to be written.
    """
    long_ago = timezone.now() - dt.timedelta(seconds=settings.JOBS_LEASE_SECONDS)
    mine = Job.objects.filter(
        status=Job.Status.RUNNING, worker=holder.worker, started_at__lt=long_ago
    )
    kept = [job.pk for job in mine if (job.pk, job.fence) in holder.in_hand]
    return _take_over_each(mine.exclude(pk__in=kept))


def _take_over_each(jobs: QuerySet[Job]) -> int:
    """Take over one by one, passing by rows that are locked.

    A frozen holder may keep its row locked, and a heartbeat thread must not wait for it.
    """
    taken = 0
    for pk in list(jobs.values_list("pk", flat=True)[:1000]):
        with transaction.atomic():
            job = jobs.select_for_update(skip_locked=True, of=("self",)).filter(pk=pk).first()
            taken += job is not None and take_over(job)
    return taken


def take_over(job: Job) -> bool:
    """Give the job of a silent worker back to the queue, or discard it after its last attempt."""
    lease = Lease(job, Holder(Worker(), 0.0))
    try:
        if job.attempt >= job.max_attempts:
            run.fail(lease, "its worker went silent")
        else:
            note = {
                "attempt": job.attempt,
                "at": timezone.now().isoformat(),
                "error": "its worker went silent or dropped it; taken over",
            }
            lease.settle(Job.Status.AVAILABLE, errors=[*job.errors, note][-run.ERRORS_KEPT :])
    except LeaseLost:
        return False
    return True


def recur() -> None:
    """Enqueue recurring jobs whose time has come, once each, however many sweepers run."""
    now = timezone.now()
    known = set(Schedule.objects.values_list("name", flat=True))
    for wanted in registry.recurring.values():
        if wanted.name not in known:
            Schedule.objects.get_or_create(
                name=wanted.name,
                defaults={
                    "kind": wanted.kind,
                    "every_seconds": wanted.every_seconds,
                    "next_run_at": now,
                },
            )
    with transaction.atomic():
        due = Schedule.objects.select_for_update(skip_locked=True).filter(
            enabled=True, next_run_at__lte=now, kind__in=registry.names()
        )
        for schedule in due:
            key = f"schedule:{schedule.name}:{schedule.next_run_at.isoformat()}"
            queue.enqueue(schedule.kind, schedule.payload, unique_key=key)
            schedule.next_run_at = now + dt.timedelta(seconds=schedule.every_seconds)
            schedule.save(update_fields=["next_run_at"])
