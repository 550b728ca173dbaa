"""Reading other people's pages: politely, within limits, and never inside anybody's network.

Every fetch of the product goes through `fetch`. It obeys robots.txt, leaves a host alone between
two requests, caps size and time, refuses private addresses at every hop, and keeps the sandbox
world and the real one apart.
"""

import codecs
import datetime as dt
import re
from dataclasses import dataclass

from django.utils import timezone

from integrations.errors import ServiceError
from integrations.web import manners, wire
from integrations.web.hosts import (
    INTERNET,
    Network,
    WebRefused,
    World,
    host_of,
    registrable,
    world_of,
)
from integrations.web.manners import is_never_read

__all__ = [
    "FEED",
    "HTML",
    "INTERNET",
    "JSON",
    "Network",
    "Page",
    "WebRefused",
    "World",
    "fetch",
    "host_of",
    "is_never_read",
    "registrable",
    "world_of",
]

HTML = ("text/html", "application/xhtml+xml", "text/plain")
FEED = (
    *("application/rss+xml", "application/atom+xml", "application/xml", "text/xml"),
    *("application/rdf+xml", "text/html", "text/plain"),
)
JSON = ("application/json",)

MAX_BYTES = 1_000_000
SECONDS = 20.0
TRY_AGAIN = frozenset({408, 425, 429})
CODECS = re.compile(r"utf-(?:8|16)|ascii|iso8859|cp125|koi8|gb|big5|euc|shift_jis")
"""Charsets of the web. Python has others, some of them slow, some that make no valid text."""

CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset=["']?([\w-]{1,40})""", re.I)


@dataclass(frozen=True)
class Page:
    """What an address held. `url` is where it was found in the end, after redirects."""

    url: str
    status: int
    content_type: str
    body: bytes
    text: str
    fetched_at: dt.datetime
    etag: str = ""
    last_modified: str = ""
    not_modified: bool = False


def fetch(
    url: str,
    *,
    world: World,
    etag: str = "",
    last_modified: str = "",
    max_bytes: int = MAX_BYTES,
    accept: tuple[str, ...] = HTML,
    seconds: float = SECONDS,
    network: Network = INTERNET,
) -> Page:
    """Get a page of this world, unless it has not changed since `etag` or `last_modified`.

    Waits for its turn at the host first. `seconds` is for each hop. Raises WebRefused for what is
    never fetched, ServiceError for what went wrong, an answer of 400 and more included.
    """
    headers = {
        "User-Agent": manners.agent(),
        "Accept": ", ".join(accept),
        "Accept-Encoding": "gzip",
        "If-None-Match": etag,
        "If-Modified-Since": last_modified,
    }
    answer = wire.follow(
        url,
        world=world,
        network=network,
        headers={name: value for name, value in headers.items() if value},
        max_bytes=max_bytes,
        seconds=seconds,
        before=lambda hop: manners.ask(hop, world, network),
    )
    host, status = answer.target.host, answer.status
    unchanged = status == 304
    if not unchanged and not 200 <= status < 300:
        final = status < 500 and status not in TRY_AGAIN
        raise ServiceError(f"{host} answered {status}", permanent=final)
    kind = answer.headers.get("Content-Type", "")
    if not unchanged and _plain(kind) not in ("", *accept):
        raise WebRefused(f"{answer.target.url} is {_plain(kind)[:60]}, which is not read")
    return Page(
        url=answer.target.url,
        status=status,
        content_type=_plain(kind),
        body=answer.body,
        text=_text(answer.body, kind),
        fetched_at=timezone.now(),
        etag=answer.headers.get("ETag", "")[:200],
        last_modified=answer.headers.get("Last-Modified", "")[:100],
        not_modified=unchanged,
    )


def _plain(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _text(body: bytes, content_type: str) -> str:
    """Return the body as text without NUL, by the charset the header or the page names."""
    named = re.search(r"charset=[\"']?([\w-]{1,40})", content_type, re.I)
    inside = CHARSET.search(body[:2_048])
    name = named.group(1) if named else inside.group(1).decode() if inside else "utf-8"
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        codec = "utf-8"
    text = body.decode(codec if CODECS.match(codec) else "utf-8", errors="replace")
    return text.replace("\x00", "")
