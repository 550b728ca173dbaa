"""Two clocks.

Business time (`now`) is what sequences, send windows, meetings and dunning run on. In the sandbox
it may run faster than the wall clock; with any real channel configured it is the wall clock.
Machine time is never scaled: leases and heartbeats use the database's clock and
`time.monotonic()`; approvals, undo-send, budgets and signatures use `wall`.
"""

import datetime as dt
import functools

from django.conf import settings
from django.utils import timezone

from agency.models import AgencyProfile


def wall() -> dt.datetime:
    """Return the wall clock, aware, UTC."""
    return timezone.now()


def speed() -> float:
    """Return business seconds a wall second; 1.0 whenever a real channel is on."""
    if settings.EMAIL_URL or settings.CALDAV_URL:
        return 1.0
    return float(settings.BUSINESS_SPEED)


def wall_at(moment: dt.datetime) -> dt.datetime:
    """Return when the wall clock shall stand where business time stands at `moment`."""
    return wall() + (moment - now()) / speed()


def now() -> dt.datetime:
    """Return business time, aware, UTC.

    Scaled time starts at the anchor of this installation, so it goes on across restarts.
    """
    real = wall()
    factor = speed()
    if factor == 1.0:
        return real
    anchor = _anchor()
    return anchor + (real - anchor) * factor


def scale() -> tuple[dt.datetime, float]:
    """Return (anchor, factor): business time is the wall clock's up to the anchor, then faster."""
    factor = speed()
    return (_anchor() if factor != 1.0 else wall(), factor)


@functools.cache
def _anchor() -> dt.datetime:
    return AgencyProfile.load().created_at
