"""What was earned may run ahead of its phase; it is lost by itself, and only a person gives it."""

from typing import Any

import pytest
from django.utils import timezone

from agency.models import AgencyProfile, AuditEntry
from control import approvals, autonomy, kinds, phases, policy, promotions, trust, undo
from control.models import Action, Alert, AutonomyRule, Decision, Promotion
from control.phases import Standing
from jobs import events
from pipeline.mail import returns
from pipeline.mail.correspondence import About
from tests import factories
from tests.mailserver import Inbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("replies_may_be_earned")]

REPLIES = ("qualifier", "reply_to_lead")


def promoted() -> Promotion:
    factories.earn()
    return promotions.promote(*REPLIES, by="olivia")


def reply(**fields: Any) -> Action:
    lead = factories.received(**fields)
    return Action.objects.get(kind="reply_to_lead", subject_id=str(lead.pk))


def set_phase(phase: int) -> None:
    AgencyProfile.objects.update_or_create(pk=1, defaults={"phase": phase})


def test_where_a_kind_stands_in_each_phase() -> None:
    def row(name: str) -> list[Standing]:
        return [phases.standing(kinds.get(name), phase) for phase in (1, 2, 3, 4)]

    assert row("reply_to_lead") == [Standing.MAY, *[Standing.RUNS] * 3]  # as these tests have it
    assert row("book_meeting") == [Standing.MAY, *[Standing.RUNS] * 3]
    assert row("send_proposal") == [Standing.ASKS, Standing.ASKS, Standing.MAY, Standing.RUNS]
    assert row("send_invitation") == [Standing.ASKS, *[Standing.RUNS] * 3]
    assert row("send_email") == [Standing.ASKS, *[Standing.RUNS] * 3]
    assert row("qualify_lead") == [Standing.RUNS] * 4


def test_a_ceiling_is_one_phase_ahead_unless_the_kind_says_otherwise() -> None:
    def earnable(**said: Any) -> int:
        kind = type("Kind", (kinds.ActionKind,), said)()
        return phases.earnable_from(kind)

    assert earnable(auto_from_phase=4) == 3
    assert earnable(auto_from_phase=1) == 1
    assert earnable(auto_from_phase=2) == 1
    assert earnable(auto_from_phase=2, outward=True) == 2
    assert earnable(auto_from_phase=4, outward=True) == 3
    assert earnable() == kinds.NEVER
    assert earnable(may_from_phase=2) == 2
    assert earnable(auto_from_phase=4, always_asks=True, may_from_phase=1) == kinds.NEVER


def test_it_is_offered_once_earned_and_then_runs_by_itself() -> None:
    assert promotions.offer(*REPLIES) is None
    assert reply().status == "waiting"
    factories.earn()
    assert promotions.offer(*REPLIES) == trust.Trust(35, 35)
    promotion = promotions.promote(*REPLIES, by="olivia")
    assert promotion.evidence == {"unedited": 35, "decided": 35, "lower_bound": 90, "phase": 1}
    assert promotions.offer(*REPLIES) is None

    action = reply(name="Next")
    assert (action.status, action.level) == ("approved", "auto")
    assert "olivia let replies run" in action.decisions.get().by
    assert AuditEntry.objects.get(verb="autonomy.promoted").actor == "olivia"


def test_what_waited_before_still_asks() -> None:
    waits = reply()
    promoted()
    waits.refresh_from_db()
    assert waits.status == "waiting"


def test_what_is_not_earned_is_not_promoted() -> None:
    factories.earn(times=34)
    with pytest.raises(promotions.NotEarned, match="1 more in a row"):
        promotions.promote(*REPLIES, by="olivia")
    assert not Promotion.objects.exists()


def test_nothing_is_promoted_over_its_ceiling() -> None:
    factories.earn(kind="send_email")
    with pytest.raises(promotions.OverCeiling, match="cannot be earned in phase 1"):
        promotions.promote("qualifier", "send_email", by="olivia")
    with pytest.raises(promotions.OverCeiling, match="run in phase 1 anyway"):
        promotions.promote("qualifier", "qualify_lead", by="olivia")
    with pytest.raises(kinds.UnknownActionKind):
        promotions.promote("qualifier", "launch", by="olivia")


def test_it_is_promoted_once() -> None:
    promoted()
    with pytest.raises(promotions.AlreadyPromoted):
        promotions.promote(*REPLIES, by="paul")
    assert Promotion.objects.count() == 1


def test_a_rule_and_the_risk_floor_win_over_a_promotion(monkeypatch: pytest.MonkeyPatch) -> None:
    promoted()
    autonomy.tighten("qualifier", "reply_to_lead", "ask", reason="Odd words", by="olivia")
    assert reply().status == "waiting"
    AutonomyRule.objects.all().delete()

    kind = type(kinds.get("reply_to_lead"))
    monkeypatch.setattr(kind, "asks", lambda *_: "it names a price")
    action = reply(name="Next")
    assert action.status == "waiting"
    assert {"step": "risk floor", "level": "ask", "reason": "it names a price"} in action.policy


def test_one_outside_the_ceiling_of_a_later_phase_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    promoted()
    monkeypatch.setattr(type(kinds.get("reply_to_lead")), "may_from_phase", 2)
    assert reply().status == "waiting"
    (one,) = autonomy.read("qualifier", ("reply_to_lead",), 1)
    assert (one.level, one.offered) == ("ask", False)


def test_another_agent_gains_nothing() -> None:
    promoted()
    kind = kinds.get("reply_to_lead")
    assert promotions.active("booker", kind.name) is None
    assert policy.of_phase(kind, 1).level == "ask"


def test_a_person_takes_it_back_and_it_is_earned_anew() -> None:
    promoted()
    assert promotions.demote(*REPLIES, why="Odd words", by="olivia")
    assert not promotions.demote(*REPLIES, why="Again", by="olivia")
    assert reply().status == "waiting"
    assert trust.of(*REPLIES) == trust.Trust()
    assert not Alert.objects.exists()
    factories.earn(times=3)
    assert trust.of(*REPLIES) == trust.Trust(3, 3)
    assert trust.read(["qualifier"])["qualifier"]["reply_to_lead"].decided == 3


def test_what_was_let_run_and_has_not_left_asks_again(inbox: Inbox) -> None:
    promoted()
    action = reply()
    promotions.demote(*REPLIES, why="Odd words", by="olivia")
    factories.work_off(ahead=True)
    action.refresh_from_db()
    assert (action.status, inbox.letters) == ("waiting", [])


def test_a_streak_of_rejections_takes_it_back() -> None:
    promotion = promoted()
    user = factories.make_user()
    AutonomyRule.objects.create(kind="reply_to_lead", level="ask", reason="All ask")
    for number in range(3):
        action = reply(name=f"Lead {number}")
        approvals.reject(action, by=user, seen_hash=action.content_hash, reason="No")
        # Not before the rejection can no longer be taken back.
        assert promotions.active(*REPLIES) is not None
        factories.work_off(ahead=True)
    promotion.refresh_from_db()
    assert promotion.ended_by == "the house"
    assert promotion.end_reason == "of the last 3 you decided, you edited or turned down 3"
    alert = Alert.objects.get(dedupe_key="demoted:qualifier:reply_to_lead")
    assert alert.url == "/agents/qualifier/autonomy/#reply_to_lead"


def test_three_of_five_count_with_edits_among_them() -> None:
    promotion = promoted()
    user = factories.make_user()
    AutonomyRule.objects.create(kind="reply_to_lead", level="ask", reason="All ask")
    for number, what in enumerate(["approve", "edit", "approve", "reject", "edit"]):
        assert not promotions.after_decisions(promotion)
        action = reply(name=f"Lead {number}")
        if what == "edit":
            action = approvals.edit(
                action, {"body": "Mine."}, by=user, seen_hash=action.content_hash
            )
        if what == "reject":
            approvals.reject(action, by=user, seen_hash=action.content_hash, reason="No")
        else:
            approvals.approve(action, by=user, seen_hash=action.content_hash)
    assert promotions.look() == 1
    promotion.refresh_from_db()
    assert "of the last 5 you decided, you edited or turned down 3" in promotion.end_reason


def test_a_rejection_taken_back_does_not_count() -> None:
    promotion = promoted()
    AutonomyRule.objects.create(kind="reply_to_lead", level="ask", reason="All ask")
    user = factories.make_user()
    for number in range(3):
        action = reply(name=f"Lead {number}")
        approvals.reject(action, by=user, seen_hash=action.content_hash, reason="No")
    Decision.objects.filter(action=action, verdict="reject").update(voided_at=timezone.now())
    action.advance("rejected", "waiting")
    assert not promotions.after_decisions(promotion)


@pytest.mark.parametrize("what", ["bounce", "complaint"])
def test_mail_that_comes_back_takes_it_back(what: str, inbox: Inbox) -> None:
    promotion = promoted()
    action = reply()
    factories.work_off(ahead=True)
    action.refresh_from_db()
    assert action.status == "done"
    about = About(action=action, address="someone@else.example")
    if what == "bounce":
        returns.bounced(about, permanent=False, says="full")
        assert promotions.active(*REPLIES) is not None
        returns.bounced(about, permanent=True, says="no such user")
    else:
        returns.complained(about)
    promotion.refresh_from_db()
    assert promotion.ended_by == "the house"
    assert reply(name="Next").status == "waiting"


def test_a_refused_recipient_takes_it_back_and_a_dead_server_does_not(inbox: Inbox) -> None:
    promoted()
    inbox.answer = "554 no thanks"
    reply()
    factories.work_off(ahead=True)
    assert promotions.active(*REPLIES) is not None
    action = reply(name="Next")
    promotions.after_outcome(action, "it failed")
    assert promotions.active(*REPLIES) is None


def test_what_a_person_approved_is_no_fault_of_it() -> None:
    action = reply()
    promoted()
    assert not promotions.after_outcome(action, "its mail came back")
    assert promotions.active(*REPLIES) is not None


def test_an_undo_of_what_ran_by_itself_takes_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(kinds.get("qualify_lead"))
    monkeypatch.setattr(kind, "auto_from_phase", 2)
    factories.earn(kind="qualify_lead")
    promotions.promote("qualifier", "qualify_lead", by="olivia")
    lead = factories.received()
    action = Action.objects.get(kind="qualify_lead", subject_id=str(lead.pk))
    assert (action.status, action.level) == ("done", "auto")
    (outcome,) = undo.undo([action], by=factories.make_user())
    assert outcome.undone
    assert promotions.active("qualifier", "qualify_lead") is None


def test_only_a_person_promotes() -> None:
    """No event and no schedule leads to a promotion, only to its end."""
    factories.earn()
    promotions.look()
    factories.work_off(ahead=True)
    assert not Promotion.objects.exists()
    woken = {one.kind for wanted in events.subscriptions().values() for one in wanted}
    assert "control.look_at_promotion" in woken
