"""The operator's page before a call, mailed an hour before it: who, why now, what to ask."""

import datetime as dt

from django.conf import settings
from django.utils import timezone

from agency import clock
from agency.models import AgencyProfile
from control import notices
from control.models import Notice
from pipeline.meetings import words
from pipeline.models import Meeting

BEFORE = dt.timedelta(hours=1)
AT_ONCE = 100


def tell(*, sooner: dt.timedelta = dt.timedelta()) -> int:
    """Mail the brief of each call that begins within the hour, once for each time it has.

    `sooner` is how much longer before, business time, for a clock that outruns the looks. One
    that is written later than an hour before goes out at once. Returns how many.
    """
    now = clock.now()
    close = Meeting.objects.filter(
        status=Meeting.Status.BOOKED,
        brief_at__isnull=False,
        starts_at__gt=now,
        starts_at__lte=now + BEFORE + sooner,
    )
    calls = {key(one): one for one in close.select_related("lead").order_by("starts_at")[:AT_ONCE]}
    told = set(Notice.objects.filter(key__in=calls).values_list("key", flat=True))
    return sum(_queue(name, one) for name, one in calls.items() if name not in told)


def key(meeting: Meeting) -> str:
    """Return what one brief is mailed only once for: the call at one time."""
    return f"brief:{meeting.pk}:{meeting.revision}"


def _queue(name: str, meeting: Meeting) -> bool:
    zone = words.zone_of(AgencyProfile.load().timezone)
    who = meeting.guest_name or meeting.guest_email
    return notices.queue_notice(
        name,
        Notice.Channel.MAIL,
        subject=f"Call with {who}, {words.when(meeting.starts_at, zone)}",
        text=page(meeting),
        url=f"{settings.PUBLIC_URL}/meetings/{meeting.pk}/",
        now=timezone.now(),
    )


def page(meeting: Meeting) -> str:
    """Return the brief as plain text, a page at the most."""
    brief = meeting.brief
    ask = [f"{number}. {question}" for number, question in enumerate(brief.get("ask", []), 1)]
    known = [_fact(fact) for fact in brief.get("facts", [])]
    where = [part for part in (meeting.location, meeting.guest_phone, meeting.guest_email) if part]
    parts = [
        brief.get("who", ""),
        brief.get("why", ""),
        "\n".join(["What to ask", *ask]) if ask else "",
        "\n".join(["What is known", *known]) if known else "",
        " · ".join(where),
    ]
    return "\n\n".join(part for part in parts if part)


def _fact(fact: dict[str, str]) -> str:
    quote = f": “{fact['quote']}”" if fact.get("quote") else ""
    return f"- {fact['claim']}{quote} ({fact['source']})"
