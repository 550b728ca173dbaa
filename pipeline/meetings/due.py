"""Calls by the clock: who is invited, who is reminded, when you are briefed, what is over.

All of it is business time. A reminder that could not leave before its call is not made: in a fast
sandbox an hour is over before an approved mail goes out.
"""

import datetime as dt

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Cast

from agency import clock, live
from control import actions
from control.models import Action
from jobs import events, registry
from jobs.lease import Lease
from jobs.models import Event, Job
from pipeline.meetings import brief_mail
from pipeline.models import Lead, Meeting

KIND = "pipeline.meetings_due"
EVERY_SECONDS = 5

UNBOOKED = "lead.unbooked"
PATIENCE = dt.timedelta(hours=24)
"""From the first answer to the offer of times."""

STALE = dt.timedelta(minutes=10)
"""Wall time: an offer whose times have gone is written anew no more often than that."""

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
LATE_FOR_DAY = dt.timedelta(hours=12)
"""Who booked closer than that to the call needs no reminder of a day before."""

ANSWER_AFTER = dt.timedelta(minutes=15)
"""From a call's end until the operator is asked how it went."""

OFFERS = ("offer_times", "recover_no_show")
ABOUT_CALL = ("send_invitation", "remind", "recover_no_show")
AT_ONCE = 100


@registry.register(KIND, short=True)
def look(job: Job, lease: Lease) -> None:
    """Tell of what is due, each once."""
    tell_unbooked()
    renew_offers()
    tell_reminders("day", before=DAY, until=LATE_FOR_DAY)
    tell_reminders("hour", before=HOUR, until=_leaves_within())
    withdraw_late()
    brief_mail.tell(sooner=_between_looks())
    if over().filter(ends_at__gt=clock.now() - ANSWER_AFTER - _between_looks()).exists():
        live.broadcast("meetings", "status")


def over() -> QuerySet[Meeting]:
    """Return the calls that ended a while ago and of which nobody said how they went."""
    return Meeting.objects.filter(
        status=Meeting.Status.BOOKED, ends_at__lte=clock.now() - ANSWER_AFTER
    )


def tell_unbooked() -> int:
    """Emit `lead.unbooked` for each qualified lead that was answered and did not book; how many."""
    waiting = _invited().filter(unbooked_at=None)
    return _tell(waiting.filter(answered_at__lte=clock.wall() - PATIENCE / clock.speed()))


def renew_offers() -> int:
    """Take back the offers that wait with times that have gone, and have them written anew."""
    pause = max(STALE, PATIENCE / clock.speed())
    waiting = Action.objects.filter(
        kind="offer_times",
        status__in=[Action.Status.WAITING, Action.Status.HELD],
        params__slots__0__lte=f"{clock.now():%Y-%m-%dT%H:%M:%SZ}",
        created_at__lte=clock.wall() - pause,
    )
    told = 0
    for pk in set(waiting.values_list("subject_id", flat=True)[:AT_ONCE]):
        lead = Lead.objects.filter(pk=pk).first()
        if lead is not None and actions.withdraw(lead, ["offer_times"], "its times have gone"):
            told += _tell(_invited().filter(pk=pk))
    return told


def _invited() -> QuerySet[Lead]:
    """Return the qualified leads that were answered, wrote nothing since, and have had no call."""
    pk = Cast(OuterRef("pk"), Action._meta.get_field("subject_id"))
    offered = Action.objects.filter(
        kind__in=OFFERS,
        subject_type=Lead._meta.label_lower,
        subject_id=pk,
        status__in=Action.UNSETTLED,
    )
    return Lead.objects.filter(
        ~Exists(Meeting.objects.filter(lead=OuterRef("pk"))),
        ~Exists(offered),
        stage="answered",
        status=Lead.Status.QUALIFIED,
        client=None,
        answered_at__isnull=False,
    ).exclude(email="")


def _tell(leads: QuerySet[Lead]) -> int:
    rows = leads.select_for_update(skip_locked=True, of=("self",), no_key=True)
    told = 0
    for lead in rows.order_by("answered_at")[:AT_ONCE]:
        Lead.objects.filter(pk=lead.pk).update(unbooked_at=clock.wall())
        events.emit(UNBOOKED, subject=lead)
        told += 1
    return told


def tell_reminders(which: str, *, before: dt.timedelta, until: dt.timedelta) -> int:
    """Emit `meeting.reminder_due` for each call so close, once, while there is time; how many."""
    now, field = clock.now(), f"reminded_{which}_at"
    close = Meeting.objects.filter(
        status=Meeting.Status.BOOKED,
        starts_at__lte=now + before,
        starts_at__gt=now + until,
        **{field: None},
    )
    rows = close.select_for_update(skip_locked=True, of=("self",)).select_related("lead__client")
    told = 0
    for meeting in rows.order_by("starts_at")[:AT_ONCE]:
        Meeting.objects.filter(pk=meeting.pk).update(**{field: now})
        events.emit(
            "meeting.reminder_due",
            subject=meeting.lead,
            client=meeting.lead.client,
            correlation_id=meeting.pk,
            data={"meeting": str(meeting.pk), "which": which},
        )
        told += 1
    return told


def _leaves_within() -> dt.timedelta:
    """Return how long, business time, an approved mail takes to leave at the least."""
    return (actions.regret_window() + dt.timedelta(seconds=EVERY_SECONDS)) * clock.speed()


def _between_looks() -> dt.timedelta:
    return dt.timedelta(seconds=2 * EVERY_SECONDS) * clock.speed()


def withdraw_late() -> int:
    """Take back the reminders that still wait though their call has begun; return how many."""
    waiting = Action.objects.filter(
        kind="remind", status__in=[Action.Status.WAITING, Action.Status.HELD]
    )
    calls = set(waiting.values_list("params__meeting", flat=True)[:AT_ONCE])
    begun = Meeting.objects.filter(pk__in=calls, starts_at__lte=clock.now())
    return sum(
        actions.withdraw(
            meeting.lead, ["remind"], "the call has begun", among=Q(params__meeting=str(meeting.pk))
        )
        for meeting in begun.select_related("lead")
    )


@registry.register("pipeline.meeting_changed", short=True)
def changed(job: Job, lease: Lease) -> None:
    """Take back what waits and speaks of a call as it no longer is, and times nobody needs now."""
    event = Event.objects.get(pk=job.payload["event_id"])
    meeting = Meeting.objects.select_related("lead").get(pk=event.data["meeting"])
    of_it = Q(params__meeting=str(meeting.pk))
    other = ~Q(params__contains={"revision": meeting.revision})
    if meeting.status == Meeting.Status.BOOKED:
        actions.withdraw(meeting.lead, OFFERS, "a call is booked")
        actions.withdraw(meeting.lead, ABOUT_CALL, "the call was moved", among=of_it & other)
    elif meeting.status == Meeting.Status.CANCELLED:
        actions.withdraw(meeting.lead, ABOUT_CALL, "the call is cancelled", among=of_it & other)
    else:
        said = f"the call was {meeting.status}"
        kinds = ("send_invitation", "remind")
        actions.withdraw(meeting.lead, kinds, said, among=of_it)


for _event in ("booked", "moved", "cancelled", "held", "missed"):
    events.subscribe(f"meeting.{_event}", "pipeline.meeting_changed")
events.comes_from(UNBOOKED, "clock")
events.comes_from("meeting.reminder_due", "clock")
registry.every(EVERY_SECONDS, KIND)
