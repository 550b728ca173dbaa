"""How steps up and down lead from nothing to a total."""

from collections.abc import Sequence

from django.utils.safestring import SafeString

from dashboard.charts import frame, rows
from dashboard.charts.series import LARGEST, clean, drawn
from dashboard.charts.words import apart, exact, short, signed


def waterfall(title: str, steps: Sequence[tuple[str, float]], *, unit: str = "") -> SafeString:
    """Draw each step from where the one before ended, and the total from zero."""
    changes = [value or 0.0 for value in clean(value for _, value in steps)]
    if not steps:
        return frame.nothing("waterfall", title)
    levels = [0.0]
    for change in changes:
        levels.append(max(-LARGEST, min(LARGEST, levels[-1] + drawn(change))))
    low, high = min(levels), max(levels)
    zero = rows.percent_of(0.0, low, high)
    listed = [
        rows.Row(
            name,
            rows.percent_of(levels[number], low, high),
            rows.percent_of(levels[number + 1], low, high),
            signed(changes[number], unit),
            f"{apart(name)}: {exact(changes[number], unit)},"
            f" then {exact(levels[number + 1], unit)}",
            tone="down" if changes[number] < 0 else "up",
        )
        for number, (name, _) in enumerate(steps)
    ]
    total = levels[-1]
    listed.append(
        rows.Row(
            "Total",
            zero,
            rows.percent_of(total, low, high),
            short(total, unit),
            f"Total: {exact(total, unit)}",
            tone="total",
        )
    )
    table = frame.Table(
        ["", "Change", "Then"],
        [
            *(
                [name, exact(changes[n], unit), exact(levels[n + 1], unit)]
                for n, (name, _) in enumerate(steps)
            ),
            ["Total", "", exact(total, unit)],
        ],
    )
    return frame.figure("waterfall", title, rows.rows(listed, zero), table)
