"""The operator's calendar and the house keep to each other, both ways.

Each minute the calendar is read: what is busy in it blocks slots, and one of our calls that was
moved or deleted there is moved or cancelled here. A call that was booked, moved or cancelled here
is written by a job of its own, which may run twice: an event is known by its uid, and a version of
it is never written over unseen.
"""

import datetime as dt
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q
from django.urls import reverse

from agency import clock, live
from agency.db import give_back_connections
from agency.models import AgencyProfile
from control import alerts
from integrations import calendar
from integrations.calendar import Changed, Entry, Stored
from integrations.errors import ServiceError
from jobs import queue, registry
from jobs.lease import Lease
from jobs.models import Job, Lane
from pipeline.meetings import booking, ics
from pipeline.models import BookingRules, BusyTime, Meeting

READ = "pipeline.read_calendar"
EVERY_SECONDS = 60
TRIES = 3
UNFINISHED = (
    *(Job.Status.SCHEDULED, Job.Status.AVAILABLE, Job.Status.RUNNING),
    *(Job.Status.RETRYABLE, Job.Status.HELD),
)
SUSPICIOUS = 3
"""So many calls that are gone at once, and none left: the calendar is another or an emptied one."""

IN_CALENDAR = (Meeting.Calendar.SYNCED, Meeting.Calendar.CLASH)


@registry.register(READ, lane=Lane.NORMAL, max_attempts=1)
def read(job: Job, lease: Lease) -> None:
    """Take over what the calendar says, and have written what it still lacks."""
    if not calendar.is_configured():
        _forget()
        return
    now, rules = clock.now(), BookingRules.load()
    zone = ZoneInfo(AgencyProfile.load().timezone)
    until = now + dt.timedelta(days=rules.horizon_days + 1)
    try:
        give_back_connections()
        entries = calendar.read(now, until, zone)
        lease.check()
        _keep_busy(entries)
        _take_over(entries, lease, zone)
    except ServiceError as error:
        _tell_trouble(error)
        return
    BookingRules.objects.filter(pk=1).update(busy_synced_at=clock.wall(), busy_error="")
    write_missing(job)
    live.broadcast("meetings")


registry.every(EVERY_SECONDS, READ)


@registry.register(booking.SYNC, lane=Lane.NORMAL)
def write(job: Job, lease: Lease) -> None:
    """Bring one meeting into the calendar as it stands, or out of it."""
    for _ in range(TRIES):
        meeting = Meeting.objects.get(pk=UUID(job.payload["meeting"]))
        if meeting.calendar != Meeting.Calendar.DUE or not calendar.is_configured():
            return
        give_back_connections()
        lease.check()
        try:
            stored = _bring(meeting)
        except ServiceError as error:
            _tell_failed(meeting, error)
            raise
        if _note_written(meeting, stored):
            return
    raise ServiceError("the meeting was changed each time it was written", permanent=False)


def write_missing(parent: Job | None = None) -> int:
    """Have written what is to stand in the calendar and does not; return how many.

    Calls booked before there was a calendar, and those whose job was given up.
    """
    ahead = Meeting.objects.filter(
        Q(status=Meeting.Status.BOOKED, calendar=Meeting.Calendar.NONE)
        | Q(calendar__in=[Meeting.Calendar.DUE, Meeting.Calendar.FAILED]),
        ends_at__gt=clock.now(),
    )
    under_way = set(
        Job.objects.filter(kind=booking.SYNC, status__in=UNFINISHED).values_list(
            "subject_id", flat=True
        )
    )
    missing = [meeting for meeting in ahead if str(meeting.pk) not in under_way]
    for meeting in missing:
        with transaction.atomic():
            Meeting.objects.filter(pk=meeting.pk).update(calendar=Meeting.Calendar.DUE)
            payload = {"meeting": str(meeting.pk)}
            queue.enqueue(booking.SYNC, payload, subject=meeting, parent=parent)
    return len(missing)


def _bring(meeting: Meeting) -> Stored:
    """Write the meeting over whatever version is there: the guest was told what the house says."""
    href, etag = meeting.calendar_href, meeting.calendar_etag
    zone = ZoneInfo(AgencyProfile.load().timezone)
    copy = b"" if meeting.status == Meeting.Status.CANCELLED else ics.calendar_copy(meeting)
    give_back_connections()
    for _ in range(TRIES):
        try:
            if copy:
                return calendar.put(meeting.uid, copy, etag, href)
            if href:
                calendar.remove(href, etag)
            return Stored("", "")
        except Changed:
            # Written by a try whose answer was lost, or changed there in the last minute.
            href = href or f"{meeting.uid}.ics"
            found = calendar.get(href, zone)
            etag = found.etag if found is not None else ""
    raise ServiceError("the calendar changed each time it was written", permanent=False)


def _note_written(meeting: Meeting, stored: Stored) -> bool:
    """Keep where it stands; False if the meeting was changed while it was written."""
    clash = _clash(meeting)
    with transaction.atomic():
        found = Meeting.objects.select_for_update().get(pk=meeting.pk)
        found.calendar_href, found.calendar_etag = stored.href, stored.etag
        found.calendar_error = ""
        current = (found.revision, found.status) == (meeting.revision, meeting.status)
        if current:
            found.calendar = Meeting.Calendar.CLASH if clash else Meeting.Calendar.SYNCED
        found.save(update_fields=["calendar", "calendar_href", "calendar_etag", "calendar_error"])
        if current and clash:
            _alert(meeting, "clash", f"Your calendar is busy during the call with {_who(meeting)}")
        live.broadcast("meetings", f"meeting:{meeting.pk}")
    return current


def _clash(meeting: Meeting) -> bool:
    """Whether something else stands in the calendar then, that came after it was last read."""
    if meeting.status != Meeting.Status.BOOKED:
        return False
    zone = ZoneInfo(AgencyProfile.load().timezone)
    give_back_connections()
    entries = calendar.read(meeting.starts_at, meeting.ends_at, zone)
    return bool(_foreign(entries))


def _keep_busy(entries: list[Entry]) -> None:
    """Replace what is busy by what the calendar says now, less our own calls."""
    foreign = _foreign(entries)
    with transaction.atomic():
        BookingRules.objects.select_for_update().get(pk=1)
        BusyTime.objects.all().delete()
        BusyTime.objects.bulk_create(
            BusyTime(uid=one.uid[:300], starts_at=one.starts_at, ends_at=one.ends_at)
            for one in foreign
        )


def _foreign(entries: list[Entry]) -> list[Entry]:
    """Return what keeps the operator busy and is no call of ours."""
    uids = [one.uid for one in entries]
    ours = set(Meeting.objects.filter(uid__in=uids).values_list("uid", flat=True))
    return [
        one for one in entries if one.busy and one.uid not in ours and one.starts_at < one.ends_at
    ]


def _take_over(entries: list[Entry], lease: Lease, zone: ZoneInfo) -> None:
    """Move and cancel calls as they were moved and deleted in the calendar."""
    found = {one.uid: one for one in entries}
    ahead = Meeting.objects.filter(
        status=Meeting.Status.BOOKED, calendar__in=IN_CALENDAR, starts_at__gt=clock.now()
    )
    ours, gone = list(ahead.exclude(calendar_href="")), []
    for meeting in ours:
        entry = found.get(meeting.uid)
        if entry is not None and entry.etag == meeting.calendar_etag:
            continue
        if entry is None:  # gone, or moved to where was not looked
            give_back_connections()
            entry = calendar.get(meeting.calendar_href, zone)
            lease.check()
        if entry is None:
            gone.append(meeting)
        elif entry.cancelled:
            _was_deleted(meeting)
        elif entry.etag != meeting.calendar_etag:
            _was_changed(meeting, entry)
    if len(gone) >= SUSPICIOUS and len(gone) == len(ours):
        _tell_emptied(len(gone))
        return
    for meeting in gone:
        _was_deleted(meeting)


def _was_deleted(meeting: Meeting) -> None:
    """Cancel the call: who deletes it does not come. The operator is told, the guest by Booker."""
    with transaction.atomic():
        if not booking.cancel(meeting, by=booking.CALENDAR, reason="Deleted in the calendar"):
            return
        Meeting.objects.filter(pk=meeting.pk).update(calendar_href="", calendar_etag="")
        _alert(
            meeting,
            "deleted",
            f"The call with {_who(meeting)} was deleted in your calendar: it is cancelled",
        )


def _was_changed(meeting: Meeting, entry: Entry) -> None:
    """Move the call as it was moved there; where it cannot be, the operator is told, once."""
    state: dict[str, str] = {"calendar_etag": entry.etag, "calendar": Meeting.Calendar.SYNCED}
    with transaction.atomic():
        try:
            with transaction.atomic():
                booking.move(
                    meeting,
                    entry.starts_at,
                    ends_at=max(entry.ends_at, entry.starts_at + dt.timedelta(minutes=5)),
                    by=booking.CALENDAR,
                    any_time=True,
                )
        except booking.NotStanding:
            return
        except booking.NotOffered as refused:
            state["calendar"] = Meeting.Calendar.CLASH
            _alert(
                meeting,
                "moved",
                f"The call with {_who(meeting)} cannot be when your calendar has it",
                f"{refused} Move it back there, or here.",
            )
        Meeting.objects.filter(pk=meeting.pk).update(**state)


def _forget() -> None:
    """Block nothing by a calendar that is not connected any more."""
    if BusyTime.objects.exists():
        BusyTime.objects.all().delete()
    BookingRules.objects.exclude(busy_error="").update(busy_error="")


def _tell_trouble(error: ServiceError) -> None:
    with transaction.atomic():
        BookingRules.objects.filter(pk=1).update(busy_error=str(error))
        alerts.raise_alert(
            "calendar:read",
            "Your calendar cannot be read",
            body=f"{error}. What was busy when it was last read still blocks those times.",
            url=reverse("settings"),
        )
        live.broadcast("meetings", "settings")


def _tell_emptied(count: int) -> None:
    alerts.raise_alert(
        "calendar:emptied",
        f"All {count} calls ahead are gone from your calendar",
        body="It may be another calendar now, or one that was emptied, so none of them was"
        " cancelled. Put one of them back there to have the others cancelled, or cancel them here.",
        url="/meetings/",
    )


def _tell_failed(meeting: Meeting, error: ServiceError) -> None:
    state = Meeting.Calendar.FAILED if error.permanent else Meeting.Calendar.DUE
    with transaction.atomic():
        Meeting.objects.filter(pk=meeting.pk, calendar=Meeting.Calendar.DUE).update(
            calendar=state, calendar_error=str(error)
        )
        live.broadcast("meetings", f"meeting:{meeting.pk}")


def _alert(meeting: Meeting, what: str, title: str, body: str = "") -> None:
    key = f"meeting:{what}:{meeting.pk}"
    alerts.raise_alert(key, title, body=body, url=f"/leads/{meeting.lead_id}/")


def _who(meeting: Meeting) -> str:
    return meeting.guest_name or meeting.guest_email
