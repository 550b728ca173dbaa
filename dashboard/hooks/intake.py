"""Where outsiders post: `POST /hooks/<purpose>/<token>`. Described in docs/WEBHOOKS.md.

An ASGI app in front of Django: no session, no middleware, no thread for each request. What fails
on its headers or its size is refused at once; the rest is taken in together with whatever arrives
while the batch before is being committed. Every refusal is an RFC 9457 problem.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http.request import split_domain_port, validate_host

from dashboard.hooks import arrivals, deliveries
from dashboard.hooks.answers import Answer, accepted, problem
from dashboard.hooks.deliveries import Outcome, Post
from jobs import bodies, registry, wakeups
from jobs.bodies import FieldError, Refused
from jobs.intake import Receipt

PREFIX = "/hooks/"
ELSEWHERE = frozenset({"/hooks/stripe/"})
"""What has a signature instead of a token, and is a view of Django's."""

RETRY_SECONDS = 5
LINGER_SECONDS = 2
LINGER_BYTES = 1024 * 1024
MOST_AT_ONCE = 100
MOST_WAITING = 1000
HINT_SECONDS = 0.05

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[..., Awaitable[None]]
Waiting = tuple[Post, asyncio.Future[Receipt]]

log = logging.getLogger(__name__)


class SenderGone(Exception):
    """The sender hung up before its request was whole."""


class Hooks:
    """Answers what is posted under /hooks/ and passes the rest on to Django.

    One for each event loop.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self.intake = Intake()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        if scope["type"] != "http" or not path.startswith(PREFIX) or path in ELSEWHERE:
            return await self.app(scope, receive, send)
        headers = _headers(scope)
        scheme = headers.get("x-forwarded-proto") or str(scope["scheme"])
        secure = scheme.partition(",")[0].strip() == "https"
        with suppress(SenderGone):
            try:
                body = await _body(headers, receive)
                receipt = await self._take_in(scope, headers, body)
                answer = accepted(receipt, secure=secure)
            except Refused as refused:
                answer = problem(refused, secure=secure)
                if refused.status == 413:
                    return await _send_and_hang_up(answer, receive, send)
            await _send(answer, send)

    async def _take_in(self, scope: Scope, headers: dict[str, str], body: bytes) -> Receipt:
        _check_host(scope, headers)
        purpose, _, token = scope["path"].removeprefix(PREFIX).partition("/")
        if purpose not in deliveries.TAKES or not token:
            raise deliveries.not_found()
        arrival = arrivals.read(scope["method"], headers, body)
        address = scope["client"][0] if scope.get("client") else ""
        return await self.intake.take_in(Post(token, address, headers, arrival, purpose))


class Intake:
    """Group commit: what arrives while a batch is being stored is the next batch.

    Each is answered after its own commit. One batch is under way at a time, in a thread of its own.
    """

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[Waiting] = asyncio.Queue()
        self.work: asyncio.Task[None] | None = None
        self.hints: asyncio.Task[None] | None = None
        self.hint_due = False

    async def take_in(self, post: Post) -> Receipt:
        """Return the receipt once the post is committed. Raises Refused."""
        if self.arrived.qsize() >= MOST_WAITING:
            raise _busy()
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self.arrived.put_nowait((post, future))
        if self.work is None or self.work.done():
            self.work = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        async with ThreadSensitiveContext():
            while True:
                batch = [await self.arrived.get()]
                while not self.arrived.empty() and len(batch) < MOST_AT_ONCE:
                    batch.append(self.arrived.get_nowait())
                await self._store(batch)

    async def _store(self, batch: list[Waiting]) -> None:
        outcomes: Sequence[Outcome | Exception]
        try:
            outcomes = await sync_to_async(deliveries.take_in)([post for post, _ in batch])
        except (OperationalError, InterfaceError) as error:
            log.warning("webhook intake is waiting for Postgres: %s", error)
            outcomes = [_busy() for _ in batch]
        except Exception as error:  # noqa: BLE001 - it goes to whoever waits
            if len(batch) > 1:  # One that cannot be stored must not fail its neighbours.
                for each in batch:
                    await self._store([each])
                return
            outcomes = [error]
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
                self._hint()

    def _hint(self) -> None:
        """Have the lane woken, by one hint for all that was stored within a moment."""
        self.hint_due = True
        if self.hints is None or self.hints.done():
            self.hints = asyncio.create_task(self._send_hints())

    async def _send_hints(self) -> None:
        while self.hint_due:
            self.hint_due = False
            for kind, _ in deliveries.TAKES.values():
                await asyncio.to_thread(wakeups.send, registry.get(kind).lane)
            await asyncio.sleep(HINT_SECONDS)


# Reading the request


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers as text, those given twice joined, as HTTP says."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _check_host(scope: Scope, headers: dict[str, str]) -> None:
    """Raise Refused (400) unless the request is for one of ALLOWED_HOSTS."""
    host = headers.get("host", (scope.get("server") or ("",))[0])
    domain, _ = split_domain_port(host)
    if not (domain and validate_host(domain, settings.ALLOWED_HOSTS)):
        raise Refused(400, "This is not the host of this address.", FieldError("Host", "is wrong"))


async def _body(headers: dict[str, str], receive: Receive) -> bytes:
    """Return the body, not reading too large a one. Raises Refused (400, 413), SenderGone."""
    length = headers.get("content-length", "0")
    if not length.isdecimal():
        raise Refused(
            400, "Content-Length is no number.", FieldError("Content-Length", "must be a number")
        )
    if len(length) > 18 or int(length) > bodies.MAX_BYTES:
        raise _too_large()
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise SenderGone
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > bodies.MAX_BYTES:
            raise _too_large()
    return body


# Answering


def _too_large() -> Refused:
    return Refused(413, f"The body is larger than {bodies.MAX_BYTES // 1024} KB.")


def _busy() -> Refused:
    return Refused(
        503,
        "This cannot be stored right now; send it again.",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


async def _send(answer: Answer, send: Send) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _send_and_hang_up(answer: Answer, receive: Receive, send: Send) -> None:
    """Answer, read on for a moment, then close.

    Closing on unread data resets the connection, and the answer would be lost on its way.
    """
    headers = [*answer.headers, (b"connection", b"close")]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            await _discard(receive, LINGER_BYTES)
    await send({"type": "http.response.body"})


async def _discard(receive: Receive, limit: int) -> None:
    while limit > 0:
        message = await receive()
        limit -= len(message.get("body", b""))
        if not message.get("more_body", False):
            return
