"""Lines over time, with the usual range and the period before."""

from collections.abc import Iterator, Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.charts import frame, paths, scale
from dashboard.charts.series import Number, Series, checked, clean, drawn, present
from dashboard.charts.words import apart, exact, short

Values = list[float | None]
Band = tuple[Sequence[Number], Sequence[Number]]

LABELLED = 5
"""More lines than this cannot all be named at their ends; the others are quiet."""

BEFORE, USUAL = "before", "usual"


def line(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    unit: str = "",
    band: Band | None = None,
    before: Sequence[Number] | None = None,
) -> SafeString:
    """Draw a line a series, over the usual lowest and highest, and the period before."""
    named = [(one.name, clean(one.values)) for one in series]
    around = [clean(edge) for edge in band or ()]
    past = clean(before or ())
    for name, values in named:
        checked(labels, values, name)
    for edge in around:
        checked(labels, edge, USUAL)
    if before:
        checked(labels, past, BEFORE)
    there = present(value for values in (*(v for _, v in named), *around, past) for value in values)
    if not any(present(values) for _, values in named):
        return frame.nothing("line", title)
    axis = scale.for_line(there, frame.TOP, frame.BOTTOM)
    extra = [*((BEFORE, past) for _ in range(bool(past)))]
    shown = [*named, *extra]
    written = [*_ends(named, extra, axis, unit), *_usual(around, axis, unit)]
    marks = frame.joined(
        [
            frame.stretched(frame.joined(_shapes(named, around, past, axis))),
            frame.joined(_points(n, values, axis) for n, (_, values) in enumerate(named)),
            frame.below(labels, [frame.position(i, len(labels)) for i in range(len(labels))]),
            frame.ends(written),
            frame.regions(_regions(labels, shown, around, axis, unit)),
        ]
    )
    drawing = frame.plot(
        summary(title, labels, named, unit), marks, axis, unit, frame.room(written)
    )
    return frame.figure("line", title, drawing, _table(labels, shown, around, unit))


def summary(
    title: str, labels: Sequence[str], named: Sequence[tuple[str, Values]], unit: str
) -> str:
    """Say what a drawing shows, for who does not see it."""
    first, last = apart(labels[0]), apart(labels[-1])
    span = f"{first} to {last}" if len(labels) > 1 else first
    parts = [f"{apart(name)} {_course(values, unit)}" for name, values in named[:LABELLED]]
    if len(named) > LABELLED:
        parts.append(f"and {len(named) - LABELLED} more")
    return f"{title}, {span}: {'; '.join(parts)}"


def _course(values: Values, unit: str) -> str:
    there = [value for value in values if value is not None]
    if not there:
        return "without a value"
    return f"{short(min(there), unit)} to {short(max(there), unit)}, last {short(there[-1], unit)}"


def _shapes(
    named: Sequence[tuple[str, Values]],
    around: list[Values],
    past: Values,
    axis: scale.Scale,
) -> Iterator[SafeString]:
    if around:
        low, high = around
        whole = [
            (a, b) if a is not None and b is not None else (None, None)
            for a, b in zip(low, high, strict=True)
        ]
        lower = paths.segments([a for a, _ in whole], axis)
        upper = paths.segments([b for _, b in whole], axis)
        for over, under in zip(upper, lower, strict=True):
            yield format_html('<path class="band" d="{}"/>', paths.area(over, under))
    for points in paths.segments(past, axis):
        yield format_html('<path class="before" d="{}"/>', paths.stroke(points))
    for number, (_, values) in reversed(list(enumerate(named))):
        for points in paths.segments(values, axis):
            if len(points) > 1:
                yield format_html(
                    '<path class="line" data-series="{}" d="{}"/>',
                    min(number, LABELLED),
                    paths.stroke(points),
                )


def _points(number: int, values: Values, axis: scale.Scale) -> SafeString:
    """Mark the last value, and each that has a gap on both sides."""
    last = max((i for i, value in enumerate(values) if value is not None), default=-1)
    marks = []
    for index, value in enumerate(values):
        alone = (index == 0 or values[index - 1] is None) and (
            index == len(values) - 1 or values[index + 1] is None
        )
        if value is not None and (alone or index == last):
            at = frame.position(index, len(values))
            marks.append(frame.dots(at, [axis.y(drawn(value))]))
    return format_html(
        '<g class="points-of" data-series="{}">{}</g>', min(number, LABELLED), frame.joined(marks)
    )


def _ends(
    named: Sequence[tuple[str, Values]],
    extra: Sequence[tuple[str, Values]],
    axis: scale.Scale,
    unit: str,
) -> list[frame.End]:
    alone = len(named) == 1 and not extra
    found = []
    for number, (name, values) in enumerate([*named[:LABELLED], *extra]):
        there = [value for value in values if value is not None]
        if there:
            tone = "quiet" if number >= len(named) else ""
            label = "" if alone else name
            found.append(frame.End(axis.y(drawn(there[-1])), short(there[-1], unit), label, tone))
    return found


def _usual(around: list[Values], axis: scale.Scale, unit: str) -> list[frame.End]:
    """Name the band at its end."""
    if not around or around[0][-1] is None or around[1][-1] is None:
        return []
    low, high = around[0][-1], around[1][-1]
    middle = (axis.y(drawn(low)) + axis.y(drawn(high))) / 2
    return [frame.End(middle, f"{short(low, unit)}–{short(high, unit)}", USUAL, "quiet")]


def _regions(
    labels: Sequence[str],
    shown: Sequence[tuple[str, Values]],
    around: list[Values],
    axis: scale.Scale,
    unit: str,
) -> list[frame.Region]:
    found = []
    for index, label in enumerate(labels):
        lines = [(name, values[index]) for name, values in shown]
        title = [f"{apart(name)} {exact(value, unit)}" for name, value in lines]
        if around:
            low, high = (exact(edge[index], unit) for edge in around)
            title.append(f"{USUAL} {low} to {high}")
        says = [short(value, unit) for _, value in lines[:1]]
        says += [f"{name} {short(value, unit)}" for name, value in lines[1:] if name == BEFORE]
        if len(shown) > 2 or (len(shown) == 2 and shown[1][0] != BEFORE):
            says = [short(value, unit) for _, value in lines[:3]]
        dots = [axis.y(drawn(value)) for _, value in lines[:LABELLED] if value is not None]
        found.append(
            frame.Region(
                frame.position(index, len(labels)),
                f"{apart(label)}: {', '.join(title)}",
                f"{label} · {' · '.join(says)}",
                dots,
            )
        )
    return found


def _table(
    labels: Sequence[str],
    shown: Sequence[tuple[str, Values]],
    around: list[Values],
    unit: str,
) -> frame.Table:
    columns = [*shown]
    if around:
        columns += [("usual, lowest", around[0]), ("usual, highest", around[1])]
    head = ["", *(name for name, _ in columns)]
    rows = [
        [label, *(exact(values[index], unit) for _, values in columns)]
        for index, label in enumerate(labels)
    ]
    return frame.Table(head, rows)
