"""Alerts: one per cause, counted, told again until a person acknowledges them."""

import datetime as dt
import re
import threading

import pytest
from django.db import connections, transaction
from django.utils import timezone

from agency.models import AgencyProfile, AuditEntry
from control import alerts, notices
from control.models import Alert, AlertRepeat, Notice
from jobs import queue, registry
from jobs.causes import cause
from jobs.lease import Lease
from jobs.models import Job, Lane
from tests import factories
from tests.mailserver import Inbox

MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)


def open_alert(severity: str = Alert.Severity.WARNING, key: str = "disk") -> Alert:
    return alerts.raise_alert(key, "The disk is nearly full", body="95 %", severity=severity)


def wait(alert: Alert, by: dt.timedelta) -> None:
    """Let that much time pass for an alert, and tell what is due then."""
    alert.refresh_from_db()
    for name in ("first_seen_at", "last_seen_at", "next_notify_at"):
        before = getattr(alert, name)
        if before is not None:
            Alert.objects.filter(pk=alert.pk).update(**{name: before - by})
    notices.tell_due(timezone.now())
    factories.work_off(ahead=True)
    alert.refresh_from_db()


@pytest.fixture
def exploding(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a kind of job that fails with what its payload says."""

    def explode(job: Job, lease: Lease) -> None:
        raise RuntimeError(job.payload["error"])

    kind = registry.Kind("test.explode", explode, Lane.FAST, 3, False)
    monkeypatch.setitem(registry._kinds, "test.explode", kind)
    return "test.explode"


# One cause, one alert


@pytest.mark.django_db
def test_the_same_cause_is_one_alert_counted_and_one_mail(inbox: Inbox) -> None:
    for _ in range(300):
        alerts.raise_alert("disk", "The disk is nearly full", body="95 %")
    factories.work_off(ahead=True)

    alert = Alert.objects.get()
    assert alert.count == 300
    (mail,) = inbox.messages
    assert mail["To"] == "operator@northwind.example"
    assert mail["Subject"] == "[warning] The disk is nearly full"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "/alerts/" in mail.get_content()


@pytest.mark.django_db
def test_an_acknowledged_alert_opens_anew(inbox: Inbox) -> None:
    first = open_alert()
    assert alerts.acknowledge(first, by="olivia")
    assert not alerts.acknowledge(first, by="rob")
    open_alert()
    assert Alert.objects.count() == 2


@pytest.mark.django_db
def test_a_graver_repeat_makes_it_graver_and_wakes_it(inbox: Inbox) -> None:
    alert = open_alert(Alert.Severity.INFO)
    alerts.snooze(alert, until=timezone.now() + HOUR, by="olivia")
    open_alert(Alert.Severity.CRITICAL)
    open_alert(Alert.Severity.WARNING)
    wait(alert, MINUTE)
    assert alert.severity == "critical"
    assert not alert.is_snoozed
    assert alert.notified_count == 2


@pytest.mark.django_db
def test_only_the_last_failure_of_a_job_alerts(inbox: Inbox, exploding: str) -> None:
    queue.enqueue(exploding, {"error": "no such table"})
    factories.work_off_once()
    assert not Alert.objects.exists()
    factories.work_off(ahead=True)

    assert Alert.objects.get().dedupe_key == "discarded:test.explode:RuntimeError: no such table"
    job = Job.objects.get(kind="test.explode")
    assert (job.status, len(job.errors)) == ("discarded", 3)
    assert "no such table" in job.errors[0]["error"]


@pytest.mark.django_db
def test_failures_are_grouped_by_cause(inbox: Inbox, exploding: str) -> None:
    for number in range(6):
        queue.enqueue(exploding, {"error": f"10.0.0.{number}:5432 refused lead {number}"})
    queue.enqueue(exploding, {"error": "no such table"})
    factories.work_off(ahead=True)
    counts = dict(Alert.objects.values_list("dedupe_key", "count"))
    assert counts == {
        "discarded:test.explode:RuntimeError: # refused lead #": 6,
        "discarded:test.explode:RuntimeError: no such table": 1,
    }


@pytest.mark.django_db
def test_causes_that_never_repeat_share_one_alert_in_the_end(inbox: Inbox, exploding: str) -> None:
    for number in range(alerts.MOST_CAUSES + 5):
        word = chr(ord("a") + number) * 3
        queue.enqueue(exploding, {"error": f"no {word}"})
    factories.work_off(ahead=True)
    assert Alert.objects.exclude(dedupe_key__endswith=":others").count() == alerts.MOST_CAUSES
    assert Alert.objects.get(dedupe_key="discarded:test.explode:others").count == 5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("IntegrityError: Key (id)=(17) exists", "IntegrityError: Key (id)=(180) exists"),
        ("no 0193a1b2-0000-7000-8000-00000000000a", "no 0193a1b2-ffff-7000-8000-00000000000b"),
        ("<Lead object at 0x7f3a>", "<Lead object at 0x7f3b2c>"),
        ("10.1.2.3:25 hung up", "10.9.8.7:587 hung up"),
        ("[fe80::1] hung up", "[2001:db8::7] hung up"),
        ("dana@harbor.example refused", "kim+x@vale.example refused"),
        ("GET https://a.example/x?y=1 failed", "GET http://b.example/ failed"),
        ("commit 9f86d081884c7d65", "commit 2c26b46b68ffc68f"),
        ("boom\nTraceback 1", "\n  boom\nTraceback 2"),
    ],
)
def test_particulars_do_not_make_another_cause(one: str, other: str) -> None:
    assert cause(one) == cause(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("KeyError: 'name'", "KeyError: 'mail'"), ("feedback", "defaced"), ("", "boom")],
)
def test_different_errors_are_different_causes(one: str, other: str) -> None:
    assert cause(one) != cause(other)
    assert len(cause(one * 1000)) <= 100


# Many at once


@pytest.mark.usefixtures("committed")
def test_counting_never_waits_for_another_transaction() -> None:
    open_alert()

    def again() -> None:
        try:
            open_alert()
        finally:
            connections.close_all()

    with transaction.atomic():
        open_alert()
        other = threading.Thread(target=again)
        other.start()
        other.join(timeout=20)
        assert not other.is_alive()
    assert (Alert.objects.get().count, AlertRepeat.objects.count()) == (2, 1)
    assert alerts.fold() == 1
    assert (Alert.objects.get().count, AlertRepeat.objects.count()) == (3, 0)


@pytest.mark.usefixtures("committed")
def test_batches_that_meet_two_causes_in_two_orders_lose_none() -> None:
    barrier = threading.Barrier(4)
    failures: list[Exception] = []

    def batch(keys: tuple[str, str]) -> None:
        try:
            barrier.wait()
            for _ in range(5):
                with transaction.atomic():
                    for key in keys * 3:
                        alerts.report(f"discarded:x:{key}", "A job gave up: x", body=key)
        except Exception as error:  # noqa: BLE001 - shown below, in the test's own thread
            failures.append(error)
        finally:
            connections.close_all()

    orders = [("a", "b"), ("b", "a")] * 2
    threads = [threading.Thread(target=batch, args=[order]) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alerts.fold()
    assert failures == []
    assert dict(Alert.objects.values_list("dedupe_key", "count")) == {
        "discarded:x:a": 60,
        "discarded:x:b": 60,
    }
    assert Notice.objects.count() == 2


# Told again


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("severity", "steps"),
    [
        ("critical", [15 * MINUTE, HOUR, 4 * HOUR, 4 * HOUR]),
        ("warning", [4 * HOUR, 24 * HOUR]),
    ],
)
def test_it_is_told_again_at_growing_distances(
    inbox: Inbox, severity: str, steps: list[dt.timedelta]
) -> None:
    alert = open_alert(severity)
    factories.work_off(ahead=True)
    for number, step in enumerate(steps, start=1):
        wait(alert, step - MINUTE)
        assert len(inbox.messages) == number
        wait(alert, MINUTE)
        assert len(inbox.messages) == number + 1


@pytest.mark.django_db
def test_an_info_is_told_once(inbox: Inbox) -> None:
    alert = open_alert(Alert.Severity.INFO)
    wait(alert, dt.timedelta(days=30))
    assert len(inbox.messages) == 1


@pytest.mark.django_db
def test_telling_again_says_how_many_more_there_were(inbox: Inbox) -> None:
    AgencyProfile.load()
    AgencyProfile.objects.update(timezone="America/Phoenix")
    alert = open_alert(Alert.Severity.CRITICAL)
    for _ in range(12):
        open_alert(Alert.Severity.CRITICAL)
    wait(alert, HOUR)
    wait(alert, HOUR)
    subjects = [mail["Subject"] for mail in inbox.messages]
    assert subjects == [
        "[critical] The disk is nearly full",
        "[critical] The disk is nearly full (still open, 12 more)",
        "[critical, escalated] The disk is nearly full (still open)",
    ]
    assert re.search(r"13 times since \S+ \S+ MST", inbox.messages[1].get_content())
    assert len({mail["References"] for mail in inbox.messages}) == 1


@pytest.mark.django_db
def test_two_clocks_tell_it_once(inbox: Inbox) -> None:
    alert = open_alert()
    alert.refresh_from_db()
    stale = Alert.objects.get()
    assert notices.tell(alert, timezone.now())
    assert notices.tell(stale, timezone.now())
    assert Notice.objects.count() == 2
    assert Alert.objects.get().notified_count == 2


@pytest.mark.django_db
def test_a_warning_nobody_acknowledges_becomes_critical(inbox: Inbox) -> None:
    alert = open_alert()
    wait(alert, 4 * HOUR)
    assert alert.severity == "warning"
    wait(alert, 24 * HOUR)
    assert (alert.severity, alert.escalated_at is None) == ("critical", False)
    entry = AuditEntry.objects.get(verb="alert.escalated")
    assert "The disk is nearly full" in entry.sentence
    wait(alert, 4 * HOUR)
    assert len(inbox.messages) == 4
    assert AuditEntry.objects.filter(verb="alert.escalated").count() == 1


@pytest.mark.django_db
def test_an_acknowledged_alert_is_silent(inbox: Inbox) -> None:
    alert = open_alert(Alert.Severity.CRITICAL)
    alerts.acknowledge(alert, by="olivia")
    wait(alert, 24 * HOUR)
    assert inbox.messages == []
    assert Notice.objects.get().status == "dropped"


@pytest.mark.django_db
def test_a_snoozed_alert_is_silent_until_its_time_and_then_told(inbox: Inbox) -> None:
    alert = open_alert(Alert.Severity.CRITICAL)
    factories.work_off()
    assert alerts.snooze(alert, until=timezone.now() + 3 * HOUR, by="olivia")
    assert not Alert.objects.in_sight().exists()
    wait(alert, 2 * HOUR)
    assert len(inbox.messages) == 1
    Alert.objects.update(snoozed_until=timezone.now())
    wait(alert, HOUR)
    assert len(inbox.messages) == 2
    assert Alert.objects.in_sight().exists()
    assert "olivia put off" in AuditEntry.objects.get(verb="alert.snoozed").sentence


@pytest.mark.django_db
def test_a_snoozed_alert_is_brought_back_by_hand(inbox: Inbox) -> None:
    alert = open_alert()
    assert not alerts.wake(alert, by="olivia")
    alerts.snooze(alert, until=timezone.now() + HOUR, by="olivia")
    assert alerts.wake(alert, by="olivia")
    alert.refresh_from_db()
    assert not alert.is_snoozed
    assert alert.next_notify_at is not None
    assert alert.next_notify_at > timezone.now() + HOUR
    alerts.acknowledge(alert, by="olivia")
    assert not alerts.snooze(alert, until=timezone.now() + HOUR, by="olivia")


@pytest.mark.django_db
def test_acknowledging_all_says_how_many_that_was(inbox: Inbox) -> None:
    rows = [open_alert(key=str(number)) for number in range(4)]
    alerts.acknowledge(rows[0], by="rob")
    assert alerts.acknowledge_all(rows, by="olivia") == 3
    assert AuditEntry.objects.filter(verb="alert.acknowledged").count() == 4


@pytest.mark.django_db
def test_a_storm_of_alerts_is_not_a_storm_of_mails(inbox: Inbox) -> None:
    for number in range(200):
        open_alert(key=str(number))
    factories.work_off(ahead=True)
    assert len(inbox.messages) == notices.STORM_NOTICES + 1
    assert "Many alerts at once" in inbox.messages[-1]["Subject"]
    assert Alert.objects.get(dedupe_key=notices.STORM_KEY).count == 170
    untold = Alert.objects.filter(notified_count=0)
    assert untold.count() == 170
    Notice.objects.update(created_at=timezone.now() - 2 * HOUR)
    untold.update(next_notify_at=timezone.now())
    notices.tell_due(timezone.now())
    factories.work_off(ahead=True)
    assert len(inbox.messages) == 2 * notices.STORM_NOTICES + 1


@pytest.mark.django_db
def test_the_clock_tells_what_is_due(inbox: Inbox) -> None:
    alert = open_alert()
    Alert.objects.update(next_notify_at=timezone.now())
    queue.enqueue("control.notify_alerts", {})
    factories.work_off(ahead=True)
    alert.refresh_from_db()
    assert alert.notified_count == 2
    assert registry.recurring["control.notify_alerts"].every_seconds == 30
