"""What each phase of autonomy lets run and what it asks, computed from the kinds of action."""

import inspect
from dataclasses import dataclass
from typing import Any

from agency.models import AgencyProfile
from control import kinds
from control.kinds import ActionKind

NAMES = {
    1: ("Foundation", "Agents read, score and draft. Whatever leaves the house asks you."),
    2: ("AI sales", "Answers to leads, outreach and booking go out alone; you close deals."),
    3: ("AI delivery", "Onboarding, deploys and monitoring run too; you take escalations."),
    4: ("Autonomous", "Closing, pricing and support run inside limits; you set the strategy."),
}


@dataclass(frozen=True)
class Row:
    """A kind of action, and whether it runs by itself in each phase."""

    kind: ActionKind[Any]
    runs: dict[int, bool]

    @property
    def about(self) -> str:
        """What it does, in a line."""
        return (inspect.getdoc(type(self.kind)) or "").partition("\n")[0]

    @property
    def cells(self) -> list[tuple[int, bool]]:
        """Phase by phase: whether it runs."""
        return list(self.runs.items())


@dataclass(frozen=True)
class Phase:
    """One phase in words, with what it means for the kinds of action there are."""

    number: int
    name: str
    words: str
    runs: list[str]
    asks: list[str]
    now: bool

    @property
    def effect(self) -> str:
        """What runs alone and what asks, in a line."""
        parts = [("Run alone", self.runs), ("Ask you", self.asks)]
        return ". ".join(f"{what}: {', '.join(names)}" for what, names in parts if names) + "."


def rows() -> list[Row]:
    """Return every kind of action, what touches the world last."""
    known = [kinds.get(name) for name in kinds.names()]
    phases = AgencyProfile.Phase.values
    return [
        Row(kind, {phase: runs_alone(kind, phase) for phase in phases})
        for kind in sorted(known, key=lambda kind: (kind.outward, kind.auto_from_phase, kind.name))
    ]


def runs_alone(kind: ActionKind[Any], phase: int) -> bool:
    """Whether a phase lets this kind run; a switch, a rule or compliance may still say no."""
    return not kind.always_asks and phase >= kind.auto_from_phase


def phases(current: int) -> list[Phase]:
    """Return the four phases."""
    table = rows()
    return [
        Phase(
            number,
            name,
            words,
            [row.kind.label for row in table if row.runs[number]],
            [row.kind.label for row in table if not row.runs[number]],
            number == current,
        )
        for number, (name, words) in NAMES.items()
    ]
