"""Booking, moving and closing calls. Each is one transaction, and says whether it won.

Whoever takes a time locks the booking rules first, so that the daily cap holds; two that overlap
are refused by the table itself, whoever writes them.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q

from agency import audit, clock, live
from agency.models import AgencyProfile, AuditEntry
from integrations import calendar, mail
from jobs import events, queue
from pipeline.mail import correspondence
from pipeline.meetings import availability
from pipeline.models import (
    BookingRules,
    Deal,
    DealStage,
    Enrollment,
    Lead,
    Meeting,
    Prospect,
    World,
)
from pipeline.selling import deals
from pipeline.writing import outreach

GUEST, CALENDAR = "guest", "calendar"
SYNC = "pipeline.sync_meeting"


class NotOffered(Exception):
    """This time is not offered; the message says why."""


class SlotTaken(NotOffered):
    """Somebody else has this time."""

    def __init__(self, why: str = "That time has just been taken. Please choose another.") -> None:
        super().__init__(why)


class AlreadyBooked(NotOffered):
    """The lead has a call ahead; it can be moved."""

    def __init__(self, meeting: Meeting) -> None:
        super().__init__("There is a call booked already. It can be moved.")
        self.meeting = meeting


class NotStanding(Exception):
    """The meeting is over or cancelled: it cannot be moved any more."""


@dataclass(frozen=True)
class Guest:
    """Who comes to the call, as they said it."""

    name: str
    email: str
    phone: str = ""
    timezone: str = "UTC"
    note: str = ""


def book(
    lead: Lead, starts_at: dt.datetime, *, guest: Guest, by: str, any_time: bool = False
) -> Meeting:
    """Book a call. Raises SlotTaken, AlreadyBooked, NotOffered.

    `any_time` is for the operator, whom hours, notice and cap do not bind.
    """
    _check_offered(BookingRules.load(), starts_at, any_time=any_time)  # most losers wait for nobody
    with transaction.atomic():
        rules = _lock()
        ahead = upcoming(lead)
        if ahead is not None:
            raise AlreadyBooked(ahead)
        _check_offered(rules, starts_at, any_time=any_time)
        deal = deals.open_for(lead, by=by)
        meeting = Meeting(
            world=World(mail.world()),
            lead=lead,
            deal=deal,
            title=rules.title,
            location=rules.location,
            guest_name=guest.name,
            guest_email=guest.email,
            guest_phone=guest.phone,
            guest_timezone=guest.timezone,
            guest_note=guest.note,
            booked_by=by,
        )
        meeting.uid = f"{meeting.pk}@{AgencyProfile.load().sender_email.rpartition('@')[2]}"
        _place(meeting, starts_at, starts_at + _length(rules), rules)
        _write(lambda: meeting.save(force_insert=True))
        deals.plan_call(deal, starts_at, by=by)
        for prospect in _prospects(deal, guest.email):
            outreach.stop(prospect, Enrollment.Stop.BOOKING)
        _tell("booked", meeting, by, f"{_guest(meeting)} has a call {_when(meeting)}")
    return meeting


def move(
    meeting: Meeting,
    starts_at: dt.datetime,
    *,
    by: str,
    ends_at: dt.datetime | None = None,
    any_time: bool = False,
) -> Meeting:
    """Move a call that stands. Raises SlotTaken, NotOffered, NotStanding.

    To the time it has changes nothing. `ends_at` is for one that gets another length.
    """
    with transaction.atomic():
        rules = _lock()
        meeting = _standing(meeting)
        length = meeting.ends_at - meeting.starts_at
        before, after = meeting.starts_at, ends_at or starts_at + length
        if (starts_at, after) == (meeting.starts_at, meeting.ends_at):
            return meeting
        _check_offered(rules, starts_at, any_time=any_time, ignore=meeting)
        _place(meeting, starts_at, after, rules, calendar_has_it=by == CALENDAR)
        meeting.revision += 1
        meeting.moved_count += 1
        meeting.reminded_day_at = meeting.reminded_hour_at = None
        _write(meeting.save)
        _plan(meeting, starts_at, by)
        _tell(
            *("moved", meeting, by, f"The call with {_guest(meeting)} is {_when(meeting)} now"),
            before=before.isoformat(),
        )
    return meeting


def cancel(meeting: Meeting, *, by: str, reason: str = "") -> bool:
    """Cancel a call; False if it does not stand any more."""
    with transaction.atomic():
        try:
            meeting = _standing(meeting)
        except NotStanding:
            return False
        meeting.status = Meeting.Status.CANCELLED
        meeting.closed_at = clock.now()
        meeting.cancelled_by, meeting.cancel_reason = by[:150], reason[:300]
        meeting.revision += 1
        meeting.calendar = _calendar(meeting, calendar_has_it=by == CALENDAR)
        meeting.save()
        _plan(meeting, None, by)
        because = f": {meeting.cancel_reason}" if meeting.cancel_reason else ""
        said = f"The call with {_guest(meeting)} {_when(meeting)} is cancelled{because}"
        _tell("cancelled", meeting, by, said)
    return True


def hold(meeting: Meeting, *, by: str) -> bool:
    """Say that the call took place; False if that, or something else, was said before."""
    with transaction.atomic():
        if not _close(meeting, Meeting.Status.HELD):
            return False
        deal = meeting.deal or deals.open_for(meeting.lead, by=by)
        deals.advance(deal, DealStage.HELD, by=by, only_from=[DealStage.BOOKED])
        _tell("held", meeting, by, f"The call with {_guest(meeting)} took place", deal=deal)
    return True


def miss(meeting: Meeting, *, by: str) -> bool:
    """Say that the guest did not come; False if the call has not begun, or is closed."""
    with transaction.atomic():
        begun = Q(starts_at__lte=clock.now())
        if not _close(meeting, Meeting.Status.MISSED, begun):
            return False
        _plan(meeting, None, by)
        _tell("missed", meeting, by, f"{_guest(meeting)} did not come to the call")
    return True


def reopen(meeting: Meeting, *, by: str) -> bool:
    """Take back that a call was held or missed; False if that was not said of it.

    Whoever was woken by it and has not begun is called off.
    """
    with transaction.atomic():
        meeting = Meeting.objects.select_for_update(of=("self",)).get(pk=meeting.pk)
        was = meeting.status
        if was not in (Meeting.Status.HELD, Meeting.Status.MISSED):
            return False
        meeting.status, meeting.closed_at = Meeting.Status.BOOKED, None
        meeting.save(update_fields=["status", "closed_at"])
        subject: Deal | Lead = meeting.lead
        if was == Meeting.Status.HELD and meeting.deal is not None:
            subject = meeting.deal
            Deal.objects.filter(pk=subject.pk, stage=DealStage.HELD).update(
                stage=DealStage.BOOKED,
                stage_at=clock.now(),
                next_step=deals.NEXT[DealStage.BOOKED],
            )
        _plan(meeting, meeting.starts_at, by)
        events.call_off(f"meeting.{was}", subject=subject, correlation_id=meeting.pk)
        said = f"{by} took back that the call with {_guest(meeting)} was {was}"
        _record("meeting.reopened", meeting, by, said)
    return True


def upcoming(lead: Lead) -> Meeting | None:
    """Return the call that a lead has ahead of it, or that goes on now."""
    booked = lead.meetings.filter(status=Meeting.Status.BOOKED, ends_at__gt=clock.now())
    return booked.order_by("starts_at").first()


def _lock() -> BookingRules:
    """Take the rules' row: whoever books or moves comes before or after, never beside."""
    BookingRules.load()
    return BookingRules.objects.select_for_update().get(pk=1)


def _check_offered(
    rules: BookingRules,
    starts_at: dt.datetime,
    *,
    any_time: bool = False,
    ignore: Meeting | None = None,
) -> None:
    """Raise NotOffered or SlotTaken unless a call can begin then."""
    now = clock.now()
    if any_time:
        if starts_at <= now:
            raise NotOffered("That time is over.")
        return
    first, last = availability.bounds(rules, now)
    if starts_at < first:
        raise NotOffered("That time is too soon, or over already. Please choose a later one.")
    if starts_at > last:
        raise NotOffered(f"Calls can be booked for the next {rules.horizon_days} days.")
    zone = ZoneInfo(AgencyProfile.load().timezone)
    day = starts_at.astimezone(zone).date()
    slot = next(
        (one for one in availability.of_day(rules, day, zone) if one.starts_at == starts_at), None
    )
    if slot is None:
        raise NotOffered("Calls are not offered at that time. Please choose one that is shown.")
    busy = availability.taken(zone, starts_at, slot.ends_at, ignore=ignore)
    if busy.calls[day] >= rules.daily_cap:
        raise SlotTaken("That day is full now. Please choose another.")
    if not availability.is_free(rules, slot, busy):
        raise SlotTaken


def _standing(meeting: Meeting) -> Meeting:
    """Return the meeting, its row taken. Raises NotStanding if it is not booked any more."""
    rows = Meeting.objects.select_for_update(of=("self",)).select_related("lead__client", "deal")
    found = rows.get(pk=meeting.pk)
    if found.status != Meeting.Status.BOOKED:
        raise NotStanding(f"This call is {found.get_status_display().lower()}.")
    return found


def _length(rules: BookingRules) -> dt.timedelta:
    return dt.timedelta(minutes=rules.slot_minutes)


def _place(
    meeting: Meeting,
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    rules: BookingRules,
    *,
    calendar_has_it: bool = False,
) -> None:
    meeting.starts_at, meeting.ends_at = starts_at, ends_at
    meeting.blocked_until = ends_at + dt.timedelta(minutes=rules.buffer_minutes)
    meeting.calendar = _calendar(meeting, calendar_has_it=calendar_has_it)


def _calendar(meeting: Meeting, *, calendar_has_it: bool) -> Meeting.Calendar:
    if not calendar.is_configured():
        return Meeting.Calendar.NONE
    return Meeting.Calendar.SYNCED if calendar_has_it else Meeting.Calendar.DUE


def _write(save: Callable[[], None]) -> None:
    """Save a meeting's time. Raises SlotTaken where the table has another one then."""
    try:
        with transaction.atomic():
            save()
    except IntegrityError as error:
        if "pipeline_meeting_no_overlap" not in str(error):
            raise
        raise SlotTaken from error


def _close(meeting: Meeting, status: Meeting.Status, only: Q | None = None) -> bool:
    closed_at = clock.now()
    won = Meeting.objects.filter(only or Q(), pk=meeting.pk, status=Meeting.Status.BOOKED).update(
        status=status, closed_at=closed_at
    )
    if won:
        meeting.status, meeting.closed_at = status, closed_at
    return won == 1


def _plan(meeting: Meeting, starts_at: dt.datetime | None, by: str) -> None:
    if meeting.deal is not None:
        deals.plan_call(meeting.deal, starts_at, by=by)


def _prospects(deal: Deal, address: str) -> list[Prospect]:
    """Return whom cold mail shall leave alone now: the deal's company, and the guest's."""
    found = {deal.prospect, correspondence.of_sender(address.lower()).prospect}
    return [prospect for prospect in found if prospect is not None]


def _tell(
    what: str,
    meeting: Meeting,
    by: str,
    sentence: str,
    *,
    deal: Deal | None = None,
    **data: str,
) -> None:
    """Write the trail, wake who listens, and have the calendar follow."""
    _record(f"meeting.{what}", meeting, by, sentence, **data)
    events.emit(
        f"meeting.{what}",
        subject=deal or meeting.lead,
        client=meeting.lead.client,
        correlation_id=meeting.pk,
        data={"meeting": str(meeting.pk), "by": by, **data},
    )
    if meeting.calendar == Meeting.Calendar.DUE:
        key = f"calendar:{meeting.pk}:{meeting.revision}"
        queue.enqueue(SYNC, {"meeting": str(meeting.pk)}, subject=meeting, unique_key=key)


def _record(verb: str, meeting: Meeting, by: str, sentence: str, **data: str) -> None:
    is_person = User.objects.filter(username=by).exists()
    audit.record(
        verb,
        sentence,
        actor=by,
        actor_kind=AuditEntry.ActorKind.USER if is_person else AuditEntry.ActorKind.SYSTEM,
        obj=meeting.lead,
        client=meeting.lead.client,
        correlation_id=meeting.pk,
        data={
            "meeting": str(meeting.pk),
            "starts_at": meeting.starts_at.isoformat(),
            "revision": meeting.revision,
            **data,
        },
    )
    topics = [f"lead:{meeting.lead_id}", f"meeting:{meeting.pk}"]
    if meeting.deal_id is not None:
        topics.append(f"deal:{meeting.deal_id}")
    live.broadcast("meetings", "leads", "deals", *topics)


def _guest(meeting: Meeting) -> str:
    return meeting.guest_name or meeting.guest_email


def _when(meeting: Meeting) -> str:
    local = meeting.starts_at.astimezone(ZoneInfo(AgencyProfile.load().timezone))
    return f"on {local:%A, %-d %B at %H:%M} ({local:%Z})"


for _event in ("booked", "moved", "cancelled", "missed", "held"):
    events.comes_from(f"meeting.{_event}", "the booking page")
