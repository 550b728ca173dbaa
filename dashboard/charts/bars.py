"""Bars from zero: columns under short labels, rows beside long ones."""

from collections.abc import Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.charts import frame, rows, scale
from dashboard.charts.series import Number, checked, clean, drawn, present
from dashboard.charts.words import apart, exact, short, width

SHORT_LABEL = 8
FEWEST_COLUMNS = 5
MOST_ROWS = 24
VALUES_UP_TO = 8
"""Up to so many columns, each carries its value; of more, the highest and the last."""

FILLED = 0.72


def bars(
    title: str, labels: Sequence[str], values: Sequence[Number], *, unit: str = ""
) -> SafeString:
    """Draw a bar for each label."""
    numbers = clean(values)
    checked(labels, numbers, title)
    there = present(numbers)
    if not there:
        return frame.nothing("bars", title)
    table = frame.Table(
        ["", title], [[n, exact(v, unit)] for n, v in zip(labels, numbers, strict=True)]
    )
    if len(labels) < FEWEST_COLUMNS or any(width(label) > SHORT_LABEL for label in labels):
        return _rows(title, labels, numbers, unit, table)
    axis = scale.from_zero(there, frame.TOP, frame.BOTTOM)
    marks = _columns(labels, numbers, axis, unit)
    drawing = frame.plot(_summary(title, labels, numbers, unit), marks, axis, unit)
    return frame.figure("columns", title, drawing, table)


def _summary(title: str, labels: Sequence[str], numbers: Sequence[float | None], unit: str) -> str:
    named = [(v, n) for v, n in zip(numbers, labels, strict=True) if v is not None]
    high, low = max(named), min(named)
    return (
        f"{title}: {len(labels)} bars, highest {apart(high[1])} {short(high[0], unit)},"
        f" lowest {apart(low[1])} {short(low[0], unit)},"
        f" last {apart(labels[-1])} {short(numbers[-1], unit)}"
    )


def _columns(
    labels: Sequence[str], numbers: Sequence[float | None], axis: scale.Scale, unit: str
) -> SafeString:
    slot = 100 / len(labels)
    places = [slot * (index + 0.5) for index in range(len(labels))]
    base = axis.y(0.0)
    written = _written(numbers)
    columns, words = [], []
    for index, value in enumerate(numbers):
        if value is None:
            continue
        y = axis.y(drawn(value))
        columns.append(
            format_html(
                '<rect class="bar" x="{}%" width="{}%" y="{}" height="{}"/>',
                f"{places[index] - slot * FILLED / 2:.3f}",
                f"{slot * FILLED:.3f}",
                f"{min(y, base):.2f}",
                f"{abs(base - y):.2f}",
            )
        )
        if index in written:
            words.append(
                format_html(
                    '<text class="value" x="{}%" y="{}" text-anchor="{}">{}</text>',
                    f"{places[index]:.2f}",
                    f"{y - 5 if value >= 0 else min(y + 13, frame.BOTTOM + 2):.2f}",
                    anchor_of(places[index]),
                    short(value, unit),
                )
            )
    hover = [
        frame.Region(
            places[index],
            f"{apart(label)}: {exact(numbers[index], unit)}",
            f"{label} · {short(numbers[index], unit)}",
        )
        for index, label in enumerate(labels)
    ]
    return frame.joined(
        [
            *columns,
            frame.below(labels, places, 0 if len(labels) <= VALUES_UP_TO else 4),
            *words,
            frame.regions(hover),
        ]
    )


def anchor_of(place: float) -> str:
    """Return how a value over a column is set."""
    return frame.anchor(place, 3)


def _written(numbers: Sequence[float | None]) -> set[int]:
    there = [index for index, value in enumerate(numbers) if value is not None]
    if len(numbers) <= VALUES_UP_TO:
        return set(there)
    highest = max(there, key=lambda index: abs(numbers[index] or 0.0))
    near = there[-1] - highest <= len(numbers) / 8
    return {there[-1]} if near else {there[-1], highest}


def _rows(
    title: str,
    labels: Sequence[str],
    numbers: Sequence[float | None],
    unit: str,
    table: frame.Table,
) -> SafeString:
    there = present(numbers)
    low, high = min(0.0, *there), max(0.0, *there)
    zero = rows.percent_of(0.0, low, high)
    listed = [
        rows.Row(
            label,
            zero,
            rows.percent_of(drawn(value), low, high) if value is not None else zero,
            short(value, unit),
            f"{apart(label)}: {exact(value, unit)}",
        )
        for label, value in list(zip(labels, numbers, strict=True))[:MOST_ROWS]
    ]
    left = len(labels) - len(listed)
    note = f"{left} more in the table." if left > 0 else ""
    return frame.figure("rows", title, rows.rows(listed, zero), table, note)
