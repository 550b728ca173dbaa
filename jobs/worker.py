"""A worker process: one identity, one heartbeat thread, many threads that drain lanes."""

import logging
import threading
import time

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from agency.db import give_back_connections
from jobs import claim, registry, run, sweep, wakeups
from jobs.lease import Holder
from jobs.models import Lane

DRAIN_SECONDS = 2.0
"""A drain gives its thread back after this long, so that lanes sharing a pool take turns."""

log = logging.getLogger(__name__)
stopping = threading.Event()
_lock = threading.Lock()
_holder: Holder | None = None


def holder() -> Holder:
    """Return this process's identity, registered anew when the last one was lost."""
    global _holder
    with _lock:
        if _holder is None:
            _holder = Holder.register(lanes=[])
            threading.Thread(target=_beat_forever, name="jobs-heartbeat", daemon=True).start()
        elif _holder.lost.is_set() and not stopping.is_set():
            _holder = Holder.register(lanes=[])
        return _holder


def _beat_forever() -> None:
    while not stopping.wait(settings.JOBS_LEASE_SECONDS / 5):
        try:
            me = holder()
            if not me.beat():
                log.warning("this worker's lease was taken away; starting under a new identity")
            sweep.reap()
            sweep.reclaim(me)
        except DatabaseError as error:
            log.warning("no heartbeat: %s", error)
            connection.close()
        finally:
            give_back_connections()


def drain(lane: str) -> int:
    """Claim and run jobs of `lane` until none is left or the time is up; return how many ran."""
    ran = 0
    until = time.monotonic() + DRAIN_SECONDS
    while not stopping.is_set():
        me = holder()
        jobs = claim.claim(lane, me)
        give_back_connections()
        if not jobs:
            return ran
        wakeups.send(lane)
        for job in jobs:
            run.run(job, me)
            ran += 1
        if time.monotonic() > until:
            return ran
    return ran


def drain_short() -> None:
    """Run what touches the database only, so that long jobs in every thread do not stop it."""
    until = time.monotonic() + DRAIN_SECONDS
    kinds = registry.names(short=True)
    while not stopping.is_set() and time.monotonic() < until:
        me = holder()
        jobs = claim.claim(Lane.FAST, me, kinds=kinds)
        give_back_connections()
        if not jobs:
            return
        for job in jobs:
            run.run(job, me)


def stop() -> None:
    """Claim nothing more; what still runs here is left to whoever takes it over."""
    stopping.set()
    if _holder is not None:
        _holder.stop()
