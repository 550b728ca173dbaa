"""By hand through the gate: proposed and approved at once by the person, stopped as any other."""

import pytest

from agency.models import AuditEntry
from control import approvals, by_person, switches
from control.models import Action, Decision
from pipeline.kinds import QualifyParams, ReplyParams
from pipeline.models import Lead, Suppression
from tests import factories
from tests.mailserver import Inbox

pytestmark = pytest.mark.django_db

WORDS = ReplyParams(subject="Hello", body="Hello Dana,\n\nhere is what you asked for.")


def test_a_mail_by_hand_leaves_in_this_persons_name_after_the_undo_window(inbox: Inbox) -> None:
    lead, user = factories.make_lead(), factories.make_user()
    action = by_person.do("reply_to_lead", WORDS, lead, user)

    assert (action.status, action.agent, action.run_id) == ("approved", "operator", None)
    assert inbox.letters == []
    decision = Decision.objects.get(action=action)
    assert (decision.verdict, decision.user) == ("approve", user)
    factories.work_off(ahead=True)
    action.refresh_from_db()
    assert (action.status, len(inbox.letters)) == ("done", 1)
    said = AuditEntry.objects.get(verb="action.proposed", object_id=str(action.pk))
    assert (said.actor, said.actor_kind) == ("olivia", "user")


def test_a_record_by_hand_is_done_at_once() -> None:
    lead = factories.make_lead()
    params = QualifyParams(score=90, status=Lead.Status.QUALIFIED, parts=[], reason="I know them.")
    action = by_person.do("qualify_lead", params, lead, factories.make_user())
    lead.refresh_from_db()
    assert (action.status, lead.score) == ("done", 90)


def test_what_an_agent_proposed_instead_is_put_aside() -> None:
    lead = factories.received()
    drafted = Action.objects.get(kind="reply_to_lead")
    by_person.do("reply_to_lead", WORDS, lead, factories.make_user())
    drafted.refresh_from_db()
    assert (drafted.status, drafted.error) == ("expired", "a newer proposal replaced it")


def test_a_switch_and_compliance_hold_by_hand_too() -> None:
    lead, user = factories.make_lead(), factories.make_user()
    switch = switches.engage("channel", "email", reason="wrong prices", by="olivia")
    with pytest.raises(approvals.NotAllowed, match="wrong prices"):
        by_person.do("reply_to_lead", WORDS, lead, user)
    switches.release(switch, by="olivia")
    Suppression.objects.create(scope="address", value=lead.email, reason="asked to")
    with pytest.raises(approvals.NotAllowed, match="suppressed"):
        by_person.do("reply_to_lead", WORDS, lead, user)
    assert not Action.objects.exists()


def test_what_was_called_back_is_rejected_and_not_sent_back_to_an_agent() -> None:
    user = factories.make_user()
    action = by_person.do("reply_to_lead", WORDS, factories.make_lead(), user)
    assert approvals.recall(action, by=user)
    with pytest.raises(approvals.NotAllowed, match="not an agent"):
        approvals.send_back(action, by=user, seen_hash=action.content_hash, note="shorter")
    approvals.reject(action, by=user, seen_hash=action.content_hash, reason="no need")
