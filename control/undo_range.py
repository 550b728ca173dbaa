"""Undo everything an agent did in a time range: counted first, then done in the background."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Count, QuerySet
from pydantic import BaseModel

from agency import audit, live
from agency.models import AuditEntry
from control import kinds, undo
from control.models import Action
from jobs import queue, registry
from jobs.lease import Lease
from jobs.models import ArchivedJob, Job, Lane

KIND = "control.undo_range"
CHUNK = 50
NAMED = 100
"""Of what could not be undone so many are named; the rest is counted."""


@dataclass(frozen=True)
class Share:
    """How much of one kind would be undone."""

    kind: str
    label: str
    count: int
    outward: bool


class Left(BaseModel):
    """One action that could not be undone, and what to do instead."""

    action: uuid.UUID
    summary: str
    why: str


class Order(BaseModel):
    """What is undone for whom, and how far it is: the job's payload, and its report."""

    agent: str
    since: dt.datetime
    until: dt.datetime
    user_id: int
    by: str
    total: int
    undone: dict[str, int] = {}
    failed: int = 0
    left: list[Left] = []
    finished: bool = False

    @property
    def seen(self) -> int:
        """How many it has tried so far."""
        return sum(self.undone.values()) + self.failed


def done(agent: str, since: dt.datetime, until: dt.datetime) -> QuerySet[Action]:
    """Return what the agent did from `since` up to `until`, the newest first."""
    return Action.objects.filter(
        agent=agent, status=Action.Status.DONE, finished_at__gte=since, finished_at__lt=until
    ).order_by("-finished_at", "-pk")


def preview(agent: str, since: dt.datetime, until: dt.datetime) -> list[Share]:
    """Count what would be undone, by kind."""
    rows = done(agent, since, until).order_by().values_list("kind").annotate(n=Count("pk"))
    return [
        Share(name, kinds.get(name).label, count, kinds.get(name).outward)
        for name, count in sorted(rows)
    ]


def start(agent: str, since: dt.datetime, until: dt.datetime, *, by: User) -> Job:
    """Undo it in a job, newest first, whose payload is the report."""
    total = done(agent, since, until).count()
    order = Order(
        agent=agent, since=since, until=until, user_id=by.pk, by=by.get_username(), total=total
    )
    audit.record(
        "undo.started",
        f"{order.by} has all that {agent.capitalize()} did from {since:%d %b %H:%M} to"
        f" {until:%d %b %H:%M} UTC undone: {total} actions",
        actor=order.by,
        actor_kind=AuditEntry.ActorKind.USER,
        data={"agent": agent, "since": since.isoformat(), "until": until.isoformat()},
    )
    return queue.enqueue(KIND, order.model_dump(mode="json"))


def report(pk: uuid.UUID) -> Order | None:
    """Return what an undo has come to, or None if there is none under this id."""
    for model in (Job, ArchivedJob):
        payload = model.objects.filter(pk=pk, kind=KIND).values_list("payload", flat=True).first()
        if payload is not None:
            return Order.model_validate(payload)
    return None


@registry.register(KIND, lane=Lane.FAST, max_attempts=20)
def undo_range(job: Job, lease: Lease) -> None:
    """Undo what is ordered, and report as it goes."""
    order = Order.model_validate(job.payload)
    # What could not be undone is tried, and counted, again; what was undone is not found again.
    order.failed, order.left = 0, []
    by = User.objects.get(pk=order.user_id)
    for chunk in _chunks(order):
        lease.check()
        for outcome in undo.undo(chunk, by=by):
            _note(order, outcome)
        _keep(job, order)
    order.finished = True
    audit.record(
        "undo.finished",
        f"Undone for {order.by}: {sum(order.undone.values())} actions of"
        f" {order.agent.capitalize()}; {order.failed} could not be",
        actor="the house",
        data={"undone": order.undone, "failed": order.failed},
    )
    _keep(job, order)


def _chunks(order: Order) -> Iterator[list[Action]]:
    """Yield what is to be undone, the newest first, each action once."""
    ids = list(done(order.agent, order.since, order.until).values_list("pk", flat=True))
    for at in range(0, len(ids), CHUNK):
        yield list(Action.objects.filter(pk__in=ids[at : at + CHUNK]))


def _note(order: Order, outcome: undo.Outcome) -> None:
    if outcome.undone:
        order.undone = dict(Counter(order.undone) + Counter([outcome.action.kind]))
        return
    order.failed += 1
    if len(order.left) < NAMED:
        action = outcome.action
        order.left.append(Left(action=action.pk, summary=action.summary, why=outcome.message))


def _keep(job: Job, order: Order) -> None:
    job.payload = order.model_dump(mode="json")
    Job.objects.filter(pk=job.pk).update(payload=job.payload)
    live.broadcast(f"undo:{job.pk}")
