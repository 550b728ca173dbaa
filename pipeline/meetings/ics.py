"""A meeting as calendars take it (RFC 5545, RFC 5546): an invitation, its update, its end."""

import datetime as dt
from typing import Literal
from zoneinfo import ZoneInfo

from icalendar import Alarm, Calendar, Event, vCalAddress, vText

from agency import clock
from agency.models import AgencyProfile
from pipeline.meetings import links
from pipeline.models import Meeting

Method = Literal["REQUEST", "CANCEL"]
PRODUCT = "-//Command Center//Booking//EN"
REMIND = dt.timedelta(minutes=-15)


def invitation(meeting: Meeting, method: Method = "REQUEST") -> bytes:
    """Return what is mailed to the guest; a later one with a higher SEQUENCE replaces it."""
    profile = AgencyProfile.load()
    event = _event(meeting, profile)
    event.add("description", f"Move or cancel this call: {links.meeting_url(meeting)}")
    event.add("url", links.meeting_url(meeting))
    event.add("organizer", _person(profile.sender_email, profile.sender_name))
    guest = _person(meeting.guest_email, meeting.guest_name)
    guest.params["ROLE"] = vText("REQ-PARTICIPANT")
    guest.params["PARTSTAT"] = vText("NEEDS-ACTION")
    guest.params["RSVP"] = vText("TRUE")
    event.add("attendee", guest, encode=False)
    return _calendar(event, method)


def calendar_copy(meeting: Meeting) -> bytes:
    """Return what stands in the operator's own calendar.

    Without organizer and attendee: a calendar server would write to the guest by itself.
    """
    event = _event(meeting, AgencyProfile.load())
    said = [meeting.guest_name, meeting.guest_email, meeting.guest_phone, meeting.guest_note]
    event.add("description", "\n".join(line for line in said if line))
    return _calendar(event)


def _event(meeting: Meeting, profile: AgencyProfile) -> Event:
    zone = ZoneInfo(profile.timezone)
    cancelled = meeting.status == Meeting.Status.CANCELLED
    event = Event()
    event.add("uid", meeting.uid)
    event.add("sequence", meeting.revision)
    event.add("dtstamp", clock.wall())
    event.add("dtstart", meeting.starts_at.astimezone(zone))
    event.add("dtend", meeting.ends_at.astimezone(zone))
    event.add("summary", _summary(meeting, profile))
    event.add("location", meeting.location)
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if cancelled else "OPAQUE")
    if not cancelled:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", meeting.title)
        alarm.add("trigger", REMIND)
        event.add_component(alarm)
    return event


def _summary(meeting: Meeting, profile: AgencyProfile) -> str:
    guest = meeting.guest_name or meeting.guest_email
    return f"{meeting.title}: {guest} and {profile.name}"


def _person(email: str, name: str) -> vCalAddress:
    found = vCalAddress(f"mailto:{email}")
    if name:
        found.params["CN"] = vText(name.replace('"', "'"))
    return found


def _calendar(event: Event, method: str = "") -> bytes:
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    if method:
        calendar.add("method", method)
    calendar.add_component(event)
    calendar.add_missing_timezones()
    written: bytes = calendar.to_ical()
    return written
