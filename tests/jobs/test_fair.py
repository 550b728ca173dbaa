"""Turns: no flow waits for another's backlog, stopped ones cost nothing, order holds inside one."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agency.models import Client
from jobs import claim, queue, sweep
from jobs.models import Hold, Job
from tests import factories

pytestmark = pytest.mark.django_db

TAG = ["agent:qualifier"]


@pytest.fixture(autouse=True)
def first_turn() -> None:
    claim._served.clear()


def make_client(name: str) -> Client:
    return Client.objects.create(name=name, slug=name)


def flows(limit: int, *, rounds: int = 1, short: bool = True) -> list[int]:
    holder = factories.make_holder()
    lane = "fast" if short else "normal"
    jobs = [claim.claim(lane, holder, limit, short=short) for _ in range(rounds)]
    return [job.flow for batch in jobs for job in batch]


def test_a_single_claim_serves_each_flow_in_turn() -> None:
    hog, small, other = (make_client(name) for name in ("hog", "small", "other"))
    queue.enqueue_many("control.tidy", [{}] * 300, client=hog, tags=TAG)
    for client in (small, other):
        queue.enqueue("control.tidy", {}, client=client, tags=TAG)
    assert flows(1, rounds=5) == [hog.pk, small.pk, other.pk, hog.pk, hog.pk]


def test_a_batch_shares_itself_out() -> None:
    hog, small = make_client("hog"), make_client("small")
    queue.enqueue_many("control.tidy", [{}] * 300, client=hog, tags=TAG)
    queue.enqueue_many("control.tidy", [{}] * 3, client=small, tags=TAG)
    batch = flows(50)
    assert (batch.count(hog.pk), batch.count(small.pk)) == (25, 3)


def test_more_flows_than_a_batch_holds_all_get_their_turn() -> None:
    clients = [make_client(f"client-{number}") for number in range(12)]
    for client in clients:
        queue.enqueue_many("control.tidy", [{}] * 2, client=client, tags=TAG)
    assert set(flows(5, rounds=3)) == {client.pk for client in clients}


def test_untagged_work_for_a_stopped_client_goes_on() -> None:
    client = make_client("vale")
    Hold.objects.create(tag=f"client:{client.pk}")
    queue.enqueue_many("control.tidy", [{}] * 20, client=client, tags=TAG)
    bookkeeping = queue.enqueue("control.tidy", {}, client=client)
    (job,) = claim.claim("fast", factories.make_holder(), 50, short=True)
    assert job.pk == bookkeeping.pk
    assert Job.objects.filter(status="available").count() == 20


def test_what_a_stopped_agent_left_at_the_head_is_put_aside_once_and_comes_back() -> None:
    queue.enqueue_many("control.tidy", [{}] * 2500, tags=["agent:scout"])
    wanted = queue.enqueue("control.tidy", {}, tags=TAG)
    Hold.objects.create(tag="agent:scout")
    (job,) = claim.claim("fast", factories.make_holder(), short=True)
    assert job.pk == wanted.pk
    assert Job.objects.filter(status="held", held_by="agent:scout").count() == 2500
    assert sweep.free() == 0
    Hold.objects.all().delete()
    assert sweep.free() == 2500
    assert Job.objects.filter(status="available", held_by="").count() == 2500


def test_what_two_switches_hold_waits_for_both() -> None:
    job = queue.enqueue("control.tidy", {}, tags=["agent:scout", "channel:email"])
    for tag in ("agent:scout", "channel:email"):
        Hold.objects.create(tag=tag)
    holder = factories.make_holder()
    for tag in ("agent:scout", "channel:email"):
        assert claim.claim("fast", holder, short=True) == []
        Hold.objects.filter(tag=tag).delete()
        sweep.free()
    assert [found.pk for found in claim.claim("fast", holder, short=True)] == [job.pk]


def test_stop_everything_leaves_the_backlog_where_it_is() -> None:
    queue.enqueue_many("control.tidy", [{}] * 50, tags=TAG)
    house = queue.enqueue("control.tidy", {})
    Hold.objects.create(tag="*")
    found = claim.claim("fast", factories.make_holder(), 10, short=True)
    assert [job.pk for job in found] == [house.pk]
    assert Job.objects.filter(status="available").count() == 50


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=7),
    held=st.sets(st.integers(0, 6), max_size=3),
    limit=st.integers(1, 12),
    after=st.integers(-3, 9),
)
def test_every_job_that_may_run_is_claimed_once_and_no_other(
    sizes: list[int], held: set[int], limit: int, after: int
) -> None:
    Job.objects.all().delete()
    Hold.objects.all().delete()
    Client.objects.all().delete()
    clients = [make_client(f"client-{number}") for number in range(len(sizes))]
    for client, size in zip(clients, sizes, strict=True):
        queue.enqueue_many("control.tidy", [{}] * size, client=client, tags=TAG)
    stopped = {client.pk for number, client in enumerate(clients) if number in held}
    Hold.objects.bulk_create(Hold(tag=f"client:{pk}") for pk in stopped)
    claim._served["fast", True] = clients[0].pk + after
    holder = factories.make_holder()
    claimed: list[Job] = []
    while found := claim.claim("fast", holder, limit, short=True):
        claimed += found
        assert len(found) <= limit + len(sizes)
    want = Job.objects.exclude(flow__in=stopped)
    assert sorted(job.pk for job in claimed) == sorted(want.values_list("pk", flat=True))
    for flow in {job.flow for job in claimed}:
        mine = [job.pk for job in claimed if job.flow == flow]
        assert mine == sorted(mine)
