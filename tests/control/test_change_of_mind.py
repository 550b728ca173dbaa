"""What was approved, held or under way when the world or the operator changed its mind."""

import datetime as dt

import pytest
from django.utils import timezone

from agency.models import AgencyProfile, AuditEntry
from agents import configs
from agents.models import Run
from control import actions, approvals, execution, switches, undo
from control.models import Action, AutonomyRule, Decision, KillSwitch
from jobs import claim, queue, run, sweep
from jobs.lease import Holder, Lease
from jobs.models import Job
from pipeline import leads
from pipeline.models import Lead, Suppression
from tests import factories
from tests.mailserver import Inbox

pytestmark = pytest.mark.django_db


def waiting() -> Action:
    factories.received()
    return Action.objects.get(status="waiting")


def approve(action: Action, name: str = "olivia") -> Decision:
    user = factories.make_user(name)
    return approvals.approve(action, by=user, seen_hash=action.content_hash)


def set_phase(phase: int) -> None:
    AgencyProfile.load()
    AgencyProfile.objects.update(phase=phase)


def begin_sending(action: Action, decision: Decision) -> tuple[Holder, Job]:
    """Commit that the effect starts, as a worker does right before it is killed."""
    Job.objects.filter(kind="control.execute").update(run_at=timezone.now())
    sweep.promote()
    holder = factories.make_holder()
    (job,) = (j for j in claim.claim("fast", holder, 10) if j.kind == "control.execute")
    assert execution._begin(action, decision, Lease(job, holder))
    return holder, job


def status(action: Action) -> str:
    return Action.objects.values_list("status", flat=True).get(pk=action.pk)


def test_a_job_put_aside_just_as_its_switch_was_released_goes_on() -> None:
    job = queue.enqueue("control.tidy", {}, tags=["agent:qualifier"])
    holder = factories.make_holder()
    (claimed,) = claim.claim("fast", holder, short=True)
    switch = switches.engage("agent", "qualifier", reason="a test", by="olivia")
    switches.release(switch, by="olivia")
    run.hold(Lease(claimed, holder), "agent:qualifier")
    sweep.free()
    factories.work_off()
    assert Job.objects.get(pk=job.pk).status == "completed"


def test_a_worker_that_dies_sending_at_the_last_try_leaves_it_unknown(inbox: Inbox) -> None:
    action = waiting()
    decision = approve(action)
    Job.objects.filter(kind="control.execute").update(attempt=5)
    holder, job = begin_sending(action, decision)
    holder.stop()
    sweep.reap()
    factories.work_off(ahead=True)
    assert Job.objects.get(pk=job.pk).status == "discarded"
    assert status(action) == "unknown"


def test_a_worker_that_died_sending_is_unknown_also_when_the_backlog_is_discarded(
    inbox: Inbox,
) -> None:
    action = waiting()
    holder, _ = begin_sending(action, approve(action))
    switch = switches.engage("everything", reason="a test", by="olivia")
    holder.stop()
    sweep.reap()
    switches.release(switch, by="olivia", discard_backlog=True)
    assert status(action) == "unknown"


def test_a_run_whose_workers_keep_dying_does_not_stay_running() -> None:
    factories.receive(factories.make_lead())
    Job.objects.filter(kind="agents.run").update(attempt=3)
    holder = factories.make_holder()
    (job,) = claim.claim("fast", holder)
    left = Run.objects.create(
        agent="qualifier",
        config=configs.deployed("qualifier"),
        trigger="event",
        subject_type="pipeline.lead",
        subject_id=job.subject_id,
        job_id=job.pk,
        correlation_id=job.correlation_id,
        started_at=timezone.now(),
    )
    holder.stop()
    sweep.reap()
    factories.work_off(ahead=True)
    assert Run.objects.get(pk=left.pk).status == "abandoned"


def test_a_discarded_backlog_takes_along_what_policy_held_for_the_switch(inbox: Inbox) -> None:
    set_phase(2)
    switch = switches.engage("channel", "email", reason="odd bounces", by="olivia")
    factories.received()
    action = Action.objects.get(kind="reply_to_lead")
    assert action.status == "held"
    assert switches.release(switch, by="olivia", discard_backlog=True) == 1
    factories.work_off(ahead=True)
    assert (inbox.letters, status(action)) == ([], "rejected")
    assert AuditEntry.objects.filter(verb="action.discarded", object_id=str(action.pk)).exists()


@pytest.mark.parametrize("change", ["phase", "rule"])
def test_what_policy_let_run_asks_again_when_policy_got_stricter(inbox: Inbox, change: str) -> None:
    set_phase(2)
    factories.received()
    if change == "phase":
        set_phase(1)
    else:
        AutonomyRule.objects.create(kind="reply_to_lead", level="ask", reason="I want to see them")
    factories.work_off(ahead=True)
    assert inbox.letters == []
    assert Action.objects.get(kind="reply_to_lead").status == "waiting"


def test_a_held_message_is_rendered_anew_before_it_waits(inbox: Inbox) -> None:
    AgencyProfile.load()
    AgencyProfile.objects.update(postal_address="", sender_email="alex@old.example")
    factories.received()
    action = Action.objects.get(kind="reply_to_lead")
    AgencyProfile.objects.update(postal_address="9 New Street", sender_email="al@new.example")
    actions.rejudge_held()
    action.refresh_from_db()
    approve(action)
    factories.work_off(ahead=True)
    (mail,) = inbox.letters
    assert "al@new.example" in mail["From"]
    assert "9 New Street" in mail.get_content()


def test_a_message_made_with_an_old_profile_is_shown_again_before_it_is_approved() -> None:
    action = waiting()
    AgencyProfile.objects.update(postal_address="9 New Street")
    with pytest.raises(approvals.Stale):
        approve(action)
    action.refresh_from_db()
    assert "9 New Street" in action.rendered["footer"]


def test_the_job_of_a_recalled_approval_leaves_a_newer_one_alone(inbox: Inbox) -> None:
    action = waiting()
    approve(action)
    approvals.recall(action, by=factories.make_user("ray"))
    action.refresh_from_db()
    approve(action, "rob")
    first = Job.objects.filter(kind="control.execute").order_by("pk")[0]
    past = timezone.now() - dt.timedelta(seconds=1)
    Job.objects.filter(pk=first.pk).update(run_at=past)
    factories.work_off()
    assert status(action) == "approved"


def test_a_late_failure_of_an_old_worker_does_not_end_a_newer_effect() -> None:
    action = waiting()
    approve(action)
    started = timezone.now()
    Action.objects.filter(pk=action.pk).update(status="executing", effect_started_at=started)
    old = Action.objects.get(pk=action.pk)
    later = started + dt.timedelta(seconds=9)
    Action.objects.filter(pk=action.pk).update(effect_started_at=later)
    execution._failed(old, "554 too late")
    assert status(action) == "executing"


def test_undo_leaves_what_a_person_set_by_hand() -> None:
    lead = factories.received()
    user = factories.make_user()
    score = lead.score or 0
    leads.override_score(lead, score=score, status="disqualified", by=user, reason="A competitor")
    undo.undo([Action.objects.get(kind="qualify_lead")], by=user)
    lead.refresh_from_db()
    assert lead.status == "disqualified"


def test_a_suppressed_address_is_the_same_in_capitals() -> None:
    long_ago = timezone.now() - dt.timedelta(hours=1)
    value = "Dana@HarborPlumbing.example"
    Suppression.objects.create(scope="address", value=value, reason="asked to")
    factories.received(received_at=long_ago)
    assert Action.objects.get(kind="reply_to_lead").status == "held"


def test_a_class_of_mail_without_rules_never_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.kinds.ReplyToLead.message_class", "newsletter")
    factories.received()
    assert Action.objects.get(kind="reply_to_lead").status == "held"


def test_one_action_that_cannot_go_on_does_not_stop_the_others() -> None:
    rule = AutonomyRule.objects.create(kind="qualify_lead", level="forbid", reason="a test")
    gone = factories.received()
    stuck = Action.objects.get(kind="qualify_lead")
    rule.delete()
    other = factories.received(email="other@person.example")
    lapsing = Action.objects.get(subject_id=str(other.pk), kind="reply_to_lead")
    Action.objects.filter(pk=lapsing.pk).update(expires_at=timezone.now())
    Lead.objects.filter(pk=gone.pk).delete()
    queue.enqueue("control.tidy", {})
    factories.work_off()
    assert (status(stuck), status(lapsing)) == ("failed", "expired")


def test_addresses_nobody_can_write_to_do_not_stop_the_channel(inbox: Inbox) -> None:
    for number in range(2):
        factories.received(email=f"jörg{number}@firma.example")
    factories.work_off(ahead=True)
    assert not KillSwitch.objects.exists()
    held = Action.objects.filter(kind="reply_to_lead")
    assert {(a.status, "no mail can be sent" in a.error) for a in held} == {("held", True)}


def test_a_newer_answer_replaces_the_one_that_waits() -> None:
    action = waiting()
    lead = Lead.objects.get()
    factories.receive(lead)
    factories.work_off()
    assert status(action) == "expired"
    assert Action.objects.filter(kind="reply_to_lead", status="waiting").count() == 1


def test_short_jobs_can_be_claimed_alone_when_long_ones_fill_every_thread() -> None:
    factories.receive(factories.make_lead())
    queue.enqueue("control.tidy", {})
    short = claim.claim("fast", factories.make_holder(), 10, short=True)
    assert [job.kind for job in short] == ["control.tidy"]
