"""The same no-op work through plain Celery with Valkey, and through procrastinate's worker.

Each as its manual says for speed: as many processes as the product's queue is given, no results,
no events, everything enqueued before the clock starts. Only the working off is timed.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import redis
from celery import Celery
from django.conf import settings

from agency import embedded, roles
from agency.celery import broker_url

CELERY_DATABASE = 9
POLL_SECONDS = 0.005


def celery_jobs(number: int, processes: int) -> float:
    """Return no-op tasks a second of plain Celery, prefork, early acknowledgement."""
    address = settings.REDIS_URL.partition("?")[0] + f"?db={CELERY_DATABASE}"
    with redis.Redis.from_url(address) as valkey:
        valkey.flushdb()
        app = Celery("plain", broker=broker_url(address), set_as_current=False)
        with app.producer_pool.acquire(block=True) as producer:
            for _ in range(number):
                app.send_task("noop", producer=producer, ignore_result=True)
        arguments = ("-m", "celery", "-q", "-A", "bench.plain_celery", "worker")
        options = ("-P", "prefork", "-c", str(processes), "-Q", "celery", "--without-gossip")
        more = ("--without-mingle", "--without-heartbeat", "-O", "fair")
        with _running(arguments + options + more, {"PLAIN_BROKER": broker_url(address)}):
            return _rate(number, lambda: int(valkey.llen("celery")))


def procrastinate_jobs(number: int, processes: int) -> float:
    """Return no-op jobs a second of procrastinate's worker, ten at a time in each process."""
    with roles.connect_admin() as admin:
        admin.execute("DROP DATABASE IF EXISTS procrastinate")
        admin.execute("CREATE DATABASE procrastinate")
    address = embedded.conninfo(
        settings.DATA_DIR, user=embedded.SUPERUSER, database="procrastinate"
    )
    environment = {"PLAIN_POSTGRES": address}
    module = ("-m", "procrastinate", "--log-level=warning", "--app=bench.plain_procrastinate.app")
    subprocess.run(  # noqa: S603
        [sys.executable, *module, "schema", "--apply"],
        env={**os.environ, **environment},
        cwd=settings.BASE_DIR,
        check=True,
        capture_output=True,
    )
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, args)"
            " SELECT 'noop', 'default', '{}' FROM generate_series(1, %s)",
            [number],
        )
        connection.execute("VACUUM ANALYZE procrastinate_jobs")
        arguments = (*module, "worker", "--concurrency=10", "--delete-jobs=never")
        waiting = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'"

        def left() -> int:
            row = connection.execute(waiting).fetchone()
            return int(row[0]) if row else 0

        with _running(arguments, environment, processes):
            return _rate(number, left)


def _rate(number: int, left: Callable[[], int]) -> float:
    """Return jobs a second from the first one taken to the last."""
    while left() == number:
        time.sleep(POLL_SECONDS)
    started, first = time.perf_counter(), left()
    while left():
        time.sleep(POLL_SECONDS)
    return first / (time.perf_counter() - started)


@contextmanager
def _running(
    arguments: tuple[str, ...], environment: dict[str, str], processes: int = 1
) -> Iterator[None]:
    with (settings.DATA_DIR / "rivals.log").open("ab") as log:
        started = [
            subprocess.Popen(  # noqa: S603
                [sys.executable, *arguments],
                env={**os.environ, **environment},
                cwd=settings.BASE_DIR,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            for _ in range(processes)
        ]
        try:
            yield
        finally:
            for process in started:
                embedded.stop(process, patience=5)
