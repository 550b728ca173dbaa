"""What workers did, counted in memory and added to a row a minute every few seconds."""

import datetime as dt
import threading
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import Sum
from django.utils import timezone

from jobs.models import Job, Tally

ADD = """
INSERT INTO jobs_tally AS t (minute, lane, kind, outcome, count, wait_seconds, run_seconds)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (minute, lane, kind, outcome) DO UPDATE SET
    count = t.count + excluded.count,
    wait_seconds = t.wait_seconds + excluded.wait_seconds,
    run_seconds = t.run_seconds + excluded.run_seconds
"""

SUM_UP = """
WITH old AS (DELETE FROM jobs_tally WHERE minute < %s RETURNING *)
INSERT INTO jobs_tally AS t (minute, lane, kind, outcome, count, wait_seconds, run_seconds)
SELECT NULL, lane, kind, outcome, sum(count), sum(wait_seconds), sum(run_seconds)
FROM old GROUP BY lane, kind, outcome
ON CONFLICT (minute, lane, kind, outcome) DO UPDATE SET
    count = t.count + excluded.count,
    wait_seconds = t.wait_seconds + excluded.wait_seconds,
    run_seconds = t.run_seconds + excluded.run_seconds
"""

KEPT = dt.timedelta(days=2)

_lock = threading.Lock()
_counts: dict[tuple[str, str, str], list[float]] = {}


def count(job: Job, outcome: str, run_seconds: float) -> None:
    """Note that a job ended with `outcome` after `run_seconds`."""
    wait = 0.0
    if job.started_at is not None:
        wait = max(0.0, (job.started_at - max(job.run_at, job.created_at)).total_seconds())
    with _lock:
        sums = _counts.setdefault((job.lane, job.kind, outcome), [0, 0.0, 0.0])
        sums[0] += 1
        sums[1] += wait
        sums[2] += run_seconds


def count_batch(jobs: list[Job], run_seconds: float) -> None:
    """Note that these jobs were completed together in `run_seconds`."""
    share = run_seconds / len(jobs)
    for job in jobs:
        count(job, "completed", share)


def flush() -> None:
    """Add what was noted to this minute's rows."""
    with _lock:
        noted = dict(_counts)
        _counts.clear()
    minute = timezone.now().replace(second=0, microsecond=0)
    # In one order everywhere, so that two workers never wait for each other in a circle.
    rows: list[list[Any]] = [[minute, *key, *sums] for key, sums in sorted(noted.items())]
    if not rows:
        return
    try:
        with connection.cursor() as cursor:
            cursor.executemany(ADD, rows)
    except DatabaseError:
        _put_back(noted)
        raise


def _put_back(noted: dict[tuple[str, str, str], list[float]]) -> None:
    with _lock:
        for key, sums in noted.items():
            newer = _counts.get(key, [0, 0.0, 0.0])
            _counts[key] = [a + b for a, b in zip(sums, newer, strict=True)]


def sum_up() -> None:
    """Fold minutes older than two days into the totals."""
    with connection.cursor() as cursor:
        cursor.execute(SUM_UP, [timezone.now() - KEPT])


def totals() -> dict[tuple[str, str, str], tuple[int, float, float]]:
    """Return count, seconds waited and seconds run since ever, by lane, kind and outcome."""
    rows = (
        Tally.objects.order_by()
        .values_list("lane", "kind", "outcome")
        .annotate(Sum("count"), Sum("wait_seconds"), Sum("run_seconds"))
    )
    return {row[:3]: row[3:] for row in rows}
