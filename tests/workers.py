"""Real Celery worker processes, to be killed, frozen and woken by tests; and a silent model."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings

from jobs import sweep, wakeups
from jobs.models import Job, Worker

LEASE_SECONDS = 2
PATIENCE_SECONDS = 60.0
BEAT_SECONDS = 0.1


def until(condition: Callable[[], object], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until `condition` holds, doing the beat's work meanwhile, as nobody else does here.

    Not in another thread: that has a connection of its own, and would commit that work into the
    database whose tests are rolled back.
    """
    assert threading.current_thread() is threading.main_thread()
    deadline = time.monotonic() + seconds
    beats_at = time.monotonic()
    while not condition():
        if time.monotonic() > deadline:
            jobs = list(
                Job.objects.exclude(status=Job.Status.COMPLETED)
                .order_by("-pk")
                .values_list("kind", "status", "errors")[:50]
            )
            raise AssertionError(f"never came: {what}; jobs: {jobs}")
        if time.monotonic() >= beats_at:
            sweep.sweep()
            beats_at = time.monotonic() + BEAT_SECONDS
        time.sleep(0.02)


@contextmanager
def worker(
    environment: dict[str, str] | None = None, *, threads: int = 4, lease: int = LEASE_SECONDS
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker process for all lanes, ready when this yields.

    Its lease is short, for tests of takeovers; a busy machine may take it from a living worker.
    """
    before = set(Worker.objects.values_list("pk", flat=True))
    before_it, settings.JOBS_LEASE_SECONDS = settings.JOBS_LEASE_SECONDS, lease
    command = [sys.executable, "-m", "celery", "-A", "agency", "worker", "-P", "threads"]
    process = subprocess.Popen(
        [*command, "-Q", "fast,normal,bulk", "-c", str(threads), "-n", f"w{time.time_ns()}@test"],
        env={
            **os.environ,
            "JOBS_LEASE_SECONDS": str(lease),
            "DB_POOL_SIZE": str(threads + 8),
            **(environment or {}),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        until(lambda: Worker.objects.exclude(pk__in=before).exists(), "a worker")
        for lane in ("fast", "normal"):
            wakeups.send(lane)
        yield process
    finally:
        for number in (signal.SIGCONT, signal.SIGKILL):
            if process.poll() is None:
                process.send_signal(number)
        process.wait()
        settings.JOBS_LEASE_SECONDS = before_it


@contextmanager
def silent_model() -> Iterator[str]:
    """Listen as a model that takes every question and never answers; yield its address."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        stop = threading.Event()

        def take() -> None:
            while not stop.is_set():
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            stop.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in taken:
                connection.close()
