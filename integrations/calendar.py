"""The operator's own calendar, over CalDAV (RFC 4791): what is busy, and our calls in it.

`CALDAV_URL` leads to one calendar, `https://user:password@host/path/to/calendar/`. Without it there
is none, and nothing is pretended. What is written names the version it replaces, so that a change
made in the calendar meanwhile is never written over unseen.
"""

import contextlib
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from django.conf import settings

from integrations.errors import ServiceError

TIMEOUT_SECONDS = 10
ICS = "text/calendar; charset=utf-8"
MOST_ENTRIES = 2_000
REFUSED = (400, 401, 403, 404, 405, 409, 415, 422)
"""Answers that the same request will get again."""


class Changed(ServiceError):
    """The calendar holds another version of this event than the one that was named."""

    def __init__(self, href: str) -> None:
        super().__init__(f"{href} was changed in the calendar meanwhile", permanent=False)


@dataclass(frozen=True)
class Entry:
    """One event of the calendar, or one of the times of a repeated one. Times are UTC."""

    uid: str
    href: str
    etag: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    busy: bool = True
    cancelled: bool = False


@dataclass(frozen=True)
class Stored:
    """Where an event stands in the calendar, and as which version."""

    href: str
    etag: str


def is_configured() -> bool:
    return bool(settings.CALDAV_URL)


def host() -> str:
    """Return whose calendar it is; the rest of the address holds a password."""
    return urlsplit(settings.CALDAV_URL).hostname or ""


def read(start: dt.datetime, end: dt.datetime, zone: ZoneInfo) -> list[Entry]:
    """Return what the calendar holds between two moments, repeated events time by time.

    Days without hours, and times without a zone, are taken to be in `zone`. Raises ServiceError.
    """
    with _client() as client:
        calendar = client.calendar(url=_collection())
        with _said():
            found = calendar.search(start=start, end=end, event=True, props=_props())
            entries = [
                entry
                for one in found[:MOST_ENTRIES]
                for entry in _entries(str(one.url), one.etag or "", one, start, end, zone)
            ]
    return [entry for entry in entries if entry.starts_at < end and entry.ends_at > start]


def get(href: str, zone: ZoneInfo) -> Entry | None:
    """Return an event as it stands, its first time if it repeats; None if it is gone."""
    with _client() as client, _said():
        answer = client.request(_absolute(href))
        if answer.status in (404, 410):
            return None
        _expect(answer, 200)
        entries = _parsed(_absolute(href), _etag(answer), answer.raw, zone)
    return entries[0] if entries else None


def put(uid: str, ics: bytes, etag: str = "", href: str = "") -> Stored:
    """Write an event over the version `etag`, or as a new one where there is none of its name.

    Twice is as good as once. Raises Changed when the calendar holds another version, ServiceError.
    """
    where = _absolute(href or f"{quote(uid, safe='@')}.ics")
    condition = {"If-Match": etag} if etag else {"If-None-Match": "*"}
    with _client() as client, _said():
        answer = client.put(where, ics.decode(), {"Content-Type": ICS, **condition})
        if answer.status == 412:
            raise Changed(where)
        _expect(answer, 200, 201, 204)
        # A server that stored something else than it was given names no version (RFC 4791, 5.3.4).
        version = _etag(answer) or _etag(client.request(where))
    return Stored(where, version)


def remove(href: str, etag: str = "") -> None:
    """Take an event out; one that is gone already is fine. Raises Changed, ServiceError."""
    where = _absolute(href)
    with _client() as client, _said():
        answer = client.delete(where, {"If-Match": etag} if etag else {})
        if answer.status == 412:
            raise Changed(where)
        _expect(answer, 200, 202, 204, 404, 410)


@contextlib.contextmanager
def _client() -> Iterator[Any]:
    """Return a client that talks to the calendar's own server only, as its user."""
    from caldav.davclient import DAVClient

    if not is_configured():
        raise ServiceError("CALDAV_URL is not set: there is no calendar", permanent=True)
    client = DAVClient(
        settings.CALDAV_URL, timeout=TIMEOUT_SECONDS, enable_rfc6764=False, features={}
    )
    client.session.trust_env = False  # neither a proxy nor a .netrc of this machine
    client.session.max_redirects = 0  # the password is for this host
    try:
        yield client
    finally:
        client.close()


@contextlib.contextmanager
def _said() -> Iterator[None]:
    """Turn what goes wrong into a ServiceError that names the host, never the password."""
    from caldav.lib.error import AuthorizationError, DAVError

    try:
        yield
    except AuthorizationError as error:
        raise ServiceError(
            f"the calendar at {host()} refused user and password", permanent=True
        ) from error
    except DAVError as error:
        status = error.status or 0
        raise ServiceError(
            f"the calendar at {host()} answered {status or type(error).__name__}",
            permanent=status in REFUSED,
        ) from error
    except OSError as error:
        raise ServiceError(
            f"the calendar at {host()} cannot be reached: {type(error).__name__}", permanent=False
        ) from error
    except ValueError as error:
        raise ServiceError(
            f"the calendar at {host()} answered what is no calendar: {error}"[:300], permanent=False
        ) from error


def _expect(answer: Any, *wanted: int) -> None:
    if answer.status not in wanted:
        raise ServiceError(
            f"the calendar at {host()} answered {answer.status}",
            permanent=answer.status in REFUSED,
        )


def _collection() -> str:
    """Return the calendar's address without user and password."""
    parts = urlsplit(settings.CALDAV_URL)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, place, f"{parts.path.rstrip('/')}/", "", ""))


def _absolute(href: str) -> str:
    """Return an event's address. Raises ServiceError for one on another host."""
    found = urljoin(_collection(), href)
    if urlsplit(found).netloc != urlsplit(_collection()).netloc:
        raise ServiceError(f"{found} is not in the calendar at {host()}", permanent=True)
    return found


def _etag(answer: Any) -> str:
    return str(answer.headers.get("ETag") or "")


def _props() -> list[Any]:
    from caldav.elements import dav

    return [dav.GetEtag()]


def _parsed(href: str, etag: str, raw: bytes | str, zone: ZoneInfo) -> list[Entry]:
    from icalendar import Calendar

    text = raw.decode(errors="replace") if isinstance(raw, bytes) else raw
    return [
        _entry(href, etag, component, zone) for component in Calendar.from_ical(text).walk("VEVENT")
    ]


def _entries(
    href: str, etag: str, one: Any, start: dt.datetime, end: dt.datetime, zone: ZoneInfo
) -> list[Entry]:
    import recurring_ical_events

    components = one.icalendar_instance.walk("VEVENT")
    if any("RRULE" in part or "RDATE" in part for part in components):
        components = recurring_ical_events.of(one.icalendar_instance).between(start, end)
    return [_entry(href, etag, part, zone) for part in components if "DTSTART" in part]


def _entry(href: str, etag: str, event: Any, zone: ZoneInfo) -> Entry:
    starts_at = _moment(event.decoded("dtstart"), zone)
    cancelled = str(event.get("status", "")).upper() == "CANCELLED"
    transparent = str(event.get("transp", "")).upper() == "TRANSPARENT"
    return Entry(
        uid=str(event.get("uid", "")),
        href=href,
        etag=etag,
        starts_at=starts_at,
        ends_at=max(starts_at, _end(event, starts_at, zone)),
        busy=not (cancelled or transparent),
        cancelled=cancelled,
    )


def _end(event: Any, starts_at: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """Return an event's end; without one, a day ends with itself (RFC 5545, section 3.6.1)."""
    if "DTEND" in event:
        return _moment(event.decoded("dtend"), zone)
    if "DURATION" in event:
        length: dt.timedelta = event.decoded("duration")
        return starts_at + length
    is_day = not isinstance(event.decoded("dtstart"), dt.datetime)
    return starts_at + dt.timedelta(days=1 if is_day else 0)


def _moment(value: dt.date, zone: ZoneInfo) -> dt.datetime:
    if not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time())
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(dt.UTC)
