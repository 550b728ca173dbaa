"""Sending goes wrong in every way a mail server can, and each way is told apart."""

import pytest
from django.conf import settings

from control import approvals, switches
from control.models import Action, Alert, KillSwitch
from jobs.models import Event, Job
from tests import factories, mailserver
from tests.mailserver import Inbox

pytestmark = pytest.mark.django_db


def approved(**fields: str) -> Action:
    lead = factories.received(**fields)
    action = Action.objects.get(subject_id=str(lead.pk), status="waiting")
    user = factories.make_user(f"user{lead.pk}")
    approvals.approve(action, by=user, seen_hash=action.content_hash)
    return action


def test_a_passing_refusal_is_tried_again_under_the_same_approval(inbox: Inbox) -> None:
    action = approved()
    inbox.answer = "451 try later"
    factories.work_off_once()
    action.refresh_from_db()
    assert (action.status, action.effect_started_at) == ("approved", None)
    assert action.decisions.get(verdict="approve").consumed_at is None
    assert Job.objects.get(kind="control.execute").status == "retryable"

    inbox.answer = "250 OK"
    factories.work_off(ahead=True)
    action.refresh_from_db()
    assert (action.status, len(inbox.letters)) == ("done", 1)
    told = Event.objects.get(name="action.done", subject_id=str(action.pk))
    assert told.data == {"kind": "reply_to_lead", "agent": "qualifier"}


def test_a_lasting_refusal_fails_and_alerts(inbox: Inbox) -> None:
    inbox.answer = "554 no thanks"
    action = approved()
    factories.work_off(ahead=True)

    action.refresh_from_db()
    assert action.status == "failed"
    assert "554 no thanks" in action.error
    assert Alert.objects.filter(dedupe_key="failed:reply_to_lead").exists()


def test_a_server_that_stays_away_fails_after_the_last_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings, "SANDBOX_SMTP_PORT", mailserver.free_port())
    action = approved()
    factories.work_off(ahead=True)

    action.refresh_from_db()
    assert action.status == "failed"
    job = Job.objects.get(kind="control.execute")
    assert (job.status, job.attempt, len(job.errors)) == ("discarded", 6, 6)


def test_an_answer_that_never_came_is_unknown_and_not_tried_again(
    inbox: Inbox,
) -> None:
    inbox.hangs_up = True
    action = approved()
    factories.work_off(ahead=True)
    inbox.hangs_up = False
    factories.work_off(ahead=True)

    action.refresh_from_db()
    assert action.status == "unknown"
    assert len(inbox.letters) == 1
    assert Alert.objects.filter(dedupe_key=f"unknown:{action.pk}", severity="critical").exists()


def test_two_failures_in_a_row_stop_the_channel_until_a_person_resumes(inbox: Inbox) -> None:
    inbox.answer = "554 no thanks"
    for number in range(2):
        approved(email=f"person{number}@company.example")
        factories.work_off(ahead=True)

    switch = KillSwitch.objects.get()
    assert (switch.tag, switch.automatic, switch.released_at) == ("channel:email", True, None)
    inbox.answer = "250 OK"
    held = factories.received(email="third@company.example")
    action = Action.objects.get(subject_id=str(held.pk), kind="reply_to_lead")
    assert action.status == "held"

    switches.release(switch, by="olivia")
    factories.work_off()
    action.refresh_from_db()
    assert action.status == "waiting"


def test_two_failures_with_a_success_between_stop_nothing(inbox: Inbox) -> None:
    for number, answer in enumerate(("554 no thanks", "250 OK", "554 no thanks")):
        inbox.answer = answer
        approved(email=f"person{number}@company.example")
        factories.work_off(ahead=True)
    ended = Action.objects.filter(kind="reply_to_lead").order_by("finished_at")
    assert [action.status for action in ended] == ["failed", "done", "failed"]
    assert not KillSwitch.objects.exists()


def test_a_mail_approved_for_the_sandbox_does_not_go_out_for_real(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = approved(email="dana@company.invalid-but-real.com")
    monkeypatch.setattr(settings, "EMAIL_URL", f"smtp://127.0.0.1:{inbox.port}?tls=off")
    factories.work_off(ahead=True)

    action.refresh_from_db()
    assert inbox.letters == []
    assert action.status in {"waiting", "failed"}
