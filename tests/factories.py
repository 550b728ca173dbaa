"""Rows for tests, made by plain functions, and a way to work the queue off in the test itself."""

import datetime as dt
import time
import uuid
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.text import slugify

from agency.models import Client
from agents import configs
from agents.models import ModelCall, Run
from control.models import Action, Decision
from jobs import claim, events, run, sweep
from jobs.lease import Holder
from jobs.models import Job, Lane
from pipeline.models import Lead

GOOD_MESSAGE = (
    "We are a plumbing company in Tucson. Do you work with ServiceTitan? We miss half our calls in"
    " the afternoon. What would it cost, and could we start next month? Our budget is $1,000 a"
    " month."
)


def make_user(name: str = "olivia", **fields: Any) -> User:
    """Return an operator."""
    return User.objects.create_user(name, f"{name}@northwind.example", "correct horse", **fields)


def make_lead(**fields: Any) -> Lead:
    """Return a lead that qualifies by rules, unless `fields` say otherwise."""
    wanted: dict[str, Any] = {
        "source": "webhook:website",
        "name": "Dana Reyes",
        "email": "dana@harborplumbing.example",
        "phone": "+15205550142",
        "company": "Harbor Plumbing",
        "subject": "Do you work with ServiceTitan?",
        "message": GOOD_MESSAGE,
        "received_at": timezone.now(),
    }
    return Lead.objects.create(**wanted | fields)


def make_client(name: str = "Vale Dental", **fields: Any) -> Client:
    """Return an active client of the agency."""
    wanted = {"slug": slugify(name), "status": Client.Status.ACTIVE, "timezone": "America/Phoenix"}
    return Client.objects.create(name=name, **wanted | fields)


def make_run(usd: str = "0", *, ago: dt.timedelta = dt.timedelta(), **fields: Any) -> Run:
    """Return a completed run with one model call of that cost, or by rules for nothing."""
    started = timezone.now() - ago
    cost = Decimal(usd)
    wanted: dict[str, Any] = {
        "agent": "qualifier",
        "config": configs.deployed("qualifier"),
        "trigger": Run.Trigger.EVENT,
        "subject_type": "pipeline.lead",
        "subject_id": "1",
        "correlation_id": uuid.uuid4(),
        "engine": "claude-haiku-4-5" if cost else "rules",
        "status": Run.Status.COMPLETED,
        "calls": 1 if cost else 0,
        "tokens": 1200 if cost else 0,
        "cost_usd": cost,
        "started_at": started,
        "finished_at": started,
    }
    run = Run.objects.create(**wanted | fields)
    if cost:
        ModelCall.objects.create(
            run=run,
            client=run.client,
            model=run.engine,
            status=ModelCall.Status.ANSWERED,
            reserved_usd=cost,
            usd=cost,
            input_tokens=1000,
            output_tokens=200,
            started_at=started,
        )
    return run


def receive(lead: Lead) -> Lead:
    """Announce the lead, as intake does."""
    events.emit("lead.received", subject=lead, client=lead.client)
    return lead


def make_holder() -> Holder:
    """Return a registered worker identity with a fresh lease."""
    return Holder.register(lanes=list(Lane.values))


def make_holder_of(job: Job) -> Holder:
    """Return the holder of a claimed job, as its worker has it."""
    assert job.worker is not None
    return Holder(job.worker, time.monotonic())


def work_off(*, ahead: bool = False, holder: Holder | None = None) -> int:
    """Run every job that is due, and those they make, in this thread; return how many ran.

    With `ahead`, scheduled and retryable jobs are due as well.
    """
    holder = holder or make_holder()
    ran = 0
    while holder.beat():
        if ahead:
            waiting = [Job.Status.SCHEDULED, Job.Status.RETRYABLE]
            past = timezone.now() - dt.timedelta(seconds=1)
            Job.objects.filter(status__in=waiting).update(run_at=past)
        sweep.promote()
        jobs = _claimed(holder, 10)
        if not jobs:
            return ran
        for job in jobs:
            run.run(job, holder)
            ran += 1
    raise AssertionError("the holder lost its lease")


def work_off_once() -> None:
    """Make what is scheduled due, then run each due job once."""
    past = timezone.now() - dt.timedelta(seconds=1)
    Job.objects.filter(status=Job.Status.SCHEDULED).update(run_at=past)
    sweep.promote()
    holder = make_holder()
    for job in _claimed(holder, 100):
        run.run(job, holder)


def _claimed(holder: Holder, limit: int) -> list[Job]:
    return [
        job
        for lane in Lane.values
        for short in (True, False)
        for job in claim.claim(lane, holder, limit, short=short)
    ]


def received(**fields: Any) -> Lead:
    """Return a lead that has been scored and whose answer waits for approval."""
    lead = receive(make_lead(**fields))
    work_off()
    lead.refresh_from_db()
    return lead


def earn(agent: str = "qualifier", kind: str = "reply_to_lead", times: int = 35) -> None:
    """Have the operator approve as many as they were."""
    user = make_user(f"user{uuid.uuid4().hex[:8]}")
    now = timezone.now()
    found = Action.objects.bulk_create(
        Action(
            kind=kind,
            params={"subject": "Hello", "body": "Hello."},
            content_hash="0" * 64,
            agent=agent,
            correlation_id=uuid.uuid4(),
            summary="Reply",
            reason="It asked",
            stakes="medium",
            outward=True,
            status=Action.Status.DONE,
            level="ask",
            expires_at=now + dt.timedelta(days=7),
        )
        for _ in range(times)
    )
    Decision.objects.bulk_create(
        Decision(
            action=action,
            verdict="approve",
            content_hash="0" * 64,
            user=user,
            by=str(user),
            created_at=now,
            consumed_at=now,
        )
        for action in found
    )
