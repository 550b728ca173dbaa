"""When a call can be booked: the operator's hours, less what is taken.

A slot begins and ends inside one span of the hours as the agency's clock shows them, also on the
days on which that clock is put forward or back.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from agency import clock
from agency.models import AgencyProfile
from pipeline.meetings import hours
from pipeline.models import BookingRules, BusyTime, Meeting

AHEAD = dt.timedelta(days=1)
"""Times that are offered by mail are no sooner, if there are later ones: mail takes its time."""

AGREEABLE = (8, 18)
"""Hours of the day, in the guest's zone, that are offered before others."""

PREFERRED = (10, 14, 16)


@dataclass(frozen=True, order=True)
class Slot:
    """A time a call can take, UTC."""

    starts_at: dt.datetime
    ends_at: dt.datetime


@dataclass(frozen=True)
class Taken:
    """What keeps slots from being free: spans that stand, and how many calls each day has."""

    spans: list[tuple[dt.datetime, dt.datetime]]
    calls: Counter[dt.date]


def slots(
    rules: BookingRules,
    *,
    now: dt.datetime,
    until: dt.datetime | None = None,
    ignore: Meeting | None = None,
) -> list[Slot]:
    """Return the free slots from the notice on to the horizon, or `until` if that is sooner.

    `ignore` is the meeting that is being moved: it takes nothing.
    """
    first, last = bounds(rules, now)
    last = min(last, until) if until is not None else last
    if first > last:
        return []
    zone = ZoneInfo(AgencyProfile.load().timezone)
    busy = taken(zone, first, last, ignore=ignore)
    return [
        slot
        for day in _days(first.astimezone(zone).date(), last.astimezone(zone).date())
        if busy.calls[day] < rules.daily_cap
        for slot in of_day(rules, day, zone)
        if first <= slot.starts_at <= last and is_free(rules, slot, busy)
    ]


def bounds(rules: BookingRules, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """Return the first and the last moment at which a call may begin."""
    return (
        now + dt.timedelta(minutes=rules.notice_minutes),
        now + dt.timedelta(days=rules.horizon_days),
    )


def of_day(rules: BookingRules, day: dt.date, zone: ZoneInfo) -> list[Slot]:
    """Return the slots the hours of a day hold, free or not."""
    found: list[Slot] = []
    length = dt.timedelta(minutes=rules.slot_minutes)
    for opens, closes in hours.read(rules.hours)[hours.day_of(day)]:
        starts_at = _moment(day, opens, zone)
        while starts_at + length <= _moment(day, closes, zone, ends=True):
            slot = Slot(starts_at, starts_at + length)
            inside = _inside(slot, day, opens, closes, zone)
            if inside and not (found and starts_at < found[-1].ends_at):
                found.append(slot)
            starts_at += length
    return found


def taken(
    zone: ZoneInfo, first: dt.datetime, last: dt.datetime, *, ignore: Meeting | None = None
) -> Taken:
    """Return what stands on the days from `first` to `last`."""
    day = dt.timedelta(days=1)
    standing = Meeting.objects.exclude(status=Meeting.Status.CANCELLED)
    if ignore is not None:
        standing = standing.exclude(pk=ignore.pk)
    calls = list(
        standing.filter(starts_at__lt=last + day, blocked_until__gt=first - day).values_list(
            "starts_at", "blocked_until"
        )
    )
    busy = BusyTime.objects.filter(starts_at__lt=last + day, ends_at__gt=first)
    return Taken(
        spans=[*calls, *busy.values_list("starts_at", "ends_at")],
        calls=Counter(starts_at.astimezone(zone).date() for starts_at, _ in calls),
    )


def is_free(rules: BookingRules, slot: Slot, busy: Taken) -> bool:
    """Whether nothing stands in the slot or in the pause after it."""
    blocked_until = slot.ends_at + dt.timedelta(minutes=rules.buffer_minutes)
    return not any(begins < blocked_until and slot.starts_at < ends for begins, ends in busy.spans)


def offer(n: int = 3, timezone: str = "UTC", *, ignore: Meeting | None = None) -> list[Slot]:
    """Return up to `n` free slots to offer by mail: on different days, at different hours."""
    now, rules = clock.now(), BookingRules.load()
    free = slots(rules, now=now, ignore=ignore)
    later = [slot for slot in free if slot.starts_at >= now + AHEAD] or free
    zone = ZoneInfo(timezone)
    agreeable = [slot for slot in later if _hour(slot, zone) in range(*AGREEABLE)] or later
    by_day: dict[dt.date, list[Slot]] = defaultdict(list)
    for slot in agreeable:
        by_day[slot.starts_at.astimezone(zone).date()].append(slot)
    chosen: list[Slot] = []
    while len(chosen) < n and any(by_day.values()):
        for left in by_day.values():
            if left and len(chosen) < n:
                wanted = PREFERRED[len(chosen) % len(PREFERRED)]
                best = min(left, key=lambda slot: (abs(_hour(slot, zone) - wanted), slot))
                left.remove(best)
                chosen.append(best)
    return sorted(chosen)


def _hour(slot: Slot, zone: ZoneInfo) -> int:
    return slot.starts_at.astimezone(zone).hour


def _days(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    for number in range((last - first).days + 1):
        yield first + dt.timedelta(days=number)


def _moment(day: dt.date, minutes: int, zone: ZoneInfo, *, ends: bool = False) -> dt.datetime:
    """Return when the clock shows so many minutes after midnight.

    Of a time the clock shows twice it is the first; one that it leaves out lies after the gap as a
    beginning and before it as an end.
    """
    date = day + dt.timedelta(days=minutes // hours.MIDNIGHT)
    hour, minute = divmod(minutes % hours.MIDNIGHT, 60)
    local = dt.datetime.combine(date, dt.time(hour, minute), zone)
    first = local.astimezone(dt.UTC)
    return min(first, local.replace(fold=1).astimezone(dt.UTC)) if ends else first


def _inside(slot: Slot, day: dt.date, opens: int, closes: int, zone: ZoneInfo) -> bool:
    """Whether the clock shows the slot's beginning and end within the span."""
    begins, ends = (_shown(at, day, zone) for at in (slot.starts_at, slot.ends_at))
    return opens <= begins < ends <= closes


def _shown(at: dt.datetime, day: dt.date, zone: ZoneInfo) -> int:
    local = at.astimezone(zone)
    return (local.date() - day).days * hours.MIDNIGHT + local.hour * 60 + local.minute
