"""Which of the free times somebody names, read by rules; English, and rather none than a wrong one.

Every pattern is linear in the text: a stranger writes it.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
ORDINALS = {"first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2}

SENTENCE = re.compile(r"(?<![ap]\.m)[.!?;]+(?=\s|$)|\n|\bbut\b|\bhowever\b", re.I)
DAY = re.compile(r"\b(mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\b\.?", re.I)
DATE = re.compile(
    rf"\b(?:(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({'|'.join(MONTHS)})"
    rf"|({'|'.join(MONTHS)}) (\d{{1,2}})(?:st|nd|rd|th)?)\b",
    re.I,
)
CLOCK = re.compile(
    r"\b(\d{1,2})[:.](\d{2}) ?([ap])?\.?(?:m\b)?"
    r"|\b(\d{1,2}) ?([ap])\.?m\b|(?:\bat|@) ?(\d{1,2})\b(?![:.]\d| ?(?:[ap]\.?m\b|days?|weeks?|%))",
    re.I,
)
NO = re.compile(
    r"\b(?:not?|never|cannot|unfortunately|unavailable|except|instead of|busy|booked|bad|sorry)\b"
    r"|n[’']t\b|\bunless\b|\brather than\b|\bany (?:day|time) but\b",
    re.I,
)
CHOICE = re.compile(
    rf"\bthe ({'|'.join(ORDINALS)})(?: (?:one|slot|option))?"
    r"(?= ?(?:$|[,)]|(?:works?|is|would|suits?|please|sounds|looks|will|for|then)\b))",
    re.I,
)
ASKS = re.compile(
    r"\b(?:when|what|which) (?:\w+ ){0,3}(?:times?|days?|free|available|availability|works?|suits?)"
    r"|\bwhen (?:can|could|shall|should) we\b|\byour (?:availability|calendar)\b"
    r"|\b(?:let[’']s|happy to|love to|like to|can we|could we) (?:talk|meet|chat|speak|have a call)"
    r"|\b(?:another|different|other|later) (?:times?|days?|slots?)\b|\breschedule\b",
    re.I,
)


@dataclass(frozen=True)
class Named:
    """A time somebody named: the free one it is, or none; and their words."""

    slot: dt.datetime | None
    quote: str


def named(
    text: str,
    *,
    free: Iterable[dt.datetime],
    offered: Iterable[dt.datetime],
    zone: str,
    now: dt.datetime,
) -> Named | None:
    """Return the time they name, None where they name none, or more than one could be meant."""
    there = ZoneInfo(zone)
    open_ = [moment.astimezone(there) for moment in free]
    shown = [moment.astimezone(there) for moment in offered]
    for sentence in _sentences(text):
        if NO.search(sentence):
            continue
        found = _in(sentence, open_, shown, now.astimezone(there))
        if found is not None:
            return found
    return None


def asks(text: str) -> bool:
    """Whether they ask for times, or want to talk without naming one."""
    return ASKS.search(text) is not None


def _sentences(text: str) -> Iterator[str]:
    return (part.strip() for part in SENTENCE.split(text) if part.strip())


def _in(
    sentence: str, free: list[dt.datetime], offered: list[dt.datetime], now: dt.datetime
) -> Named | None:
    quote = sentence[:300]
    chosen = CHOICE.search(sentence)
    days, clocks = _days(sentence, now), _clocks(sentence)
    if chosen and not days and not clocks:
        at = ORDINALS[chosen[1].lower()]
        return Named(_free(offered[at], free), quote) if at < len(offered) else None
    if len(days) > 1 or len(clocks) > 1 or not (days or clocks):
        return None
    meant = [one for one in offered if _fits(one, days, clocks)]
    if len(meant) == 1 and _free(meant[0], free):
        return Named(_free(meant[0], free), quote)
    if not (days and clocks):
        return None
    exact = [one for one in free if _fits(one, days, clocks)]
    return Named(exact[0].astimezone(dt.UTC) if exact else None, quote)


def _free(moment: dt.datetime, free: list[dt.datetime]) -> dt.datetime | None:
    return moment.astimezone(dt.UTC) if moment in free else None


def _fits(moment: dt.datetime, days: set[dt.date], clocks: list[set[tuple[int, int]]]) -> bool:
    on_day = not days or moment.date() in days
    return on_day and (not clocks or (moment.hour, moment.minute) in clocks[0])


def _days(sentence: str, now: dt.datetime) -> set[dt.date]:
    """Return the days a sentence names, a date before a weekday; of a weekday the next such."""
    lower, today = sentence.lower(), now.date()
    found: set[dt.date] = set()
    if "tomorrow" in lower:
        found.add(today + dt.timedelta(days=1))
    elif re.search(r"\btoday\b", lower):
        found.add(today)
    for one in DATE.finditer(lower):
        day, month = (one[1], one[2]) if one[1] else (one[4], one[3])
        dates = _dated(int(day), MONTHS.index(month) + 1, today)
        found.update(dates)
    if not found:
        week_on = re.search(r"\bnext\b", lower) is not None
        for one in DAY.finditer(lower):
            found.add(_weekday(one[1][:3], today, week_on=week_on))
    return found


def _dated(day: int, month: int, today: dt.date) -> Iterator[dt.date]:
    for year in (today.year, today.year + 1):
        try:
            date = dt.date(year, month, day)
        except ValueError:
            continue
        if date >= today:
            yield date
            return


def _weekday(short: str, today: dt.date, *, week_on: bool) -> dt.date:
    wanted = next(at for at, name in enumerate(WEEKDAYS) if name.startswith(short))
    if week_on:
        monday = today + dt.timedelta(days=7 - today.weekday())
        return monday + dt.timedelta(days=wanted)
    return today + dt.timedelta(days=(wanted - today.weekday() - 1) % 7 + 1)


def _clocks(sentence: str) -> list[set[tuple[int, int]]]:
    """Return the times of day a sentence names, two each where the half of the day is open."""
    noon = [{(12, 0)}] if re.search(r"\bnoon\b", sentence, re.I) else []
    return [*noon, *(_hours(one) for one in CLOCK.finditer(sentence))]


def _hours(one: re.Match[str]) -> set[tuple[int, int]]:
    hour, minute = int(one[1] or one[4] or one[6]), int(one[2] or 0)
    half = (one[3] or one[5] or "").lower()
    if half:
        return {(hour % 12 + (12 if half == "p" else 0), minute)}
    return {(hour, minute)} | ({(hour + 12, minute)} if 0 < hour < 8 else set())
