"""Enqueueing, events, retries and the clock: durable, idempotent, in the caller's transaction."""

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone

from jobs import claim, events, queue, registry, run, sweep
from jobs.lease import Lease
from jobs.models import Event, Job, Lane, Schedule
from pipeline.models import Lead
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_rolled_back_change_leaves_no_job() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        queue.enqueue("control.tidy", {})
        raise RuntimeError
    assert not Job.objects.exists()


def test_an_unknown_kind_is_refused_at_once() -> None:
    with pytest.raises(registry.UnknownKind, match=r"no\.such\.kind"):
        queue.enqueue("no.such.kind", {})


def test_a_unique_key_makes_it_idempotent_even_after_it_ran() -> None:
    first = queue.enqueue("control.tidy", {}, unique_key="once")
    factories.work_off()
    again = queue.enqueue("control.tidy", {}, unique_key="once")
    assert (again.pk, again.status) == (first.pk, "completed")


def test_an_event_wakes_each_subscriber_once_with_its_correlation() -> None:
    lead = factories.make_lead()
    event = events.emit("lead.received", subject=lead)
    (job,) = Job.objects.all()
    assert job.kind == "agents.run"
    assert job.payload == {"agent": "qualifier", "event_id": str(event.pk)}
    assert job.correlation_id == Event.objects.get().correlation_id
    assert job.tags == ["agent:qualifier"]


def test_smaller_priorities_run_first_then_older_ones() -> None:
    last = queue.enqueue("control.tidy", {}, priority=200)
    first, second = (queue.enqueue("control.tidy", {}, priority=50) for _ in range(2))
    claimed = [claim.claim("fast", factories.make_holder(), short=True)[0].pk for _ in range(3)]
    assert claimed == [first.pk, second.pk, last.pk]


def test_a_scheduled_job_waits_for_its_time() -> None:
    later = timezone.now() + dt.timedelta(hours=1)
    job = queue.enqueue("control.tidy", {}, run_at=later)
    assert factories.work_off() == 0
    Job.objects.update(run_at=timezone.now())
    assert factories.work_off() == 1
    job.refresh_from_db()
    assert job.status == "completed"


def test_two_claims_at_once_take_different_jobs() -> None:
    for _ in range(4):
        queue.enqueue("control.tidy", {})
    one = claim.claim("fast", factories.make_holder(), 2, short=True)
    two = claim.claim("fast", factories.make_holder(), 4, short=True)
    assert len({job.pk for job in one + two}) == 4


def test_a_lane_claims_only_its_own() -> None:
    queue.enqueue("control.tidy", {}, lane="bulk")
    assert claim.claim("fast", factories.make_holder(), short=True) == []


def test_retries_back_off_exponentially_with_jitter() -> None:
    waits = [run.backoff(3).total_seconds() for _ in range(200)]
    assert 6 <= min(waits) < max(waits) <= 10
    assert run.backoff(30).total_seconds() <= 3600 * 1.25


def test_a_failing_short_job_takes_its_work_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def half(job: Job, lease: Lease) -> None:
        factories.make_lead()
        raise RuntimeError("half way")

    kind = registry.Kind("test.half", half, Lane.FAST, 2, True)
    monkeypatch.setitem(registry._kinds, "test.half", kind)
    job = queue.enqueue("test.half", {})
    factories.work_off_once()
    job.refresh_from_db()
    assert (job.status, job.attempt, len(job.errors)) == ("retryable", 1, 1)
    assert Lead.objects.count() == 0


def test_recurring_jobs_come_once_however_many_sweep() -> None:
    sweep.recur()
    sweep.recur()
    assert Job.objects.filter(kind="control.tidy").count() == 1
    Schedule.objects.update(next_run_at=timezone.now())
    sweep.recur()
    assert Job.objects.filter(kind="control.tidy").count() == 1
    factories.work_off()
    Schedule.objects.update(next_run_at=timezone.now())
    sweep.recur()
    assert Job.objects.filter(kind="control.tidy").count() == 2


def test_children_inherit_the_chain() -> None:
    parent = queue.enqueue("control.tidy", {})
    child = queue.enqueue("control.tidy", {}, parent=parent)
    assert (child.correlation_id, child.parent_id) == (parent.correlation_id, parent.pk)
