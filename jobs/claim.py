"""Claiming: the one statement that hands waiting jobs to a worker."""

from jobs.lease import Holder
from jobs.models import Job

CLAIM = """
WITH candidate AS MATERIALIZED (
    SELECT id FROM jobs_job j
    WHERE j.status = 'available' AND j.lane = %(lane)s
      AND (%(kinds)s::text[] IS NULL OR j.kind = ANY (%(kinds)s))
      AND (j.tags = '{}' OR NOT EXISTS (
          SELECT 1 FROM jobs_hold h WHERE h.tag = '*' OR h.tag = ANY (j.tags)))
    ORDER BY j.priority, j.id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE jobs_job j
SET status = 'running', worker_id = %(worker)s, fence = j.fence + 1, attempt = j.attempt + 1,
    started_at = clock_timestamp()
FROM candidate c
WHERE j.id = c.id
RETURNING j.*
"""


def claim(
    lane: str, holder: Holder, limit: int = 1, *, kinds: list[str] | None = None
) -> list[Job]:
    """Return up to `limit` jobs of `lane`, now running under `holder` with a new fencing token.

    With `kinds`, only jobs of these.
    """
    if not holder.is_safe():
        return []
    params = {"lane": lane, "limit": limit, "worker": holder.worker.pk, "kinds": kinds}
    return list(Job.objects.raw(CLAIM, params))
