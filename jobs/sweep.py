"""What the clock does: due jobs, jobs of silent workers, recurring jobs, lost hints."""

import datetime as dt

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from jobs import depth, limits, queue, registry, run, wakeups
from jobs.lease import Holder, Lease, LeaseLost
from jobs.models import Hold, Job, Lane, Schedule, Worker

PROMOTE = """
UPDATE jobs_job SET status = 'available'
WHERE id = ANY (ARRAY(
    SELECT id FROM jobs_job
    WHERE status IN ('scheduled', 'retryable') AND run_at <= clock_timestamp()
    ORDER BY run_at LIMIT %s FOR UPDATE SKIP LOCKED))
"""

WAITING = """
SELECT lane FROM unnest(%s::varchar[]) AS lane
WHERE EXISTS (SELECT 1 FROM jobs_job j WHERE j.status = 'available' AND j.lane = lane.lane)
"""

LOST = """
UPDATE jobs_worker SET lost_at = clock_timestamp()
WHERE lost_at IS NULL AND stopped_at IS NULL
  AND beat_at < clock_timestamp() - make_interval(secs => %s)
"""


SLICE = 5000
SLICES = 4
"""At most so much is moved in one sweep, so that it never outlasts its second by much."""


def sweep() -> None:
    """Promote what is due, take over from silent workers, run schedules, wake the lanes."""
    try:
        promote()
        free()
        limits.free_what_fits()
        reap()
        recur()
        depth.measure_when_due()
    finally:
        _wake()


def _wake() -> None:
    with connection.cursor() as cursor:
        cursor.execute(WAITING, [Lane.values])
        lanes = [row[0] for row in cursor.fetchall()]
    for lane in lanes:
        wakeups.send(lane)


def promote() -> int:
    """Make due scheduled and retryable jobs available; return how many."""
    promoted = 0
    for _ in range(SLICES):
        with connection.cursor() as cursor:
            cursor.execute(PROMOTE, [SLICE])
            promoted += cursor.rowcount
            if cursor.rowcount < SLICE:
                break
    return promoted


def free() -> int:
    """Free held jobs whose hold is gone, in slices; return how many.

    Those another hold reaches too are put aside again by the claim that meets them.
    """
    holds = set(Hold.objects.values_list("tag", flat=True))
    if "*" in holds:
        return 0
    gone = [mark for mark in limits.marks() if not mark.startswith("limit:") and mark not in holds]
    return sum(limits.free(mark) for mark in gone)


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
    long_ago = Now() - dt.timedelta(seconds=settings.JOBS_LEASE_SECONDS)
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
    """Enqueue recurring jobs whose time has come, once each, however many sweepers run.

    One that has not ended yet is not followed by another: workers that were away for a day find
    one of each, not a day's worth.
    """
    known = set(Schedule.objects.values_list("name", flat=True))
    for wanted in registry.recurring.values():
        if wanted.name not in known:
            Schedule.objects.get_or_create(
                name=wanted.name,
                defaults={
                    "kind": wanted.kind,
                    "every_seconds": wanted.every_seconds,
                    "next_run_at": Now(),
                },
            )
    with transaction.atomic():
        due = Schedule.objects.select_for_update(skip_locked=True).filter(
            enabled=True, next_run_at__lte=Now(), kind__in=registry.names()
        )
        for schedule in due:
            last = schedule.last_job_id
            if last is None or not Job.objects.filter(pk=last, finished_at=None).exists():
                job = queue.enqueue(schedule.kind, schedule.payload)
                schedule.last_job_id = job.pk
            schedule.next_run_at = Now() + dt.timedelta(seconds=schedule.every_seconds)
            schedule.save(update_fields=["next_run_at", "last_job_id"])
