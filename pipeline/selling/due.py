"""Proposals by the clock: when to remind of one, when it lapses, and what closes with a deal."""

import datetime as dt
import uuid

from django.db import transaction

from agency import clock
from jobs import events, registry
from jobs.lease import Lease
from jobs.models import Event, Job, Lane
from pipeline.models import Deal, Lead, Proposal
from pipeline.selling import proposals

DUE = "proposal.due"
ANSWERED = "proposal.answered"
FOLLOW_UP_DAYS = (2, 5, 9)
"""Working days after it was sent."""

EVERY_SECONDS = 15
AT_ONCE = 100
FRIDAY = 4


@registry.register("pipeline.look_at_proposals", lane=Lane.NORMAL, short=True)
def look(job: Job, lease: Lease) -> None:
    """Let lapse what is over, and say which reminders are due."""
    lapse()
    remind()


def lapse() -> int:
    """Let proposals lapse whose time is over, and say so (`proposal.due`); return how many."""
    over = Proposal.objects.filter(status=Proposal.Status.SENT, valid_until__lte=clock.now())
    count = 0
    for proposal in over.select_related("deal__client").order_by("valid_until")[:AT_ONCE]:
        with transaction.atomic():
            if proposals.expire(proposal):
                _tell(proposal, "lapsed")
                count += 1
    return count


def remind() -> int:
    """Say of each proposal, once for each reminder, that it is due; return how many."""
    now, count = clock.now(), 0
    sent = Proposal.objects.filter(
        status=Proposal.Status.SENT,
        valid_until__gt=now,
        fell_due__lt=len(FOLLOW_UP_DAYS),
        sent_at__lte=now - dt.timedelta(days=FOLLOW_UP_DAYS[0]),
    )
    for proposal in sent.select_related("deal__client").order_by("sent_at"):
        number = passed(proposal, now)
        if number <= proposal.fell_due:
            continue
        with transaction.atomic():
            mine = Proposal.objects.filter(pk=proposal.pk, fell_due=proposal.fell_due)
            if mine.filter(status=Proposal.Status.SENT).update(fell_due=number):
                _tell(proposal, "reminder")
                count += 1
        if count == AT_ONCE:
            break
    return count


def passed(proposal: Proposal, now: dt.datetime) -> int:
    """Return how many of its reminders are due by now; one that was missed is not made up for."""
    if proposal.sent_at is None:
        return 0
    return sum(working_days_after(proposal.sent_at, days) <= now for days in FOLLOW_UP_DAYS)


def working_days_after(moment: dt.datetime, days: int) -> dt.datetime:
    """Return the same time of day so many working days later, Monday to Friday."""
    while days:
        moment += dt.timedelta(days=1)
        days -= moment.weekday() <= FRIDAY
    return moment


def _tell(proposal: Proposal, why: str) -> None:
    events.emit(
        DUE,
        subject=proposal.deal,
        client=proposal.deal.client,
        data={"proposal": str(proposal.pk), "why": why},
    )


@registry.register("pipeline.proposal_answered", short=True)
def answered(job: Job, lease: Lease) -> None:
    """Tell the deal when a lead writes who has a proposal that is not settled."""
    event = Event.objects.get(pk=uuid.UUID(job.payload["event_id"]))
    lead = Lead.objects.filter(pk=event.subject_id).first()
    deal = Deal.objects.filter(lead=lead, stage__in=Deal.OPEN).first() if lead else None
    last = proposals.newest(deal) if deal is not None else None
    if deal is None or last is None or last.status in proposals.SETTLED:
        return
    data = {"proposal": str(last.pk), "mail": event.data.get("mail_id")}
    events.emit(ANSWERED, subject=deal, client=deal.client, parent=job, data=data)


@registry.register("pipeline.close_offers", short=True)
def close_offers(job: Job, lease: Lease) -> None:
    """End what is still offered to a deal that was won or lost."""
    event = Event.objects.get(pk=uuid.UUID(job.payload["event_id"]))
    deal = Deal.objects.filter(pk=event.subject_id).first()
    if deal is not None and not deal.is_open:
        proposals.close(deal, f"the deal is {deal.stage}")


registry.every(EVERY_SECONDS, "pipeline.look_at_proposals")
events.subscribe("lead.wrote", "pipeline.proposal_answered")
events.subscribe("deal.won", "pipeline.close_offers")
events.subscribe("deal.lost", "pipeline.close_offers")
events.comes_from(DUE, "clock")
events.comes_from(ANSWERED, "mail")
