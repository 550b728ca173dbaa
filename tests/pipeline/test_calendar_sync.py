"""The operator's calendar and the house agree: a real CalDAV server is asked."""

import datetime as dt

import pytest
from django.conf import settings
from icalendar import Calendar

from agency import clock, profiles
from control.models import Alert
from integrations import calendar
from jobs import queue
from jobs.models import Event, Job
from pipeline.meetings import booking, calendar_sync, ics
from pipeline.models import BookingRules, BusyTime, Meeting
from tests import radicale
from tests.factories import make_lead, work_off
from tests.integrations.test_calendar import event
from tests.meetings import DANA, book, free, make_rules

pytestmark = pytest.mark.django_db


def read() -> None:
    """Do what each minute does."""
    queue.enqueue(calendar_sync.READ, {})
    work_off()


def booked() -> Meeting:
    """Return a call that stands here and in the calendar."""
    meeting = book()
    assert meeting.calendar == "due"
    work_off()
    meeting.refresh_from_db()
    assert meeting.calendar == "synced"
    return meeting


def stamp(at: dt.datetime) -> str:
    return f"{at.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}"


def in_calendar(caldav: radicale.Server) -> list[tuple[str, dt.datetime]]:
    found = [one.icalendar_component for one in caldav.events()]
    return [(str(one["uid"]), one.decoded("dtstart").astimezone(dt.UTC)) for one in found]


def put_at(caldav: radicale.Server, starts_at: dt.datetime, minutes: int = 30) -> None:
    """Move the one event there is, as its owner does in their calendar."""
    (one,) = caldav.events()
    with one.edit_icalendar_component() as component:
        del component["dtstart"], component["dtend"]
        component.add("dtstart", starts_at)
        component.add("dtend", starts_at + dt.timedelta(minutes=minutes))
    one.save()


def test_a_booked_call_appears_a_moved_one_moves_a_cancelled_one_is_gone(
    caldav: radicale.Server,
) -> None:
    meeting = booked()
    assert in_calendar(caldav) == [(meeting.uid, meeting.starts_at)]
    (one,) = caldav.events()
    assert "ATTENDEE" not in one.data and "dana@harborplumbing.example" in one.data
    moved = booking.move(meeting, free(8).starts_at, by="guest")
    work_off()
    assert in_calendar(caldav) == [(meeting.uid, moved.starts_at)]
    assert booking.cancel(moved, by="guest")
    work_off()
    assert in_calendar(caldav) == []
    moved.refresh_from_db()
    assert (moved.calendar, moved.calendar_href) == ("synced", "")
    assert not Alert.objects.exists()


def test_what_is_busy_in_the_calendar_cannot_be_booked(caldav: radicale.Server) -> None:
    slot = free(4)
    times = (f"DTSTART:{stamp(slot.starts_at)}", f"DTEND:{stamp(slot.ends_at)}")
    caldav.add(event("dentist", *times))
    read()
    assert BusyTime.objects.get().uid == "dentist"
    assert BookingRules.load().busy_synced_at is not None
    with pytest.raises(booking.SlotTaken):
        booking.book(make_lead(), slot.starts_at, guest=DANA, by="guest")
    caldav.events()[0].delete()
    read()
    assert not BusyTime.objects.exists()


def test_our_own_calls_are_not_busy_times(caldav: radicale.Server) -> None:
    meeting = booked()
    read()
    assert not BusyTime.objects.exists()
    assert booking.move(meeting, free(1).starts_at, by="guest").revision == 1


def test_a_call_moved_in_the_calendar_moves_here_and_is_told(caldav: radicale.Server) -> None:
    meeting = booked()
    evening = meeting.starts_at.replace(hour=20, minute=15) + dt.timedelta(days=1)
    put_at(caldav, evening, 45)
    read()
    meeting.refresh_from_db()
    assert (meeting.starts_at, meeting.ends_at) == (evening, evening + dt.timedelta(minutes=45))
    assert (meeting.calendar, meeting.revision) == ("synced", 1)
    assert Event.objects.get(name="meeting.moved").data["by"] == "calendar"
    read()
    assert Event.objects.filter(name="meeting.moved").count() == 1
    booking.cancel(meeting, by="guest")
    work_off()
    assert in_calendar(caldav) == []


def test_a_call_moved_over_another_stays_and_is_said_once(caldav: radicale.Server) -> None:
    other = book(make_lead(email="b@b.example"), number=6)
    work_off()
    caldav.events()[0].delete()
    Meeting.objects.filter(pk=other.pk).update(calendar="none", calendar_href="")
    meeting = booked()
    put_at(caldav, other.starts_at)
    read()
    read()
    meeting.refresh_from_db()
    assert meeting.calendar == "clash"
    assert meeting.starts_at != other.starts_at
    alert = Alert.objects.get()
    assert alert.count == 1 and "cannot be when your calendar has it" in alert.title
    later = other.starts_at + dt.timedelta(days=1)
    for one in caldav.events():
        if str(one.icalendar_component["uid"]) == meeting.uid:
            with one.edit_icalendar_component() as component:
                component["dtstart"].dt, component["dtend"].dt = (
                    later,
                    later + dt.timedelta(minutes=30),
                )
            one.save()
    read()
    meeting.refresh_from_db()
    assert (meeting.calendar, meeting.starts_at) == ("synced", later)


def test_a_call_deleted_in_the_calendar_is_cancelled_and_you_are_told(
    caldav: radicale.Server,
) -> None:
    meeting = booked()
    caldav.events()[0].delete()
    read()
    meeting.refresh_from_db()
    assert (meeting.status, meeting.cancelled_by) == ("cancelled", "calendar")
    assert "was deleted in your calendar" in Alert.objects.get().title
    assert Event.objects.filter(name="meeting.cancelled").count() == 1


def test_a_calendar_that_was_emptied_cancels_nothing(caldav: radicale.Server) -> None:
    calls = [booked() for _ in range(3)]
    first, *others = caldav.events()
    kept = first.data
    for one in (first, *others):
        one.delete()
    read()
    assert not Meeting.objects.filter(status="cancelled").exists()
    assert "All 3 calls ahead are gone" in Alert.objects.get().title
    caldav.calendar.save_event(kept)
    read()
    assert Meeting.objects.filter(status="cancelled").count() == len(calls) - 1


def test_a_call_moved_out_of_sight_is_moved_not_deleted(caldav: radicale.Server) -> None:
    meeting = booked()
    far = meeting.starts_at + dt.timedelta(days=60)
    put_at(caldav, far)
    read()
    meeting.refresh_from_db()
    assert (meeting.status, meeting.starts_at) == ("booked", far)


def test_another_title_in_the_calendar_moves_nothing(caldav: radicale.Server) -> None:
    meeting = booked()
    (one,) = caldav.events()
    with one.edit_icalendar_component() as component:
        component["summary"] = "Dana, bring the price list"
    one.save()
    read()
    etag = meeting.calendar_etag
    meeting.refresh_from_db()
    assert (meeting.revision, meeting.calendar) == (0, "synced")
    assert meeting.calendar_etag != etag
    booking.move(meeting, free(8).starts_at, by="guest")
    work_off()
    assert len(caldav.events()) == 1


def test_a_guest_who_moves_while_it_is_moved_there_wins(caldav: radicale.Server) -> None:
    meeting = booked()
    put_at(caldav, meeting.starts_at + dt.timedelta(days=1))
    moved = booking.move(meeting, free(9).starts_at, by="guest")
    work_off()
    assert in_calendar(caldav) == [(meeting.uid, moved.starts_at)]


def test_a_write_whose_answer_was_lost_is_not_written_twice(caldav: radicale.Server) -> None:
    meeting = book()
    calendar.put(meeting.uid, ics.calendar_copy(meeting))
    work_off()
    meeting.refresh_from_db()
    assert (meeting.calendar, len(caldav.events())) == ("synced", 1)


def test_a_calendar_that_got_busy_since_it_was_read_is_a_clash(caldav: radicale.Server) -> None:
    slot = free()
    times = (f"DTSTART:{stamp(slot.starts_at)}", f"DTEND:{stamp(slot.ends_at)}")
    caldav.add(event("dentist", *times))
    meeting = book()
    work_off()
    meeting.refresh_from_db()
    assert meeting.calendar == "clash"
    assert "Your calendar is busy" in Alert.objects.get().title
    assert len(caldav.events()) == 2


def test_calls_booked_before_there_was_a_calendar_come_into_it(
    caldav: radicale.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = settings.CALDAV_URL
    monkeypatch.setattr(settings, "CALDAV_URL", "")
    meeting = book()
    assert meeting.calendar == "none"
    monkeypatch.setattr(settings, "CALDAV_URL", url)
    read()
    assert in_calendar(caldav) == [(meeting.uid, meeting.starts_at)]


def test_a_calendar_that_is_away_is_said_and_what_was_busy_still_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rules, now = make_rules(), clock.now()
    BusyTime.objects.create(uid="a", starts_at=now, ends_at=now + dt.timedelta(days=1))
    monkeypatch.setattr(settings, "CALDAV_URL", "http://olivia:secret@127.0.0.1:9/olivia/calls/")
    read()
    rules.refresh_from_db()
    assert "cannot be reached" in rules.busy_error
    assert BusyTime.objects.exists()
    assert "secret" not in f"{Alert.objects.get().body}{rules.busy_error}"
    meeting = book(number=30)
    work_off()
    meeting.refresh_from_db()
    assert (meeting.calendar, Job.objects.get(kind=booking.SYNC).status) == ("due", "retryable")
    assert "cannot be reached" in meeting.calendar_error


def test_a_calendar_that_was_disconnected_blocks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "CALDAV_URL", "")
    BusyTime.objects.create(uid="a", starts_at=clock.now(), ends_at=clock.now())
    read()
    assert not BusyTime.objects.exists()


def test_the_clock_is_the_walls_while_a_calendar_is_connected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings, "BUSINESS_SPEED", 1440)
    assert clock.speed() == 1440
    monkeypatch.setattr(settings, "CALDAV_URL", "https://olivia:secret@calendar.example/calls/")
    assert clock.speed() == 1


@pytest.mark.parametrize(("method", "status"), [("REQUEST", "CONFIRMED"), ("CANCEL", "CANCELLED")])
def test_an_invitation_is_one_that_calendars_take(method: ics.Method, status: str) -> None:
    profile_zone = "America/Phoenix"
    profiles.save({"timezone": profile_zone}, by="olivia")
    meeting = book()
    if method == "CANCEL":
        booking.cancel(meeting, by="guest")
        meeting.refresh_from_db()
    found = Calendar.from_ical(ics.invitation(meeting, method))
    (one,) = found.walk("VEVENT")
    assert (str(found["method"]), str(one["status"])) == (method, status)
    assert (str(one["uid"]), str(one["sequence"])) == (meeting.uid, str(meeting.revision))
    assert one.decoded("dtstart") == meeting.starts_at
    assert one["dtstart"].params["TZID"] == profile_zone
    assert [str(zone["tzid"]) for zone in found.walk("VTIMEZONE")] == [profile_zone]
    assert str(one["organizer"]) == "mailto:alex@northwind.example"
    assert str(one["attendee"]) == "mailto:dana@harborplumbing.example"
    assert bool(found.walk("VALARM")) is (method == "REQUEST")


def test_a_name_cannot_break_out_of_the_invitation() -> None:
    meeting = book()
    meeting.guest_name = 'Dana"\r\nATTENDEE:mailto:evil@evil.example;X="'
    found = Calendar.from_ical(ics.invitation(meeting))
    (one,) = found.walk("VEVENT")
    assert str(one["attendee"]) == "mailto:dana@harborplumbing.example"
