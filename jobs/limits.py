"""Limits: at most so many long jobs of a lane, a client or an agent run at once, everywhere.

Exact at any number of workers: with limits in force, claims of long jobs count and take under one
advisory lock. What a full limit keeps waiting inside a flow is `held` by `limit:<tag>` and set free
one by one as others end.
"""

import time

from django.db import connection

from jobs.models import Job, Limit

FULL = """
    SELECT busy.tag
    FROM (
        SELECT tag, count(*) AS running
        FROM jobs_job r CROSS JOIN LATERAL unnest(r.tags || ('lane:' || r.lane)::varchar) AS tag
        WHERE r.status = 'running' AND NOT r.short AND r.tags <> '{}'
        GROUP BY tag
    ) AS busy
    CROSS JOIN LATERAL (
        SELECT l.most FROM jobs_limit l
        WHERE l.tag IN (busy.tag, split_part(busy.tag, ':', 1) || ':*')
        ORDER BY l.tag = busy.tag DESC LIMIT 1
    ) AS allowed
    WHERE busy.running >= allowed.most
    UNION
    SELECT l.tag FROM jobs_limit l WHERE l.most = 0
"""

MARKS = """
WITH RECURSIVE mark (held_by) AS (
    (SELECT held_by FROM jobs_job WHERE status = 'held' ORDER BY held_by LIMIT 1)
    UNION ALL
    SELECT (SELECT j.held_by FROM jobs_job j
            WHERE j.status = 'held' AND j.held_by > mark.held_by ORDER BY j.held_by LIMIT 1)
    FROM mark WHERE mark.held_by IS NOT NULL
)
SELECT held_by FROM mark WHERE held_by IS NOT NULL
"""

# An array is made once; a subquery under IN may be run again for each row, and lock more.
FREE = """
UPDATE jobs_job SET status = 'available', held_by = ''
WHERE id = ANY (ARRAY(
    SELECT id FROM jobs_job WHERE status = 'held' AND held_by = %s
    ORDER BY priority, id LIMIT %s FOR UPDATE SKIP LOCKED))
"""

LOCK = 0x6A6F6273  # "jobs"
REMEMBERED_SECONDS = 1.0
AT_ONCE = 5000

_known: tuple[float, frozenset[str]] = (0.0, frozenset())


def known() -> frozenset[str]:
    """Return the tags that have a limit, as of at most a second ago."""
    global _known
    seen, tags = _known
    now = time.monotonic()
    if now - seen > REMEMBERED_SECONDS or not seen:
        tags = frozenset(Limit.objects.values_list("tag", flat=True))
        _known = (now, tags)
    return tags


def lock() -> None:
    """Let no other claim count until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def marks() -> list[str]:
    """Return what keeps jobs held now: tags of holds, and `limit:<tag>`."""
    with connection.cursor() as cursor:
        cursor.execute(MARKS)
        return [row[0] for row in cursor.fetchall()]


def free(mark: str, most: int = AT_ONCE) -> int:
    """Set up to `most` jobs held by `mark` free, the first ones first; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(FREE, [mark, most])
        return int(cursor.rowcount)


def ended(job: Job) -> None:
    """Let the next of those take the place of a long job that ended."""
    limited = known()
    for tag in job.tags:
        if tag in limited or f"{tag.partition(':')[0]}:*" in limited:
            free(f"limit:{tag}", 1)


def free_what_fits() -> int:
    """Set free what limits kept waiting and what fits in now; return how many.

    Too many do no harm: the claim puts them aside again.
    """
    return sum(free(mark, _room(mark)) for mark in marks() if mark.startswith("limit:"))


def _room(mark: str) -> int:
    tag = mark.removeprefix("limit:")
    scope = tag.partition(":")[0]
    limit = (
        Limit.objects.filter(tag__in=[tag, f"{scope}:*"]).order_by("-tag").first()
    )  # `*` sorts before letters and digits
    if limit is None:
        return AT_ONCE
    running = Job.objects.filter(
        status=Job.Status.RUNNING, short=False, tags__contains=[tag]
    ).count()
    return max(0, limit.most - running)
