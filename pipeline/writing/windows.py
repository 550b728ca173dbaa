"""When cold mail may leave: from 8 to 18 where they are, and as much a day as the mailbox is warm.

All in business time. A mailbox warms up: so many on its first day, more each day, up to its cap.
"""

import datetime as dt
import math
from zoneinfo import ZoneInfo

from django.db.models import Count, Q
from django.db.models.functions import TruncDate

from agency import clock
from agency.models import AgencyProfile
from control.models import Action
from pipeline.models import Enrollment, Mailbox, Prospect, Sequence, Touch

DAYS_AHEAD = 60
MOST_DAYS = 3_650


def zone_of(prospect: Prospect) -> ZoneInfo:
    """Return where they are; where nothing says it, where their kind of customer is."""
    return ZoneInfo(prospect.timezone or prospect.ideal_customer.timezone)


def opens(sequence: Sequence, zone: ZoneInfo, moment: dt.datetime) -> dt.datetime:
    """Return the first time from `moment` on that lies in the sequence's hours in `zone`."""
    local = moment.astimezone(zone)
    for days in range(2):
        day = local.date() + dt.timedelta(days=days)
        start = dt.datetime.combine(day, dt.time(sequence.send_from), zone)
        end = dt.datetime.combine(day, dt.time(0), zone) + dt.timedelta(hours=sequence.send_until)
        if local < end:
            return max(local, start)
    raise AssertionError("every day has its hours")


def cap(mailbox: Mailbox, day: dt.date) -> int:
    """Return how many mails the mailbox may send on that day of its own ramp."""
    warm = max(0, (day - mailbox.started_on).days) if mailbox.started_on else 0
    grown = mailbox.ramp_start * (1 + mailbox.ramp_growth / 100) ** min(warm, 365)
    return min(mailbox.daily_cap, math.floor(grown))


def day_of(moment: dt.datetime) -> dt.date:
    """Return the agency's own day, which the ramp counts."""
    return moment.astimezone(ZoneInfo(AgencyProfile.load().timezone)).date()


def sent_on(mailbox: Mailbox, day: dt.date) -> int:
    """Return how many went out that day, what is on its way right now counted in."""
    zone = ZoneInfo(AgencyProfile.load().timezone)
    start = dt.datetime.combine(day, dt.time(0), zone)
    sent = Touch.objects.filter(
        mailbox=mailbox, sent_at__gte=start, sent_at__lt=start + dt.timedelta(days=1)
    ).count()
    if day != day_of(clock.now()):
        return sent
    doubtful = Q(status__in=[Action.Status.EXECUTING, Action.Status.UNKNOWN])
    on_way = Action.objects.filter(
        doubtful, kind="send_email", rendered__from_email=mailbox.from_email
    )
    return sent + on_way.count()


def begins_at(mailbox: Mailbox | None, moment: dt.datetime) -> dt.datetime:
    """Return when somebody who is enrolled at `moment` gets their first step.

    Today as far as the mailbox is warm, the others on the days after: what is written to more
    people than can be sent to would only wait for the operator's eyes.
    """
    if mailbox is None:
        return moment
    zone = ZoneInfo(AgencyProfile.load().timezone)
    begun = (
        Enrollment.objects.filter(mailbox=mailbox, started_at__gte=moment - dt.timedelta(days=1))
        .annotate(day=TruncDate("started_at", tzinfo=zone))
        .values_list("day")
        .annotate(n=Count("pk"))
    )
    taken = dict(begun)
    day = day_of(moment)
    for days in range(MOST_DAYS):
        that = day + dt.timedelta(days=days)
        if taken.get(that, 0) < cap(mailbox, that):
            return max(moment, dt.datetime.combine(that, dt.time(0), zone))
    return moment + dt.timedelta(days=MOST_DAYS)


def leaves_at(enrollment: Enrollment, *, looking: bool = False) -> dt.datetime | None:
    """Return the business time before which their next mail must not leave, None for now.

    Takes the mailbox's row, so that of two at once only one gets the last place of the day; a
    page that only looks takes nothing.
    """
    now = clock.now()
    zone = zone_of(enrollment.prospect)
    moment = opens(enrollment.sequence, zone, now)
    rows = Mailbox.objects.all() if looking else Mailbox.objects.select_for_update()
    mailbox = rows.filter(pk=enrollment.mailbox_id).first() if enrollment.mailbox_id else None
    if mailbox is not None:
        for _ in range(DAYS_AHEAD):
            day = day_of(moment)
            if sent_on(mailbox, day) < cap(mailbox, day):
                break
            tomorrow = dt.datetime.combine(
                day + dt.timedelta(days=1),
                dt.time(0),
                ZoneInfo(AgencyProfile.load().timezone),
            )
            moment = opens(enrollment.sequence, zone, tomorrow)
    return moment if moment > now else None
