"""The operator's calendar: a real CalDAV server, spoken to as it is."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings

from integrations import calendar
from integrations.errors import ServiceError
from tests import radicale

ZONE = ZoneInfo("America/Phoenix")
START = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)
END = START + dt.timedelta(days=14)


def event(uid: str, *lines: str) -> str:
    """Return an event as calendars write it."""
    return "\r\n".join(
        [
            *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Test//EN", "BEGIN:VEVENT"),
            *(f"UID:{uid}", "DTSTAMP:20261101T000000Z", "SUMMARY:Something"),
            *lines,
            *("END:VEVENT", "END:VCALENDAR", ""),
        ]
    )


def test_it_reads_what_is_busy_and_what_only_looks_so(caldav: radicale.Server) -> None:
    caldav.add(event("a", "DTSTART:20261201T160000Z", "DTEND:20261201T170000Z"))
    caldav.add(event("b", "DTSTART:20261202T160000Z", "DURATION:PT90M"))
    caldav.add(event("c", "DTSTART;VALUE=DATE:20261203", "TRANSP:TRANSPARENT"))
    caldav.add(event("d", "DTSTART;VALUE=DATE:20261204"))
    caldav.add(event("e", "DTSTART:20261205T160000Z", "DTEND:20261205T170000Z", "STATUS:CANCELLED"))
    found = {one.uid: one for one in calendar.read(START, END, ZONE)}
    assert {uid: one.busy for uid, one in found.items()} == {
        **{"a": True, "b": True},
        **{"c": False, "d": True, "e": False},
    }
    assert found["b"].ends_at == dt.datetime(2026, 12, 2, 17, 30, tzinfo=dt.UTC)
    assert found["d"].starts_at == dt.datetime(2026, 12, 4, 7, tzinfo=dt.UTC)
    assert found["d"].ends_at == dt.datetime(2026, 12, 5, 7, tzinfo=dt.UTC)


def test_a_repeated_event_is_busy_each_time_without_the_times_left_out(
    caldav: radicale.Server,
) -> None:
    caldav.add(
        event(
            "weekly",
            "DTSTART:20261101T160000Z",
            "DTEND:20261101T170000Z",
            "RRULE:FREQ=DAILY",
            "EXDATE:20261202T160000Z",
        )
    )
    days = [one.starts_at.day for one in calendar.read(START, END, ZONE)]
    assert days == [30, 1, *range(3, 14)]


def test_what_is_written_replaces_only_the_version_it_names(caldav: radicale.Server) -> None:
    ics = event("ours@northwind.example", "DTSTART:20261201T160000Z", "DURATION:PT30M").encode()
    stored = calendar.put("ours@northwind.example", ics)
    with pytest.raises(calendar.Changed):
        calendar.put("ours@northwind.example", ics)
    later = event("ours@northwind.example", "DTSTART:20261201T180000Z", "DURATION:PT30M").encode()
    second = calendar.put("ours@northwind.example", later, stored.etag, stored.href)
    with pytest.raises(calendar.Changed):
        calendar.put("ours@northwind.example", ics, stored.etag, stored.href)
    found = calendar.get(second.href, ZONE)
    assert found is not None
    assert (found.starts_at.hour, found.etag) == (18, second.etag)
    (read,) = calendar.read(START, END, ZONE)
    assert (read.uid, read.etag) == (found.uid, second.etag)
    with pytest.raises(calendar.Changed):
        calendar.remove(second.href, stored.etag)
    calendar.remove(second.href, second.etag)
    calendar.remove(second.href, second.etag)
    assert calendar.get(second.href, ZONE) is None


def test_a_wrong_password_is_said_without_it(
    caldav: radicale.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = caldav.url.replace(radicale.PASSWORD, "wrong-password")
    monkeypatch.setattr(settings, "CALDAV_URL", wrong)
    with pytest.raises(ServiceError, match="refused user and password") as caught:
        calendar.read(START, END, ZONE)
    assert caught.value.permanent
    assert "wrong-password" not in str(caught.value)


def test_a_server_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "CALDAV_URL", "http://olivia:secret@127.0.0.1:9/olivia/calls/")
    with pytest.raises(ServiceError, match="cannot be reached") as caught:
        calendar.read(START, END, ZONE)
    assert not caught.value.permanent


def test_without_an_address_there_is_no_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "CALDAV_URL", "")
    assert not calendar.is_configured()
    with pytest.raises(ServiceError, match="CALDAV_URL is not set"):
        calendar.read(START, END, ZONE)


def test_an_event_on_another_host_is_not_touched(caldav: radicale.Server) -> None:
    with pytest.raises(ServiceError, match="is not in the calendar"):
        calendar.get("https://elsewhere.example/a.ics", ZONE)
