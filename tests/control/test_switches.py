"""Kill switches: what they reach, who may release them, and what becomes of the backlog."""

import pytest
from django.db import IntegrityError, transaction

from agency.models import AuditEntry, Client
from control import switches
from control.models import KillSwitch
from jobs import claim, operate, queue, sweep
from jobs.models import Hold, Job
from tests import factories

pytestmark = pytest.mark.django_db

TAGS = ["agent:qualifier", "kind:reply_to_lead", "channel:email", "client:7", "automation:crm"]


@pytest.mark.parametrize("tag", ["*", *TAGS])
def test_each_scope_reaches_its_jobs_and_no_others(tag: str) -> None:
    scope, _, value = tag.partition(":") if tag != "*" else ("everything", "", "")
    switch = switches.engage(scope, value, reason="a test", by="olivia")
    reached = queue.enqueue("control.tidy", {}, tags=[TAGS[0] if tag == "*" else tag])
    others = queue.enqueue("control.tidy", {}, tags=["agent:other"])
    house = queue.enqueue("control.tidy", {})
    factories.work_off()

    def status(job: Job) -> str:
        return Job.objects.values_list("status", flat=True).get(pk=job.pk)

    assert status(reached) in {"available", "held"}
    assert status(others) in ({"available", "held"} if tag == "*" else {"completed"})
    assert status(house) == "completed"
    switches.release(switch, by="olivia")
    factories.work_off()
    assert status(reached) == "completed"


def test_the_reason_and_the_person_are_recorded() -> None:
    switch = switches.engage("agent", "qualifier", reason="odd scores", by="olivia")
    assert Hold.objects.get().reason == "odd scores"
    entry = AuditEntry.objects.get(verb="switch.engaged")
    assert entry.sentence == "olivia stopped agent qualifier: odd scores"
    switches.release(switch, by="rob")
    switch.refresh_from_db()
    assert (switch.released_by, Hold.objects.count()) == ("rob", 0)


def test_engaging_twice_says_who_did_it_first() -> None:
    switches.engage("everything", reason="a test", by="olivia")
    with pytest.raises(switches.AlreadyEngaged, match="olivia"):
        switches.engage("everything", reason="again", by="rob")


def test_releasing_twice_changes_nothing() -> None:
    switch = switches.engage("everything", reason="a test", by="olivia")
    queue.enqueue("control.tidy", {}, tags=["agent:qualifier"])
    assert switches.release(switch, by="olivia") == 1
    assert switches.release(switch, by="rob") == 0


def test_a_switch_without_the_name_of_what_it_stops_is_refused() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        switches.engage("agent", "", reason="a test", by="olivia")
    assert not KillSwitch.objects.exists()


def test_a_clients_switch_reaches_the_clients_jobs() -> None:
    client = Client.objects.create(name="Vale Dental", slug="vale-dental")
    job = queue.enqueue("control.tidy", {}, client=client, tags=["agent:qualifier"])
    switch = switches.engage("client", str(client.pk), reason="not paid", by="olivia")
    factories.work_off()
    assert Job.objects.get(pk=job.pk).status == "available"
    assert switches.release(switch, by="olivia", discard_backlog=True) == 1
    assert Job.objects.get(pk=job.pk).status == "cancelled"


def test_an_engaged_switch_keeps_a_new_lead_stored_and_runs_it_later() -> None:
    switch = switches.engage("everything", reason="a test", by="olivia")
    lead = factories.received()
    assert lead.status == "new"
    switches.release(switch, by="olivia")
    factories.work_off()
    lead.refresh_from_db()
    assert lead.status == "qualified"


def test_a_great_backlog_is_discarded_in_the_background_and_nothing_of_it_runs_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(switches, "AT_ONCE", 5)
    switch = switches.engage("agent", "qualifier", reason="a test", by="olivia")
    queue.enqueue_many("control.tidy", ({} for _ in range(20)), tags=["agent:qualifier"])
    assert switches.release(switch, by="olivia", discard_backlog=True) == 20
    assert claim.claim("fast", factories.make_holder(), 50, short=True) == []
    assert Hold.objects.get().tag == "agent:qualifier"
    (order,) = operate.operations([switches.DISCARD])
    assert order.payload["total"] == 20
    factories.work_off()
    assert Job.objects.filter(kind="control.tidy", status="cancelled").count() == 20
    assert not Hold.objects.exists()
    later = queue.enqueue("control.tidy", {}, tags=["agent:qualifier"])
    factories.work_off()
    assert Job.objects.get(pk=later.pk).status == "completed"


def test_what_was_stopped_again_while_its_backlog_was_discarded_stays_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(switches, "AT_ONCE", 5)
    switch = switches.engage("everything", reason="a test", by="olivia")
    queue.enqueue_many("control.tidy", ({} for _ in range(20)), tags=["agent:qualifier"])
    switches.release(switch, by="olivia", discard_backlog=True)
    switches.engage("everything", reason="again", by="olivia")
    factories.work_off()
    assert Job.objects.filter(status="cancelled").count() == 20
    assert Hold.objects.get().reason == "again"


def test_a_great_backlog_goes_on_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switches, "AT_ONCE", 5)
    switch = switches.engage("agent", "qualifier", reason="a test", by="olivia")
    queue.enqueue_many("control.tidy", ({} for _ in range(20)), tags=["agent:qualifier"])
    factories.work_off()
    assert Job.objects.filter(status="held").count() == 20
    assert switches.release(switch, by="olivia") == 20
    assert Job.objects.filter(status="held").count() == 15
    sweep.free()
    assert not Job.objects.filter(status="held").exists()


def test_of_a_very_great_backlog_only_so_many_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switches, "MANY", 10)
    switch = switches.engage("everything", reason="a test", by="olivia")
    queue.enqueue_many("control.tidy", ({} for _ in range(20)), tags=["agent:qualifier"])
    assert switches.in_words(switches.release(switch, by="olivia")) == "over 10"
