"""Commits single rows over several connections, as cheaply as Python can; prints JSON.

A process of its own, one epoll loop over libpq: what the Postgres can do, not what a driver can.
"""

import json
import selectors
import sys
import time

import psycopg
from psycopg import pq

TABLE = "CREATE TABLE IF NOT EXISTS bench_row (id bigserial PRIMARY KEY, body bytea NOT NULL)"
INSERT = b"INSERT INTO bench_row (body) VALUES ($1)"


def drive(conninfo: str, connections: int, seconds: float) -> dict[str, float]:
    """Return commits a second; each connection sends its next row when the last is durable."""
    with psycopg.connect(conninfo, autocommit=True) as owner:
        owner.execute(TABLE)
    every = [psycopg.connect(conninfo, autocommit=True).pgconn for _ in range(connections)]
    selector = selectors.EpollSelector()
    for connection in every:
        connection.prepare(b"row", INSERT)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    body, done, waiting = b"x" * 300, 0, connections
    began = time.perf_counter()
    for connection in every:
        connection.send_query_prepared(b"row", [body])
    while waiting:
        for key, _ in selector.select(30):
            if not _is_done(key.data):
                continue
            done += 1
            if time.perf_counter() - began < seconds:
                key.data.send_query_prepared(b"row", [body])
            else:
                waiting -= 1
    took = time.perf_counter() - began
    for connection in every:
        connection.finish()
    return {"per_s": done / took, "seconds": took}


def _is_done(connection: pq.abc.PGconn) -> bool:
    connection.consume_input()
    if connection.is_busy():
        return False
    while result := connection.get_result():
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise RuntimeError(result.error_message.decode())
    return True


if __name__ == "__main__":
    conninfo, connections, seconds = sys.argv[1:]
    sys.stdout.write(json.dumps(drive(conninfo, int(connections), float(seconds))))
