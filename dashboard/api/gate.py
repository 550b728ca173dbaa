"""What stands before every call: who asks, how often, how much, and whether it was asked before.

In this order: 401, 429, 413, then an answer that is known under its Idempotency-Key.
"""

import functools
import hashlib
from collections.abc import Callable
from typing import Any

import limits
from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from limits import RateLimitItemPerMinute
from ninja.security import HttpBearer

from agency import api_keys, clock
from agency.models import ApiAnswer, ApiKey
from dashboard import rates
from dashboard.api import problems
from jobs.bodies import FieldError, Refused

MAX_BYTES = 64 * 1024
MAX_KEY = 255
GUESSES = RateLimitItemPerMinute(60)
"""Wrong keys from one address."""

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
View = Callable[..., HttpResponse]


class Call(HttpRequest):
    """A request that came through the gate."""

    key: ApiKey


def keep(view: View) -> View:
    """Put the gate before a view: only with a key, no cookie and no CSRF token."""

    @functools.wraps(view)
    def kept(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            request.key = _key(request)
            _check_size(request)
            if request.method == "POST" and HEADER in request.headers:
                return _once(request, lambda: view(request, *args, **kwargs))
            return problems.of_response(view(request, *args, **kwargs))
        except Refused as refused:
            return problems.answer(refused)

    kept.login_required = False  # type: ignore[attr-defined]
    return csrf_exempt(never_cache(kept))


class Bearer(HttpBearer):
    """Lets a key in that may do what is asked; the key itself was read at the gate."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey:
        key: ApiKey = request.key  # type: ignore[attr-defined]
        if self.scope not in key.scopes:
            raise Refused(403, f"This key may not do that; it needs the scope {self.scope}.")
        return key


def ours_only(request: Call, what: str) -> None:
    """Refuse a key of one client what is the agency's own. Raises Refused (403)."""
    if request.key.client_id is not None:
        raise Refused(403, f"This key is for one client; {what} are the agency’s own.")


def _key(request: HttpRequest) -> ApiKey:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    key = api_keys.find(secret.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        _too_many(rates.wait(GUESSES, "api", request.META.get("REMOTE_ADDR", "")))
        raise Refused(
            401,
            "No key, or not one that is in force: send Authorization: Bearer cck_…",
            headers={"WWW-Authenticate": 'Bearer realm="api"'},
        )
    _too_many(rates.wait(limits.parse(settings.API_RATE), "api", str(key.pk)))
    api_keys.note_use(key)
    return key


def _too_many(seconds: int) -> None:
    if seconds:
        raise Refused(
            429, f"Too many requests; again in {seconds} s.", headers={"Retry-After": str(seconds)}
        )


def _check_size(request: HttpRequest) -> None:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > MAX_BYTES or len(request.body) > MAX_BYTES:
        raise Refused(413, f"The body is larger than {MAX_BYTES // 1024} KB.")


def _once(request: Call, work: Callable[[], HttpResponse]) -> HttpResponse:
    """Do it once for each Idempotency-Key, in one transaction with the note that it was done.

    Of two at once, one waits for the other. What was refused does not use its key up.
    """
    name = request.headers[HEADER].strip()
    if not name or len(name) > MAX_KEY or not (name.isascii() and name.isprintable()):
        reason = f"must be 1 to {MAX_KEY} printable ASCII characters"
        raise Refused(400, f"{HEADER} {reason}.", FieldError(HEADER, reason))
    with transaction.atomic():
        mine = ApiAnswer.objects.filter(key=request.key, idempotency_key=name)
        mine.filter(created_at__lt=clock.wall() - api_keys.ANSWERS_KEPT).delete()
        fingerprint = _fingerprint(request)
        if not _is_first(request, name, fingerprint):
            return _earlier(mine.get(), fingerprint)
        response = problems.of_response(work())
        if response.status_code < 400:
            mine.update(status=response.status_code, body=response.content.decode())
        else:
            mine.delete()
        return response


STORE = """
INSERT INTO agency_apianswer (key_id, idempotency_key, fingerprint, status, body, created_at)
VALUES (%s, %s, %s, 0, '', %s) ON CONFLICT (key_id, idempotency_key) DO NOTHING
"""


def _is_first(request: Call, name: str, fingerprint: str) -> bool:
    """Take the idempotency key; of two at once the second waits here for the first to commit."""
    with connection.cursor() as cursor:
        cursor.execute(STORE, [request.key.pk, name, fingerprint, clock.wall()])
        return bool(cursor.rowcount == 1)


def _earlier(row: ApiAnswer, fingerprint: str) -> HttpResponse:
    if row.fingerprint != fingerprint:
        reason = "was used for another request within the last 24 hours; send a new one"
        raise Refused(422, f"This {HEADER} {reason}.", FieldError(HEADER, reason))
    response = HttpResponse(row.body, status=row.status, content_type="application/json")
    response[REPLAYED] = "true"
    return response


def _fingerprint(request: HttpRequest) -> str:
    said = f"{request.method} {request.get_full_path()}\n".encode() + request.body
    return hashlib.sha256(said).hexdigest()
