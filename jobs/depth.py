"""How deep the lanes are: counted by the sweep now and then, so that no page has to count."""

import time
from collections.abc import Iterable

from django.db import connection, transaction

from agency import live
from jobs.models import Lane

# Each status has an index of its own to be counted by; one GROUP BY would read the whole table.
COUNT = """
WITH RECURSIVE head AS (
    (SELECT lane, short, flow, run_at FROM jobs_job WHERE status = 'available'
     ORDER BY lane, short, flow, priority, id LIMIT 1)
    UNION ALL
    SELECT next.* FROM head CROSS JOIN LATERAL (
        SELECT lane, short, flow, run_at FROM jobs_job j
        WHERE status = 'available'
          AND (j.lane, j.short, j.flow) > (head.lane, head.short, head.flow)
        ORDER BY lane, short, flow, priority, id LIMIT 1
    ) next
)
INSERT INTO jobs_depth (lane, status, count, oldest_at, measured_at)
SELECT lane, status, sum(count), min(oldest_at), clock_timestamp() FROM (
    SELECT lane, 'available' AS status, 0 AS count, NULL::timestamptz AS oldest_at
    FROM unnest(%s::varchar[]) AS lane
    UNION ALL
    SELECT lane, 'available' AS status, count(*), (
        SELECT min(run_at) FROM head WHERE head.lane = j.lane) AS oldest_at
    FROM jobs_job j WHERE status = 'available' GROUP BY lane
    UNION ALL
    SELECT lane, 'scheduled', count(*), min(run_at)
    FROM jobs_job WHERE status IN ('scheduled', 'retryable') AND status = 'scheduled' GROUP BY lane
    UNION ALL
    SELECT lane, 'retryable', count(*), min(run_at)
    FROM jobs_job WHERE status IN ('scheduled', 'retryable') AND status = 'retryable' GROUP BY lane
    UNION ALL
    SELECT lane, 'running', count(*), min(started_at)
    FROM jobs_job WHERE status = 'running' GROUP BY lane
    UNION ALL
    SELECT lane, 'held', count(*), min(created_at)
    FROM jobs_job WHERE status = 'held' GROUP BY lane
) AS counted GROUP BY lane, status
"""

# Of what waits only so much is read, so that it costs the same at any depth.
BY_TAG = """
SELECT tag, count(*) FROM (
    SELECT tags FROM unnest(%(lanes)s::varchar[]) AS wanted CROSS JOIN LATERAL (
        SELECT tags FROM jobs_job
        WHERE status = 'available' AND lane = wanted AND NOT short
        ORDER BY lane, short, flow, priority, id LIMIT %(most)s
    ) waits
    UNION ALL
    (SELECT tags FROM jobs_job WHERE status = 'held'
     ORDER BY held_by, priority, id LIMIT %(most)s)
) jobs CROSS JOIN unnest(tags) AS tag WHERE starts_with(tag, %(scope)s) GROUP BY tag
"""

READ = 2_000
"""Of each lane, and of what is held, so many jobs are looked at."""

EVERY_SECONDS = 5.0
LEISURE = 50
"""A count that took long is made that many times more seldom: never over 2 % of the time."""

LOCK = 0x64657074  # "dept"

_next = 0.0


def measure_when_due() -> None:
    """Count the lanes, if this process's last count is old enough."""
    global _next
    started = time.monotonic()
    if started >= _next:
        measure()
        live.broadcast("jobs")
        _next = started + max(EVERY_SECONDS, (time.monotonic() - started) * LEISURE)


def measure() -> None:
    """Count the lanes now; an empty one counts no available jobs.

    `oldest_at` is when the longest waiting of those next in turn was due, when the longest running
    one started, when the first scheduled one is due, when the first held one was enqueued.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if cursor.fetchone()[0]:
            cursor.execute("DELETE FROM jobs_depth")
            cursor.execute(COUNT, [Lane.values])


def by_tag(scope: str, lanes: Iterable[str]) -> dict[str, int]:
    """Count the long jobs that wait or are held, by what follows `scope` in their tag.

    Looks at the next READ of each lane only: where more wait, a count is a lower bound.
    """
    with connection.cursor() as cursor:
        cursor.execute(BY_TAG, {"lanes": list(lanes), "scope": f"{scope}:", "most": READ})
        return {tag.partition(":")[2]: count for tag, count in cursor.fetchall()}
