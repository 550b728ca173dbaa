"""Times of calls as a letter says them."""

import datetime as dt
import zoneinfo

from agency.models import AgencyProfile


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """Return the zone of that name; the agency's own where there is none."""
    known = zoneinfo.available_timezones()
    return zoneinfo.ZoneInfo(name if name in known else AgencyProfile.load().timezone)


def when(moment: dt.datetime, zone: zoneinfo.ZoneInfo) -> str:
    """Return `Tuesday 4 March at 10:00 am`."""
    there = moment.astimezone(zone)
    return f"{there:%A} {there.day} {there:%B} at {_hour(there)}"


def zone_name(zone: zoneinfo.ZoneInfo) -> str:
    """Return `Phoenix time`."""
    return "UTC" if zone.key == "UTC" else f"{zone.key.rpartition('/')[2].replace('_', ' ')} time"


def _hour(there: dt.datetime) -> str:
    return f"{there.hour % 12 or 12}:{there:%M} {'am' if there.hour < 12 else 'pm'}"
