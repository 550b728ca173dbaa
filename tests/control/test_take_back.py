"""Taking a decision back: as long as nothing came of it, once, and never too late."""

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from control import approvals, recalls
from control.models import Action, Decision
from jobs import events
from jobs.models import Job
from pipeline.models import Lead
from tests import factories
from tests.mailserver import Inbox


def waiting() -> Action:
    factories.received()
    return Action.objects.get(status="waiting")


def seen(action: Action) -> dict[str, Any]:
    return {"by": factories.make_user("olivia"), "seen_hash": action.content_hash}


def back(decision: Decision) -> Action:
    return recalls.take_back(decision, by=decision.user or factories.make_user("ann"))


@pytest.mark.django_db
class TestAlone:
    def test_an_approval_is_recalled(self, inbox: Inbox) -> None:
        action = waiting()
        decision = approvals.approve(action, **seen(action))
        assert back(decision).status == "waiting"
        factories.work_off(ahead=True)
        assert inbox.letters == []

    def test_a_rejection_waits_again_and_does_not_count(self) -> None:
        action = waiting()
        decision = approvals.reject(action, **seen(action), reason="Wrong tone")
        assert back(decision).status == "waiting"
        decision.refresh_from_db()
        assert decision.voided_at is not None
        assert Decision.objects.filter(verdict="reopen").count() == 1

    def test_a_rejection_stands_once_its_consequence_began(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listener = events.Subscription("control.tidy", (), (), None)
        monkeypatch.setitem(events._subscriptions, "action.rejected", [listener])
        action = waiting()
        decision = approvals.reject(action, **seen(action), reason="Wrong tone")
        factories.work_off(ahead=True)
        with pytest.raises(recalls.TooLate, match="has begun"):
            back(decision)
        action.refresh_from_db()
        assert action.status == "rejected"

    def test_what_was_sent_back_waits_again_and_no_agent_is_run(self) -> None:
        action = waiting()
        decision = approvals.send_back(action, **seen(action), note="Shorter")
        assert back(decision).status == "waiting"
        factories.work_off(ahead=True)
        assert Job.objects.get(kind="agents.revise").status == "cancelled"
        assert Action.objects.filter(kind="reply_to_lead").count() == 1

    def test_what_was_sent_back_stays_so_once_the_agent_is_at_it(self) -> None:
        action = waiting()
        decision = approvals.send_back(action, **seen(action), note="Shorter")
        Job.objects.filter(kind="agents.revise").update(status="completed", attempt=1)
        with pytest.raises(recalls.TooLate, match="has begun"):
            back(decision)

    def test_a_newer_draft_wins(self) -> None:
        action = waiting()
        decision = approvals.reject(action, **seen(action), reason="Wrong facts")
        factories.receive(Lead.objects.get())
        factories.work_off()
        with pytest.raises(recalls.TooLate, match="newer"):
            back(decision)

    def test_what_lapsed_meanwhile_does_not_come_back(self) -> None:
        action = waiting()
        decision = approvals.reject(action, **seen(action), reason="Wrong facts")
        Action.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
        with pytest.raises(recalls.TooLate, match="lapsed"):
            back(decision)

    def test_a_snoozed_one_is_back_in_sight(self) -> None:
        action = waiting()
        until = timezone.now() + dt.timedelta(hours=1)
        decision = approvals.snooze(action, **seen(action), until=until)
        assert back(decision).snoozed_until is None

    def test_twice_is_too_late(self) -> None:
        action = waiting()
        decision = approvals.reject(action, **seen(action), reason="Wrong tone")
        back(decision)
        with pytest.raises(recalls.TooLate):
            back(decision)

    def test_an_old_page_does_not_recall_a_newer_approval(self) -> None:
        action = waiting()
        user = factories.make_user()
        first = approvals.approve(action, by=user, seen_hash=action.content_hash)
        recalls.take_back(first, by=user)
        approvals.approve(action, by=user, seen_hash=action.content_hash)
        with pytest.raises(recalls.TooLate):
            recalls.take_back(first, by=user)
        action.refresh_from_db()
        assert action.status == "approved"

    def test_a_sent_mail_is_too_late(self, inbox: Inbox) -> None:
        action = waiting()
        decision = approvals.approve(action, **seen(action))
        factories.work_off(ahead=True)
        with pytest.raises(recalls.TooLate, match="went out"):
            back(decision)

    def test_the_latest_that_can_be_taken_back_comes_first(self) -> None:
        user = factories.make_user()
        first = waiting()
        approvals.reject(first, by=user, seen_hash=first.content_hash, reason="Not a fit")
        factories.received(email="mae@desert.example")
        second = Action.objects.get(status="waiting")
        sent_back = approvals.send_back(
            second, by=user, seen_hash=second.content_hash, note="Shorter"
        )
        assert [d.verdict for d in recalls.recent(user, 3)] == ["send_back", "reject"]
        back(sent_back)
        assert [d.verdict for d in recalls.recent(user, 3)] == ["reject"]
        assert recalls.recent(factories.make_user("ann"), 3) == []


@pytest.mark.usefixtures("committed")
def test_two_at_once_take_it_back_once() -> None:
    action = waiting()
    decision = approvals.reject(action, **seen(action), reason="Wrong tone")
    barrier = threading.Barrier(2)
    results: list[str] = []

    def take_back() -> None:
        barrier.wait()
        try:
            recalls.take_back(decision, by=decision.user)  # type: ignore[arg-type]
            results.append("back")
        except recalls.TooLate:
            results.append("late")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=take_back) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["back", "late"]
    assert Decision.objects.filter(verdict="reopen").count() == 1


@pytest.mark.usefixtures("committed")
def test_taking_back_against_the_worker_has_one_winner() -> None:
    action = waiting()
    decision = approvals.send_back(action, **seen(action), note="Shorter")
    Job.objects.filter(kind="agents.revise").update(status="available", run_at=timezone.now())
    barrier = threading.Barrier(2)
    results: list[str] = []

    def take_back() -> None:
        barrier.wait()
        try:
            recalls.take_back(decision, by=decision.user)  # type: ignore[arg-type]
            results.append("back")
        except recalls.TooLate:
            results.append("late")
        finally:
            connections.close_all()

    def work() -> None:
        barrier.wait()
        try:
            factories.work_off()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=take_back), threading.Thread(target=work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    factories.work_off()
    drafts = Action.objects.filter(kind="reply_to_lead", status="waiting").count()
    revised = Job.objects.get(kind="agents.revise").status
    assert drafts == 1
    assert (results, revised) in ((["back"], "cancelled"), (["late"], "completed"))
