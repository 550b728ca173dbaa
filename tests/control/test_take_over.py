"""Taking a record over: agents are locked out of it until it is handed back."""

import pytest

from agency.models import AgencyProfile, AuditEntry
from agents.models import Run
from control import actions, approvals, recalls, takeovers
from control.models import Action, Decision, Takeover
from jobs.models import Job
from pipeline.kinds import ReplyParams
from pipeline.models import Lead
from tests import factories
from tests.mailserver import Inbox

pytestmark = pytest.mark.django_db


def waiting() -> Action:
    factories.received()
    return Action.objects.get(status="waiting")


def take_over(action: Action, name: str = "olivia") -> Takeover:
    user = factories.make_user(name)
    return takeovers.take_over(action, by=user, seen_hash=action.content_hash)


def test_it_closes_what_waits_and_is_in_the_trail() -> None:
    action = waiting()
    take_over(action)
    action.refresh_from_db()
    assert action.status == "rejected"
    assert action.error == "olivia handles it by hand"
    assert Decision.objects.get(verdict="take_over").action == action
    assert AuditEntry.objects.filter(verb="lead.taken_over", object_id=action.subject_id).exists()


def test_an_agent_woken_for_it_skips_it_and_its_job_ends() -> None:
    take_over(waiting())
    runs = Run.objects.count()
    lead = factories.receive(Lead.objects.get())
    factories.work_off()
    assert Run.objects.count() == runs
    assert not Action.objects.filter(status="waiting").exists()
    assert set(Job.objects.values_list("status", flat=True)) == {"completed"}
    (skipped,) = AuditEntry.objects.filter(verb="run.skipped", object_id=str(lead.pk))
    assert skipped.sentence == "Qualifier skipped Dana Reyes: olivia handles it by hand"


def test_a_run_under_way_may_propose_nothing_for_it() -> None:
    action = waiting()
    take_over(action)
    origin = actions.Origin(
        agent="qualifier",
        run_id=action.run_id or action.pk,
        correlation_id=action.correlation_id,
        subject=Lead.objects.get(),
        client=None,
        engine="rules",
        cost_usd=action.cost_usd,
    )
    words = ReplyParams(subject="Hello", body="Hello again")
    late = actions.propose(actions.Proposal("reply_to_lead", words, "because"), origin)
    assert late.status == "rejected"
    assert "by hand" in late.error
    assert AuditEntry.objects.filter(verb="action.refused", object_id=str(late.pk)).exists()


def test_what_slipped_through_cannot_be_approved() -> None:
    action = waiting()
    take_over(action)
    Action.objects.filter(pk=action.pk).update(status="waiting")
    with pytest.raises(approvals.NotAllowed, match="by hand"):
        approvals.approve(action, by=factories.make_user("ann"), seen_hash=action.content_hash)


def test_an_approved_answer_that_has_not_left_is_called_back(inbox: Inbox) -> None:
    first = waiting()
    approvals.approve(first, by=factories.make_user("ann"), seen_hash=first.content_hash)
    factories.receive(Lead.objects.get())
    factories.work_off()
    take_over(Action.objects.get(status="waiting"))
    factories.work_off(ahead=True)
    first.refresh_from_db()
    assert (inbox.letters, first.status) == ([], "rejected")


def test_handed_back_the_agent_works_on_it_again() -> None:
    takeover = take_over(waiting())
    user = factories.make_user("ann")
    assert takeovers.hand_back(takeover, by=user)
    assert not takeovers.hand_back(takeover, by=user)
    factories.receive(Lead.objects.get())
    factories.work_off()
    assert Action.objects.filter(status="waiting").count() == 1
    assert AuditEntry.objects.filter(verb="lead.handed_back").exists()


def test_another_lead_goes_on() -> None:
    take_over(waiting())
    factories.received(email="mae@desert.example", name="Mae Lin")
    assert Action.objects.get(status="waiting").rendered["to_email"] == "mae@desert.example"


def test_it_is_taken_over_on_what_was_seen_and_once() -> None:
    action = waiting()
    with pytest.raises(approvals.Stale):
        takeovers.take_over(action, by=factories.make_user("ann"), seen_hash="another")
    take_over(action)
    with pytest.raises(approvals.Stale):
        takeovers.take_over(action, by=factories.make_user("ben"), seen_hash=action.content_hash)


def test_phase_two_does_not_let_agents_write_to_it_either(inbox: Inbox) -> None:
    take_over(waiting())
    AgencyProfile.objects.update(phase=2)
    factories.receive(Lead.objects.get())
    factories.work_off(ahead=True)
    assert inbox.letters == []


def test_taking_it_back_hands_it_back_and_the_draft_waits_again() -> None:
    action = waiting()
    take_over(action)
    decision = Decision.objects.get(verdict="take_over")
    back = recalls.take_back(decision, by=factories.make_user("ann"))
    assert back.status == "waiting"
    assert takeovers.on(Lead.objects.get()) is None
