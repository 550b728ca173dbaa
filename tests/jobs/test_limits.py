"""Limits: at most so many long jobs of a tag at once, and the next one right after."""

import threading

import pytest
from django.db import connections

from agency.models import Client
from jobs import claim, limits, queue, registry, run, sweep
from jobs.lease import Lease
from jobs.models import Job, Lane, Limit
from tests import factories


def nothing(job: Job, lease: Lease) -> None:
    """Stand for a job that waits for another service."""


@pytest.fixture(autouse=True)
def long_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = registry.Kind("test.long", nothing, Lane.NORMAL, 3, False)
    monkeypatch.setitem(registry._kinds, "test.long", kind)
    monkeypatch.setattr(limits, "REMEMBERED_SECONDS", 0.0)
    claim._served.clear()


def limit(tag: str, most: int) -> None:
    Limit.objects.create(tag=tag, most=most)


def claimed(number: int) -> list[Job]:
    holder = factories.make_holder()
    return [job for _ in range(number) for job in claim.claim("normal", holder)]


@pytest.mark.django_db
def test_a_lane_runs_no_more_than_its_target() -> None:
    limit("lane:normal", 2)
    queue.enqueue_many("test.long", [{}] * 5, tags=["agent:scout"])
    first, _ = claimed(5)
    run.run(first, factories.make_holder_of(first))
    assert len(claimed(5)) == 1


@pytest.mark.django_db
def test_a_full_client_is_stepped_over() -> None:
    full, other = (Client.objects.create(name=name, slug=name) for name in ("full", "other"))
    limit("client:*", 2)
    queue.enqueue_many("test.long", [{}] * 9, client=full, tags=["agent:scout"])
    queue.enqueue_many("test.long", [{}] * 1, client=other, tags=["agent:scout"])
    flows = [job.flow for job in claimed(9)]
    assert (flows.count(full.pk), flows.count(other.pk)) == (2, 1)
    assert Job.objects.filter(status="available", flow=full.pk).count() == 7


@pytest.mark.django_db
def test_its_own_limit_comes_before_the_one_for_all() -> None:
    limit("agent:*", 1)
    limit("agent:scout", 3)
    for agent in ("scout", "closer"):
        queue.enqueue_many("test.long", [{}] * 5, tags=[f"agent:{agent}"])
    tags = [job.tags[0] for job in claimed(10)]
    assert (tags.count("agent:scout"), tags.count("agent:closer")) == (3, 1)


@pytest.mark.django_db
def test_a_full_agents_jobs_wait_aside_and_the_next_follows_at_once() -> None:
    limit("agent:scout", 1)
    queue.enqueue_many("test.long", [{}] * 3, tags=["agent:scout"])
    other = queue.enqueue("test.long", {}, tags=["agent:closer"])
    first, second = claimed(4)
    assert (first.tags, second.pk) == (["agent:scout"], other.pk)
    aside = Job.objects.filter(status="held", held_by="limit:agent:scout")
    assert aside.count() == 2
    assert (sweep.free(), limits.free_what_fits(), aside.count()) == (0, 0, 2)
    run.run(first, factories.make_holder_of(first))
    assert aside.count() == 1
    assert [job.tags for job in claimed(4)] == [["agent:scout"]]


@pytest.mark.django_db
def test_a_limit_taken_away_frees_everybody() -> None:
    limit("agent:scout", 0)
    queue.enqueue_many("test.long", [{}] * 3, tags=["agent:scout"])
    assert claimed(3) == []
    Limit.objects.all().delete()
    assert limits.free_what_fits() == 3
    assert len(claimed(3)) == 3


@pytest.mark.django_db
def test_short_jobs_are_not_limited() -> None:
    limit("lane:fast", 0)
    limit("agent:scout", 0)
    queue.enqueue_many("control.tidy", [{}] * 3, tags=["agent:scout"])
    assert len(claim.claim("fast", factories.make_holder(), 5, short=True)) == 3


@pytest.mark.usefixtures("committed")
def test_a_limit_holds_with_many_claiming_at_once() -> None:
    limit("agent:scout", 3)
    queue.enqueue_many("test.long", [{}] * 40, tags=["agent:scout"])
    found: list[Job] = []

    def compete() -> None:
        try:
            found.extend(claimed(5))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=compete) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert Job.objects.filter(status="running").count() == 3
