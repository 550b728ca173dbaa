"""One agent on a whiteboard: what wakes it, what it reads, proposes and hands over."""

from dataclasses import dataclass
from typing import Any

from agency.models import AgencyProfile
from agents import fleet, wiring
from agents.contract import Agent
from control import autonomy
from control.autonomy import Freedom
from control.trust import Trust


@dataclass(frozen=True)
class Passing:
    """An event, with the agents or the origins at its other end."""

    event: str
    others: tuple[str, ...]
    origin: str = ""


@dataclass(frozen=True)
class Whiteboard:
    """The picture, from left to right."""

    wakes: list[Passing]
    proposes: list[Freedom]
    hands: list[Passing]


def read(agent: Agent[Any, Any], profile: AgencyProfile, earned: dict[str, Trust]) -> Whiteboard:
    """Return the picture of an agent as it is wired and as free as it is now."""
    lines = wiring.wire(fleet.all_agents().values())
    wakes = []
    for event in agent.on:
        into = [line for line in lines.links if line.target == agent.name and event in line.events]
        outside = [line for line in lines.entries if line.target == agent.name]
        origin = next((line.source for line in outside if event in line.events), "")
        wakes.append(Passing(event, tuple(line.source for line in into), origin))
    hands = []
    for event in wiring.emitted(agent):
        out = [line for line in lines.links if line.source == agent.name and event in line.events]
        hands.append(Passing(event, tuple(line.target for line in out)))
    freedoms = autonomy.read(agent.name, agent.proposes, profile.phase, earned)
    return Whiteboard(wakes, freedoms, hands)
