"""Finding, by the clock: sources that are due, imports that wait, research that grew old."""

import datetime as dt

from django.db.models import Q, QuerySet

from agency import clock
from jobs import events, registry
from jobs.lease import Lease
from jobs.models import Job, Lane
from pipeline import prospects
from pipeline.finding.reading import READERS
from pipeline.models import IdealCustomer, Prospect, Source

DUE = "source.due"
EVERY_SECONDS = 3
LEAST_WALL_SECONDS = 20
"""However fast business time runs, a source is read no more often than that."""

ANNOUNCED_AT_ONCE = 5
IN_WORK = 20
"""So many prospects wait for Researcher at most; imports come after them."""

STALE_DAYS = 30
STALE_AT_ONCE = 5
UNFINISHED = (
    *(Job.Status.SCHEDULED, Job.Status.AVAILABLE, Job.Status.RUNNING),
    *(Job.Status.RETRYABLE, Job.Status.HELD),
)


@registry.register("pipeline.find", lane=Lane.BULK, short=True)
def find(job: Job, lease: Lease) -> None:
    """Wake Scout for sources that are due, and Researcher for prospects whose turn it is."""
    wake_due()
    room = IN_WORK - _in_work()
    if room > 0:
        room -= announce(min(room, ANNOUNCED_AT_ONCE))
    if room > 0:
        announce_stale(min(room, STALE_AT_ONCE))


def wake_due() -> int:
    """Emit `source.due` for each source whose time has come, once; return how many."""
    now = clock.now()
    due = Source.objects.filter(
        Q(next_read_at=None) | Q(next_read_at__lte=now),
        active=True,
        ideal_customer__active=True,
        kind__in=list(READERS),
    )
    busy = set(_unfinished(Source).values_list("subject_id", flat=True))
    woken = 0
    for source in due:
        if str(source.pk) in busy:
            continue  # it is being read, or its reading is held: one is enough
        pause = max(source.every_minutes * 60, LEAST_WALL_SECONDS * clock.speed())
        claimed = Source.objects.filter(pk=source.pk, next_read_at=source.next_read_at).update(
            next_read_at=now + dt.timedelta(seconds=pause)
        )
        if claimed:
            events.emit(DUE, subject=source)
            woken += 1
    return woken


def announce(most: int) -> int:
    """Let up to so many imported prospects be researched, the best first; return how many."""
    done = 0
    for ideal in IdealCustomer.objects.filter(active=True):
        waiting = Prospect.objects.select_for_update(skip_locked=True, of=("self",)).filter(
            ideal_customer=ideal,
            fit__gte=ideal.min_fit,
            announced_at=None,
            status=Prospect.Status.NEW,
            merged_into=None,
        )
        for prospect in waiting.order_by("-fit", "id")[: most - done]:
            prospects.tell(prospect, prospects.ADDED)
            done += 1
    return done


def announce_stale(most: int) -> int:
    """Let up to so many prospects be researched anew, the oldest first; return how many.

    Only who was not written to: what a mail rests on stays as it was.
    """
    old = prospects.since(STALE_DAYS)
    stale = Prospect.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        Q(announced_at=None) | Q(announced_at__lt=old),
        status=Prospect.Status.RESEARCHED,
        merged_into=None,
        researched_at__lt=old,
        ideal_customer__active=True,
    )
    found = list(stale.order_by("researched_at")[:most])
    for prospect in found:
        prospects.tell(prospect, prospects.STALE)
    return len(found)


def _unfinished(model: type[Source] | type[Prospect]) -> QuerySet[Job]:
    return Job.objects.filter(
        kind="agents.run", subject_type=model._meta.label_lower, status__in=UNFINISHED
    )


def _in_work() -> int:
    return _unfinished(Prospect).count()


events.comes_from(DUE, "schedule")
events.comes_from(prospects.STALE, "schedule")
registry.every(EVERY_SECONDS, "pipeline.find")
