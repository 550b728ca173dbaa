"""Where outsiders post: `POST /hooks/leads/<token>`. Described in docs/WEBHOOKS.md.

What fails on its headers or its size is refused without a query. What a known endpoint was sent
and could not take is kept, marked rejected. Every refusal is an RFC 9457 problem.
"""

import asyncio
import functools
import hashlib
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

import limits
import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt
from limits import RateLimitItem
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from standardwebhooks import Webhook, WebhookVerificationError

from jobs import bodies, endpoints, intake
from jobs.bodies import FieldError, Refused
from jobs.intake import Arrival
from jobs.models import Endpoint
from pipeline import intake as lead_intake

RETRY_SECONDS = 5
ALL_TOGETHER = 5
VALKEY_PAUSE_SECONDS = 5
LINGER_SECONDS = 2
LINGER_BYTES = 1024 * 1024
MAX_KEY = 255
SIGNATURE_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
KEPT_HEADERS = ("user-agent", "origin", "referer", "idempotency-key", *SIGNATURE_HEADERS)

log = logging.getLogger(__name__)


@csrf_exempt
@login_not_required
def leads(request: HttpRequest, token: str) -> HttpResponse:
    """Take in one lead."""
    try:
        return _take_in(request, "leads", token)
    except Refused as refused:
        return _problem(refused)
    except (OperationalError, InterfaceError) as error:
        log.warning("webhook intake is waiting for Postgres: %s", error)
        return _problem(_busy())


@csrf_exempt
@login_not_required
def unknown(request: HttpRequest) -> HttpResponse:
    """Answer for every other address under /hooks/."""
    return _problem(_not_found())


urlpatterns = [
    path("hooks/leads/<str:token>", leads, name="hook-leads"),
    re_path(r"^hooks/", unknown, name="hook-unknown"),
]


def _take_in(request: HttpRequest, purpose: str, token: str) -> HttpResponse:
    arrival = _arrival(request)
    _check_rate(token, request.META.get("REMOTE_ADDR", ""))
    endpoint = endpoints.find(purpose, token)
    if endpoint is None:
        raise _not_found()
    try:
        _check_signature(endpoint, request.headers, arrival.body)
        lead_intake.read(arrival.content_type, arrival.body)
        receipt = intake.accept(endpoint, arrival, lead_intake.KIND)
    except Refused as refused:
        intake.reject(endpoint, arrival, refused)
        raise
    return JsonResponse(
        {
            "id": str(receipt.delivery_id),
            "status": "accepted",
            "duplicate": receipt.duplicate,
            "received_at": receipt.received_at.isoformat(),
        },
        status=202,
    )


# Headers and body


def _arrival(request: HttpRequest) -> Arrival:
    """Return the request, read. Raises Refused (400, 405, 413, 415)."""
    if request.method != "POST":
        raise Refused(405, "Only POST is understood here.", headers={"Allow": "POST"})
    _check_length(request.META.get("CONTENT_LENGTH") or "0")
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise Refused(
            415,
            f"Content-Encoding “{bodies.shown(encoding)}” is not accepted; send the body as it is.",
            FieldError("Content-Encoding", "must be left out"),
        )
    keys = _keys(request.headers)
    try:
        body = request.read(bodies.MAX_BYTES + 1)
    except UnreadablePostError:
        raise Refused(400, "The body ended before its declared length.") from None
    _check_length(str(len(body)))
    if not body:
        raise Refused(400, "The body is empty.")
    content_type = request.headers.get("Content-Type", "")
    bodies.media_type(content_type)
    headers = {
        name: bodies.shown(request.headers[name], 500)
        for name in KEPT_HEADERS
        if name in request.headers
    }
    return Arrival(content_type, body, headers, keys)


def _check_length(length: str) -> None:
    if not length.isdecimal():
        raise Refused(
            400, "Content-Length is no number.", FieldError("Content-Length", "must be a number")
        )
    if len(length) > 18 or int(length) > bodies.MAX_BYTES:
        raise _too_large()


def _keys(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the idempotency keys by the header that gives them. Raises Refused (400).

    A signed delivery is also known by its webhook-id, so that a copy of it stays a copy under
    whatever Idempotency-Key, which is not signed.
    """
    keys = {}
    for header, prefix in (("Idempotency-Key", "key"), ("webhook-id", "id")):
        if header not in headers:
            continue
        key = headers[header].strip()
        if not key or len(key) > MAX_KEY or not (key.isascii() and key.isprintable()):
            reason = f"must be 1 to {MAX_KEY} printable ASCII characters"
            raise Refused(400, f"{header} {reason}.", FieldError(header, reason))
        keys[header] = f"{prefix}:{key}"
    return keys


def _check_signature(endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> None:
    """Raise Refused (401) unless it is signed rightly, or neither signed nor has to be."""
    given = {name: headers[name] for name in SIGNATURE_HEADERS if name in headers}
    if not given and not endpoint.require_signature:
        return
    for name in SIGNATURE_HEADERS:
        if not given.get(name):
            raise Refused(
                401,
                f"The signature is incomplete: {name} is missing.",
                FieldError(name, "is missing; sign as Standard Webhooks 1.0 says"),
                headers={"WWW-Authenticate": "StandardWebhooks"},
            )
    try:
        Webhook(endpoint.secret).verify(body, given, json_parse=False)
    except (WebhookVerificationError, ValueError, OverflowError) as error:
        header, reason = "webhook-signature", "does not match the body and the endpoint's secret"
        if "timestamp" in str(error) or "Invalid Signature Headers" in str(error):
            header = "webhook-timestamp"
            reason = "must be the time of sending, in Unix seconds, at most 5 minutes off"
        raise Refused(
            401,
            f"The signature is refused: {header} {reason}.",
            FieldError(header, reason),
            headers={"WWW-Authenticate": "StandardWebhooks"},
        ) from None


# Rate


@functools.cache
def _limiters() -> tuple[MovingWindowRateLimiter, MovingWindowRateLimiter]:
    """Return the one all processes share, in Valkey, and this process's own for when it is away."""
    pool = redis.ConnectionPool.from_url(
        settings.REDIS_URL, socket_timeout=0.1, socket_connect_timeout=0.1, retry=None
    )
    shared = RedisStorage(
        settings.REDIS_URL, connection_pool=pool, key_prefix="hooks", wrap_exceptions=True
    )
    return MovingWindowRateLimiter(shared), MovingWindowRateLimiter(MemoryStorage())


@functools.cache
def _rates(rate: str) -> tuple[RateLimitItem, RateLimitItem]:
    """Return the rate for one address, and for all together; so one cannot shut the others out."""
    one = limits.parse(rate)
    return one, type(one)(one.amount * ALL_TOGETHER, one.multiples)


_valkey_away_until = 0.0


def _check_rate(token: str, address: str) -> None:
    """Raise Refused (429) when this address, or all together, post to an endpoint too fast."""
    global _valkey_away_until
    shared, own = _limiters()
    if time.monotonic() > _valkey_away_until:
        try:
            return _hit(shared, token, address)
        except StorageError as error:
            log.warning("webhook rates are counted in this process only: %s", error.storage_error)
            _valkey_away_until = time.monotonic() + VALKEY_PAUSE_SECONDS
    return _hit(own, token, address)


def _hit(limiter: MovingWindowRateLimiter, token: str, address: str) -> None:
    endpoint = hashlib.sha256(token.encode(errors="replace")).hexdigest()[:32]
    one, all_together = _rates(settings.LEAD_HOOK_RATE)
    for rate, who in ((one, (endpoint, address)), (all_together, (endpoint,))):
        if limiter.hit(rate, *who):
            continue
        reset = limiter.get_window_stats(rate, *who).reset_time
        seconds = max(1, math.ceil(reset - time.time()))
        raise Refused(
            429,
            f"Too many deliveries; try again in {seconds} s.",
            headers={"Retry-After": str(seconds)},
        )


# Answers


def _not_found() -> Refused:
    return Refused(404, "There is no webhook at this address, or it was switched off.")


def _too_large() -> Refused:
    return Refused(413, f"The body is larger than {bodies.MAX_BYTES // 1024} KB.")


def _busy() -> Refused:
    return Refused(
        503,
        "This cannot be stored right now; send it again.",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


def _problem(refused: Refused) -> HttpResponse:
    response = JsonResponse(
        refused.problem(),
        status=refused.status,
        headers=refused.headers,
        content_type="application/problem+json",
    )
    # Django's log line would hold the path, and with it the token.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


# Before Django

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def limit_body(app: App) -> App:
    """Wrap an ASGI app so that too large a body for a hook is refused while it still arrives.

    Django's own ASGI handler reads every body to its end before a view is asked.
    """

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/hooks/"):
            return await app(scope, receive, send)
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared[:18]) > bodies.MAX_BYTES:
            return await _send_too_large(receive, send)
        # No session is asked for here, so that a cookie costs no query and cannot fail.
        headers = [pair for pair in scope["headers"] if pair[0] != b"cookie"]
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            # Django stops quietly and answers nothing when the client is gone.
            return message if read <= bodies.MAX_BYTES else {"type": "http.disconnect"}

        await app({**scope, "headers": headers}, counted, send)
        if read > bodies.MAX_BYTES:
            await _send_too_large(receive, send)

    return limited


async def _send_too_large(receive: Receive, send: Send) -> None:
    """Answer, read on for a moment, then close.

    Closing on unread data resets the connection, and the answer would be lost on its way.
    """
    response = _problem(_too_large())
    response["Content-Length"] = str(len(response.content))
    response["Connection"] = "close"
    headers = [(name.lower().encode(), value.encode()) for name, value in response.items()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content, "more_body": True})
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
