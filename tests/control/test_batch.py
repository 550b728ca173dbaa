"""Deciding on several at once: each on its own content, high stakes never."""

import uuid

import pytest

from control import approvals, batches
from control.batches import Picked
from control.models import Action, Decision
from tests import factories
from tests.mailserver import Inbox

pytestmark = pytest.mark.django_db


def drafts(number: int) -> list[Action]:
    for n in range(number):
        factories.received(name=f"Lead {n}", email=f"lead{n}@harbor.example")
    return list(Action.objects.filter(status="waiting").order_by("pk"))


def picked(actions: list[Action]) -> list[Picked]:
    return [Picked(action.pk, action.content_hash) for action in actions]


def statuses(actions: list[Action]) -> list[str]:
    return [Action.objects.get(pk=action.pk).status for action in actions]


def test_all_are_approved_and_sent_as_shown(inbox: Inbox) -> None:
    actions = drafts(3)
    outcomes = batches.approve_all(picked(actions), by=factories.make_user())
    assert all(outcome.decision for outcome in outcomes)
    factories.work_off(ahead=True)
    assert len(inbox.letters) == 3


def test_one_that_changed_is_left_out_and_said_so() -> None:
    actions = drafts(3)
    shown = picked(actions)
    user = factories.make_user()
    approvals.edit(actions[1], {"body": "Another text"}, by=user, seen_hash=actions[1].content_hash)
    outcomes = batches.approve_all(shown, by=user)
    assert statuses(actions) == ["approved", "waiting", "approved"]
    assert [bool(outcome.decision) for outcome in outcomes] == [True, False, True]
    assert "changed since" in outcomes[1].why


def test_one_decided_by_somebody_else_is_left_out() -> None:
    actions = drafts(2)
    user = factories.make_user()
    approvals.reject(actions[0], by=user, seen_hash=actions[0].content_hash, reason="no")
    outcomes = batches.approve_all(picked(actions), by=user)
    assert statuses(actions) == ["rejected", "approved"]
    assert "rejected by now" in outcomes[0].why


@pytest.mark.parametrize("decide", ["approve", "reject"])
def test_high_stakes_are_never_in_a_batch(decide: str) -> None:
    actions = drafts(2)
    Action.objects.filter(pk=actions[0].pk).update(stakes="high")
    user = factories.make_user()
    if decide == "approve":
        outcomes = batches.approve_all(picked(actions), by=user)
    else:
        outcomes = batches.reject_all(picked(actions), by=user, reason="Not a fit")
    assert statuses(actions)[0] == "waiting"
    assert outcomes[0].why == "High stakes are decided one by one."
    assert outcomes[1].decision is not None


def test_the_same_one_twice_is_one() -> None:
    (action,) = drafts(1)
    outcomes = batches.approve_all(picked([action, action]), by=factories.make_user())
    assert len(outcomes) == 1
    assert Decision.objects.filter(verdict="approve", user__isnull=False).count() == 1


def test_all_are_rejected_for_one_reason() -> None:
    actions = drafts(2)
    batches.reject_all(picked(actions), by=factories.make_user(), reason="Not a fit")
    assert statuses(actions) == ["rejected", "rejected"]
    notes = Decision.objects.filter(verdict="reject").values_list("note", flat=True)
    assert set(notes) == {"Not a fit"}


def test_too_many_are_refused_and_none_is_decided() -> None:
    many = [Picked(uuid.uuid4(), "x") for _ in range(batches.MOST + 1)]
    with pytest.raises(batches.TooMany):
        batches.approve_all(many, by=factories.make_user())


def test_the_time_spent_is_shared_out_and_none_is_lost() -> None:
    actions = drafts(3)
    batches.approve_all(picked(actions), by=factories.make_user(), seconds=20)
    spent = Decision.objects.filter(user__isnull=False).order_by("pk")
    assert list(spent.values_list("seconds", flat=True)) == [7, 7, 6]
