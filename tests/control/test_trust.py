"""Trust is earned by decisions of a person, kind by kind; policy's own do not count."""

import pytest

from control import approvals, trust
from control.models import Action
from control.trust import Trust
from tests import factories

pytestmark = pytest.mark.django_db


def waiting(**fields: object) -> Action:
    lead = factories.received(**fields)
    return Action.objects.get(kind="reply_to_lead", subject_id=str(lead.pk))


def of_replies() -> Trust:
    return trust.of("qualifier", "reply_to_lead")


def test_what_was_approved_as_it_was_counts_for_and_the_rest_against() -> None:
    user = factories.make_user()
    kept, edited, rejected, back = (waiting(name=f"Lead {n}") for n in range(4))
    approvals.approve(kept, by=user, seen_hash=kept.content_hash)
    edited = approvals.edit(edited, {"body": "Mine."}, by=user, seen_hash=edited.content_hash)
    approvals.approve(edited, by=user, seen_hash=edited.content_hash)
    approvals.reject(rejected, by=user, seen_hash=rejected.content_hash, reason="No")
    approvals.send_back(back, by=user, seen_hash=back.content_hash, note="Shorter")
    assert of_replies() == Trust(unedited=1, decided=4)


def test_what_waits_or_was_called_back_is_not_decided() -> None:
    action = waiting()
    assert of_replies() == Trust()
    user = factories.make_user()
    approvals.approve(action, by=user, seen_hash=action.content_hash)
    assert approvals.recall(action, by=user)
    assert of_replies() == Trust()


def test_what_policy_let_through_earns_nothing() -> None:
    waiting()
    assert trust.read(["qualifier"])["qualifier"] == {}


def test_a_fleet_is_read_at_once() -> None:
    action = waiting()
    approvals.approve(action, by=factories.make_user(), seen_hash=action.content_hash)
    found = trust.read(["qualifier", "nobody"])
    assert found["qualifier"] == {"reply_to_lead": Trust(1, 1)}
    assert found["nobody"] == {}


@pytest.mark.parametrize(
    ("unedited", "decided", "more"), [(0, 0, 35), (41, 44, 40), (35, 35, 0), (0, 10, 169)]
)
def test_how_many_more_approvals_earn_it(unedited: int, decided: int, more: int) -> None:
    found = Trust(unedited, decided)
    assert found.to_go == more
    assert Trust(unedited + more, decided + more).earned
    assert not more or not Trust(unedited + more - 1, decided + more - 1).earned
