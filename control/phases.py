"""Where each kind of action starts in each phase, and how far it may be promoted there.

A phase's ceiling is where the next phase starts: what an agent earned takes one kind of its
actions one phase ahead, no further, unless the kind itself says otherwise. In the first phase
everything that leaves the house asks: nothing of it is earned there.
"""

from enum import StrEnum
from typing import Any

from agency.models import AgencyProfile
from control import kinds
from control.kinds import NEVER, ActionKind

EVERYTHING_ASKS = AgencyProfile.Phase.FOUNDATION.value
"""The phase that promises: everything outward asks you."""

BEGIN, END = "<!-- phases: manage.py phases --write -->", "<!-- end of phases -->"


class Standing(StrEnum):
    """What a phase makes of a kind of action before any rule."""

    RUNS = "runs"
    MAY = "asks, may earn it"
    ASKS = "asks"
    ALWAYS = "always asks"


def earnable_from(kind: ActionKind[Any]) -> int:
    """Return the first phase in which it may be promoted; NEVER if it may not."""
    if kind.always_asks:
        return NEVER
    if kind.may_from_phase is not None:
        return kind.may_from_phase
    if kind.auto_from_phase >= NEVER:
        return NEVER
    first = EVERYTHING_ASKS + 1 if kind.outward else EVERYTHING_ASKS
    return max(first, kind.auto_from_phase - 1)


def standing(kind: ActionKind[Any], phase: int) -> Standing:
    """Return where a kind of action stands in a phase."""
    if kind.always_asks or min(kind.auto_from_phase, earnable_from(kind)) >= NEVER:
        return Standing.ALWAYS
    if phase >= kind.auto_from_phase:
        return Standing.RUNS
    return Standing.MAY if phase >= earnable_from(kind) else Standing.ASKS


def ordered() -> list[ActionKind[Any]]:
    """Return every kind of action, what touches the world last."""
    known = [kinds.get(name) for name in kinds.names()]
    return sorted(known, key=lambda kind: (kind.outward, kind.auto_from_phase, kind.name))


def table() -> str:
    """Return the table of every kind and phase in Markdown, as docs/AUTONOMY.md has it."""
    phases = AgencyProfile.Phase.values
    head = ["Kind of action", "Leaves the house", "Stakes", *(f"Phase {one}" for one in phases)]
    rows = [
        [
            f"`{kind.name}` {kind.label}",
            "yes" if kind.outward else "",
            str(kind.stakes),
            *(standing(kind, phase).value for phase in phases),
        ]
        for kind in ordered()
    ]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def with_table(page: str) -> str:
    """Return a page of the docs with the table as it is now between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"
