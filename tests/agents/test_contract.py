"""Every agent of the fleet keeps the contract: it explains itself, is wired, and is limited."""

from decimal import Decimal
from typing import Any

import pytest

from agents import configs, fleet
from agents.contract import Agent
from agents.models import Run
from control import kinds
from jobs import events, registry
from jobs.models import Event, Lane
from pipeline.kinds import EVENT_OF
from tests import factories

QUADRANTS = {"acquire", "serve", "grow", "optimize"}
A_MINUTE_OF_READING = 200
FLEET = [pytest.param(agent, id=name) for name, agent in fleet.all_agents().items()]


def test_the_fleet_is_found_by_its_files() -> None:
    assert fleet.all_agents()["qualifier"] is fleet.get("qualifier")
    for name, agent in fleet.all_agents().items():
        assert type(agent).__module__ == f"agents.fleet.{name}"
        assert (agent.name, type(agent).__name__) == (name, name.capitalize())


@pytest.mark.parametrize("agent", FLEET)
def test_it_explains_itself_in_under_a_minute(agent: Agent[Any, Any]) -> None:
    text = agent.__doc__ or ""
    headline, _, rest = text.partition("\n\n")
    assert headline.endswith(".") and len(headline) < 100
    assert 20 < len(rest.split()) < A_MINUTE_OF_READING
    assert agent.quadrant in QUADRANTS
    for said in (agent.reads, agent.never):
        assert said and all(said)


@pytest.mark.parametrize("agent", FLEET)
def test_it_is_woken_by_each_event_it_listens_to_and_can_be_stopped(
    agent: Agent[Any, Any],
) -> None:
    assert agent.on
    for event in agent.on:
        wanted = events.subscriptions()[event]
        mine = [each for each in wanted if dict(each.payload) == {"agent": agent.name}]
        assert [(each.kind, each.lane) for each in mine] == [("agents.run", agent.lane)]
        assert f"agent:{agent.name}" in mine[0].tags
    assert agent.lane in Lane.values
    assert registry.get("agents.run").max_attempts > 1


@pytest.mark.parametrize("agent", FLEET)
def test_it_proposes_known_kinds_within_the_fleets_limits(
    agent: Agent[Any, Any],
) -> None:
    assert agent.proposes
    for kind in agent.proposes:
        assert kinds.get(kind).name == kind
    assert agent.limits.calls <= 15
    assert agent.limits.output_tokens <= 5_000
    assert agent.limits.usd <= Decimal("0.50")
    assert agent.limits.seconds <= 300


@pytest.mark.django_db
@pytest.mark.parametrize("agent", FLEET)
def test_its_defaults_are_settings_it_accepts(agent: Agent[Any, Any]) -> None:
    config = configs.deployed(agent.name)
    assert (config.version, config.created_by) == (1, "the house")
    assert configs.parse(agent.name, config.settings) == agent.settings()
    assert agent.facts.model_json_schema()["type"] == "object"


def test_sent_back_actions_wake_their_agent_again() -> None:
    woken = [each.kind for each in events.subscriptions()["action.sent_back"]]
    assert "agents.revise" in woken


@pytest.mark.django_db
def test_the_qualifier_proposes_what_it_declares_and_hands_over_as_it_says() -> None:
    qualifier = fleet.get("qualifier")
    for message in (factories.GOOD_MESSAGE, "Where do I find your office?"):
        factories.received(message=message)
    for run in Run.objects.all():
        assert {item["kind"] for item in run.proposals} <= set(qualifier.proposes)
    assert set(qualifier.emits) == set(EVENT_OF.values())
    happened = set(Event.objects.filter(name__startswith="lead.").values_list("name", flat=True))
    assert happened == {"lead.received", "lead.qualified", "lead.needs_review"}
