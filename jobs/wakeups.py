"""Hints through Valkey that a lane has work. A hint is never a job and may be lost."""

import functools
import logging

import redis
from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

ENOUGH = 4

log = logging.getLogger(__name__)


@functools.cache
def valkey() -> "redis.Redis":
    """Return the process's client, with timeouts short enough for a commit hook."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=0.1, socket_connect_timeout=0.1, retry=None
    )


def wake_on_commit(lane: str) -> None:
    """Hint, once the current transaction commits, that `lane` has work."""
    transaction.on_commit(lambda: send(lane), robust=True)


def send(lane: str) -> None:
    """Hint that `lane` has work, unless enough hints are waiting already."""
    try:
        if valkey().llen(lane) >= ENOUGH:
            return
        # Without a time to expire: the sender's clock and the worker's may be hours apart.
        current_app.send_task("jobs.drain", args=[lane], queue=lane, retry=False)
    except (redis.RedisError, OperationalError, OSError) as error:
        log.warning("no wake-up for %s, the sweep will send one: %s", lane, error)
