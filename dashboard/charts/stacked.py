"""Areas on one another: how a whole is made up over time."""

from collections.abc import Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.charts import frame, paths, scale
from dashboard.charts.frame import BOTTOM, TOP, WIDE
from dashboard.charts.series import Series, checked, clean, drawn
from dashboard.charts.words import apart, exact, short

MOST = 6
Parts = list[tuple[str, list[float]]]


def stacked(
    title: str, labels: Sequence[str], series: Sequence[Series], *, unit: str = ""
) -> SafeString:
    """Draw the series on one another, the largest at the bottom; many small ones as one."""
    named = [(one.name, clean(one.values)) for one in series]
    for name, values in named:
        checked(labels, values, name)
    if not any(value is not None for _, values in named for value in values):
        return frame.nothing("stacked", title)
    parts = _parts([(name, [drawn(max(0.0, v or 0.0)) for v in values]) for name, values in named])
    totals = [sum(values[index] for _, values in parts) for index in range(len(labels))]
    axis = scale.from_zero([drawn(total) for total in totals], TOP, BOTTOM)
    edges = _edges(parts, len(labels), axis)
    written = [
        frame.End((edges[n][-1] + edges[n + 1][-1]) / 2, short(values[-1], unit), name)
        for n, (name, values) in enumerate(parts)
    ]
    marks = frame.joined(
        [
            frame.stretched(frame.joined(_area(n, edges) for n in range(len(parts)))),
            frame.below(labels, [frame.position(i, len(labels)) for i in range(len(labels))]),
            frame.ends(written),
            frame.regions(_regions(labels, parts, totals, edges, unit)),
        ]
    )
    ends = "; ".join(f"{apart(name)} {short(values[-1], unit)}" for name, values in parts)
    says = f"{title}: together {short(totals[-1], unit)} at {apart(labels[-1])}: {ends}"
    drawing = frame.plot(says, marks, axis, unit, frame.room(written))
    negative = any(v is not None and v < 0 for _, values in named for v in values)
    table = frame.Table(
        ["", *(name for name, _ in named)],
        [[label, *(exact(v[i], unit) for _, v in named)] for i, label in enumerate(labels)],
    )
    note = "Values under zero are not drawn; the table has them." if negative else ""
    return frame.figure("stacked", title, drawing, table, note)


def _parts(named: Parts) -> Parts:
    """Return the largest series first, with what does not fit added up as one."""
    ordered = sorted(named, key=lambda part: -sum(part[1]))
    if len(ordered) <= MOST:
        return ordered
    small = ordered[MOST - 1 :]
    rest = [sum(values) for values in zip(*(v for _, v in small), strict=True)]
    return [*ordered[: MOST - 1], (f"{len(small)} others", rest)]


def _edges(parts: Parts, count: int, axis: scale.Scale) -> list[list[float]]:
    """Return the pixels of the lines between the areas, from zero up."""
    below = [0.0] * count
    edges = [[axis.y(value) for value in below]]
    for _, values in parts:
        below = [a + b for a, b in zip(below, values, strict=True)]
        edges.append([axis.y(value) for value in below])
    return edges


def _area(number: int, edges: list[list[float]]) -> SafeString:
    lower, upper = _points(edges[number]), _points(edges[number + 1])
    return format_html(
        '<path class="area" data-series="{}" d="{}"/><path class="edge" d="{}"/>',
        number,
        paths.area(upper, lower),
        paths.stroke(upper),
    )


def _points(edge: list[float]) -> list[tuple[float, float]]:
    if len(edge) == 1:
        return [(0.0, edge[0]), (float(WIDE), edge[0])]
    return [(WIDE * index / (len(edge) - 1), y) for index, y in enumerate(edge)]


def _regions(
    labels: Sequence[str],
    parts: Parts,
    totals: list[float],
    edges: list[list[float]],
    unit: str,
) -> list[frame.Region]:
    found = []
    for index, label in enumerate(labels):
        lines = [f"{apart(name)} {exact(values[index], unit)}" for name, values in parts]
        found.append(
            frame.Region(
                frame.position(index, len(labels)),
                f"{apart(label)}: {exact(totals[index], unit)} together, {', '.join(lines)}",
                f"{label} · {short(totals[index], unit)}",
                [edges[-1][index]],
            )
        )
    return found
