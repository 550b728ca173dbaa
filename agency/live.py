"""Live updates: a change names its topics, open pages get anew what they show of them.

A topic is only a hint that something changed; permissions are checked when a part is rendered and
when it is pushed. Losing one costs a stale page until the next, never a lost change.

For a minute Valkey remembers when a topic changed last, so that a page learns what it missed
between its rendering and the opening of its socket.
"""

import asyncio
import logging
import threading
import time
import uuid
from typing import Any

from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

from agency import loop

GROUP = "live"
COALESCE_SECONDS = 0.15
"""What changes within so long of the last message goes out as one."""

TOGETHER_SECONDS = 0.01
"""One transaction names its topics in several hooks, one after the other."""

SEND_TIMEOUT_SECONDS = 1.0

REMEMBERED_SECONDS = 60
SLACK_SECONDS = 2.0
"""So much may lie between the reading of a page's rows and its time, and between two clocks."""

RECENT = "live:recent"

log = logging.getLogger(__name__)
_lock = threading.Lock()
_pending: set[str] = set()
_scheduled = False
_sent_at = 0.0


def broadcast(*topics: str) -> None:
    """Tell open browsers, once the current transaction commits, that `topics` changed."""
    transaction.on_commit(lambda: _queue(topics), robust=True)


def _queue(topics: tuple[str, ...]) -> None:
    global _scheduled
    with _lock:
        _pending.update(topics)
        if _scheduled:
            return
        _scheduled = True
    loop.submit(_flush())


async def _flush() -> None:
    global _scheduled, _sent_at
    ready = _sent_at + COALESCE_SECONDS - time.monotonic()
    await asyncio.sleep(max(TOGETHER_SECONDS, ready))
    with _lock:
        _sent_at = time.monotonic()
        topics = sorted(_pending)
        _pending.clear()
        _scheduled = False
    layer = get_channel_layer()
    if layer is None:
        return
    message = {"type": "live.topics", "topics": topics, "change": uuid.uuid4().hex}
    try:
        async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
            await _remember(layer, topics)
            await layer.group_send(GROUP, message)
    except (OSError, TimeoutError, RedisError) as error:
        log.warning("live update not sent: %r", error)


async def _remember(layer: Any, topics: list[str]) -> None:
    now = time.time()
    async with layer.connection(0).pipeline() as pipe:
        pipe.zadd(RECENT, dict.fromkeys(topics, now))
        pipe.zremrangebyscore(RECENT, "-inf", now - REMEMBERED_SECONDS)
        pipe.expire(RECENT, REMEMBERED_SECONDS)
        await pipe.execute()


async def changed_since(moment: float) -> list[str] | None:
    """Return the topics that changed after a moment (seconds since 1970), by this machine's clock.

    None where that cannot be said, because it is too long ago or Valkey does not answer.
    """
    if moment < time.time() - REMEMBERED_SECONDS / 2:
        return None
    layer: Any = get_channel_layer()
    try:
        async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
            found = await layer.connection(0).zrangebyscore(RECENT, moment - SLACK_SECONDS, "+inf")
    except (OSError, TimeoutError, RedisError):
        return None
    return sorted(topic.decode() for topic in found)
