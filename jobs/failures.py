"""Jobs that failed and were not mended yet, by what they failed of."""

import datetime as dt
import uuid
from collections import defaultdict
from dataclasses import dataclass

from django.db import connection

from jobs.causes import cause
from jobs.filters import ERROR_LENGTH
from jobs.models import Job

NEWEST = 5000
"""So many of those given up last, and of those next due, are looked at: a bounded cost."""

FOUND = """
SELECT kind, status, error, count(*),
    extract(epoch FROM min(at))::float8, extract(epoch FROM max(at))::float8,
    (array_agg(id ORDER BY at DESC))[1]
FROM (
    SELECT kind, status, id, left(errors -> -1 ->> 'error', %(text)s) AS error,
        coalesce((errors -> -1 ->> 'at')::timestamptz, finished_at, run_at) AS at
    FROM (
        (SELECT id, kind, status, errors, finished_at, run_at FROM jobs_job
         WHERE status = 'discarded' ORDER BY finished_at DESC LIMIT %(newest)s)
        UNION ALL
        (SELECT id, kind, status, errors, finished_at, run_at FROM jobs_job
         WHERE status IN ('scheduled', 'retryable')
         ORDER BY run_at LIMIT %(newest)s)
    ) AS looked_at
    WHERE status IN ('discarded', 'retryable')
) AS failed
GROUP BY kind, status, error
"""


Row = tuple[str, str, str | None, int, float, float, uuid.UUID]


@dataclass(frozen=True)
class Group:
    """Failures of one kind of job with one cause; `sample` is the last one's job and error."""

    kind: str
    cause: str
    status: str
    count: int
    first_at: dt.datetime
    last_at: dt.datetime
    sample: uuid.UUID
    error: str

    @property
    def given_up(self) -> bool:
        """Whether they wait for a person; otherwise they are tried again by themselves."""
        return self.status == Job.Status.DISCARDED


def groups() -> list[Group]:
    """Return the failures by kind, status and cause, what is worst first."""
    with connection.cursor() as cursor:
        cursor.execute(FOUND, {"newest": NEWEST, "text": ERROR_LENGTH})
        rows = cursor.fetchall()
    by_cause: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        kind, status, error = row[:3]
        by_cause[kind, status, cause(error or "")].append(row)
    found = [_group(*key, same) for key, same in by_cause.items()]
    return sorted(found, key=lambda g: (not g.given_up, -g.count, g.kind, g.cause))


def _group(kind: str, status: str, about: str, rows: list[Row]) -> Group:
    _, _, error, _, _, last, sample = max(rows, key=lambda row: row[5])
    return Group(
        kind=kind,
        cause=about,
        status=status,
        count=sum(row[3] for row in rows),
        first_at=dt.datetime.fromtimestamp(min(row[4] for row in rows), dt.UTC),
        last_at=dt.datetime.fromtimestamp(last, dt.UTC),
        sample=sample,
        error=error or "",
    )
