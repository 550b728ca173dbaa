"""Workers die, freeze and wake up late; what they were doing happens once, or is `unknown`."""

import signal

import pytest

from agents.models import ModelCall, Run
from control import approvals
from control.models import Action, Alert
from jobs.models import Job
from tests import factories, workers
from tests.mailserver import Inbox

pytestmark = [pytest.mark.usefixtures("committed"), pytest.mark.alone]


def approved() -> Action:
    factories.received()
    action = Action.objects.get(status="waiting")
    approvals.approve(action, by=factories.make_user(), seen_hash=action.content_hash)
    Job.objects.filter(kind="control.execute").update(run_at=action.created_at)
    return action


def status(action: Action) -> str:
    return Action.objects.values_list("status", flat=True).get(pk=action.pk)


def test_a_worker_killed_in_the_middle_of_a_run_is_replaced() -> None:
    with workers.silent_model() as url:
        lead = factories.receive(factories.make_lead())
        key = {"ANTHROPIC_API_KEY": "sk-test", "ANTHROPIC_BASE_URL": url}
        with workers.worker(key) as first:
            workers.until(lambda: ModelCall.objects.filter(status="reserved").exists(), "a call")
            first.send_signal(signal.SIGKILL)
            first.wait()
        with workers.worker():
            workers.until(lambda: Action.objects.filter(status="waiting").exists(), "a draft")

    assert list(Run.objects.order_by("pk").values_list("status", flat=True)) == [
        "abandoned",
        "completed",
    ]
    assert Action.objects.filter(subject_id=str(lead.pk)).count() == 2
    job = Job.objects.get(kind="agents.run")
    assert (job.status, job.attempt, job.fence) == ("completed", 2, 2)
    assert "went silent" in job.errors[0]["error"]


def test_a_worker_killed_while_sending_leaves_it_unknown_and_nothing_is_sent_again(
    inbox: Inbox,
) -> None:
    action = approved()
    inbox.hold_at = "DATA"
    with workers.worker() as first:
        workers.until(inbox.reached.is_set, "the mail at the server")
        first.send_signal(signal.SIGKILL)
        first.wait()
    inbox.hold_at = ""
    inbox.gate.set()
    with workers.worker():
        workers.until(lambda: status(action) == "unknown", "the doubt")
        workers.until(lambda: not Job.objects.filter(status="running").exists(), "rest")

    assert len(inbox.letters) == 1
    assert Alert.objects.filter(dedupe_key=f"unknown:{action.pk}").exists()
    action.refresh_from_db()
    assert approvals.confirm_sent(action, by=factories.make_user("ray"))
    assert status(action) == "done"


def test_a_worker_frozen_before_sending_and_woken_after_takeover_sends_nothing(
    inbox: Inbox,
) -> None:
    action = approved()
    inbox.hold_at = "RCPT"
    with workers.worker() as first:
        workers.until(inbox.reached.is_set, "the recipient at the server")
        first.send_signal(signal.SIGSTOP)
        inbox.hold_at = ""
        with workers.worker():
            workers.until(lambda: status(action) == "unknown", "the doubt")
            inbox.gate.set()
            sessions = inbox.sessions
            first.send_signal(signal.SIGCONT)
            holds = Job.objects.filter(kind="control.execute", status="running")
            workers.until(lambda: not holds.exists(), "rest")
            # The woken worker is alive again, under a new identity, and did not send.
            lead = factories.receive(factories.make_lead(email="other@person.example"))
            drafts = Action.objects.filter(subject_id=str(lead.pk), status="waiting")
            workers.until(drafts.exists, "another draft")

        assert inbox.letters == []
        action.refresh_from_db()
        assert approvals.send_again(action, by=factories.make_user("ray"))
        workers.until(lambda: status(action) == "done", "the mail")

    assert len(inbox.letters) == 1
    assert inbox.sessions > sessions


def test_a_worker_frozen_in_a_run_and_woken_after_takeover_proposes_nothing(inbox: Inbox) -> None:
    with workers.silent_model() as url:
        factories.receive(factories.make_lead())
        key = {"ANTHROPIC_API_KEY": "sk-test", "ANTHROPIC_BASE_URL": url}
        with workers.worker(key) as first:
            workers.until(lambda: ModelCall.objects.filter(status="reserved").exists(), "a call")
            first.send_signal(signal.SIGSTOP)
            with workers.worker():
                workers.until(lambda: Action.objects.filter(status="waiting").exists(), "a draft")
                action = Action.objects.get(status="waiting")
                user = factories.make_user()
                approvals.approve(action, by=user, seen_hash=action.content_hash)
                Job.objects.filter(kind="control.execute").update(run_at=action.created_at)
                workers.until(lambda: status(action) == "done", "the mail")
            first.send_signal(signal.SIGCONT)
            calls = ModelCall.objects.filter(status="cancelled")
            workers.until(calls.exists, "the woken worker to give up")

    assert Action.objects.filter(kind="reply_to_lead").count() == 1
    assert len(inbox.letters) == 1
    call = ModelCall.objects.get(status="cancelled")
    assert call.usd == call.reserved_usd
