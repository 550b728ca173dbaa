"""Kill switches: what they reach, who may release them, and what becomes of the backlog."""

import pytest
from django.db import IntegrityError, transaction

from agency.models import AuditEntry, Client
from control import switches
from control.models import KillSwitch
from jobs import queue
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

    assert status(reached) == "available"
    assert status(others) == ("available" if tag == "*" else "completed")
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
