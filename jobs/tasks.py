"""Celery's share: it wakes workers up. The truth about jobs is in Postgres."""

from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down

from jobs import sweep as sweeping
from jobs import worker


@shared_task(name="jobs.drain", ignore_result=True)
def drain(lane: str) -> None:
    """Run what waits in `lane`."""
    worker.drain(lane)


@shared_task(name="jobs.sweep", ignore_result=True)
def sweep() -> None:
    """Do what the clock asks for, on a worker of its own that long jobs cannot fill."""
    sweeping.sweep()
    worker.drain_short()


@worker_ready.connect
def _start_heartbeat(**kwargs: Any) -> None:
    worker.holder()


@worker_shutting_down.connect
def _stop_claiming(**kwargs: Any) -> None:
    worker.stopping.set()


@worker_shutdown.connect
def _say_goodbye(**kwargs: Any) -> None:
    worker.stop()
