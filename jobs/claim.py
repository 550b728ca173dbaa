"""Claiming: the one statement that hands waiting jobs to a worker, each flow in its turn.

Deficit round robin (Shreedhar and Varghese, 1995) over the flows that have work: a claim steps
through the index from the flow it served last to the next ones, one probe a flow, and takes an
equal share of each. So a flow with 100,000 jobs costs the others nothing, and neither does a
stopped or full client's: its flow is stepped over. A job that a hold or a full limit of another
kind reaches (an agent, a channel) is put aside as `held` when the claim meets it, and so is met
once.
"""

from typing import Any

from django.db import connection, transaction
from django.db.models.base import ModelState

from agency import db
from jobs import limits
from jobs.lease import Holder
from jobs.models import Job

PUT_ASIDE_AT_ONCE = 1000
PUT_ASIDE_ROUNDS = 50
"""So much is put aside in one claim: at most a second's work, and the next claim goes on."""

FIELDS = list(Job._meta.concrete_fields)
ATTRIBUTES = [field.attname for field in FIELDS]
COLUMNS = ", ".join(f"j.{field.column}" for field in FIELDS)

EDGE = 2**62
"""Beyond every flow."""

HALTED = f"""
halted AS MATERIALIZED (
    SELECT tag, tag AS mark FROM jobs_hold
    UNION ALL
    SELECT tag, 'limit:' || tag FROM ({limits.FULL}) AS spent WHERE NOT %(short)s
)"""  # noqa: S608 - constants

CANDIDATE = f"""
WITH RECURSIVE {HALTED},
reach AS MATERIALIZED (
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM halted WHERE tag = '*' OR mark = 'limit:lane:' || %(lane)s)
        THEN -1
        ELSE {EDGE}
    END AS last
),
turn (flow, again, open, served) AS (
    SELECT %(after)s::bigint, false, false, 0
    UNION ALL
    SELECT coalesce(next.flow, {-EDGE}), turn.again OR next.flow IS NULL, found.open,
        turn.served + found.open::int
    FROM turn CROSS JOIN reach
    LEFT JOIN LATERAL (
        SELECT j.flow FROM jobs_job j
        WHERE j.status = 'available' AND j.lane = %(lane)s AND j.short = %(short)s
          AND j.flow > turn.flow
          AND j.flow <= CASE WHEN turn.again THEN least(%(after)s, reach.last) ELSE reach.last END
        ORDER BY j.flow LIMIT 1
    ) next ON true
    CROSS JOIN LATERAL (
        SELECT next.flow IS NOT NULL AND NOT (
            next.flow > 0 AND 'client:' || next.flow IN (SELECT tag FROM halted)) AS open
    ) found
    WHERE turn.served < %(limit)s AND NOT (turn.again AND next.flow IS NULL)
),
candidate AS MATERIALIZED (
    SELECT head.*, aside.mark
    FROM (SELECT flow, (%(limit)s::int + count(*) OVER () - 1) / count(*) OVER () AS share
          FROM turn WHERE open) AS served
    CROSS JOIN LATERAL (
        SELECT j.* FROM jobs_job j
        WHERE j.status = 'available' AND j.lane = %(lane)s AND j.short = %(short)s
          AND j.flow = served.flow
        ORDER BY j.priority, j.id
        LIMIT served.share
        FOR UPDATE SKIP LOCKED
    ) head
    LEFT JOIN LATERAL (
        SELECT halted.mark FROM halted
        WHERE head.tags <> '{{}}' AND (halted.tag = '*' OR halted.tag = ANY (head.tags)) LIMIT 1
    ) aside ON true
)
"""  # noqa: S608 - constants

# Through arrays, of which the planner expects few elements: how many candidates there will be it
# cannot know, and for a tenth of a million it would read the whole table. And not by `j.id =
# picked.id`, which lets it begin with every row of a table it believes to be empty.
CLAIM = f"""
{CANDIDATE}
UPDATE jobs_job j
SET status = CASE WHEN picked.mark IS NULL THEN 'running' ELSE 'held' END,
    held_by = coalesce(picked.mark, ''),
    worker_id = CASE WHEN picked.mark IS NULL THEN %(worker)s::uuid END,
    fence = j.fence + 1,
    attempt = j.attempt + (picked.mark IS NULL)::int,
    started_at = clock_timestamp()
FROM unnest(ARRAY(SELECT id FROM candidate), ARRAY(SELECT mark FROM candidate)) AS picked (id, mark)
WHERE j.id = ANY (ARRAY[picked.id])
RETURNING {COLUMNS}
"""  # noqa: S608 - constants

LOCK = f"""
{CANDIDATE}
SELECT {COLUMNS.replace("j.held_by", "coalesce(j.mark, '')")} FROM candidate j
"""  # noqa: S608 - constants

THIS = f"""
UPDATE jobs_job j
SET status = 'running', worker_id = %(worker)s::uuid, fence = j.fence + 1,
    attempt = j.attempt + 1, started_at = clock_timestamp()
WHERE j.id = %(id)s::uuid AND j.status = 'available' AND NOT EXISTS (
    SELECT 1 FROM jobs_hold h WHERE j.tags <> '{{}}' AND (h.tag = '*' OR h.tag = ANY (j.tags)))
RETURNING {COLUMNS}
"""  # noqa: S608 - constants

PUT_ASIDE = f"""
WITH {HALTED},
head AS MATERIALIZED (
    SELECT j.id, j.tags FROM jobs_job j
    WHERE j.status = 'available' AND j.lane = %(lane)s AND j.short = %(short)s AND j.flow = %(flow)s
    ORDER BY j.priority, j.id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE jobs_job j SET status = 'held', held_by = halted.mark
FROM head JOIN halted ON halted.tag = ANY (head.tags)
WHERE j.id = head.id AND j.status = 'available'
"""  # noqa: S608 - constants

_served: dict[tuple[str, bool], int] = {}
"""The flow each lane of this process served last. Wrong after a race, it costs a turn."""


def claim(lane: str, holder: Holder, limit: int = 1, *, short: bool = False) -> list[Job]:
    """Return about `limit` jobs of `lane`, now running under `holder` with a new fencing token.

    Either short ones or the others. Fewer than `limit` does not mean that no more wait.
    """
    for _ in range(PUT_ASIDE_ROUNDS):
        if not holder.is_safe():
            return []
        found = _claim(lane, holder, limit, short)
        running = [job for job in found if job.status == Job.Status.RUNNING]
        if running or not found:
            return running
        put_aside(found)
    return []


def _claim(lane: str, holder: Holder, limit: int, short: bool) -> list[Job]:
    if short or not limits.known():
        return _ask(CLAIM, lane, limit, short, holder)
    with transaction.atomic():
        limits.lock()
        return _ask(CLAIM, lane, limit, short, holder)


def claim_this(job: Job, holder: Holder) -> Job | None:
    """Claim a short job met in a batch a moment ago; None if it is taken or held by now."""
    if not holder.is_safe():
        return None
    found = db.fetch(THIS, {"id": job.pk, "worker": holder.worker.pk})
    return _job(found[0]) if found else None


def lock(lane: str, limit: int) -> tuple[list[Job], list[Job]]:
    """Return about `limit` short jobs to run now, and those met on the way that may not run.

    All are locked until the caller's transaction ends: if it fails or its worker dies, nothing was
    claimed and nothing has to be taken over.
    """
    found = _ask(LOCK, lane, limit, True, None)
    return (
        [job for job in found if not job.held_by],
        [job for job in found if job.held_by],
    )


def _ask(statement: str, lane: str, limit: int, short: bool, holder: Holder | None) -> list[Job]:
    params = {
        "lane": lane,
        "short": short,
        "limit": limit,
        "worker": holder.worker.pk if holder is not None else None,
        "after": _served.get((lane, short), 0),
    }
    found = [_job(row) for row in db.fetch(statement, params)]
    if found:
        _served[lane, short] = found[-1].flow
    return found


def _job(row: tuple[Any, ...]) -> Job:
    """Return the row as a saved Job, without the price of Model.__init__: most of the whole."""
    job = Job.__new__(Job)
    job.__dict__.update(zip(ATTRIBUTES, row, strict=True))
    job._state = ModelState()
    job._state.adding, job._state.db = False, "default"
    return job


def put_aside(met: list[Job]) -> None:
    """Put aside what stands with these at the head of their flows and may not run either."""
    for lane, short, flow in {(job.lane, job.short, job.flow) for job in met}:
        params: dict[str, Any] = {"lane": lane, "short": short, "flow": flow}
        params["limit"] = PUT_ASIDE_AT_ONCE
        with connection.cursor() as cursor:
            cursor.execute(PUT_ASIDE, params)
