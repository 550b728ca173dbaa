"""Approving: bound to what was seen, used once, for a while, and only while policy allows it."""

import datetime as dt

import pytest
from django.utils import timezone

from agency.models import AgencyProfile, AuditEntry
from control import approvals, policy, switches
from control.models import Action, Alert, AutonomyRule, Decision
from jobs.models import Job
from pipeline.models import Suppression
from tests import factories
from tests.mailserver import Inbox

pytestmark = pytest.mark.django_db


def waiting() -> Action:
    factories.received()
    return Action.objects.get(status="waiting")


def approve(action: Action) -> Decision:
    user = factories.make_user()
    return approvals.approve(action, by=user, seen_hash=action.content_hash)


def test_an_approved_reply_is_sent_once_as_it_was_shown(inbox: Inbox) -> None:
    action = waiting()
    approve(action)
    factories.work_off(ahead=True)
    factories.work_off(ahead=True)

    action.refresh_from_db()
    assert action.status == "done"
    (mail,) = inbox.letters
    assert mail["To"] == "Dana Reyes <dana@harborplumbing.example>"
    assert mail["Subject"] == action.rendered["subject"]
    assert mail["Message-ID"] == f"<{action.pk}@northwind.example>"
    assert "41 Mill Street" in mail.get_content()
    lead_answered = AuditEntry.objects.filter(verb="action.done", object_id=str(action.pk))
    assert lead_answered.count() == 1


def test_it_leaves_only_after_the_undo_window(inbox: Inbox) -> None:
    action = waiting()
    approve(action)
    factories.work_off()

    assert inbox.letters == []
    job = Job.objects.get(kind="control.execute")
    assert job.status == "scheduled"
    assert dt.timedelta(seconds=5) < job.run_at - timezone.now() <= dt.timedelta(seconds=10)


def test_a_recalled_approval_sends_nothing_and_asks_again(inbox: Inbox) -> None:
    action = waiting()
    approve(action)
    assert approvals.recall(action, by=factories.make_user("ray"))
    factories.work_off(ahead=True)

    action.refresh_from_db()
    assert (inbox.letters, action.status) == ([], "waiting")
    approvals.approve(action, by=factories.make_user("rob"), seen_hash=action.content_hash)
    factories.work_off(ahead=True)
    assert len(inbox.letters) == 1


def test_params_edited_after_approval_are_not_sent(inbox: Inbox) -> None:
    action = waiting()
    approve(action)
    Action.objects.filter(pk=action.pk).update(params=action.params | {"body": "Send me money."})
    factories.work_off(ahead=True)

    action.refresh_from_db()
    assert (inbox.letters, action.status) == ([], "waiting")
    assert "changed afterwards" in action.error
    assert Alert.objects.filter(dedupe_key=f"refused:{action.pk}").exists()


def test_a_recipient_changed_after_approval_is_not_written_to(inbox: Inbox) -> None:
    action = waiting()
    approve(action)
    rendered = action.rendered | {"to_email": "somebody@else.example"}
    Action.objects.filter(pk=action.pk).update(rendered=rendered)
    factories.work_off(ahead=True)

    action.refresh_from_db()
    assert (inbox.letters, action.status) == ([], "waiting")


def test_an_approval_is_used_once(inbox: Inbox) -> None:
    action = waiting()
    decision = approve(action)
    factories.work_off(ahead=True)
    Action.objects.filter(pk=action.pk).update(status="approved", effect_started_at=None)
    Job.objects.filter(kind="control.execute").update(status="available")
    factories.work_off(ahead=True)

    decision.refresh_from_db()
    assert decision.consumed_at is not None
    assert len(inbox.letters) == 1
    action.refresh_from_db()
    assert action.status == "waiting"


def test_an_old_approval_is_not_used(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    action = waiting()
    monkeypatch.setattr("control.execution.APPROVAL_LASTS", -dt.timedelta(hours=1))
    approve(action)
    factories.work_off(ahead=True)

    action.refresh_from_db()
    assert (inbox.letters, action.status) == ([], "waiting")
    assert "too old" in action.error


def test_a_stale_page_cannot_approve() -> None:
    action = waiting()
    user = factories.make_user()
    seen = action.content_hash
    approvals.edit(action, {"body": "Another text."}, by=user, seen_hash=seen)
    with pytest.raises(approvals.Stale):
        approvals.approve(action, by=user, seen_hash=seen)


def test_an_edit_makes_a_new_hash_and_keeps_the_diff(inbox: Inbox) -> None:
    action = waiting()
    user = factories.make_user()
    edited = approvals.edit(
        action, {"body": "Short and mine."}, by=user, seen_hash=action.content_hash
    )
    approvals.approve(edited, by=user, seen_hash=edited.content_hash)
    factories.work_off(ahead=True)

    assert edited.content_hash != action.content_hash
    decision = Decision.objects.get(verdict="edit")
    assert decision.diff["body"]["to"] == "Short and mine."
    assert inbox.letters[0].get_content().startswith("Short and mine.")


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"body": " "}, "body"), ({"subject": "a\nBcc: x@y.example"}, "subject"), ({"to": "x"}, "to")],
)
def test_a_bad_edit_names_its_field(changes: dict[str, str], field: str) -> None:
    action = waiting()
    with pytest.raises(approvals.BadEdit) as caught:
        approvals.edit(action, changes, by=factories.make_user(), seen_hash=action.content_hash)
    assert caught.value.field == field


def test_a_rejected_action_is_never_executed(inbox: Inbox) -> None:
    action = waiting()
    user = factories.make_user()
    approvals.reject(action, by=user, seen_hash=action.content_hash, reason="Wrong tone")
    with pytest.raises(approvals.Stale):
        approvals.approve(action, by=user, seen_hash=action.content_hash)
    factories.work_off(ahead=True)
    assert inbox.letters == []


def test_sending_back_has_the_agent_look_again_with_the_note() -> None:
    action = waiting()
    approvals.send_back(
        action, by=factories.make_user(), seen_hash=action.content_hash, note="Shorter, please"
    )
    factories.work_off(ahead=True)

    fresh = Action.objects.get(status="waiting")
    assert fresh.pk != action.pk
    assert fresh.params["body"] != action.params["body"]
    assert fresh.correlation_id == action.correlation_id


def test_undecided_proposals_lapse_and_are_never_approved_by_it(inbox: Inbox) -> None:
    action = waiting()
    Action.objects.filter(pk=action.pk).update(expires_at=timezone.now())
    assert approvals.expire() == 1
    factories.work_off(ahead=True)

    action.refresh_from_db()
    assert (inbox.letters, action.status) == ([], "expired")


def test_a_suppressed_address_is_not_answered_unless_it_wrote_since(inbox: Inbox) -> None:
    action = waiting()
    approve(action)
    Suppression.objects.create(scope="domain", value="harborplumbing.example", reason="asked to")
    factories.work_off(ahead=True)

    action.refresh_from_db()
    assert (inbox.letters, action.status) == ([], "waiting")
    assert "suppressed" in action.error
    newer = factories.received(message=factories.GOOD_MESSAGE + " Hello again?")
    again = Action.objects.get(subject_id=str(newer.pk), kind="reply_to_lead")
    assert again.status == "waiting"


def test_without_a_postal_address_nothing_leaves(inbox: Inbox) -> None:
    profile = AgencyProfile.load()
    profile.postal_address = ""
    profile.save()
    factories.received()
    action = Action.objects.get(kind="reply_to_lead")
    assert action.status == "held"
    with pytest.raises(approvals.NotAllowed, match="postal address"):
        approvals.approve(action, by=factories.make_user(), seen_hash=action.content_hash)


def test_a_later_phase_lets_replies_run_and_a_rule_asks_again(inbox: Inbox) -> None:
    profile = AgencyProfile.load()
    profile.phase = 2
    profile.save()
    factories.received()
    factories.work_off(ahead=True)
    assert len(inbox.letters) == 1

    AutonomyRule.objects.create(kind="reply_to_lead", level="ask", reason="I want to see replies")
    factories.received(email="other@person.example")
    assert Action.objects.filter(status="waiting").count() == 1


def test_a_kind_without_a_compliance_rule_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.kinds.ReplyToLead.message_class", "telegram")
    factories.received()
    action = Action.objects.get(kind="reply_to_lead")
    assert (action.status, "no rules exist" in action.error) == ("held", True)


def test_an_unknown_phase_forbids() -> None:
    action = waiting()
    with pytest.MonkeyPatch.context() as patch:
        profile = AgencyProfile(phase=9)
        patch.setattr(AgencyProfile, "load", classmethod(lambda cls: profile))
        assert policy.judge(action).level == "forbid"


def test_a_stopped_channel_holds_the_job_until_released(inbox: Inbox) -> None:
    action = waiting()
    approve(action)
    switch = switches.engage("channel", "email", reason="odd bounces", by="olivia")
    factories.work_off(ahead=True)
    assert inbox.letters == []

    switches.release(switch, by="olivia")
    factories.work_off(ahead=True)
    assert len(inbox.letters) == 1


def test_a_discarded_backlog_is_never_sent(inbox: Inbox) -> None:
    action = waiting()
    approve(action)
    switch = switches.engage("everything", reason="odd bounces", by="olivia")
    assert switches.release(switch, by="olivia", discard_backlog=True) == 1
    factories.work_off(ahead=True)

    action.refresh_from_db()
    assert (inbox.letters, action.status) == ([], "rejected")
