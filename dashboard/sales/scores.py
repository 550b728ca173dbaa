"""A lead's score, point by point, as the pages show it."""

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from pipeline.models import Lead

NAMES = {
    "fit": "Fit",
    "intent": "Intent",
    "engagement": "Engagement",
    "timing": "Timing",
    "against": "Against",
}


@dataclass(frozen=True)
class Dimension:
    """One of the four dimensions, with the signals its points come from."""

    name: str
    points: float
    max: float
    signals: list[dict[str, Any]] = field(default_factory=list)


def by_dimension(lead: Lead) -> list[Dimension]:
    """Group the points of a lead's score by dimension, in the order they were given."""
    order = {name: n for n, name in enumerate(NAMES)}
    parts = sorted(lead.score_parts, key=lambda part: order.get(part["dimension"], len(order)))
    found = []
    for name, group in groupby(parts, key=lambda part: part["dimension"]):
        signals = list(group)
        found.append(
            Dimension(
                NAMES.get(name, name.capitalize()),
                sum(part["points"] for part in signals),
                sum(part["max"] for part in signals),
                signals,
            )
        )
    return found
