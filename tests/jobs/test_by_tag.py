"""What waits for each agent, counted from the next jobs of its lane only."""

import pytest

from control import switches
from jobs import depth, queue
from jobs.models import Lane
from tests import factories

pytestmark = pytest.mark.django_db


def waiting() -> dict[str, int]:
    return depth.by_tag("agent", [Lane.FAST])


def test_waiting_jobs_are_counted_by_agent() -> None:
    for agent, count in (("scout", 2), ("booker", 1)):
        payloads: list[dict[str, object]] = [{"agent": agent}] * count
        queue.enqueue_many("agents.run", payloads, lane="fast", tags=[f"agent:{agent}"])
    queue.enqueue_many("agents.run", [{"agent": "scout"}], lane="bulk", tags=["agent:scout"])
    assert waiting() == {"scout": 2, "booker": 1}


def test_held_ones_wait_too() -> None:
    switches.engage("agent", "qualifier", reason="Odd", by="olivia")
    factories.receive(factories.make_lead())
    factories.work_off()
    assert waiting() == {"qualifier": 1}


def test_no_more_than_its_bound_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depth, "READ", 3)
    queue.enqueue_many("agents.run", [{}] * 10, lane="fast", tags=["agent:scout"])
    assert waiting() == {"scout": 3}
