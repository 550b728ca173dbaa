"""What an operator does with jobs: one or many, by filter, with a trail, never a running one."""

import datetime as dt
import uuid

import pytest
from django.utils import timezone

from agency.models import AuditEntry, Client
from agents.models import Run
from control import approvals
from control.models import Action
from jobs import chain, claim, depth, failures, limits, operate, queue, registry, run, tally
from jobs.filters import Filter, UnknownValue
from jobs.lease import Lease, LeaseLost
from jobs.models import Depth, Job, Limit, Tally
from jobs.operate import Verb
from tests import factories

pytestmark = pytest.mark.django_db


def enqueued(**fields: object) -> Job:
    """Return a job as it would be after whatever `fields` say."""
    job = queue.enqueue("control.tidy", {})
    Job.objects.filter(pk=job.pk).update(**fields)
    job.refresh_from_db()
    return job


def failed(error: str, *, status: str = "discarded", **fields: object) -> Job:
    note = {"attempt": 5, "at": timezone.now().isoformat(), "error": error}
    wanted = {"status": status, "attempt": 5, "errors": [note], "finished_at": timezone.now()}
    return enqueued(**wanted | fields)


def only(job: Job) -> Filter:
    return Filter(ids=(job.pk,))


def status(job: Job) -> str:
    return Job.objects.values_list("status", flat=True).get(pk=job.pk)


@pytest.mark.parametrize("was", ["discarded", "cancelled", "retryable", "scheduled"])
def test_a_retried_job_runs_now_with_all_its_tries_and_keeps_its_errors(was: str) -> None:
    later = timezone.now() + dt.timedelta(hours=1)
    job = failed("no route", status=was, run_at=later)
    assert operate.retry(only(job), by="olivia").done == 1
    job.refresh_from_db()
    assert (job.status, job.attempt, job.finished_at) == ("available", 0, None)
    assert job.errors[-1]["error"] == "no route"
    factories.work_off()
    assert status(job) == "completed"
    entry = AuditEntry.objects.get(verb="job.retried")
    assert (entry.sentence, entry.object_id) == ("olivia retried control.tidy", str(job.pk))


def test_what_was_cancelled_or_waits_for_its_time_is_retried_only_when_named() -> None:
    scheduled, gone = enqueued(status="scheduled"), failed("no route", status="cancelled")
    lost = failed("no route")
    assert operate.retry(Filter(kind="control.tidy"), by="olivia").done == 1
    assert [status(job) for job in (scheduled, gone, lost)] == [
        "scheduled",
        "cancelled",
        "available",
    ]
    named = Filter(kind="control.tidy", statuses=("scheduled", "cancelled"))
    assert operate.retry(named, by="olivia").done == 2


@pytest.mark.parametrize("was", ["available", "scheduled", "retryable", "held"])
def test_a_waiting_job_is_cancelled_or_discarded_and_says_by_whom(was: str) -> None:
    cancelled, discarded = enqueued(status=was), enqueued(status=was)
    operate.cancel(only(cancelled), by="olivia")
    operate.discard(only(discarded), by="olivia", reason="sent by hand")
    cancelled.refresh_from_db()
    discarded.refresh_from_db()
    assert (cancelled.status, cancelled.errors[-1]["error"]) == ("cancelled", "cancelled by olivia")
    assert discarded.status == "discarded"
    assert discarded.errors[-1]["error"] == "discarded by olivia: sent by hand"
    assert discarded.finished_at is not None
    assert not Job.objects.filter(kind="control.alert_discarded").exists()


@pytest.mark.parametrize("verb", list(Verb))
def test_a_running_job_is_never_touched(verb: Verb) -> None:
    queue.enqueue("control.tidy", {})
    (job,) = claim.claim("fast", factories.make_holder(), short=True)
    result = operate.act(verb, only(job), by="olivia")
    assert (result.done, dict(result.skipped)) == (0, {operate.WHY_NOT[Job.Status.RUNNING]: 1})
    assert status(job) == "running"
    assert not AuditEntry.objects.filter(verb__startswith="job.").exists()


def test_a_job_that_changed_meanwhile_is_left_alone() -> None:
    job = enqueued(status="completed")
    result = operate.change(Verb.CANCEL, [job.pk], by="olivia")
    assert (result.done, dict(result.skipped)) == (0, {operate.MEANWHILE: 1})


def test_what_is_not_there_is_counted() -> None:
    result = operate.retry(Filter(ids=(uuid.uuid4(),)), by="olivia")
    assert (result.done, dict(result.skipped)) == (0, {operate.NOT_FOUND: 1})


def test_many_are_changed_in_chunks_each_with_its_trail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operate, "CHUNK", 10)
    queue.enqueue_many("control.tidy", ({} for _ in range(25)), lane="bulk")
    other = queue.enqueue("control.tidy", {})
    assert operate.cancel(Filter(lanes=("bulk",)), by="olivia").done == 25
    assert Job.objects.filter(status="cancelled").count() == 25
    assert status(other) == "available"
    counts = AuditEntry.objects.filter(verb="job.cancelled").values_list("data__count", flat=True)
    assert sorted(counts) == [5, 10, 10]


def test_in_the_background_it_goes_on_where_a_crash_left_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operate, "CHUNK", 10)
    queue.enqueue_many("control.tidy", ({} for _ in range(25)), lane="bulk")
    found = operate.preview(Verb.CANCEL, Filter(kind="control.tidy"))
    order = operate.start(Verb.CANCEL, found.chosen, by="olivia", total=found.can)
    late = queue.enqueue("control.tidy", {})
    Job.objects.filter(pk=late.pk).update(id=uuid.UUID(int=late.pk.int + (1 << 100)))
    holder = factories.make_holder()
    (job,) = claim.claim("bulk", holder)
    assert job.pk == order.pk
    settled: list[list[Job]] = []

    def crash(jobs: list[Job], why: str) -> None:
        settled.append(jobs)
        if len(settled) == 2:
            raise LeaseLost("killed")

    monkeypatch.setitem(registry._settlers, "control.tidy", crash)
    with pytest.raises(LeaseLost):
        operate.operate(job, Lease(job, holder))
    (shown,) = operate.operations(["jobs.operate"])
    assert (shown.payload["done"], shown.payload["total"]) == (10, 25)
    run.run(Job.objects.get(pk=job.pk), holder)
    job.refresh_from_db()
    assert (job.status, job.payload["done"]) == ("completed", 25)
    assert Job.objects.filter(kind="control.tidy", status="available").count() == 1


def test_an_order_taken_over_by_another_worker_changes_nothing_more() -> None:
    waits = queue.enqueue("control.tidy", {})
    operate.start(Verb.CANCEL, Filter(kind="control.tidy"), by="olivia")
    holder = factories.make_holder()
    (job,) = claim.claim("bulk", holder)
    Job.objects.filter(pk=job.pk).update(fence=job.fence + 1)
    with pytest.raises(LeaseLost):
        operate.operate(job, Lease(job, holder))
    assert status(waits) == "available"


def test_a_preview_counts_what_can_be_done_and_says_why_the_rest_cannot() -> None:
    done, held, gone = enqueued(status="completed"), enqueued(status="held"), failed("no route")
    found = operate.preview(Verb.RETRY, Filter(ids=(done.pk, held.pk, gone.pk, uuid.uuid4())))
    assert (found.can, found.more, [job.pk for job in found.sample]) == (1, False, [gone.pk])
    why = operate.WHY_NOT
    assert found.cannot == {
        why[Job.Status.COMPLETED]: 1,
        why[Job.Status.HELD]: 1,
        operate.NOT_FOUND: 1,
    }


def test_an_action_whose_job_is_cancelled_does_not_stay_approved() -> None:
    factories.received()
    action = Action.objects.get(status="waiting")
    approvals.approve(action, by=factories.make_user(), seen_hash=action.content_hash)
    job = Job.objects.get(kind="control.execute")
    operate.cancel(only(job), by="olivia", reason="the lead called")
    action.refresh_from_db()
    assert (action.status, action.error) == ("rejected", "cancelled by olivia: the lead called")
    assert not action.decisions.filter(verdict="approve", voided_at=None).exists()
    operate.retry(only(job), by="olivia")
    factories.work_off()
    action.refresh_from_db()
    assert action.status == "rejected"


def test_the_job_of_a_recalled_approval_can_be_cancelled_without_the_newer_one() -> None:
    factories.received()
    action, user = Action.objects.get(status="waiting"), factories.make_user()
    approvals.approve(action, by=user, seen_hash=action.content_hash)
    old = Job.objects.get(kind="control.execute")
    approvals.recall(action, by=user)
    action.refresh_from_db()
    approvals.approve(action, by=user, seen_hash=action.content_hash)
    operate.cancel(only(old), by="olivia")
    action.refresh_from_db()
    assert action.status == "approved"


def test_a_cancelled_agents_run_does_not_stay_running() -> None:
    factories.received()
    left = Run.objects.get()
    Run.objects.update(status="running")
    Job.objects.filter(kind="agents.run").update(status="retryable")
    operate.cancel(Filter(kind="agents.run"), by="olivia")
    left.refresh_from_db()
    assert left.status == "abandoned"


def test_failures_are_grouped_by_kind_and_cause() -> None:
    failed("550 no mailbox ann@one.example")
    last = failed("550 no mailbox bob@two.example")
    failed("timed out after 30 s", status="retryable")
    gone, tried = failures.groups()
    assert (gone.count, gone.sample, gone.given_up) == (2, last.pk, True)
    assert (tried.count, tried.cause, tried.given_up) == (1, "timed out after # s", False)
    same = Filter(statuses=("discarded",), cause=gone.cause)
    assert operate.preview(Verb.RETRY, same).can == 2
    assert operate.retry(same, by="olivia").done == 2


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("status", "waiting"),
        ("lane", "slow"),
        ("kind", "x"),
        ("client", "vale"),
        ("correlation", "7"),
        ("since", "yesterday"),
        ("until", "9999-99-99"),
        ("id", "x"),
        ("colour", "red"),
    ],
)
def test_an_unknown_value_names_its_field(field: str, text: str) -> None:
    with pytest.raises(UnknownValue, match=f"^{field}: "):
        Filter.parse({field: [text]})


def test_a_filter_says_itself_in_words_it_reads_again() -> None:
    now = timezone.now()
    whole = Filter(
        statuses=("discarded", "held"),
        lanes=("bulk",),
        kind="control.execute",
        client=7,
        tag="channel:email",
        cause="550 no mailbox #",
        correlation_id=uuid.uuid4(),
        since=now - dt.timedelta(hours=2),
        until=now,
        ids=(uuid.uuid4(), uuid.uuid4()),
    )
    assert Filter.parse(whole.fields()) == whole


def test_each_part_of_a_filter_narrows() -> None:
    client = Client.objects.create(name="Vale Dental", slug="vale-dental")
    job = queue.enqueue("control.tidy", {}, client=client, tags=["agent:qualifier"], lane="bulk")
    other = enqueued(status="held")
    wanted = [
        {"status": ["available"]},
        {"lane": ["bulk"]},
        {"client": [str(client.pk)]},
        {"tag": ["agent:qualifier"]},
        {"tag": ["*"]},
        {"correlation": [str(job.correlation_id)]},
        {"id": [str(job.pk)]},
    ]
    for given in wanted:
        assert list(Filter.parse(given).rows()) == [job], given
    assert set(Filter.parse({"since": ["1h"]}).rows()) == {job, other}
    assert not Filter.parse({"until": ["1h"]}).rows().exists()


def test_a_chain_is_a_tree_from_the_event_down_and_knows_the_archive() -> None:
    lead = factories.received()
    first = Job.objects.get(kind="agents.run")
    links = chain.tree(chain.read(first.correlation_id))
    depths = {link.name: deep for deep, link in links}
    assert depths["lead.received"] < depths["agents.run"]
    assert lead.status == "qualified"
    names = {link.name for _, link in links}
    Job.objects.filter(correlation_id=first.correlation_id).update(
        status="completed", finished_at=timezone.now() - dt.timedelta(days=9)
    )
    queue.enqueue("jobs.archive", {})
    factories.work_off()
    assert not Job.objects.filter(pk=first.pk).exists()
    assert {link.name for _, link in chain.tree(chain.read(first.correlation_id))} == names


def test_limits_are_set_changed_and_lifted_with_a_trail() -> None:
    operate.set_limit("lane:bulk", 4, by="olivia")
    operate.set_limit("lane:bulk", 2, by="olivia")
    assert Limit.objects.get().most == 2
    operate.set_limit("lane:bulk", None, by="olivia")
    assert not Limit.objects.exists()
    entries = AuditEntry.objects.filter(verb="limit.set").order_by("pk")
    assert entries[1].data == {"tag": "lane:bulk", "from": 4, "to": 2}
    for tag in ("lane:slow", "bulk", "colour:red", "client:"):
        with pytest.raises(UnknownValue):
            operate.set_limit(tag, 1, by="olivia")
    assert limits.marks() == []


def test_an_empty_lane_is_measured_too() -> None:
    depth.measure()
    assert {(row.lane, row.count) for row in Depth.objects.all()} == {
        ("fast", 0),
        ("normal", 0),
        ("bulk", 0),
    }
    queue.enqueue("control.tidy", {})
    depth.measure()
    assert Depth.objects.get(lane="fast", status="available").count == 1


def test_the_tally_counts_what_ended() -> None:
    queue.enqueue("control.tidy", {})
    factories.work_off()
    tally.flush()
    assert Tally.objects.filter(kind="control.tidy", outcome="completed").exists()
