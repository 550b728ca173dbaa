"""Live updates: a change names its topics, open pages get anew what they show of them.

A topic is only a hint that something changed; permissions are checked when a part is rendered and
when it is pushed. Losing one costs a stale page until the next, never a lost change.
"""

import asyncio
import logging
import threading
import time
import uuid

from channels.layers import get_channel_layer
from django.db import transaction

from agency import loop

GROUP = "live"
COALESCE_SECONDS = 0.15
"""What changes within so long of the last message goes out as one."""

TOGETHER_SECONDS = 0.01
"""One transaction names its topics in several hooks, one after the other."""

SEND_TIMEOUT_SECONDS = 1.0

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
        await asyncio.wait_for(layer.group_send(GROUP, message), SEND_TIMEOUT_SECONDS)
    except (OSError, TimeoutError, ConnectionError) as error:
        log.warning("live update not sent: %s", error)
    except Exception as error:  # noqa: BLE001 - redis errors share no base with OSError; a hint may be lost
        log.warning("live update not sent: %r", error)
