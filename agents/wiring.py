"""Who hands over to whom: the fleet's events as they are subscribed to and emitted."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agents.contract import Agent
from control import kinds
from jobs import events

ELSEWHERE = "elsewhere"
"""Where an event comes from that no agent emits and nobody said the origin of."""


@dataclass(frozen=True)
class Line:
    """Events that pass from one agent, or from outside, to an agent, or to nobody yet."""

    source: str
    target: str
    events: tuple[str, ...]


@dataclass(frozen=True)
class Wiring:
    """Lines between agents, from outside (the source is an origin), and to nobody (no target)."""

    links: tuple[Line, ...]
    entries: tuple[Line, ...]
    loose: tuple[Line, ...]


def emitted(agent: Agent[Any, Any]) -> tuple[str, ...]:
    """Return what may follow from an agent's work: its own events and those of its actions."""
    of_actions = (event for kind in agent.proposes for event in kinds.get(kind).emits)
    return tuple(dict.fromkeys((*agent.emits, *of_actions)))


def wire(agents: Iterable[Agent[Any, Any]], origins: Mapping[str, str] | None = None) -> Wiring:
    """Return the lines between these agents, each pair once with all events that pass."""
    known = events.origins() if origins is None else origins
    fleet = list(agents)
    hears: dict[str, list[str]] = defaultdict(list)
    for agent in fleet:
        for event in agent.on:
            hears[event].append(agent.name)
    links, entries, loose = (defaultdict(list) for _ in range(3))
    sources: dict[str, list[str]] = defaultdict(list)
    for agent in fleet:
        for event in emitted(agent):
            sources[event].append(agent.name)
            if not hears[event]:
                loose[agent.name, ""].append(event)
    for event, listeners in hears.items():
        for target in listeners:
            for source in sources[event]:
                if source != target:
                    links[source, target].append(event)
            if event in known or not sources[event]:
                entries[known.get(event, ELSEWHERE), target].append(event)
    return Wiring(*(_lines(found) for found in (links, entries, loose)))


def _lines(found: Mapping[tuple[str, str], list[str]]) -> tuple[Line, ...]:
    return tuple(Line(*ends, tuple(names)) for ends, names in sorted(found.items()))
