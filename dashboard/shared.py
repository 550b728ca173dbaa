"""Live parts rendered once a change and user, however many pages show them, and pushed to all.

A page says over its socket what it shows. When a topic changes, each address is fetched once in
this process, as one of the user's browsers would, with all of the app's middleware; then it goes to
every page of theirs whose login still holds. Nothing is kept from one change to the next, and a
rendering begins after the commit it is for: there is nothing that could be stale.
"""

import asyncio
import functools
import io
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.http import HttpResponse
from django.urls import Resolver404, resolve
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from agency.db import give_back_connections

MOST_SHOWN = 24
LONGEST = 2_000
KEPT_SECONDS = 30.0
THREADS = 2

TOKEN = re.compile(r'(name="csrfmiddlewaretoken" value=")[^"]*')
TOPIC = re.compile(r"[\w:.-]{1,80}")
ELEMENT = re.compile(r"[\w-]{1,80}")

T = TypeVar("T")


@dataclass(frozen=True)
class Shown:
    """A live part of an open page: the element, where it comes from, and on which topics."""

    id: str
    url: str
    topics: frozenset[str]


def read(listed: Any) -> list[Shown]:
    """Return what a browser says it shows, as far as that can be pushed."""
    if not isinstance(listed, list):
        return []
    found = (_shown(item) for item in listed[:MOST_SHOWN])
    return [shown for shown in found if shown is not None]


def _shown(item: Any) -> Shown | None:
    match item:
        case {"id": str(name), "url": str(url), "topics": list(topics)}:
            known = frozenset(
                topic for topic in topics if isinstance(topic, str) and TOPIC.fullmatch(topic)
            )
            if ELEMENT.fullmatch(name) and len(url) <= LONGEST and is_page(url):
                return Shown(name, url, known)
    return None


def is_page(url: str) -> bool:
    """Whether an address is one of the dashboard's."""
    if not url.startswith("/") or url.startswith("//") or not url.isprintable():
        return False
    try:
        return resolve(urlsplit(url).path).func.__module__.startswith("dashboard.")
    except (Resolver404, ValueError):
        return False


class Once(Generic[T]):
    """Does each thing once, for all that ask for it within a while."""

    def __init__(self) -> None:
        self._asked: OrderedDict[object, tuple[float, asyncio.Task[T]]] = OrderedDict()

    async def get(self, key: object, make: Callable[[], Awaitable[T]]) -> T:
        """Return what `make` returned for the first who asked for `key`."""
        now = time.monotonic()
        while self._asked:
            oldest, (at, _) = next(iter(self._asked.items()))
            if now - at < KEPT_SECONDS:
                break
            del self._asked[oldest]
        if key not in self._asked:
            self._asked[key] = (now, asyncio.ensure_future(make()))
        # One that goes away takes nothing from the others.
        return await asyncio.shield(self._asked[key][1])


_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="shared")


async def fetch(scope: dict[str, Any], shown: Shown) -> str | None:
    """Return the part as the browser of this socket would get it, without its form tokens.

    None where it would get anything but the part itself.
    """
    return await sync_to_async(_fetch, thread_sensitive=False, executor=_pool)(scope, shown)


def _fetch(scope: dict[str, Any], shown: Shown) -> str | None:
    try:
        response = _handler().get_response(_request(scope, shown))
        if not isinstance(response, HttpResponse) or response.status_code != 200:
            return None
        if response.headers.get("HX-Redirect"):
            return None
        return TOKEN.sub(r"\1", response.content.decode())
    finally:
        give_back_connections()


@functools.cache
def _handler() -> BaseHandler:
    """Return the app with its middleware; two threads at first may each make one, both whole."""
    handler = BaseHandler()
    handler.load_middleware()
    return handler


def _request(scope: dict[str, Any], shown: Shown) -> ASGIRequest:
    """Return the GET that htmx would send, with no cookie but the session's.

    Other cookies hold what is meant for one browser alone, such as its messages.
    """
    parts = urlsplit(shown.url)
    name = settings.SESSION_COOKIE_NAME
    headers = [
        (header, value) for header, value in scope["headers"] if header in (b"host", b"user-agent")
    ]
    headers += [
        (b"cookie", f"{name}={scope['cookies'].get(name, '')}".encode()),
        (b"hx-request", b"true"),
        (b"hx-target", shown.id.encode()),
        (b"x-forwarded-proto", b"https" if scope.get("scheme") == "wss" else b"http"),
    ]
    http = {
        "type": "http",
        "method": "GET",
        "scheme": "https" if scope.get("scheme") == "wss" else "http",
        "path": parts.path,
        "query_string": parts.query.encode(),
        "headers": headers,
        "client": scope.get("client"),
        "server": scope.get("server"),
    }
    return ASGIRequest(http, io.BytesIO())


async def logged_in(keys: Iterable[str]) -> frozenset[str]:
    """Return those of the session keys whose login still holds."""
    check = sync_to_async(_logged_in, thread_sensitive=False, executor=_pool)
    return await check(frozenset(keys))


def _logged_in(keys: frozenset[str]) -> frozenset[str]:
    try:
        rows = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
        sessions = {row.session_key: row.get_decoded() for row in rows}
        wanted = {data[SESSION_KEY] for data in sessions.values() if SESSION_KEY in data}
        users = {
            str(user.pk): user
            for user in get_user_model().objects.filter(pk__in=wanted, is_active=True)
        }
    finally:
        give_back_connections()
    return frozenset(
        key
        for key, data in sessions.items()
        if (user := users.get(data.get(SESSION_KEY, "")))
        and constant_time_compare(data.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())
    )


if settings.SESSION_ENGINE != "django.contrib.sessions.backends.db":
    raise ImproperlyConfigured("SESSION_ENGINE: live updates look sessions up in the database")
