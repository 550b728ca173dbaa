"""Lines and areas as path data, in the units of a stretched drawing."""

from collections.abc import Iterator, Sequence

from dashboard.charts.frame import WIDE, position
from dashboard.charts.scale import Scale
from dashboard.charts.series import drawn


def segments(values: Sequence[float | None], scale: Scale) -> Iterator[list[tuple[float, float]]]:
    """Yield the points between two gaps."""
    run: list[tuple[float, float]] = []
    for index, value in enumerate(values):
        if value is None:
            if run:
                yield run
            run = []
        else:
            run.append((position(index, len(values)) / 100 * WIDE, scale.y(drawn(value))))
    if run:
        yield run


def stroke(points: Sequence[tuple[float, float]]) -> str:
    """Return the path through the points."""
    return "M" + "L".join(f"{x:.1f} {y:.2f}" for x, y in points)


def area(upper: Sequence[tuple[float, float]], lower: Sequence[tuple[float, float]]) -> str:
    """Return the closed path between two lines."""
    return f"{stroke([*upper, *reversed(lower)])}Z"
