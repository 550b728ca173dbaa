"""Ended jobs leave the hot table for an archive with a partition a day; old days are dropped."""

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from jobs import queue, registry, tally
from jobs.lease import Lease
from jobs.models import Job, Lane, Worker

KEPT_ONCE = dt.timedelta(days=7)
"""How long a unique key is remembered after its job was completed."""

KEPT_GIVEN_UP = dt.timedelta(days=30)
"""How long discarded and cancelled jobs can be retried."""

KEPT_ARCHIVE_DAYS = 90
KEPT_WORKER = dt.timedelta(days=1)
SLICE = 5000
SLICES = 10

FINISHED = "status = 'completed' AND unique_key IS NULL"
FINISHED_ONCE = "status = 'completed' AND unique_key IS NOT NULL"
GIVEN_UP = "status IN ('discarded', 'cancelled')"

COLUMNS = (
    "id, kind, payload, client_id, flow, subject_type, subject_id, tags, lane, short, priority,"
    " run_at, status, attempt, max_attempts, unique_key, correlation_id, parent_id, errors,"
    " created_at, started_at, finished_at"
)

DAYS = """
SELECT jobs_archive_partition(day) FROM (
    SELECT DISTINCT (finished_at AT TIME ZONE 'UTC')::date AS day FROM (
        SELECT finished_at FROM jobs_job WHERE {which} AND finished_at < %(before)s
        ORDER BY finished_at LIMIT %(slice)s) AS first) AS days
"""

MOVE = f"""
WITH moved AS (
    DELETE FROM jobs_job WHERE id = ANY (ARRAY(
        SELECT id FROM jobs_job WHERE {{which}} AND finished_at < %(before)s
        ORDER BY finished_at LIMIT %(slice)s FOR UPDATE SKIP LOCKED))
    RETURNING {COLUMNS})
INSERT INTO jobs_archive ({COLUMNS}) SELECT {COLUMNS} FROM moved
"""  # noqa: S608 - constants


def move(which: str, before: dt.datetime) -> int:
    """Move up to a slice of ended jobs that ended before then; return how many."""
    params: dict[str, Any] = {"before": before, "slice": SLICE}
    with connection.cursor() as cursor:
        cursor.execute(DAYS.format(which=which), params)
        cursor.execute(MOVE.format(which=which), params)
        return int(cursor.rowcount)


def move_due() -> bool:
    """Move what is due; return whether more is left for another go."""
    now = timezone.now()
    kept = dt.timedelta(seconds=settings.JOBS_KEEP_SECONDS)
    due = {FINISHED: kept, FINISHED_ONCE: KEPT_ONCE, GIVEN_UP: KEPT_GIVEN_UP}
    left = False
    for which, age in due.items():
        for _ in range(SLICES):
            left = move(which, now - age) == SLICE
            if not left:
                break
        if left:
            return True
    return left


@registry.register("jobs.archive", lane=Lane.BULK)
def archive(job: Job, lease: Lease) -> None:
    """Move ended jobs, and go on in another job while more are left.

    Not short: a new day's partition locks the archive, so it is a commit of its own.
    """
    if move_due():
        queue.enqueue("jobs.archive", {}, priority=job.priority, parent=job)


@registry.register("jobs.prune", lane=Lane.BULK)
def prune(job: Job, lease: Lease) -> None:
    """Drop archived days over 90 days old, and workers gone for a day; sum up old tallies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT jobs_archive_prune(%s)", [KEPT_ARCHIVE_DAYS])
    long_ago = timezone.now() - KEPT_WORKER
    gone = Worker.objects.filter(beat_at__lt=long_ago).exclude(lost_at=None, stopped_at=None)
    gone.exclude(pk__in=Job.objects.filter(status=Job.Status.RUNNING).values("worker_id")).delete()
    tally.sum_up()


registry.every(60, "jobs.archive")
registry.every(3600, "jobs.prune")
