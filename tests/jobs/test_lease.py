"""Leases and fences: a holder that went silent can write nothing any more."""

import datetime as dt

import pytest
from django.conf import settings
from django.utils import timezone

from jobs import claim, queue, run, sweep
from jobs.lease import Lease, LeaseLost
from jobs.models import Job, Worker
from tests import factories

pytestmark = pytest.mark.django_db


def go_silent(worker: Worker) -> None:
    long_ago = timezone.now() - dt.timedelta(seconds=settings.JOBS_LEASE_SECONDS + 1)
    Worker.objects.filter(pk=worker.pk).update(beat_at=long_ago)


def test_an_expired_lease_finishing_late_is_refused() -> None:
    old, new = factories.make_holder(), factories.make_holder()
    queue.enqueue("control.tidy", {})
    (first,) = claim.claim("fast", old, short=True)
    go_silent(old.worker)
    assert sweep.reap() == 1
    (second,) = claim.claim("fast", new, short=True)
    assert (second.pk, second.fence, second.attempt) == (first.pk, 2, 2)

    with pytest.raises(LeaseLost):
        Lease(first, old).complete()
    Lease(second, new).complete()
    with pytest.raises(LeaseLost):
        Lease(second, new).complete()
    assert Job.objects.get().status == "completed"


def test_a_silent_holder_knows_it_by_its_own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    holder = factories.make_holder()
    queue.enqueue("control.tidy", {})
    (job,) = claim.claim("fast", holder, short=True)
    holder.renewed -= settings.JOBS_LEASE_SECONDS
    with pytest.raises(LeaseLost):
        Lease(job, holder).check()
    assert claim.claim("fast", holder, short=True) == []


def test_a_lost_holder_cannot_beat_itself_back() -> None:
    holder = factories.make_holder()
    go_silent(holder.worker)
    sweep.reap()
    assert not holder.beat()
    assert not holder.is_safe()


def test_a_job_whose_workers_keep_dying_is_discarded_with_its_history() -> None:
    job = queue.enqueue("control.tidy", {})
    Job.objects.update(max_attempts=2)
    for _ in range(2):
        holder = factories.make_holder()
        claim.claim("fast", holder, short=True)
        go_silent(holder.worker)
        sweep.reap()

    job.refresh_from_db()
    assert job.status == "discarded"
    assert [entry["attempt"] for entry in job.errors] == [1, 2]


def test_a_leaving_worker_gives_its_jobs_back_at_once() -> None:
    holder = factories.make_holder()
    queue.enqueue("control.tidy", {})
    claim.claim("fast", holder, short=True)
    holder.stop()
    assert sweep.reap() == 1
    assert Job.objects.get().status == "available"


def test_a_job_its_live_worker_dropped_is_given_back_but_not_one_in_hand() -> None:
    holder = factories.make_holder()
    for _ in range(2):
        queue.enqueue("control.tidy", {})
    dropped, kept = claim.claim("fast", holder, 2, short=True)
    long_ago = timezone.now() - dt.timedelta(seconds=settings.JOBS_LEASE_SECONDS + 1)
    Job.objects.update(started_at=long_ago)
    holder.in_hand.add((kept.pk, kept.fence))

    assert sweep.reclaim(holder) == 1
    assert Job.objects.get(pk=dropped.pk).status == "available"
    assert Job.objects.get(pk=kept.pk).status == "running"


def test_the_first_identity_still_runs_what_it_holds() -> None:
    holder = factories.make_holder()
    queue.enqueue("control.tidy", {})
    (job,) = claim.claim("fast", holder, short=True)
    run.run(job, holder)
    assert Job.objects.get().status == "completed"
