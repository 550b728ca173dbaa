"""What a hook answers: JSON with the headers that every page has."""

import functools
import json
from typing import Any, NamedTuple

from csp.middleware import CSPMiddleware
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware

from jobs.bodies import Refused
from jobs.intake import Receipt

Headers = list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """A response as ASGI wants it."""

    status: int
    headers: Headers
    body: bytes


def accepted(receipt: Receipt, *, secure: bool) -> Answer:
    """Return the 202."""
    told = {
        "id": str(receipt.delivery_id),
        "status": "accepted",
        "duplicate": receipt.duplicate,
        "received_at": receipt.received_at.isoformat(),
    }
    return _answer(202, told, "application/json", {}, secure)


def problem(refused: Refused, *, secure: bool) -> Answer:
    """Return the RFC 9457 problem."""
    told = refused.problem()
    return _answer(refused.status, told, "application/problem+json", refused.headers, secure)


def _answer(
    status: int, told: dict[str, Any], content_type: str, more: dict[str, str], secure: bool
) -> Answer:
    body = json.dumps(told).encode()
    own = {"content-type": content_type, "content-length": str(len(body)), **more}
    headers = [(name.lower().encode(), value.encode()) for name, value in own.items()]
    return Answer(status, headers + _house_headers(secure), body)


@functools.cache
def _house_headers(secure: bool) -> Headers:
    """Return what the middleware puts on every page, by asking it once."""
    request = HttpRequest()
    request.META["HTTP_X_FORWARDED_PROTO"] = "https" if secure else "http"
    response = HttpResponse()
    del response["Content-Type"]
    for middleware in (CSPMiddleware, XFrameOptionsMiddleware, SecurityMiddleware):
        middleware(lambda request: HttpResponse()).process_response(request, response)
    return [(name.lower().encode(), value.encode()) for name, value in response.items()]
