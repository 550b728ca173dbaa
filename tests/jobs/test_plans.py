"""Plans: a claim reads the jobs it takes and no others, whatever Postgres knew when it planned."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections

from agency import db
from agency.models import Client
from jobs import claim, queue
from jobs.models import Hold, Job

TAG = ["agent:qualifier"]


@pytest.mark.django_db
def test_a_stopped_clients_backlog_is_not_read() -> None:
    stopped, going = (Client.objects.create(name=name, slug=name) for name in ("stopped", "going"))
    queue.enqueue_many("control.tidy", [{}] * 20_000, client=stopped, tags=TAG)
    wanted = queue.enqueue("control.tidy", {}, client=going, tags=TAG)
    Hold.objects.create(tag=f"client:{stopped.pk}")
    assert rows_read(claim.CLAIM, limit=50) < 20
    assert Job.objects.get(pk=wanted.pk).status == "running"


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["CLAIM", "LOCK"])
@pytest.mark.parametrize("limit", [1, 50])
def test_a_claim_among_many_reads_what_it_takes(statement: str, limit: int) -> None:
    looked_at = rows_read(
        getattr(claim, statement),
        limit=limit,
        fill=lambda: queue.enqueue_many("control.tidy", [{}] * 20_000, tags=TAG),
    )
    assert looked_at < 3 * limit + 20


@pytest.mark.parametrize("statement", ["CLAIM", "LOCK"])
@pytest.mark.parametrize("known", ["no rows in many pages", "no pages", "all ended", "all waiting"])
def test_a_claim_reads_no_more_whatever_postgres_knew(
    committed: str, statement: str, known: str
) -> None:
    """A statement is planned once a connection: its plan must not hang on that hour's numbers."""
    queue.enqueue_many("control.tidy", [{}] * 2_000, tags=TAG)
    with connections["owner"].cursor() as owner:
        if known == "all ended":
            Job.objects.update(status=Job.Status.COMPLETED)
        elif known != "all waiting":
            Job.objects.all().delete()
        owner.execute("VACUUM ANALYZE jobs_job" if known == "no pages" else "ANALYZE jobs_job")
    test_a_claim_among_many_reads_what_it_takes(statement, 50)


def rows_read(statement: str, *, limit: int, fill: Callable[[], object] = lambda: None) -> float:
    """Return the jobs a claim looked at that was planned before `fill` filled the table."""
    names = {"lane": "text", "short": "bool", "limit": "int", "worker": "uuid", "after": "bigint"}
    for number, name in enumerate(names, 1):
        statement = statement.replace(f"%({name})s", f"${number}")
    with connection.cursor() as cursor:
        cursor.execute(db.SET)
        cursor.execute(f"PREPARE one ({', '.join(names.values())}) AS {statement}")
        run = f"EXECUTE one ('fast', true, {limit}, '{uuid.uuid4()}', 0)"
        cursor.execute(run.replace("'fast'", "'bulk'"))
        fill()
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {run}")
        plan = cursor.fetchone()[0][0]["Plan"]
        cursor.execute(f"DEALLOCATE one; {db.UNSET}")
    return _looked_at(plan)


def _looked_at(node: dict[str, Any]) -> float:
    below = sum(_looked_at(child) for child in node.get("Plans", ()))
    if node.get("Relation Name") != "jobs_job" or "Scan" not in node["Node Type"]:
        return below
    rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return below + float(rows * node["Actual Loops"])
