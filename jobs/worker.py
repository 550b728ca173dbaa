"""A worker process: one identity, one heartbeat thread, many threads that drain lanes."""

import logging
import threading
import time

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from agency.db import give_back_connections
from jobs import claim, run, sweep, tally, wakeups
from jobs.lease import Holder
from jobs.models import Job, Lane

DRAIN_SECONDS = 2.0
"""A drain gives its thread back after this long, so that lanes sharing a pool take turns."""

BATCH_SECONDS = 0.1
"""A batch of short jobs is sized to take this long: a fresh one waits no longer for its turn."""

MOST_IN_BATCH = 200
THREADS_IN_BATCHES = 2
"""More threads in one process would only wait for each other's turn of the interpreter."""

log = logging.getLogger(__name__)
_batching = threading.Semaphore(THREADS_IN_BATCHES)
_batch = MOST_IN_BATCH
_careful = MOST_IN_BATCH
"""So many short jobs are claimed one by one, at the start and when nobody knows which one failed.

A job that kills its worker in a batch leaves no trace; by itself its tries are counted.
"""
stopping = threading.Event()
_lock = threading.Lock()
_holder: Holder | None = None
_serves: tuple[list[str], int] = ([], 1)


def start(lanes: list[str], threads: int) -> None:
    """Say what this process serves, and register it."""
    global _serves
    _serves = (lanes, threads)
    holder()


def holder() -> Holder:
    """Return this process's identity, registered anew when the last one was lost."""
    global _holder
    with _lock:
        if _holder is None:
            _holder = Holder.register(*_serves)
            threading.Thread(target=_beat_forever, name="jobs-heartbeat", daemon=True).start()
        elif _holder.lost.is_set() and not stopping.is_set():
            _holder = Holder.register(*_serves)
        return _holder


def _beat_forever() -> None:
    while not stopping.wait(settings.JOBS_LEASE_SECONDS / 5):
        try:
            me = holder()
            if not me.beat():
                log.warning("this worker's lease was taken away; starting under a new identity")
            sweep.reap()
            sweep.reclaim(me)
            tally.flush()
        except DatabaseError as error:
            log.warning("no heartbeat: %s", error)
            connection.close()
        except Exception:
            # Without this thread the process would claim nothing for ever.
            log.exception("the heartbeat goes on")
        finally:
            give_back_connections()


def drain(lane: str) -> int:
    """Claim and run jobs of `lane` until none is left or the time is up; return how many ran."""
    ran = 0
    until = time.monotonic() + DRAIN_SECONDS
    while not stopping.is_set():
        done = _drain_batch(lane) + _drain_one(lane)
        ran += done
        if not done:
            break
        if time.monotonic() > until:
            wakeups.send(lane)
            break
    return ran


def drain_short() -> None:
    """Run what touches the database only, so that long jobs in every thread do not stop it."""
    until = time.monotonic() + DRAIN_SECONDS
    while not stopping.is_set() and _drain_batch(Lane.FAST) and time.monotonic() < until:
        pass


def _drain_one(lane: str, *, short: bool = False) -> int:
    me = holder()
    jobs = claim.claim(lane, me, short=short)
    give_back_connections()
    if jobs:
        wakeups.send(lane)
    for job in jobs:
        run.run(job, me)
    return len(jobs)


def _drain_batch(lane: str) -> int:
    """Run a batch of short jobs, unless enough threads of this process are at it already."""
    global _batch, _careful
    if _careful > 0:
        ran = _drain_one(lane, short=True)
        _careful -= ran
        return ran
    if not _batching.acquire(blocking=False):
        return 0
    try:
        started = time.monotonic()
        ran = run.run_batch(lane, _batch, holder())
        _batch = _next_size(_batch, ran, time.monotonic() - started)
        return ran
    except run.BatchFailed as failed:
        size, culprit = failed.args
        log.info("a batch of %s failed at %s: %r", size, culprit, failed.__cause__)
        if culprit is None:
            _careful = size
        else:
            _run_alone(culprit)
        return 1
    finally:
        _batching.release()
        give_back_connections()


def _run_alone(culprit: Job) -> None:
    """Let the job that fails fail by itself, so that its neighbours go on together."""
    me = holder()
    job = claim.claim_this(culprit, me)
    if job is not None:
        run.run(job, me)


def _next_size(size: int, ran: int, seconds: float) -> int:
    """Return how many short jobs to take next, when `ran` of `size` took `seconds`."""
    if ran < size and seconds < BATCH_SECONDS:
        return size
    wanted = int(ran * BATCH_SECONDS / max(seconds, 1e-6))
    return max(1, min(MOST_IN_BATCH, wanted, size * 2))


def stop() -> None:
    """Claim nothing more; what still runs here is left to whoever takes it over."""
    stopping.set()
    if _holder is not None:
        _holder.stop()
        tally.flush()
