"""The fleet: one agent a file, found by being here."""

import functools
import importlib
import pkgutil
from typing import Any

from agents.contract import Agent


class UnknownAgent(LookupError):
    """No agent has this name."""


@functools.cache
def all_agents() -> dict[str, Agent[Any, Any]]:
    """Return every agent of the fleet by name."""
    found: dict[str, Agent[Any, Any]] = {}
    for module_info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for thing in vars(module).values():
            if (
                isinstance(thing, type)
                and issubclass(thing, Agent)
                and thing.__module__ == module.__name__
            ):
                found[thing.name] = thing()
    return found


def get(name: str) -> Agent[Any, Any]:
    """Return the agent; raise UnknownAgent."""
    try:
        return all_agents()[name]
    except KeyError:
        raise UnknownAgent(f"no agent is called “{name}”") from None
