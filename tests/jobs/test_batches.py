"""Short jobs run in batches: all or nothing, and then each by itself."""

import uuid

import psycopg
import pytest

from jobs import claim, queue, registry, sweep, tally, worker
from jobs.lease import Held, Lease
from jobs.models import Hold, Job, Lane, Tally
from pipeline.models import Lead
from tests import factories, workers
from tests.conftest import conninfo


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(job: Job, lease: Lease) -> None:
        factories.make_lead(email=f"{job.pk}@company.example")
        if job.payload.get("fails"):
            raise RuntimeError("this one fails")
        if job.payload.get("held"):
            raise Held("agent:scout")

    kind = registry.Kind("test.make", make, Lane.NORMAL, 2, True)
    monkeypatch.setitem(registry._kinds, "test.make", kind)
    worker.stopping.clear()
    tally._counts.clear()
    monkeypatch.setattr(worker, "_careful", 0)
    monkeypatch.setattr(worker, "_holder", factories.make_holder())


@pytest.mark.django_db
@pytest.mark.usefixtures("kinds")
def test_a_batch_is_done_and_completed_at_once() -> None:
    queue.enqueue_many("test.make", [{"number": n} for n in range(30)])
    assert worker._drain_batch("normal") == 30
    assert (Lead.objects.count(), Job.objects.filter(status="completed").count()) == (30, 30)
    job = Job.objects.first()
    assert job is not None
    assert (job.attempt, job.fence, job.payload) == (1, 1, {"number": 0})
    assert job.created_at <= job.started_at <= job.finished_at  # type: ignore[operator]


@pytest.mark.django_db
@pytest.mark.usefixtures("kinds")
def test_one_that_fails_takes_nobody_along() -> None:
    queue.enqueue_many("test.make", [{}, {"fails": True}, {}, {"held": True}, {}])
    worker.drain("normal")
    found = sorted(Job.objects.values_list("status", "attempt"))
    assert found == [
        *(("completed", 1), ("completed", 1), ("completed", 1)),
        *(("held", 0), ("retryable", 1)),
    ]
    assert Lead.objects.count() == 3


@pytest.mark.django_db
@pytest.mark.usefixtures("kinds")
def test_a_kind_that_is_no_longer_short_runs_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    queue.enqueue_many("test.make", [{}] * 3)
    kind = registry.get("test.make")
    longer = registry.Kind(kind.name, kind.handler, kind.lane, kind.max_attempts, False)
    monkeypatch.setitem(registry._kinds, "test.make", longer)
    worker.drain("normal")
    assert Job.objects.filter(status="completed").count() == 3


@pytest.mark.django_db
@pytest.mark.usefixtures("kinds")
def test_a_kind_nobody_knows_any_more_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    queue.enqueue_many("test.make", [{}] * 2)
    Job.objects.filter(pk=Job.objects.values("pk")[:1]).update(kind="test.gone", max_attempts=1)
    worker.drain("normal")
    assert sorted(Job.objects.filter(kind__startswith="test").values_list("status")) == [
        ("completed",),
        ("discarded",),
    ]


@pytest.mark.django_db
@pytest.mark.usefixtures("kinds")
def test_a_stopped_agents_short_jobs_are_put_aside_by_a_batch() -> None:
    queue.enqueue_many("test.make", [{}] * 5, tags=["agent:scout"])
    queue.enqueue_many("test.make", [{}] * 5, tags=["agent:closer"])
    Hold.objects.create(tag="agent:scout")
    worker.drain("normal")
    assert Job.objects.filter(held_by="agent:scout", status="held").count() == 5
    assert Job.objects.filter(status="completed").count() == 5


@pytest.mark.django_db
@pytest.mark.usefixtures("kinds")
def test_what_was_done_is_counted_by_the_minute() -> None:
    queue.enqueue_many("test.make", [{}] * 4)
    worker.drain("normal")
    tally.flush()
    tally.flush()
    row = Tally.objects.get(kind="test.make")
    assert (row.lane, row.outcome, row.count, row.wait_seconds >= 0) == (
        *("normal", "completed", 4),
        True,
    )
    Tally.objects.update(minute=row.minute - 2 * tally.KEPT)  # type: ignore[operator]
    tally.sum_up()
    assert tally.totals()["normal", "test.make", "completed"][0] == 4


@pytest.mark.usefixtures("committed")
def test_a_batch_in_hand_is_not_taken_twice_nor_lost_with_its_worker() -> None:
    queue.enqueue_many("control.tidy", [{}] * 10)
    with psycopg.connect(conninfo("default")) as elsewhere:
        rows = elsewhere.execute(
            "SELECT id FROM jobs_job ORDER BY id LIMIT 6 FOR UPDATE"
        ).fetchall()
        locked = Job.objects.filter(pk__in=[row[0] for row in rows])
        others = Job.objects.filter(kind="control.tidy").exclude(pk__in=locked)
        with workers.worker():
            workers.until(lambda: not others.filter(status="available").exists(), "the others")
            assert locked.filter(status="available").count() == 6
            elsewhere.rollback()
            workers.until(lambda: locked.filter(status="completed").count() == 6, "all")
    assert set(locked.values_list("attempt", flat=True)) == {1}


@pytest.mark.django_db
def test_the_size_follows_the_time_a_batch_takes() -> None:
    assert worker._next_size(50, 50, 0.2) == 25
    assert worker._next_size(50, 50, 0.001) == 100
    assert worker._next_size(150, 150, 0.001) == worker.MOST_IN_BATCH
    assert worker._next_size(50, 3, 0.001) == 50
    assert worker._next_size(4, 4, 9.0) == 1


@pytest.mark.django_db
def test_many_are_enqueued_as_one_is() -> None:
    one = queue.enqueue("control.tidy", {"a": 1}, tags=["agent:scout"], priority=7)
    queue.enqueue_many("control.tidy", [{"a": 1}], tags=["agent:scout"], priority=7)
    many = Job.objects.exclude(pk=one.pk).get()
    differ = {"id", "correlation_id", "created_at", "run_at"}
    for field in Job._meta.concrete_fields:
        if field.name not in differ:
            assert getattr(many, field.attname) == getattr(one, field.attname), field.name
    assert isinstance(many.correlation_id, uuid.UUID)
    with pytest.raises(registry.UnknownKind):
        queue.enqueue_many("no.such.kind", [{}])


@pytest.mark.django_db
def test_a_poisoned_job_is_found_by_going_one_by_one() -> None:
    job = queue.enqueue("control.tidy", {})
    holder = factories.make_holder()
    for _ in range(job.max_attempts):
        (found,) = claim.claim("fast", holder, short=True)  # as a worker that has just started
        holder.stop()
        sweep.reap()
        holder = factories.make_holder()
    job.refresh_from_db()
    assert (found.pk, job.status) == (job.pk, "discarded")
