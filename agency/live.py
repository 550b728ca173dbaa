"""Live updates: a change names its topics, browsers re-fetch what they show of them.

A topic is only a hint that something changed; permissions are checked when the page is fetched.
Losing one costs a stale page until the next, never a lost change.
"""

import asyncio
import logging
import threading

from channels.layers import get_channel_layer
from django.db import transaction

from agency import loop

GROUP = "live"
COALESCE_SECONDS = 0.15
SEND_TIMEOUT_SECONDS = 1.0

log = logging.getLogger(__name__)
_lock = threading.Lock()
_pending: set[str] = set()
_scheduled = False


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
    global _scheduled
    await asyncio.sleep(COALESCE_SECONDS)
    with _lock:
        topics = sorted(_pending)
        _pending.clear()
        _scheduled = False
    layer = get_channel_layer()
    if layer is None:
        return
    message = {"type": "live.topics", "topics": topics}
    try:
        await asyncio.wait_for(layer.group_send(GROUP, message), SEND_TIMEOUT_SECONDS)
    except (OSError, TimeoutError, ConnectionError) as error:
        log.warning("live update not sent: %s", error)
    except Exception as error:  # noqa: BLE001 - redis errors share no base with OSError; a hint may be lost
        log.warning("live update not sent: %r", error)
