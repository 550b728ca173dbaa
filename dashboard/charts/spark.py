"""A line without an axis, for a card. It starts at zero: little change looks like little."""

from collections.abc import Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.charts import frame, paths
from dashboard.charts.scale import FLAT, Scale
from dashboard.charts.series import Number, clean, drawn, present
from dashboard.charts.words import short

WIDTH, HEIGHT = 96, 26
TOP, BOTTOM = 4.0, 22.0


def sparkline(
    values: Sequence[Number], *, title: str, tone: str = "accent", unit: str = ""
) -> SafeString:
    """Draw how a number went, its last point marked. `tone` is one of the five meanings."""
    numbers = clean(values)
    there = present(numbers)
    if not there:
        return _svg(f"{title}: no value yet", "none", frame.EMPTY, frame.EMPTY)
    low, high = min(there), max(there)
    scale = Scale(min(0.0, low), max(high, FLAT), (), TOP, BOTTOM)
    lines = [run for run in paths.segments(numbers, scale) if len(run) > 1]
    shapes = frame.joined(
        format_html(
            '<path class="under" d="{}"/><path class="over" d="{}"/>',
            paths.area(run, [(run[0][0], HEIGHT), (run[-1][0], HEIGHT)]),
            paths.stroke(run),
        )
        for run in lines
    )
    last = max(index for index, value in enumerate(numbers) if value is not None)
    value = numbers[last]
    at, y = frame.position(last, len(numbers)), scale.y(drawn(value or 0.0))
    between = f"{short(low, unit)} to {short(high, unit)}"
    says = f"{title}: {short(value, unit)} now, {between}, drawn from zero"
    return _svg(says, tone, shapes, frame.dots(at, [y]))


def _svg(says: str, tone: str, shapes: SafeString, point: SafeString) -> SafeString:
    return format_html(
        '<svg class="spark" data-tone="{}" width="{}" height="{}" role="img"><title>{}</title>'
        '<svg width="100%" height="{}" viewBox="0 0 {} {}" preserveAspectRatio="none">{}</svg>'
        '{}<line class="base" x1="0" x2="100%" y1="{}" y2="{}"/></svg>',
        tone,
        WIDTH,
        HEIGHT,
        says,
        HEIGHT,
        frame.WIDE,
        HEIGHT,
        shapes,
        point,
        HEIGHT - 0.5,
        HEIGHT - 0.5,
    )
