"""The process's one background asyncio loop.

Model calls, streams and live updates run here, so that a thread waiting for one can give up
(cancelling the future closes the connection at once, which closing a synchronous client does not).
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_pid: int | None = None


def get() -> asyncio.AbstractEventLoop:
    """Return the running loop, started on first use and again after a fork."""
    global _loop, _pid
    with _lock:
        if _loop is None or _pid != os.getpid():
            _loop = asyncio.new_event_loop()
            _pid = os.getpid()
            threading.Thread(target=_loop.run_forever, name="agency-loop", daemon=True).start()
        return _loop


def submit(coro: Coroutine[Any, Any, T]) -> "Future[T]":
    """Run `coro` on the loop; cancelling the returned future cancels the coroutine."""
    return asyncio.run_coroutine_threadsafe(coro, get())
