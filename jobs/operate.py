"""What an operator does with jobs: retry, cancel, discard; one of them, or 100,000 by filter.

A running job's row is never touched: the job is another's until it ends, and nothing here can ask
it to stop; a switch can. All others are changed by compare-and-swap on their status, up to a
thousand in one transaction with its entry in the trail.
"""

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import F, Func, JSONField, Value
from django.db.models.functions import JSONObject
from django.utils import timezone
from pydantic import BaseModel

from agency import audit, live
from agency.models import AuditEntry
from jobs import queue, registry, wakeups
from jobs.filters import LAST_ERROR, Filter, UnknownValue
from jobs.lease import Lease
from jobs.models import Job, Lane, Limit

CHUNK = 1000
MOST_COUNTED = 100_000
SAMPLE = 10
LIMITED = ("lane", "client", "agent", "kind", "channel")
MOST_AT_ONCE = 100_000
AHEAD = 10
"""The priority of what an operator waits for."""

S = Job.Status
WAITING = (S.AVAILABLE, S.SCHEDULED, S.RETRYABLE, S.HELD)


class Verb(StrEnum):
    """What is done with the jobs."""

    RETRY = "retry"
    CANCEL = "cancel"
    DISCARD = "discard"


PAST = {Verb.RETRY: "retried", Verb.CANCEL: "cancelled", Verb.DISCARD: "discarded"}
REACHES: dict[Verb, tuple[str, ...]] = {
    Verb.RETRY: (S.DISCARDED, S.CANCELLED, S.RETRYABLE, S.SCHEDULED),
    Verb.CANCEL: WAITING,
    Verb.DISCARD: WAITING,
}
MEANT: dict[Verb, tuple[str, ...]] = {
    Verb.RETRY: (S.DISCARDED, S.RETRYABLE),
    Verb.CANCEL: WAITING,
    Verb.DISCARD: WAITING,
}
"""Where neither statuses nor jobs are named: what was cancelled, or waits for its time, is only
run now by somebody who says so."""

WHY_NOT = {
    S.RUNNING: "at work now, which is not interrupted",
    S.COMPLETED: "done already",
    S.AVAILABLE: "waiting for their turn already",
    S.HELD: "held back: release the switch, or raise the limit",
    S.DISCARDED: "given up already",
    S.CANCELLED: "cancelled already",
}
MEANWHILE = "changed meanwhile"
NOT_FOUND = "not there, or archived"


@dataclass
class Result:
    """How many jobs were changed, and how many were not and why."""

    done: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Result") -> None:
        """Count another's too."""
        self.done += other.done
        self.skipped.update(other.skipped)


@dataclass(frozen=True)
class Preview:
    """What a verb would do to the jobs of a filter. With `more`, counting ended before the jobs."""

    verb: Verb
    chosen: Filter
    can: int
    cannot: dict[str, int]
    more: bool
    sample: list[Job]


def retry(chosen: Filter, *, by: str) -> Result:
    """Run the jobs now, with all their tries ahead again; what failed before stays in the record.

    Reaches discarded and retryable ones; cancelled and scheduled ones when the filter names them.
    """
    return act(Verb.RETRY, chosen, by=by)


def cancel(chosen: Filter, *, by: str, reason: str = "") -> Result:
    """Take waiting jobs out of the queue."""
    return act(Verb.CANCEL, chosen, by=by, reason=reason)


def discard(chosen: Filter, *, by: str, reason: str) -> Result:
    """Give waiting jobs up, as failed for this reason; nobody is alerted."""
    return act(Verb.DISCARD, chosen, by=by, reason=reason)


def act(verb: Verb, chosen: Filter, *, by: str, reason: str = "") -> Result:
    """Do it here and now, a chunk a transaction. Jobs enqueued from now on are not meant."""
    chosen = bounded(verb, chosen)
    total = Result()
    for chunk in _chunks(verb, chosen):
        total.add(change(verb, chunk.ids, by=by, reason=reason, chosen=chosen))
        total.skipped.update(chunk.skipped)
    missing = len(set(chosen.ids)) - total.done - total.skipped.total()
    if missing > 0:
        total.skipped[NOT_FOUND] += missing
    return total


def bounded(verb: Verb, chosen: Filter) -> Filter:
    """Narrow a filter to what the verb means, and to jobs that exist by now."""
    if chosen.ids:
        return chosen
    return replace(chosen.within(MEANT[verb]), until=chosen.until or timezone.now())


@transaction.atomic
def change(
    verb: Verb, ids: list[uuid.UUID], *, by: str, reason: str = "", chosen: Filter | None = None
) -> Result:
    """Change those of these jobs that still are what the verb reaches, with their trail."""
    eligible = Job.objects.filter(pk__in=ids, status__in=REACHES[verb])
    jobs = list(eligible.select_for_update(of=("self",)).order_by("pk"))
    if jobs:
        found = Job.objects.filter(pk__in=[job.pk for job in jobs])
        if verb == Verb.RETRY:
            _set_free(found, jobs)
        else:
            why = f"{PAST[verb]} by {by}" + (f": {reason}" if reason else "")
            _give_up(found, S.CANCELLED if verb == Verb.CANCEL else S.DISCARDED, why)
            registry.settle_given_up(jobs, why)
        _record(verb, jobs, by, reason, chosen)
        live.broadcast("jobs")
    late = len(ids) - len(jobs)
    return Result(len(jobs), Counter({MEANWHILE: late} if late else {}))


def _set_free(found: Any, jobs: list[Job]) -> None:
    found.update(status=S.AVAILABLE, attempt=0, run_at=timezone.now(), held_by="", finished_at=None)
    for lane in {job.lane for job in jobs}:
        wakeups.wake_on_commit(lane)


def _give_up(found: Any, status: str, why: str) -> None:
    now = timezone.now()
    note = JSONObject(attempt=F("attempt"), at=Value(now.isoformat()), error=Value(why))
    errors = Func(F("errors"), note, template="(%(expressions)s)", arg_joiner=" || ")
    errors.output_field = JSONField()
    found.update(status=status, held_by="", finished_at=now, errors=errors)


def _record(verb: Verb, jobs: list[Job], by: str, reason: str, chosen: Filter | None) -> None:
    one = jobs[0] if len(jobs) == 1 else None
    what = one.kind if one else f"{len(jobs)} jobs"
    audit.record(
        f"job.{PAST[verb]}",
        f"{by} {PAST[verb]} {what}" + (f": {reason}" if reason else ""),
        actor=by,
        actor_kind=AuditEntry.ActorKind.USER,
        obj=one,
        client=one.client if one else None,
        correlation_id=one.correlation_id if one else None,
        data={
            "count": len(jobs),
            "first": str(jobs[0].pk),
            "last": str(jobs[-1].pk),
            "filter": chosen.fields() if chosen and not chosen.ids else {},
        },
    )


@dataclass(frozen=True)
class _Chunk:
    ids: list[uuid.UUID]
    skipped: Counter[str]
    last: uuid.UUID


def _chunks(verb: Verb, chosen: Filter, after: uuid.UUID | None = None) -> Iterator[_Chunk]:
    """Walk the jobs by id, so that each is met once whatever becomes of it."""
    while True:
        rows = chosen.rows().order_by("pk")
        if after is not None:
            rows = rows.filter(pk__gt=after)
        found = list(_looked_at(rows, chosen)[:CHUNK])
        if not found:
            return
        after = found[-1][0]
        kept = [(pk, status) for pk, status, error in found if chosen.keeps(error)]
        ids = [pk for pk, status in kept if status in REACHES[verb]]
        not_reached = [status for _, status in kept if status not in REACHES[verb]]
        yield _Chunk(ids, Counter(WHY_NOT[S(status)] for status in not_reached), after)


def _looked_at(rows: Any, chosen: Filter) -> Any:
    """Return id, status and last error; the error only where it decides."""
    error = LAST_ERROR if chosen.cause else Value("")
    return rows.annotate(error_text=error).values_list("pk", "status", "error_text")


def preview(verb: Verb, chosen: Filter) -> Preview:
    """Count what the verb would do, up to 100,000 jobs, and show the newest few of them."""
    narrowed = chosen.within(MEANT[verb])
    counts: Counter[str] = Counter()
    looked = 0
    for _, status, error in _looked_at(narrowed.rows(), narrowed)[: MOST_COUNTED + 1].iterator():
        looked += 1
        counts[status] += narrowed.keeps(error)
    can = sum(counts[status] for status in REACHES[verb])
    cannot = {WHY_NOT[S(s)]: n for s, n in counts.items() if n and s not in REACHES[verb]}
    missing = len(set(chosen.ids)) - looked
    if missing > 0:
        cannot[NOT_FOUND] = missing
    reached = narrowed.rows().filter(status__in=REACHES[verb])
    return Preview(verb, chosen, can, cannot, looked > MOST_COUNTED, _sample(reached, narrowed))


def _sample(rows: Any, chosen: Filter) -> list[Job]:
    newest = rows.select_related("client").order_by("-pk")
    if not chosen.cause:
        return list(newest[:SAMPLE])
    error = LAST_ERROR
    found = newest.annotate(error_text=error)[:CHUNK]
    return [job for job in found if chosen.keeps(job.error_text)][:SAMPLE]


class Order(BaseModel):
    """What a job in the background does with which jobs, and how far it is."""

    verb: Verb
    filter: dict[str, list[str]]
    by: str
    reason: str = ""
    total: int = 0
    done: int = 0
    skipped: dict[str, int] = {}
    after: uuid.UUID | None = None


def start(
    verb: Verb,
    chosen: Filter,
    *,
    by: str,
    reason: str = "",
    total: int = 0,
    kind: str = "jobs.operate",
    **more: Any,
) -> Job:
    """Do it in the background, in a job that keeps its progress in its own payload.

    Jobs enqueued from now on are not meant. `total` is how many there are; the job counts them
    itself where that is not known.
    """
    order = Order(
        verb=verb,
        filter=bounded(verb, chosen).fields(),
        by=by,
        reason=reason,
        total=total,
    )
    live.broadcast("jobs")
    return queue.enqueue(kind, {**order.model_dump(mode="json"), **more}, priority=AHEAD)


@registry.register("jobs.operate", lane=Lane.BULK, max_attempts=20)
def operate(job: Job, lease: Lease) -> None:
    """Retry, cancel or discard many jobs."""
    carry_out(job, lease)


def carry_out(job: Job, lease: Lease) -> None:
    """Do what the payload orders; after a crash, go on behind the last whole chunk.

    Each chunk commits with the progress and under the fence. Raises LeaseLost.
    """
    order = Order.model_validate(job.payload)
    chosen = Filter.parse(order.filter)
    order.total = order.total or chosen.rows().count()
    for chunk in _chunks(order.verb, chosen, order.after):
        with transaction.atomic():
            lease.check_row()
            result = change(order.verb, chunk.ids, by=order.by, reason=order.reason, chosen=chosen)
            skipped = Counter(order.skipped) + result.skipped + chunk.skipped
            order.done += result.done
            order.skipped, order.after = dict(skipped), chunk.last
            job.payload = {**job.payload, **order.model_dump(mode="json")}
            Job.objects.filter(pk=job.pk).update(payload=job.payload)


def operations(kinds: Sequence[str]) -> list[Job]:
    """Return the jobs of these kinds that are under way or next in turn, the oldest first.

    By what indexes find at any depth; one that waits for its next try is among the failures.
    """
    running = Job.objects.filter(status=S.RUNNING, kind__in=kinds)
    flow = queue.flow(None, [])
    ahead = Job.objects.filter(
        status=S.AVAILABLE, short=False, flow=flow, priority=AHEAD, kind__in=kinds
    )
    waiting = [ahead.filter(lane=lane) for lane in Lane.values]
    return sorted(running.union(*waiting), key=lambda job: job.pk)


def set_limit(tag: str, most: int | None, *, by: str) -> None:
    """Let at most so many long jobs of a tag run at once, or with None any number.

    Raises UnknownValue.
    """
    scope, _, value = tag.partition(":")
    if scope not in LIMITED or not value or (scope == "lane" and value not in Lane.values):
        raise UnknownValue(
            "tag", f"“{tag}” is not like lane:bulk, client:7, client:* or agent:name"
        )
    if most == 0 and value == "*":
        raise UnknownValue("most", "0 for each of them: to let none run, stop them")
    if most is not None and not 0 <= most <= MOST_AT_ONCE:
        raise UnknownValue("most", f"{most} is not from 0 to {MOST_AT_ONCE}")
    with transaction.atomic():
        before = Limit.objects.filter(tag=tag).values_list("most", flat=True).first()
        if most is None:
            Limit.objects.filter(tag=tag).delete()
        else:
            Limit.objects.update_or_create(tag=tag, defaults={"most": most})
        words = "any number" if most is None else f"at most {most}"
        audit.record(
            "limit.set",
            f"{by} lets {words} of {tag} run at once",
            actor=by,
            actor_kind=AuditEntry.ActorKind.USER,
            data={"tag": tag, "from": before, "to": most},
        )
        live.broadcast("jobs")
