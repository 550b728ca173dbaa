"""What each phase of autonomy lets run and what it asks, computed from the kinds of action."""

import inspect
from dataclasses import dataclass
from typing import Any

from agency.models import AgencyProfile
from control import phases as standings
from control.kinds import ActionKind
from control.phases import Standing

NAMES = {
    1: ("Foundation", "Agents read, score and draft. Everything that leaves the house asks you."),
    2: ("AI sales", "Answers to leads, outreach and booking go out alone; you close deals."),
    3: ("AI delivery", "Onboarding, deploys and monitoring run too; you take escalations."),
    4: ("Autonomous", "Closing, pricing and support run inside limits; you set the strategy."),
}


@dataclass(frozen=True)
class Row:
    """A kind of action, and where it stands in each phase."""

    kind: ActionKind[Any]
    standings: dict[int, Standing]

    @property
    def about(self) -> str:
        """What it does, in a line."""
        return (inspect.getdoc(type(self.kind)) or "").partition("\n")[0]

    @property
    def cells(self) -> list[tuple[int, str]]:
        """Phase by phase: where it stands, as a word of the code."""
        return [(phase, standing.name.lower()) for phase, standing in self.standings.items()]


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
    numbers = AgencyProfile.Phase.values
    return [
        Row(kind, {phase: standings.standing(kind, phase) for phase in numbers})
        for kind in standings.ordered()
    ]


def phases(current: int) -> list[Phase]:
    """Return the four phases."""
    table = rows()
    return [
        Phase(
            number,
            name,
            words,
            [row.kind.label for row in table if row.standings[number] == Standing.RUNS],
            [row.kind.label for row in table if row.standings[number] != Standing.RUNS],
            number == current,
        )
        for number, (name, words) in NAMES.items()
    ]
