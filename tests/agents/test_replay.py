"""Replay: the same agent on a stored or edited input, with nothing done."""

import json
from typing import Any

import pytest

from agency.models import AuditEntry
from agents import configs, replay
from agents.models import ModelCall, Run
from control import switches
from control.models import Action, KillSwitch
from jobs.models import Event, Job
from pipeline.models import Lead
from tests import factories
from tests.agents.stand_in import StandIn

pytestmark = pytest.mark.django_db


def replayed(original: Run, **wanted: Any) -> Run:
    """Replay and return the new run, having checked that nothing was done."""

    def house() -> list[Any]:
        lead = Lead.objects.filter(pk=original.subject_id).values().get()
        events = Event.objects.filter(name__startswith="lead.")
        return [lead, Action.objects.count(), events.count(), KillSwitch.objects.count()]

    before = house()
    replay.start(original, by="olivia", **wanted)
    factories.work_off()
    assert house() == before
    return Run.objects.filter(replay_of=original).latest("started_at")


def test_the_same_input_gives_the_same_proposals_and_does_nothing() -> None:
    factories.received()
    original = Run.objects.get()

    again = replayed(original)

    assert (again.trigger, again.status, again.engine) == ("replay", "completed", "rules")
    assert again.proposals == original.proposals
    assert (again.path, again.outcome) == (original.path, original.outcome)
    assert again.input == original.input
    assert again.correlation_id == original.correlation_id
    assert [step.name for step in again.steps.all()] == ["score", "write"]


def test_a_replay_sees_the_stored_input_and_not_the_lead_of_today() -> None:
    lead = factories.received()
    original = Run.objects.get()
    lead.message = "Never mind."
    lead.save()
    assert replayed(original).proposals == original.proposals


def test_edited_input_is_what_the_replay_decides_on() -> None:
    factories.received()
    original = Run.objects.get()

    again = replayed(original, facts=original.input | {"message": "Do you sell furniture?"})

    assert again.input["message"] == "Do you sell furniture?"
    assert original.outcome != again.outcome
    assert again.proposals[0]["params"]["score"] < original.proposals[0]["params"]["score"]


def test_another_version_of_the_settings_can_be_tried() -> None:
    factories.received()
    original = Run.objects.get()
    strict = configs.create("qualifier", original.config.settings | {"qualified_from": 99}, by="o")

    again = replayed(original, config=strict)

    assert again.config == strict
    assert again.proposals[0]["params"]["status"] == "review"
    assert configs.deployed("qualifier").version == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"earlier": "often"}, "earlier"),
        ({"charm": 1}, "charm"),
        ({"icp": {"places": "Tucson"}}, "icp.places"),
        ({"message": None}, "message"),
        ({"message": "a\x00b"}, "input"),
        ({"fields": {"a": "\ud800"}}, "input"),
    ],
)
def test_input_that_does_not_fit_names_the_field(changes: dict[str, Any], field: str) -> None:
    factories.received()
    original = Run.objects.get()
    with pytest.raises(replay.InvalidInput) as caught:
        replay.start(original, by="olivia", facts=original.input | changes)
    assert caught.value.field == field
    assert caught.value.reason
    assert not Job.objects.filter(kind="agents.replay").exists()


def test_a_run_of_the_model_is_replayed_with_the_model_and_paid_for(stand_in: StandIn) -> None:
    stand_in.answer = lambda question: json.dumps(
        {"signals": [], "subject": "Your calls", "body": "Hi Dana,\n\nthank you."}
    )
    factories.received()
    original = Run.objects.get()

    again = replayed(original)

    assert again.engine == original.engine == "claude-haiku-5-5 + claude-sonnet-5-5"
    assert again.proposals == original.proposals
    assert ModelCall.objects.filter(run=again).count() == again.calls == 2
    assert again.cost_usd > 0


def test_a_replay_is_in_the_trail_and_can_be_replayed_itself() -> None:
    factories.received()
    original = Run.objects.get()
    first = replayed(original)
    assert AuditEntry.objects.get(verb="run.replayed").sentence == (
        "olivia replayed a run of Qualifier"
    )
    assert replayed(first).proposals == original.proposals


def test_a_stopped_agent_replays_only_when_it_goes_on() -> None:
    factories.received()
    original = Run.objects.get()
    switch = switches.engage("agent", "qualifier", reason="Odd scores", by="olivia")
    replay.start(original, by="olivia")
    factories.work_off()
    assert Run.objects.count() == 1

    switches.release(switch, by="olivia")
    switches.watch.stop()
    factories.work_off()
    assert Run.objects.get(replay_of=original).status == "completed"
