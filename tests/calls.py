"""Leads on their way to a call, for tests: answered, written back, booked."""

import datetime as dt
import uuid
from typing import Any

from django.utils import timezone

from agency import clock
from agency.models import AgencyProfile
from control.models import Action
from jobs import events, queue
from pipeline.meetings import availability, booking, due
from pipeline.models import BookingRules, InboundMail, Lead, Meeting
from tests.factories import make_lead, work_off
from tests.meetings import make_rules

ZONE = "America/Phoenix"
GUEST = booking.Guest("Dana Reyes", "dana@harborplumbing.example", timezone=ZONE)


def set_phase(phase: int) -> None:
    """Have the agency in a phase, without an undo window."""
    AgencyProfile.load()
    AgencyProfile.objects.update(phase=phase, undo_send_seconds=0)


def make_invited(*, ago: dt.timedelta = dt.timedelta(hours=25), **fields: Any) -> Lead:
    """Return a qualified lead that was answered a while ago and has not booked."""
    make_rules()
    wanted: dict[str, Any] = {
        "status": Lead.Status.QUALIFIED,
        "score": 80,
        "scored_at": timezone.now() - ago,
        "answered_at": timezone.now() - ago,
        "timezone": ZONE,
    }
    return make_lead(**wanted | fields)


def look() -> None:
    """Let the clock's job look once, and whoever it wakes."""
    queue.enqueue(due.KIND, {})
    work_off()


def booked(lead: Lead | None = None, number: int = 3) -> Meeting:
    """Book a call for a lead without waking anybody."""
    lead = lead or make_invited()
    slots = free_slots()
    return booking.book(lead, slots[number], guest=GUEST, by="guest")


def free_slots() -> list[dt.datetime]:
    """Return the free times."""
    return [one.starts_at for one in availability.slots(BookingRules.load(), now=clock.now())]


def wrote(lead: Lead, text: str) -> InboundMail:
    """Have the lead write back, and let whoever listens look."""
    mail = InboundMail.objects.create(
        key=uuid.uuid4().hex,
        via="webhook:mailgun",
        raw=b"",
        received_at=timezone.now(),
        from_email=lead.email,
        subject="Re: our call",
        text=text,
        kind=InboundMail.Kind.REPLY,
        status=InboundMail.Status.SORTED,
        lead=lead,
    )
    events.emit("lead.wrote", subject=lead, data={"mail_id": str(mail.pk)})
    work_off()
    return mail


def of_kind(kind: str) -> list[Action]:
    """Return the actions of a kind, the oldest first."""
    return list(Action.objects.filter(kind=kind).order_by("created_at"))


def begins(meeting: Meeting, in_: dt.timedelta) -> Meeting:
    """Have a call begin so far from now."""
    starts_at = clock.now() + in_
    ends_at = starts_at + dt.timedelta(minutes=30)
    times = {"starts_at": starts_at, "ends_at": ends_at, "blocked_until": ends_at}
    Meeting.objects.filter(pk=meeting.pk).update(**times)
    meeting.refresh_from_db()
    return meeting
