"""Celery's share: it wakes workers up. The truth about jobs is in Postgres."""

import os
import time
from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down

from jobs import sweep as sweeping
from jobs import worker
from jobs.models import Lane

TICK_SECONDS = 1.0
BULK_NICENESS = 10
"""What may wait leaves the processor to what people wait for."""

_swept = -TICK_SECONDS


@shared_task(name="jobs.drain", ignore_result=True)
def drain(lane: str) -> None:
    """Run what waits in `lane`."""
    worker.drain(lane)


@shared_task(name="jobs.sweep", ignore_result=True)
def sweep() -> None:
    """Do what the clock asks for, on a worker of its own that long jobs cannot fill.

    Ticks that piled up while nobody listened are passed over.
    """
    global _swept
    if time.monotonic() - _swept > TICK_SECONDS / 2:
        sweeping.sweep()
        _swept = time.monotonic()
    worker.drain_short()


@worker_ready.connect
def _start_heartbeat(sender: Any, **kwargs: Any) -> None:
    lanes = sorted(sender.app.amqp.queues.consume_from)
    if lanes == [Lane.BULK]:
        os.nice(BULK_NICENESS)
    worker.start(lanes, sender.pool.limit)


@worker_shutting_down.connect
def _stop_claiming(**kwargs: Any) -> None:
    worker.stopping.set()


@worker_shutdown.connect
def _say_goodbye(**kwargs: Any) -> None:
    worker.stop()
