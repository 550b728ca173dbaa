"""Strips of cells, darker where there is more."""

from collections.abc import Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.charts import frame
from dashboard.charts.series import Number, checked, clean, drawn, present
from dashboard.charts.words import apart, clip, exact, short

STEPS = 5
THICK = 18


def heat(
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[Number]],
    *,
    unit: str = "",
) -> SafeString:
    """Draw a strip a row, `values[row][column]` as its cells; the highest is outlined and named."""
    checked(rows, values, title)
    cells = [clean(row) for row in values]
    for name, row in zip(rows, cells, strict=True):
        checked(columns, row, name)
    there = [
        (drawn(v), r, c) for r, row in enumerate(cells) for c, v in enumerate(row) if v is not None
    ]
    if not there:
        return frame.nothing("heat", title)
    low, high = min(0.0, min(there)[0]), max(present([v for v, _, _ in there]))
    peak = max(there, key=lambda cell: cell[0])
    strips = frame.joined(
        _strip(
            name,
            columns,
            row,
            low,
            high,
            unit,
            peak[2] if low < high and peak[1] == number else None,
        )
        for number, (name, row) in enumerate(zip(rows, cells, strict=True))
    )
    places = [100 * (index + 0.5) / len(columns) for index in range(len(columns))]
    foot = format_html(
        '<li aria-hidden="true"><span></span>'
        '<svg class="strip-foot" width="100%" height="16">{}</svg></li>',
        _foot(columns, places),
    )
    drawing = format_html('<ol class="chart-strips">{}{}</ol>', strips, foot)
    _, row_at, column_at = peak
    most = (
        f"Darker is more. Most: {apart(rows[row_at])} {apart(columns[column_at])},"
        f" {short(cells[row_at][column_at], unit)}."
        if low < high
        else f"All of them are {short(high, unit)}."
    )
    table = frame.Table(
        ["", *columns],
        [[n, *(exact(v, unit) for v in row)] for n, row in zip(rows, cells, strict=True)],
    )
    return frame.figure("heat", title, drawing, table, most)


def _strip(
    name: str,
    columns: Sequence[str],
    row: Sequence[float | None],
    low: float,
    high: float,
    unit: str,
    peak: int | None,
) -> SafeString:
    slot = 100 / len(columns)
    cells = frame.joined(
        format_html(
            '<rect class="cell" data-step="{}"{} x="{}%" width="{}%" height="{}">'
            "<title>{} {}: {}</title></rect>",
            _step(value, low, high),
            SafeString(" data-peak") if index == peak else frame.EMPTY,
            f"{slot * index:.3f}",
            f"{slot:.3f}",
            THICK,
            apart(name),
            apart(columns[index]),
            exact(value, unit),
        )
        # The outlined one is drawn last, so that none covers its line.
        for index, value in sorted(enumerate(row), key=lambda cell: cell[0] == peak)
    )
    there = [value for value in row if value is not None]
    says = f"{short(min(there), unit)} to {short(max(there), unit)}" if there else "no value"
    return format_html(
        '<li><span class="name clip" dir="auto" title="{0}">{0}</span>'
        '<svg class="strip" width="100%" height="{1}" role="img" aria-label="{2}: {3}">'
        "{4}</svg></li>",
        name,
        THICK,
        apart(name),
        says,
        cells,
    )


def _step(value: float | None, low: float, high: float) -> str:
    """Return 0 for nothing up to 5 for the most, or `none`."""
    if value is None:
        return "none"
    if high <= low:
        return "0"
    share = (drawn(value) - low) / (high - low)
    return str(0 if share <= 0 else min(STEPS, 1 + int(share * STEPS)))


def _foot(columns: Sequence[str], places: Sequence[float]) -> SafeString:
    every = max(1, -(-len(columns) // 8))
    return frame.joined(
        format_html(
            '<text class="label{}" x="{}%" y="12" text-anchor="{}">{}</text>',
            " inner" if (index // every) % 2 else "",
            f"{places[index]:.2f}",
            frame.anchor(places[index], 4),
            clip(columns[index], 6),
        )
        for index in range(0, len(columns), every)
    )
