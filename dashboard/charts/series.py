"""What is drawn: names and their values, made finite."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

Number = float | int | Decimal | None

LARGEST = 1e18
"""Larger ones are drawn as this; the table has them in full."""


@dataclass(frozen=True)
class Series:
    """Values under one name, one for each label of the chart."""

    name: str
    values: Sequence[Number]


def clean(values: Iterable[Number]) -> list[float | None]:
    """Return finite numbers, or None where there is no value."""
    found: list[float | None] = []
    for value in values:
        number = None if value is None else float(value)
        found.append(number if number is not None and math.isfinite(number) else None)
    return found


def drawn(value: float) -> float:
    """Return a value that can be drawn."""
    return max(-LARGEST, min(LARGEST, value))


def present(values: Iterable[float | None]) -> list[float]:
    """Return the values that are there, as they are drawn."""
    return [drawn(value) for value in values if value is not None]


def checked(labels: Sequence[str], values: Sequence[object], name: str) -> None:
    """Raise ValueError unless there is a value for each label."""
    if len(labels) != len(values):
        raise ValueError(f"{name}: {len(values)} values for {len(labels)} labels")
