"""Rules, times and calls for the tests of booking."""

import datetime as dt
from typing import Any

from agency import clock
from agency.ids import uuid7
from pipeline.meetings import availability, booking
from pipeline.meetings.availability import Slot
from pipeline.meetings.booking import Guest
from pipeline.models import BookingRules, Lead, Meeting, World
from tests.factories import make_lead

MONDAY = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)
DANA = Guest("Dana Reyes", "dana@harborplumbing.example", timezone="America/Phoenix")


def at(hour: int, minute: int = 0) -> dt.datetime:
    """Return a time of that Monday."""
    return MONDAY.replace(hour=hour, minute=minute)


def make_rules(**fields: Any) -> BookingRules:
    """Return rules without notice or pause, unless `fields` say otherwise."""
    usual: dict[str, Any] = {"notice_minutes": 0, "buffer_minutes": 0, "horizon_days": 14}
    BookingRules.load()
    BookingRules.objects.filter(pk=1).update(**usual | fields)
    return BookingRules.load()


def make_meeting(**fields: Any) -> Meeting:
    """Return a call that stands, of half an hour and ten minutes' pause."""
    starts_at = fields.get("starts_at", at(10))
    ends_at = starts_at + dt.timedelta(minutes=30)
    wanted: dict[str, Any] = {
        "world": World.SANDBOX,
        "title": "Discovery call",
        "starts_at": starts_at,
        "ends_at": ends_at,
        "blocked_until": ends_at + dt.timedelta(minutes=10),
        "guest_name": "Dana Reyes",
        "guest_email": "dana@harborplumbing.example",
        "guest_timezone": "America/Phoenix",
        "booked_by": "guest",
        "uid": f"{uuid7()}@northwind.example",
    }
    return Meeting.objects.create(
        **wanted | {"lead": fields.pop("lead", None) or make_lead()} | fields
    )


def free(number: int = 0) -> Slot:
    """Return a slot that is free now."""
    return availability.slots(BookingRules.load(), now=clock.now())[number]


def book(lead: Lead | None = None, number: int = 0, by: str = booking.GUEST) -> Meeting:
    """Book a free slot for a lead."""
    return booking.book(lead or make_lead(), free(number).starts_at, guest=DANA, by=by)


def let_pass(meeting: Meeting) -> Meeting:
    """Have the call begin an hour ago."""
    starts_at = clock.now() - dt.timedelta(hours=1)
    ends_at = starts_at + dt.timedelta(minutes=30)
    times = {"starts_at": starts_at, "ends_at": ends_at, "blocked_until": ends_at}
    Meeting.objects.filter(pk=meeting.pk).update(**times)
    meeting.refresh_from_db()
    return meeting
