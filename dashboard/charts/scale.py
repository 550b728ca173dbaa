"""Where a value is on the paper, and the round numbers an axis shows."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TICKS = 4
FLAT = 1e-12
ZERO_FROM = 0.5
"""A line that stays over this share of its highest value need not start at zero."""


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high` over the pixels from `bottom` up to `top`."""

    low: float
    high: float
    ticks: tuple[float, ...]
    top: float
    bottom: float

    def y(self, value: float) -> float:
        """Return the pixel of a value: at the edge outside the axis, amid one without length."""
        if self.high <= self.low:
            return (self.top + self.bottom) / 2
        share = (value - self.low) / (self.high - self.low)
        return self.bottom - max(0.0, min(1.0, share)) * (self.bottom - self.top)


def from_zero(values: Sequence[float], top: float, bottom: float) -> Scale:
    """Return an axis for bars and areas: zero is on it."""
    return _around(min(0.0, *values), max(0.0, *values), values, top, bottom)


def for_line(values: Sequence[float], top: float, bottom: float) -> Scale:
    """Return an axis for a line: zero is on it unless that would hide what changes."""
    low, high = min(values), max(values)
    flat = high - low <= FLAT * max(abs(low), abs(high))
    if flat or (low >= 0 and low < ZERO_FROM * high):
        low = min(0.0, low)
    if flat or (high <= 0 and high > ZERO_FROM * low):
        high = max(0.0, high)
    return _around(low, high, values, top, bottom)


def _around(low: float, high: float, values: Iterable[float], top: float, bottom: float) -> Scale:
    if high - low <= FLAT:
        return Scale(0.0, 1.0, (0.0,), top, bottom)
    whole = all(value == math.floor(value) for value in values)
    step = nice((high - low) / TICKS)
    if whole:
        step = max(1.0, step)
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks = tuple(_round(number * step, step) for number in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], ticks, top, bottom)


def nice(step: float) -> float:
    """Return the next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    for times in (1, 2, 5):
        if step <= times * power * (1 + 1e-9):
            return times * power
    return 10 * power


def _round(value: float, step: float) -> float:
    """Take off what floating point added below the step."""
    return round(value, max(0, 2 - math.floor(math.log10(step))))


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move labels apart until they are `gap` from each other, close to where they want to be."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    gap = min(gap, (high - low) / max(1, len(wanted) - 1))
    placed = [0.0] * len(wanted)
    floor = low
    for index in order:
        placed[index] = floor = max(floor, wanted[index])
        floor += gap
    ceiling = high
    for index in reversed(order):
        placed[index] = ceiling = max(low, min(ceiling, placed[index]))
        ceiling -= gap
    return placed
