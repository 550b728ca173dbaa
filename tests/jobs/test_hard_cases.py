"""What once stopped a lane, killed every worker in turn, or was counted wrong."""

from contextlib import suppress

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from jobs import claim, limits, operate, queue, registry, run, tally, worker
from jobs.filters import UnknownValue
from jobs.lease import Lease
from jobs.models import Job, Lane, Limit
from tests import factories


class Killed(BaseException):
    """What a SIGKILL does to the transaction under way."""


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    worker.stopping.clear()
    tally._counts.clear()
    monkeypatch.setattr(worker, "_careful", 0)
    monkeypatch.setattr(worker, "_batch", worker.MOST_IN_BATCH)


def kind(monkeypatch: pytest.MonkeyPatch, handler: registry.Handler, *, short: bool = True) -> None:
    found = registry.Kind("test.attack", handler, Lane.NORMAL, 2, short)
    monkeypatch.setitem(registry._kinds, "test.attack", found)


@pytest.mark.usefixtures("committed", "fresh")
def test_a_constraint_checked_at_commit_does_not_stop_the_lane(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def handler(job: Job, lease: Lease) -> None:
        if job.payload.get("bad"):
            with connection.cursor() as cursor:  # a client that is gone: found at COMMIT
                cursor.execute("UPDATE jobs_job SET client_id = 999999 WHERE id = %s", [job.pk])

    kind(monkeypatch, handler)
    monkeypatch.setattr(worker, "_holder", factories.make_holder())
    queue.enqueue_many("test.attack", [{}, {"bad": True}, {}])
    for _ in range(10):
        with suppress(IntegrityError):  # the Celery task fails; the next hint starts another
            worker.drain("normal")
    statuses = sorted(Job.objects.filter(kind="test.attack").values_list("status", flat=True))
    assert statuses == ["completed", "completed", "retryable"]


@pytest.mark.django_db
@pytest.mark.usefixtures("fresh")
def test_a_job_that_kills_its_worker_does_so_once_per_try(monkeypatch: pytest.MonkeyPatch) -> None:
    def handler(job: Job, lease: Lease) -> None:
        if job.payload.get("kills"):
            raise Killed

    kind(monkeypatch, handler)
    queue.enqueue_many("test.attack", [{"kills": n == 190} for n in range(400)])
    deaths = 0
    poison = Job.objects.get(payload__kills=True)
    while poison.attempt == 0 and deaths < 50:
        monkeypatch.setattr(worker, "_careful", worker.MOST_IN_BATCH)  # as at a start
        monkeypatch.setattr(worker, "_batch", worker.MOST_IN_BATCH)
        monkeypatch.setattr(worker, "_holder", factories.make_holder())
        claim._served.clear()
        try:
            worker.drain("normal")
        except Killed:
            deaths += 1
        poison.refresh_from_db()
    assert deaths <= 2, f"{deaths} workers died before a try was counted"


@pytest.mark.django_db
@pytest.mark.usefixtures("fresh")
def test_looking_in_vain_does_not_use_up_the_care_taken_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "_careful", 20)
    monkeypatch.setattr(worker, "_holder", factories.make_holder())
    for _ in range(20):
        worker.drain("normal")
    assert worker._careful == 20


@pytest.mark.django_db
@pytest.mark.parametrize("tag", ["agent:*", "client:*"])
def test_a_limit_of_none_for_each_is_refused(tag: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Limit.objects.create(tag=tag, most=0)
    with pytest.raises(UnknownValue, match="stop them"):
        operate.set_limit(tag, 0, by="olivia")


@pytest.mark.django_db
@pytest.mark.usefixtures("fresh")
def test_a_full_lane_lets_the_houses_bookkeeping_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_known", (0.0, frozenset()))
    Limit.objects.create(tag="lane:bulk", most=0)
    queue.enqueue("control.seal", {})
    assert claim.claim("bulk", factories.make_holder())


@pytest.mark.django_db
@pytest.mark.usefixtures("fresh")
def test_a_job_whose_failure_could_not_be_written_is_not_counted_as_completed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def handler(job: Job, lease: Lease) -> None:
        Job.objects.filter(pk=job.pk).update(errors="not a list")
        job.errors = 7  # whatever makes `fail` itself fail, as a lost connection does
        raise RuntimeError("fails")

    kind(monkeypatch, handler, short=False)
    queue.enqueue("test.attack", {})
    holder = factories.make_holder()
    (job,) = claim.claim("normal", holder)
    with pytest.raises((TypeError, OperationalError)):
        run.run(job, holder)
    assert ("normal", "test.attack", "completed") not in tally._counts


@pytest.mark.django_db(transaction=False)
@pytest.mark.usefixtures("fresh")
def test_what_was_counted_survives_a_failed_flush() -> None:
    job = queue.enqueue("control.tidy", {})
    tally.count(job, "completed", 0.1)
    with pytest.raises(Exception), transaction.atomic():  # noqa: B017
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL transaction_read_only = on")
        tally.flush()
    assert tally._counts
