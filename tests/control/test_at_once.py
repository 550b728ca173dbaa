"""Two people decide at the same moment, over two connections."""

import threading

import pytest
from django.db import connections

from control import approvals, promotions
from control.models import Action, Promotion
from tests import factories
from tests.mailserver import Inbox

pytestmark = pytest.mark.usefixtures("committed")


def test_two_approvals_at_once_are_one(inbox: Inbox) -> None:
    factories.received()
    action = Action.objects.get(status="waiting")
    users = [factories.make_user("ann"), factories.make_user("ben")]
    barrier = threading.Barrier(2)
    results: list[str] = []

    def decide(number: int) -> None:
        barrier.wait()
        try:
            approvals.approve(action, by=users[number], seen_hash=action.content_hash)
            results.append("approved")
        except approvals.Stale:
            results.append("stale")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=decide, args=[number]) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == ["approved", "stale"]
    factories.work_off(ahead=True)
    assert len(inbox.letters) == 1


@pytest.mark.usefixtures("replies_may_be_earned")
def test_two_promotions_at_once_are_one() -> None:
    factories.earn()
    barrier = threading.Barrier(2)
    results: list[str] = []

    def promote() -> None:
        barrier.wait()
        try:
            promotions.promote("qualifier", "reply_to_lead", by="olivia")
            results.append("promoted")
        except promotions.AlreadyPromoted:
            results.append("already")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=promote) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == ["already", "promoted"]
    assert Promotion.objects.count() == 1
