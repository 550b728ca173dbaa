"""The operator's hours as the booking rules keep them: day to spans, in the agency's time zone."""

import datetime as dt
import itertools

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT = 24 * 60

Span = tuple[int, int]
"""From and until, in minutes since midnight; 1440 is the midnight that ends the day."""


def read(hours: object) -> dict[str, list[Span]]:
    """Return the spans of each day, in order. Raises ValueError, naming the day."""
    if not isinstance(hours, dict):
        raise ValueError("hours are days with their spans")
    unknown = sorted(str(day) for day in hours.keys() - set(DAYS))
    if unknown:
        raise ValueError(f"“{unknown[0]}” is no day; days are {', '.join(DAYS)}")
    return {day: _spans(day, hours.get(day) or []) for day in DAYS}


def day_of(date: dt.date) -> str:
    """Return the name of a date's day, as hours have it."""
    return DAYS[date.weekday()]


def _spans(day: str, given: object) -> list[Span]:
    if not isinstance(given, list):
        raise ValueError(f"{day}: must be a list of spans")
    found = sorted(_span(day, one) for one in given)
    for (_, until), (begins, _) in itertools.pairwise(found):
        if begins < until:
            raise ValueError(f"{day}: two spans overlap")
    return found


def _span(day: str, given: object) -> Span:
    if not isinstance(given, list | tuple) or len(given) != 2:
        raise ValueError(f"{day}: a span is a time from and a time until")
    begins, until = (_minutes(day, text) for text in given)
    if begins >= until:
        raise ValueError(f"{day}: {given[0]} is not before {given[1]}")
    return begins, until


def _minutes(day: str, text: object) -> int:
    hour, colon, minute = str(text).partition(":")
    if not (colon and hour.isdecimal() and minute.isdecimal()) or int(minute) > 59:
        raise ValueError(f"{day}: “{text}” is no time such as 09:30")
    found = int(hour) * 60 + int(minute)
    if found > MIDNIGHT:
        raise ValueError(f"{day}: “{text}” is no time such as 09:30")
    return found
