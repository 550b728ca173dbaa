"""What a calendar program understands of an invitation (RFC 5545)."""

import datetime as dt
from dataclasses import dataclass
from email import message_from_bytes

from icalendar import Calendar


@dataclass(frozen=True)
class Invitation:
    """A call in somebody's calendar; times are Unix times, business ones."""

    uid: str
    starts: float
    ends: float
    sequence: int
    cancelled: bool
    page: str = ""


def read(raw: bytes) -> Invitation | None:
    """Return the first event of a calendar, or None where there is none that can be read."""
    try:
        calendar = Calendar.from_ical(raw)
        for event in calendar.walk("VEVENT"):
            starts, ends = event.decoded("DTSTART"), event.decoded("DTEND")
            if not isinstance(starts, dt.datetime) or not isinstance(ends, dt.datetime):
                continue
            cancelled = "CANCEL" in str(calendar.get("METHOD", "")).upper()
            return Invitation(
                uid=str(event["UID"]),
                starts=starts.timestamp(),
                ends=ends.timestamp(),
                sequence=int(event.get("SEQUENCE", 0)),
                page=str(event.get("URL", "")),
                cancelled=cancelled or str(event.get("STATUS", "")).upper() == "CANCELLED",
            )
    except (ValueError, KeyError, IndexError):
        pass
    return None


def in_mail(raw: bytes) -> Invitation | None:
    """Return the invitation a mail carries, if it does."""
    for part in message_from_bytes(raw).walk():
        content = part.get_payload(decode=True)
        if part.get_content_type() == "text/calendar" and isinstance(content, bytes):
            return read(content)
    return None
