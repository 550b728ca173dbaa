"""No-op jobs a second through the product's queue, and how fast jobs are enqueued and claimed."""

import time
from statistics import median

from django.db import connection, transaction
from django.utils import timezone

from agency import roles
from agency.management.commands import run
from bench import workers
from jobs import claim, queue
from jobs.lease import Holder
from jobs.models import Schedule

BUSY = """
SELECT EXISTS (SELECT 1 FROM jobs_job WHERE status = 'available' AND lane = 'normal')
    OR EXISTS (SELECT 1 FROM jobs_job WHERE status = 'running')
"""

FILL = """
INSERT INTO jobs_job (id, kind, payload, flow, subject_type, subject_id, tags, lane, short,
    priority, run_at, status, attempt, max_attempts, fence, correlation_id, held_by, errors,
    created_at)
SELECT uuidv7(), 'bench.noop', '{}', n %% %s, '', '', '{agent:bench}', 'normal', true, 100, now(),
    'available', 0, 5, 0, uuidv7(), '', '[]', now()
FROM generate_series(1, %s) AS n
"""

FLOWS = 20
CLAIMED = 50
FIRST = 400


def empty_tables() -> None:
    """Begin anew, as the superuser may."""
    name = connection.settings_dict["NAME"]
    with roles.connect_admin(str(name)) as admin:
        admin.execute("TRUNCATE jobs_job, jobs_archive, jobs_depth")
        admin.execute("VACUUM ANALYZE jobs_job")


def archive_all_the_time() -> None:
    """Let the archive take completed jobs every second instead of every minute."""
    Schedule.objects.update_or_create(
        name="jobs.archive",
        defaults={"kind": "jobs.archive", "every_seconds": 1, "next_run_at": timezone.now()},
    )


def noop_jobs(number: int, processes: int) -> float:
    """Return no-op jobs a second, from the commit that enqueues them until the last is completed.

    The clock and the archive are at work beside the workers.
    """
    empty_tables()
    archive_all_the_time()
    children = [run.worker(f"worker-{n}", "normal", threads=4) for n in range(processes)]
    others = (run.worker("worker-bulk", "bulk", threads=2), *workers.clock())
    with workers.running(*children, *others):
        # The first 200 jobs of a process are taken one by one.
        queue.enqueue_many("bench.noop", ({} for _ in range(FIRST * processes)))
        _until_done()
        queue.enqueue_many("bench.noop", ({} for _ in range(number)))
        started = time.perf_counter()
        _until_done()
        return number / (time.perf_counter() - started)


def _until_done() -> None:
    with connection.cursor() as cursor:
        while True:
            cursor.execute(BUSY)
            row = cursor.fetchone()
            if row is not None and not row[0]:
                return
            time.sleep(0.02)


def enqueue_one_by_one(number: int) -> float:
    """Return enqueues a second, each in a transaction of its own, with its wake-up."""
    empty_tables()
    started = time.perf_counter()
    for _ in range(number):
        queue.enqueue("bench.noop", {})
    return number / (time.perf_counter() - started)


def enqueue_in_bulk(number: int) -> float:
    """Return enqueues a second by COPY in one transaction."""
    empty_tables()
    started = time.perf_counter()
    queue.enqueue_many("bench.noop", ({} for _ in range(number)))
    return number / (time.perf_counter() - started)


def claim_milliseconds(waiting: int) -> float:
    """Return the median time of a claim of 50 jobs among so many that wait."""
    holder = Holder.register(["normal"])
    empty_tables()
    with connection.cursor() as cursor:
        cursor.execute(FILL, [FLOWS, waiting])
    vacuum("jobs_job")
    times = []
    for _ in range(12):
        holder.beat()
        started = time.perf_counter()
        with transaction.atomic():
            jobs = claim.claim("normal", holder, CLAIMED, short=True)
        times.append((time.perf_counter() - started) * 1000)
        if not CLAIMED <= len(jobs) <= CLAIMED + FLOWS:
            raise RuntimeError(f"{len(jobs)} jobs were claimed")
    holder.stop()
    empty_tables()
    return median(times[3:])


def vacuum(table: str = "") -> None:
    """Do what autovacuum does within minutes, of one table or of all."""
    with roles.connect_admin(str(connection.settings_dict["NAME"])) as admin:
        admin.execute(f"VACUUM ANALYZE {table}")
