"""Alerts: one per cause, counted, mailed once, closed by a person."""

import pytest

from control import alerts
from control.models import Alert
from jobs import queue, registry
from jobs.lease import Lease
from jobs.models import Job, Lane
from tests import factories
from tests.mailserver import Inbox

pytestmark = pytest.mark.django_db


def test_the_same_cause_is_one_alert_counted_and_one_mail(inbox: Inbox) -> None:
    for _ in range(3):
        alert = alerts.raise_alert("disk", "The disk is nearly full", body="95 %")
    factories.work_off(ahead=True)

    alert = Alert.objects.get()
    assert alert.count == 3
    (mail,) = inbox.messages
    assert mail["To"] == "operator@northwind.example"
    assert mail["Auto-Submitted"] == "auto-generated"


def test_an_acknowledged_alert_opens_anew(inbox: Inbox) -> None:
    first = alerts.raise_alert("disk", "The disk is nearly full")
    assert alerts.acknowledge(first, by="olivia")
    assert not alerts.acknowledge(first, by="rob")
    alerts.raise_alert("disk", "The disk is nearly full")
    assert Alert.objects.count() == 2


def test_only_the_last_failure_of_a_job_alerts(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(job: Job, lease: Lease) -> None:
        raise RuntimeError("no such table")

    monkeypatch.setitem(
        registry._kinds, "test.explode", registry.Kind("test.explode", explode, Lane.FAST, 3, False)
    )
    queue.enqueue("test.explode", {})
    factories.work_off_once()
    assert not Alert.objects.exists()
    factories.work_off(ahead=True)

    assert Alert.objects.get().dedupe_key == "discarded:test.explode"
    job = Job.objects.get(kind="test.explode")
    assert (job.status, len(job.errors)) == ("discarded", 3)
    assert "no such table" in job.errors[0]["error"]
