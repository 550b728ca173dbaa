"""A replay from a later step keeps what was decided before it."""

import json
from typing import Any

import pytest

from agents import replay
from agents.models import Run
from tests import factories
from tests.agents.stand_in import StandIn

pytestmark = pytest.mark.django_db


def answers(body: str) -> Any:
    return lambda question: json.dumps({"signals": [], "subject": "Your calls", "body": body})


def replayed(original: Run, **wanted: Any) -> Run:
    replay.start(original, by="olivia", **wanted)
    factories.work_off()
    return Run.objects.filter(replay_of=original).latest("started_at")


def test_each_step_keeps_what_was_decided_in_it_and_by_whom() -> None:
    factories.received()
    score, write = Run.objects.get().steps.all()
    assert [one["engine"] for one in (*score.decided, *write.decided)] == ["rules", "rules"]
    assert "signals" in score.decided[0]["value"]
    assert "body" in write.decided[0]["value"]


def test_the_model_is_asked_only_from_that_step_on(stand_in: StandIn) -> None:
    stand_in.answer = answers("Hi Dana,\n\nthank you.")
    factories.received()
    original = Run.objects.get()
    stand_in.answer = answers("Dear Dana,\n\nmany thanks.")

    again = replayed(original, from_step=2)

    assert (again.from_step, again.calls, original.calls) == (2, 1, 2)
    assert again.engine == original.engine
    assert again.proposals[0] == original.proposals[0]
    assert "many thanks" in again.proposals[1]["params"]["body"]
    assert len(stand_in.questions) == 3


def test_such_a_replay_can_be_replayed_from_the_same_step(stand_in: StandIn) -> None:
    stand_in.answer = answers("Hi Dana,\n\nthank you.")
    factories.received()
    first = replayed(Run.objects.get(), from_step=2)
    assert replayed(first, from_step=2).calls == 1


def test_from_the_first_step_all_is_decided_anew(stand_in: StandIn) -> None:
    stand_in.answer = answers("Hi Dana,\n\nthank you.")
    factories.received()
    assert replayed(Run.objects.get(), from_step=1).calls == 2


def test_a_step_that_never_was_is_refused() -> None:
    factories.received()
    with pytest.raises(replay.InvalidInput) as caught:
        replay.start(Run.objects.get(), by="olivia", from_step=3)
    assert caught.value.field == "from_step"
