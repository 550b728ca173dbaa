"""Celery carries wake-ups, never jobs: a lost message costs a second, until the next sweep."""

import logging.config
import os
from typing import Any

import celery
from celery.signals import setup_logging
from django.conf import settings
from kombu import Connection, Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings")


class Celery(celery.Celery):
    """Publishing gives up fast, because the caller has already stored what matters.

    Only the connection to publish is short of patience: a worker waits on its own.
    """

    def connection_for_write(self, *args: Any, **kwargs: Any) -> Connection:
        kwargs["transport_options"] = {
            "socket_timeout": 0.1,
            "socket_connect_timeout": 0.1,
            "max_retries": 0,
            **(kwargs.get("transport_options") or {}),
        }
        connection: Connection = super().connection_for_write(*args, **kwargs)
        return connection


def broker_url(redis_url: str) -> str:
    """Return the address as kombu spells it: it has a scheme of its own for Unix sockets."""
    if not redis_url.startswith("unix://"):
        return redis_url
    path, _, query = redis_url.removeprefix("unix://").partition("?")
    number = dict(part.split("=", 1) for part in query.split("&") if part).get("db", "0")
    return f"redis+socket://{path}?virtual_host={number}"


@setup_logging.connect
def use_django_logging(**kwargs: Any) -> None:
    logging.config.dictConfig(settings.LOGGING)


app = Celery("agency")
app.conf.update(
    broker_url=broker_url(settings.REDIS_URL),
    # A hint is forgotten by its worker alone. Told to Valkey, an acknowledgement that fails counts
    # against the worker for ever, and after a few of them it listens no more.
    broker_transport_options={"ack_emulation": False},
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    task_ignore_result=True,
    task_acks_late=False,
    task_publish_retry=False,
    task_queues=[Queue(name) for name in ("fast", "normal", "bulk", "sweep")],
    task_default_queue="normal",
    task_create_missing_queues=False,
    worker_pool="threads",
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    enable_utc=True,
    timezone="UTC",
    # Kept in memory: a sweep every second needs no memory of the last one.
    beat_scheduler="celery.beat:Scheduler",
    beat_schedule={
        "sweep": {
            "task": "jobs.sweep",
            "schedule": 1.0,
            # Without a time to expire: the clocks of two machines may be hours apart.
            "options": {"queue": "sweep"},
        }
    },
)
app.autodiscover_tasks()
