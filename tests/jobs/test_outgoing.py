"""Outgoing webhooks: signed, once stored surely tried, for a day, and to public addresses only."""

import datetime as dt
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks import Webhook, WebhookVerificationError

from agency.models import AuditEntry
from control.models import Alert
from integrations import webhooks_out
from integrations.web import Network
from jobs import events, operate, outgoing, posting, queue
from jobs.filters import Filter
from jobs.models import Event, Job, Limit, OutgoingDelivery, OutgoingEndpoint
from tests import receiver
from tests.factories import make_client, make_lead, work_off
from tests.receiver import Receiver

Status = OutgoingDelivery.Status
URL = "https://hooks.example/in?from=us"
NAME = "note.added"
"""An event that no agent listens to."""


@pytest.fixture
def there(settings: Settings) -> Iterator[Receiver]:
    """Return what stands where every `.example` name leads."""
    with receiver.running() as found:
        settings.SANDBOX_WEB_PORT = found.port
        yield found


def make(events_: tuple[str, ...] = (NAME,), **fields: Any) -> OutgoingEndpoint:
    return outgoing.create("crm", URL, events_, by="olivia", **fields)


def tried(delivery: OutgoingDelivery) -> OutgoingDelivery:
    """Make the next try due, make it, and return what became of it."""
    Job.objects.filter(kind=outgoing.KIND, status="scheduled").update(run_at=timezone.now())
    work_off()
    delivery.refresh_from_db()
    return delivery


def test_an_event_is_posted_signed(db: None, there: Receiver) -> None:
    endpoint = make()
    lead = make_lead()
    event = events.emit(NAME, subject=lead, data={"via": "form “A”"})
    work_off()
    (found,) = there.verified(endpoint.secret)
    assert found["type"] == NAME
    assert found["timestamp"] == event.created_at.isoformat()
    assert found["data"] == {
        "id": str(event.pk),
        "subject": {"type": "lead", "id": str(lead.pk)},
        "client": None,
        "correlation_id": str(event.correlation_id),
        "details": {"via": "form “A”"},
    }
    (message,) = there.messages
    assert message.path == "/in?from=us"
    assert message.headers["Content-Type"] == "application/json"
    delivery = OutgoingDelivery.objects.get()
    assert (delivery.status, delivery.attempts, delivery.response_code) == ("delivered", 1, 204)
    assert message.headers["webhook-id"] == delivery.webhook_id
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint.secret).verify(message.body + b" ", message.headers)


@pytest.mark.parametrize(
    ("wanted", "name", "came"),
    [
        (("lead.received",), "lead.received", True),
        (("lead.received",), "lead.qualified", False),
        (("lead.*",), "lead.qualified", True),
        (("lead.*",), "leader.made", False),
        (("*",), "deal.won", True),
        (("*",), "webhook.disabled", False),
        (("*",), "job.discarded", False),
        (("*",), "meeting.reminder_due", False),
    ],
)
def test_only_what_was_asked_for_is_posted(
    wanted: tuple[str, ...], name: str, came: bool, db: None
) -> None:
    make(wanted)
    events.emit(name, subject=make_lead())
    assert OutgoingDelivery.objects.exists() == came


def test_an_endpoint_of_one_client_gets_nothing_of_others(db: None) -> None:
    vale, other = make_client(), make_client("Other")
    make(client=vale)
    for client in (vale, other, None):
        events.emit(NAME, subject=make_lead(client=client), client=client)
    (delivery,) = OutgoingDelivery.objects.all()
    assert json.loads(delivery.body)["data"]["client"] == "vale-dental"
    job = Job.objects.get(kind=outgoing.KIND)
    assert job.tags == ["channel:webhook", f"client:{vale.pk}", f"webhook:{delivery.endpoint_id}"]


def test_what_is_rolled_back_is_not_posted(db: None) -> None:
    make()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        events.emit(NAME, subject=make_lead())
        _ = 1 / 0
    assert not OutgoingDelivery.objects.exists()
    assert not Event.objects.exists()


def test_without_an_endpoint_an_event_costs_one_statement(db: None) -> None:
    lead = make_lead()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        events.emit("nobody.listens", subject=lead, data={"a": [1]})
    assert len(queries) == 1
    event = Event.objects.get()
    assert (event.name, event.subject_id, event.data) == (
        "nobody.listens",
        str(lead.pk),
        {"a": [1]},
    )


def test_it_is_tried_again_for_a_day_as_the_same_message(db: None, there: Receiver) -> None:
    endpoint = make()
    there.status, there.text = 500, "no\x00\x1b room"
    events.emit(NAME, subject=make_lead())
    delivery = OutgoingDelivery.objects.get()
    for number in range(1, 8):
        now = timezone.now()
        assert tried(delivery).status == Status.PENDING
        assert delivery.attempts == number
        assert delivery.next_at is not None
        after = posting.AFTER[number - 1]
        assert now + 0.9 * after <= delivery.next_at <= timezone.now() + 1.1 * after
        assert Job.objects.filter(kind=outgoing.KIND, status="scheduled").count() == 1
    assert tried(delivery).status == Status.FAILED
    assert (delivery.response_code, delivery.response_start) == (500, "no   room")
    assert delivery.next_at is None
    assert len(there.messages) == 8
    assert len({(one.headers["webhook-id"], one.body) for one in there.messages}) == 1
    there.verified(endpoint.secret)
    assert sum(posting.AFTER, dt.timedelta()) > dt.timedelta(days=1)
    alert = Alert.objects.get()
    assert alert.title == "crm did not take an event for a day"
    assert alert.url == f"/settings/outgoing/{endpoint.pk}/"


def test_one_that_takes_it_later_is_healthy_again(db: None, there: Receiver) -> None:
    endpoint = make()
    there.status = 503
    events.emit(NAME, subject=make_lead())
    delivery = tried(OutgoingDelivery.objects.get())
    endpoint.refresh_from_db()
    assert endpoint.failing_since is not None
    there.status = 200
    assert tried(delivery).status == Status.DELIVERED
    endpoint.refresh_from_db()
    assert endpoint.failing_since is None


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404])
def test_only_success_is_success_and_no_redirect_is_followed(
    status: int, db: None, there: Receiver
) -> None:
    make()
    there.status, there.headers = status, {"Location": "https://elsewhere.example/"}
    events.emit(NAME, subject=make_lead())
    assert tried(OutgoingDelivery.objects.get()).status == Status.PENDING
    assert len(there.messages) == 1


def test_a_receiver_that_hangs_up_is_tried_again(db: None, there: Receiver) -> None:
    make()
    there.status = 0
    events.emit(NAME, subject=make_lead())
    delivery = tried(OutgoingDelivery.objects.get())
    assert delivery.status == Status.PENDING
    assert delivery.response_code is None
    assert "hooks.example did not answer" in delivery.error


def test_one_that_is_gone_is_switched_off_at_once(db: None, there: Receiver) -> None:
    endpoint = make()
    there.status = 410
    events.emit(NAME, subject=make_lead())
    tried(OutgoingDelivery.objects.get())
    endpoint.refresh_from_db()
    assert not endpoint.active
    assert "410" in endpoint.off_reason
    assert Alert.objects.get().title == "The outgoing webhook “crm” was switched off"


def test_after_five_days_without_success_it_is_switched_off(db: None, there: Receiver) -> None:
    endpoint = make()
    there.status = 500
    events.emit(NAME, subject=make_lead())
    events.emit(NAME, subject=make_lead())
    first, second = OutgoingDelivery.objects.order_by("pk")
    tried(first)
    endpoint.refresh_from_db()
    assert endpoint.active
    long_ago = timezone.now() - posting.PATIENCE - dt.timedelta(minutes=1)
    OutgoingEndpoint.objects.update(failing_since=long_ago)
    tried(first)
    endpoint.refresh_from_db()
    assert not endpoint.active
    assert endpoint.off_reason == "It took nothing for five days."
    assert Alert.objects.filter(dedupe_key__startswith="webhook.disabled").count() == 1
    assert tried(second).status == Status.DROPPED
    events.emit(NAME, subject=make_lead())
    assert OutgoingDelivery.objects.count() == 2


def test_a_crash_after_the_post_sends_the_same_message_once_more(
    db: None, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = make()
    events.emit(NAME, subject=make_lead())
    job = Job.objects.get(kind=outgoing.KIND)
    with monkeypatch.context() as patch:
        patch.setattr(posting, "_note", lambda *_: 1 / 0)
        work_off()
    job.refresh_from_db()
    assert job.status == Job.Status.RETRYABLE
    assert OutgoingDelivery.objects.get().attempts == 0
    work_off(ahead=True)
    assert OutgoingDelivery.objects.get().status == Status.DELIVERED
    ids = {one.headers["webhook-id"] for one in there.messages}
    assert (len(there.messages), len(ids)) == (2, 1)
    there.verified(endpoint.secret)


def test_a_job_that_comes_late_posts_nothing(db: None, there: Receiver) -> None:
    make()
    events.emit(NAME, subject=make_lead())
    old = Job.objects.get(kind=outgoing.KIND)
    work_off()
    Job.objects.filter(pk=old.pk).update(status="available", finished_at=None)
    work_off()
    assert len(there.messages) == 1


def test_it_can_be_sent_again_by_hand(db: None, there: Receiver) -> None:
    make()
    events.emit(NAME, subject=make_lead())
    delivery = OutgoingDelivery.objects.get()
    assert not outgoing.send_again(delivery, by="olivia")
    work_off()
    delivery.refresh_from_db()
    assert outgoing.send_again(delivery, by="olivia")
    work_off()
    first, second = there.messages
    assert (first.headers["webhook-id"], first.body) == (
        second.headers["webhook-id"],
        second.body,
    )
    assert AuditEntry.objects.filter(verb="endpoint.sent_again").exists()


def test_a_test_reaches_even_one_that_is_off_and_is_not_repeated(db: None, there: Receiver) -> None:
    endpoint = make()
    outgoing.switch(endpoint, False, by="olivia")
    there.status = 500
    delivery = outgoing.send_test(endpoint, by="olivia")
    assert tried(delivery).status == Status.FAILED
    (found,) = there.verified(endpoint.secret)
    assert found["type"] == "webhook.test"
    assert not Alert.objects.exists()


def test_for_a_day_both_secrets_sign(db: None, there: Receiver) -> None:
    endpoint = make()
    old = endpoint.secret
    outgoing.rotate(endpoint, by="olivia")
    assert endpoint.secret != old
    outgoing.send_test(endpoint, by="olivia")
    work_off()
    there.verified(old)
    there.verified(endpoint.secret)
    OutgoingEndpoint.objects.update(old_secret_until=timezone.now())
    there.messages.clear()
    outgoing.send_test(endpoint, by="olivia")
    work_off()
    there.verified(endpoint.secret)
    with pytest.raises(WebhookVerificationError):
        there.verified(old)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/x",
        "http://127.0.0.1:9000/x",
        "https://10.0.0.7/x",
        "https://[::1]/x",
        "https://user:pw@hooks.example/",
        "ftp://hooks.example/",
        "https://2130706433/",
        "hooks.example",
        "",
    ],
)
def test_what_is_never_posted_to_is_refused(url: str, db: None) -> None:
    """By its form where that says it, else when its name has been looked up."""
    try:
        endpoint = outgoing.create("inside", url, ["*"], by="olivia")
    except outgoing.BadEndpoint as refused:
        assert refused.field == "url"
        return
    outgoing.send_test(endpoint, by="olivia")
    work_off()
    delivery = OutgoingDelivery.objects.get()
    assert delivery.status == Status.FAILED
    assert delivery.response_code is None
    assert delivery.error


def test_a_name_that_leads_inside_is_not_posted_to() -> None:
    network = Network(lambda host, port: ["192.168.1.4"], lambda *_: socket.socket())
    with pytest.raises(webhooks_out.WebRefused, match="not public"):
        webhooks_out.post("https://hooks.northwind.dev/", "{}", {}, network=network)


@pytest.mark.parametrize("name", ["lead", "Lead.received", "lead.*.x", "", "webhook.*", "job.x"])
def test_an_event_that_is_none_is_refused(name: str, db: None) -> None:
    with pytest.raises(outgoing.BadEndpoint) as refused:
        make((name,))
    assert refused.value.field == "events"


def test_a_name_is_given_once(db: None) -> None:
    make()
    with pytest.raises(outgoing.BadEndpoint, match="already"):
        make()


def test_a_slow_address_takes_two_workers_at_most(db: None) -> None:
    make()
    assert Limit.objects.get().tag == "webhook:*"


def test_what_a_person_cancels_is_not_on_its_way_any_more(db: None, there: Receiver) -> None:
    make()
    events.emit(NAME, subject=make_lead())
    job = Job.objects.get(kind=outgoing.KIND)
    operate.cancel(Filter(ids=(job.pk,)), by="olivia")
    delivery = OutgoingDelivery.objects.get()
    assert delivery.status == Status.DROPPED
    work_off()
    assert not there.messages


def test_old_posts_are_forgotten(db: None) -> None:
    endpoint = make()
    month = timezone.now() - outgoing.KEPT - dt.timedelta(days=1)
    old = OutgoingDelivery.objects.create(
        endpoint=endpoint, event="a.b", body="{}", status="failed", finished_at=month
    )
    new = OutgoingDelivery.objects.create(endpoint=endpoint, event="a.b", body="{}")
    queue.enqueue("jobs.tidy_outgoing", {})
    work_off()
    assert OutgoingDelivery.objects.get() == new
    assert old.pk != new.pk
