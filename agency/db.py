"""Postgres beneath Django: prepared statements, and giving connections back in time."""

from collections.abc import Mapping
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection, connections, transaction


def give_back_connections() -> None:
    """Return this thread's connections to the pool, unless a transaction is open on them.

    Called before model, mail and other network calls, so that a waiting thread holds none.
    """
    for found in connections.all(initialized_only=True):
        if not found.in_atomic_block:
            found.close()


# Plain walks along indexes, planned once, whatever the statistics said when it was planned: a
# table that was empty then may hold a million rows a minute later.
WALK = {
    "plan_cache_mode": "force_generic_plan",
    **dict.fromkeys(("enable_seqscan", "enable_bitmapscan", "enable_sort"), "off"),
    **dict.fromkeys(("enable_hashjoin", "enable_mergejoin"), "off"),
}
SET = "; ".join(f"SET LOCAL {name} = {value}" for name, value in WALK.items())
UNSET = "; ".join(f"SET LOCAL {name} TO DEFAULT" for name in WALK)


@transaction.atomic(savepoint=False)
def fetch(statement: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return all rows of a statement that is planned once a connection, and read as binary.

    For the few that run all the time: Django plans each anew. Rows are as psycopg loads them, so
    a jsonb comes as what it holds. Behind PgBouncer nothing stays prepared.
    """
    connection.ensure_connection()
    assert connection.connection is not None  # noqa: S101 - ensured
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        prepared = not settings.DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"]
        cursor.execute(SET)
        cursor.execute(statement, params, prepare=prepared, binary=True)
        rows = cursor.fetchall()
        cursor.execute(UNSET)
        return rows
