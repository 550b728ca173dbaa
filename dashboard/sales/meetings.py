"""What the pages say about calls: a week of them, those nobody spoke of yet, and one whole."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from agency import clock
from agency.models import AuditEntry
from control.models import Action
from dashboard.sales import leads
from pipeline.meetings import availability, due, words
from pipeline.models import BookingRules, Meeting

WEEK = dt.timedelta(days=7)
OVER_AT_MOST = 20
ACTIONS_AT_MOST = 100
WAITS = (Action.Status.WAITING, Action.Status.HELD, Action.Status.UNKNOWN)
STATES = {
    Meeting.Status.BOOKED: "active",
    Meeting.Status.HELD: "done",
    Meeting.Status.MISSED: "failed",
    Meeting.Status.CANCELLED: "paused",
}
FURTHEST = dt.timedelta(days=3_650)


@dataclass(frozen=True)
class Row:
    """A call, and the time it is for the guest where their clock shows another."""

    meeting: Meeting
    theirs: str

    @property
    def state(self) -> str:
        """The name of a state with the colour of this one; an action that is held waits."""
        return STATES[Meeting.Status(self.meeting.status)]

    @property
    def is_over(self) -> bool:
        """Whether it should have taken place, and nobody said so."""
        return self.meeting.status == Meeting.Status.BOOKED and self.meeting.ends_at <= clock.now()


@dataclass(frozen=True)
class Day:
    """A day's calls in order."""

    date: dt.date
    rows: list[Row]
    is_today: bool


@dataclass(frozen=True)
class Agenda:
    """A week of calls by the operator's clock, and what stands before and after it."""

    days: list[Day]
    first: dt.date
    last: dt.date
    earlier: str
    later: str
    is_now: bool
    over: list[Row]
    ahead: int
    soonest: Row | None


@dataclass(frozen=True)
class Choices:
    """The free times of a day, for a choice."""

    day: dt.date
    slots: list[dt.datetime]


def agenda(start: str) -> Agenda:
    """Return the week that begins on a date such as 2026-11-23; else the one that begins today."""
    today = timezone.localtime(clock.now()).date()
    first = _date(start, today)
    begins, ends = _midnight(first), _midnight(first + WEEK)
    found = _shown(Meeting.objects.filter(starts_at__gte=begins, starts_at__lt=ends))
    by_day: dict[dt.date, list[Row]] = defaultdict(list)
    for meeting in found.order_by("starts_at"):
        by_day[timezone.localtime(meeting.starts_at).date()].append(row(meeting))
    ahead = Meeting.objects.filter(status=Meeting.Status.BOOKED, starts_at__gt=clock.now())
    soonest = _shown(ahead).order_by("starts_at").first()
    return Agenda(
        days=[Day(day, rows, day == today) for day, rows in by_day.items()],
        first=first,
        last=first + WEEK - dt.timedelta(days=1),
        earlier=(first - WEEK).isoformat(),
        later=(first + WEEK).isoformat(),
        is_now=first == today,
        over=[row(one) for one in _shown(due.over()).order_by("ends_at")[:OVER_AT_MOST]],
        ahead=ahead.count(),
        soonest=row(soonest) if soonest else None,
    )


def _date(text: str, today: dt.date) -> dt.date:
    try:
        found = dt.date.fromisoformat(text)
    except ValueError:
        return today
    return found if abs(found - today) < FURTHEST else today


def _midnight(day: dt.date) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time()))


def _shown(meetings: QuerySet[Meeting]) -> QuerySet[Meeting]:
    return meetings.select_related("lead", "deal")


def row(meeting: Meeting) -> Row:
    """Return a call with the guest's own time, unless their clock shows the operator's."""
    zone = words.zone_of(meeting.guest_timezone)
    theirs = meeting.starts_at.astimezone(zone)
    same = theirs.utcoffset() == timezone.localtime(meeting.starts_at).utcoffset()
    said = f"{theirs:%a %H:%M} {words.zone_name(zone)}"
    return Row(meeting, "" if same else said)


def next_step(meeting: Meeting, pending: Action | None, *, noted: bool) -> leads.Step:
    """Return what comes next for a call, of which something may be noted already."""
    now = clock.now()
    if pending is not None:
        href = reverse("approval-detail", args=[pending.pk])
        waits = pending.status == Action.Status.WAITING
        return leads.Step(pending.summary, "accent" if waits else "warn", href)
    if meeting.status == Meeting.Status.BOOKED and meeting.ends_at <= now:
        return leads.Step("Say how it went", "warn")
    if meeting.status == Meeting.Status.BOOKED and meeting.starts_at <= now:
        return leads.Step("It goes on now", "accent")
    if meeting.status == Meeting.Status.BOOKED:
        return leads.Step("Hold the call")
    if meeting.status == Meeting.Status.HELD:
        words_ = "The proposal is written from the notes" if noted else "Note what was said"
        return leads.Step(words_, "" if noted else "warn")
    return leads.Step("Nothing: it is " + meeting.get_status_display().lower())


def actions_of(meeting: Meeting) -> list[Action]:
    """Return what agents proposed about a call, the oldest first."""
    found = Action.objects.filter(correlation_id=meeting.pk).order_by("created_at")
    return list(found[:ACTIONS_AT_MOST])


def pending(actions: Iterable[Action]) -> Action | None:
    """Return what of these waits for the operator, the oldest first."""
    return next((one for one in actions if one.status in WAITS), None)


def timeline(meeting: Meeting, actions: Iterable[Action]) -> list[leads.Entry]:
    """Return what happened to a call, newest first."""
    return leads.told(AuditEntry.objects.filter(correlation_id=meeting.pk), actions, [])


def free_times(meeting: Meeting) -> list[Choices]:
    """Return when a call can be moved to, by day on the operator's clock."""
    by_day: dict[dt.date, list[dt.datetime]] = defaultdict(list)
    for slot in availability.slots(BookingRules.load(), now=clock.now(), ignore=meeting):
        by_day[timezone.localtime(slot.starts_at).date()].append(slot.starts_at)
    return [Choices(day, slots) for day, slots in by_day.items()]


def facts(meeting: Meeting) -> list[dict[str, Any]]:
    """Return what the brief knows, its addresses apart: only the web's are links."""
    known = meeting.brief.get("facts", []) if isinstance(meeting.brief, dict) else []
    return [one for one in known if isinstance(one, dict)]
