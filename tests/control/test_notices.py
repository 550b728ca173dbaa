"""Messages to the operator: over each channel at most once, and what becomes of a failing one."""

import datetime as dt
from collections.abc import Iterator

import pytest
from django.utils import timezone
from pytest_django import Settings

from control import alerts, notices
from control.models import Alert, Notice
from jobs import claim, operate, queue, run
from jobs.models import Job
from tests import factories, hookserver, mailserver
from tests.hookserver import Hook
from tests.mailserver import Inbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def hook(settings: Settings) -> Iterator[Hook]:
    with hookserver.running() as found:
        settings.ALERT_WEBHOOK_URL = found.url
        yield found


def open_alert(severity: str = Alert.Severity.CRITICAL) -> Alert:
    return alerts.raise_alert("disk", "The disk is nearly full", severity=severity, url="/x/")


def statuses() -> dict[str, str]:
    return dict(Notice.objects.values_list("channel", "status"))


def test_mail_and_webhook_each_say_it_once(inbox: Inbox, hook: Hook) -> None:
    open_alert()
    factories.work_off(ahead=True)
    assert len(inbox.messages) == 1
    (posted,) = hook.posts
    assert posted["text"] == "[critical] The disk is nearly full"
    assert "/x/|Open it>" in posted["blocks"][1]["elements"][0]["text"]
    assert statuses() == {"mail": "sent", "webhook": "sent"}


def test_a_title_of_many_lines_still_goes_out(inbox: Inbox) -> None:
    alerts.raise_alert("odd", "A\r\nBcc: all@x.example\u2028\x1b[31m\0!", body="\0B\x1b")
    factories.work_off(ahead=True)
    (mail,) = inbox.messages
    assert mail["Subject"] == "[warning] A Bcc: all@x.example [31m!"
    assert mail["Bcc"] is None


def test_a_channel_no_longer_in_use_has_no_health(
    hook: Hook, inbox: Inbox, settings: Settings
) -> None:
    hook.status = 404
    open_alert()
    factories.work_off(ahead=True)
    assert {found.channel for found in notices.health()} == {"mail", "webhook"}
    settings.ALERT_WEBHOOK_URL = ""
    assert {found.channel for found in notices.health()} == {"mail"}


def test_an_info_goes_by_mail_alone(inbox: Inbox, hook: Hook) -> None:
    open_alert(Alert.Severity.INFO)
    factories.work_off(ahead=True)
    assert (len(inbox.messages), hook.posts) == (1, [])


def test_the_third_notice_goes_to_somebody_else_too(inbox: Inbox, settings: Settings) -> None:
    settings.ALERT_ESCALATION_EMAIL = "partner@northwind.example"
    alert = open_alert()
    for _ in range(3):
        Alert.objects.update(next_notify_at=timezone.now())
        notices.tell_due(timezone.now())
    factories.work_off(ahead=True)
    alert.refresh_from_db()
    to = [mail["To"] for mail in inbox.messages]
    assert to.count("operator@northwind.example") == 4
    assert to.count("partner@northwind.example") == 2
    assert alert.escalated_at is not None


def test_a_message_in_doubt_is_shown_and_not_repeated(inbox: Inbox, hook: Hook) -> None:
    hook.status = 0
    inbox.hangs_up = True
    open_alert()
    factories.work_off(ahead=True)
    assert statuses() == {"mail": "unknown", "webhook": "unknown"}
    assert (len(inbox.messages), len(hook.posts)) == (1, 1)
    assert not Job.objects.filter(kind=notices.SEND).exclude(status="completed").exists()


def test_a_worker_that_dies_while_it_sends_leaves_it_in_doubt(inbox: Inbox) -> None:
    open_alert()
    Notice.objects.update(status=Notice.Status.SENDING)
    factories.work_off(ahead=True)
    assert statuses() == {"mail": "unknown"}
    assert inbox.messages == []


def test_a_frozen_worker_sends_nothing_and_the_next_one_does(inbox: Inbox) -> None:
    open_alert()
    stale = factories.make_holder()
    (job,) = claim.claim("fast", stale, 1, short=False)
    stale.lost.set()
    run.run(job, stale)
    assert (inbox.messages, statuses()) == ([], {"mail": "queued"})
    Job.objects.filter(pk=job.pk).update(status="available")
    factories.work_off()
    assert (len(inbox.messages), statuses()) == (1, {"mail": "sent"})


def test_a_channel_that_is_away_is_tried_again(hook: Hook, inbox: Inbox) -> None:
    hook.status = 503
    open_alert()
    factories.work_off()
    notice = Notice.objects.get(channel="webhook")
    assert notice.status == "queued"
    assert "503" in notice.error
    hook.status = 200
    factories.work_off(ahead=True)
    notice.refresh_from_db()
    assert (notice.status, notice.error) == ("sent", "")
    assert len(hook.posts) == 2


def test_told_to_wait_it_waits_as_long(hook: Hook, inbox: Inbox) -> None:
    hook.status, hook.headers = 429, {"Retry-After": "120"}
    open_alert()
    factories.work_off()
    job = Job.objects.get(kind=notices.SEND, status="retryable")
    assert dt.timedelta(seconds=110) < job.run_at - timezone.now() < dt.timedelta(seconds=121)
    hook.status = 200
    factories.work_off(ahead=True)
    assert statuses()["webhook"] == "sent"


def test_a_channel_that_never_stops_asking_to_wait_is_given_up(hook: Hook, inbox: Inbox) -> None:
    hook.status = 429
    open_alert()
    factories.work_off(ahead=True)
    assert Notice.objects.get(alert__dedupe_key="disk", channel="webhook").status == "failed"
    assert len(hook.posts) == notices.ATTEMPTS


def test_a_broken_channel_is_told_once_over_the_others(hook: Hook, inbox: Inbox) -> None:
    hook.status, hook.text = 404, "no_service"
    for number in range(3):
        alerts.raise_alert(str(number), "Trouble", severity=Alert.Severity.CRITICAL)
    factories.work_off(ahead=True)

    alert = Alert.objects.get(dedupe_key="notices.webhook")
    assert alert.count == 3
    assert "no_service" in alert.body
    assert [notice.channel for notice in alert.notices.all()] == ["mail"]
    subjects = [mail["Subject"] for mail in inbox.messages]
    assert subjects.count("[warning] Alerts do not arrive: webhook") == 1
    (webhook,) = [found for found in notices.health() if found.channel == "webhook"]
    assert not webhook.works
    assert "no_service" in webhook.last.error


def test_with_every_channel_broken_it_comes_to_rest(hook: Hook, settings: Settings) -> None:
    hook.status = 404
    settings.SANDBOX_SMTP_PORT = mailserver.free_port()
    open_alert()
    factories.work_off(ahead=True)
    keys = set(Alert.objects.values_list("dedupe_key", flat=True))
    assert keys == {"disk", "notices.webhook", "notices.mail"}
    assert set(Notice.objects.values_list("status", flat=True)) == {"failed"}
    assert not any(found.works for found in notices.health())


def test_what_was_acknowledged_meanwhile_is_not_sent(hook: Hook, inbox: Inbox) -> None:
    hook.status = 503
    alert = open_alert()
    factories.work_off()
    alerts.acknowledge(alert, by="olivia")
    factories.work_off(ahead=True)
    assert Notice.objects.get(channel="webhook").status == "dropped"
    assert len(hook.posts) == 1


def test_a_notice_is_sent_once_however_often_its_job_comes(inbox: Inbox) -> None:
    open_alert()
    factories.work_off()
    queue.enqueue(notices.SEND, {"notice_id": Notice.objects.get().pk})
    factories.work_off()
    assert len(inbox.messages) == 1


def test_a_notice_whose_job_is_cancelled_says_so(inbox: Inbox) -> None:
    open_alert()
    jobs = Job.objects.filter(kind=notices.SEND)
    operate.change(operate.Verb.CANCEL, [job.pk for job in jobs], by="olivia", reason="a test")
    notice = Notice.objects.get()
    assert (notice.status, notice.error) == ("failed", "cancelled by olivia: a test")
    factories.work_off(ahead=True)
    assert inbox.messages == []
