"""What is around every drawing: the figure, its name, the axis, the hover regions, the table."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

from dashboard.charts.scale import Scale, spread
from dashboard.charts.words import apart, clip, short, width

HEIGHT = 204
TOP, BOTTOM = 26.0, 176.0
LABELS_AT = 195
SAYS_AT = 12
WIDE = 1000
"""Units across a stretched path; everything that must not stretch is placed in percent."""

NAME = 14
LABEL_GAP = 27.0
MOST_REGIONS = 120
MOST_LABELS = 5
ALL_LABELS, TINY = 7, 4
"""So many labels of so many characters are all written: the days of a week."""

EMPTY = SafeString("")


@dataclass(frozen=True)
class Region:
    """A part of the drawing that tells its values while the pointer is over it."""

    at: float
    title: str
    says: str
    dots: Sequence[float] = ()


@dataclass(frozen=True)
class End:
    """What is written at the right end of a line or an area."""

    y: float
    value: str
    name: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """All values in full: the first cell of a row names it."""

    head: Sequence[str]
    rows: Iterable[Sequence[str]] = field(default_factory=list)


def figure(kind: str, title: str, drawing: SafeString, table: Table, note: str = "") -> SafeString:
    """Return the figure with its name, its drawing and the table behind a disclosure."""
    return format_html(
        '<figure class="chart" data-kind="{}"><figcaption>{}</figcaption>{}{}{}</figure>',
        kind,
        title,
        drawing,
        format_html('<p class="chart-note">{}</p>', note) if note else EMPTY,
        _disclosed(title, table),
    )


def nothing(kind: str, title: str) -> SafeString:
    """Return the figure of a chart without any value."""
    return format_html(
        '<figure class="chart" data-kind="{}"><figcaption>{}</figcaption>'
        '<p class="chart-none">Nothing to draw yet: there is no value in this time.</p></figure>',
        kind,
        title,
    )


def plot(summary: str, marks: SafeString, scale: Scale, unit: str, right: int = 0) -> SafeString:
    """Return the drawing with its axis. `right` is the room at the end, in characters."""
    ticks = [(f"{scale.y(tick):.2f}", short(tick, unit)) for tick in scale.ticks]
    axis = format_html_join(
        "",
        '<line class="{}" x1="0" x2="100%" y1="{}" y2="{}"/>'
        '<text class="tick" x="-8" y="{}" dy=".32em" text-anchor="end">{}</text>',
        (
            ("zero" if tick == 0 else "grid", y, y, y, words)
            for tick, (y, words) in zip(scale.ticks, ticks, strict=True)
        ),
    )
    left = max(width(words) for _, words in ticks)
    return format_html(
        '<div class="chart-plot" data-left="{}" data-right="{}">'
        '<svg width="100%" height="{}" role="img"><title>{}</title>{}{}</svg></div>',
        _even(left),
        _even(right),
        HEIGHT,
        summary,
        axis,
        marks,
    )


def stretched(shapes: SafeString) -> SafeString:
    """Return paths that follow the width of the page; their strokes do not stretch."""
    return format_html(
        '<svg class="stretch" width="100%" height="{0}" viewBox="0 0 {1} {0}"'
        ' preserveAspectRatio="none">{2}</svg>',
        HEIGHT,
        WIDE,
        shapes,
    )


def position(index: int, count: int) -> float:
    """Return where a point is, in percent from the left; one alone is the last."""
    return 100 * index / (count - 1) if count > 1 else 100.0


def below(labels: Sequence[str], places: Sequence[float], edge: float = 8) -> SafeString:
    """Write the labels under the drawing: a few, evenly, fewer where it is narrow.

    Nearer than `edge` percent to a side they are set inwards.
    """
    count = len(labels)
    tiny = count <= ALL_LABELS and all(width(label) <= TINY for label in labels)
    kept = count if tiny else min(count, MOST_LABELS)
    indexes = sorted({round(n * (count - 1) / max(1, kept - 1)) for n in range(kept)})
    marks = []
    for order, index in enumerate(indexes):
        marks.append(
            format_html(
                '<text class="{}" x="{}%" y="{}" text-anchor="{}">{}</text>',
                "label" if tiny or order in (0, len(indexes) - 1) else "label inner",
                f"{places[index]:.2f}",
                LABELS_AT,
                anchor(places[index], edge),
                clip(labels[index], NAME),
            )
        )
    return joined(marks)


def anchor(place: float, edge: float) -> str:
    """Return how text is set at a place so that it stays inside."""
    return "start" if place < edge else "end" if place > 100 - edge else "middle"


def ends(labels: Sequence[End]) -> SafeString:
    """Write names and last values at the right end, none over another."""
    names = any(label.name for label in labels)
    gap = LABEL_GAP if names else 15.0
    at = spread([label.y for label in labels], gap, TOP, BOTTOM - (12 if names else 0))
    return joined(
        format_html(
            '<text class="end" data-tone="{}" x="100%" dx="9" y="{}" dy=".32em">{}{}</text>',
            label.tone,
            f"{y:.2f}",
            format_html('<tspan class="name">{}</tspan>', apart(clip(label.name, NAME)))
            if label.name
            else EMPTY,
            format_html('<tspan x="100%" dx="9" dy="1.15em">{}</tspan>', label.value)
            if label.name
            else label.value,
        )
        for label, y in zip(labels, at, strict=True)
    )


def room(labels: Sequence[End]) -> int:
    """Return how many characters the labels at the end need."""
    return max((max(min(NAME, width(e.name)), width(e.value)) for e in labels), default=0) + 1


def regions(points: Sequence[Region]) -> SafeString:
    """Return the hover regions: a line, the dots and the values where the pointer is."""
    step = max(1, -(-len(points) // MOST_REGIONS))
    shown = points[::step]
    edges = [0.0, *((a.at + b.at) / 2 for a, b in itertools.pairwise(shown)), 100.0]
    return joined(
        format_html(
            '<g class="hit"><title>{}</title><rect x="{}%" width="{}%" y="0" height="{}"/>'
            '<line x1="{}%" x2="{}%" y1="{}" y2="{}"/>{}'
            '<text class="says" x="{}%" y="{}" text-anchor="{}">{}</text></g>',
            point.title,
            f"{edges[index]:.3f}",
            f"{edges[index + 1] - edges[index]:.3f}",
            HEIGHT,
            f"{point.at:.2f}",
            f"{point.at:.2f}",
            TOP - 6,
            BOTTOM,
            dots(point.at, point.dots),
            f"{point.at:.2f}",
            SAYS_AT,
            anchor(point.at, 25),
            point.says,
        )
        for index, point in enumerate(shown)
    )


def dots(at: float, ys: Iterable[float]) -> SafeString:
    """Return round points, which do not stretch."""
    return joined(
        format_html('<circle cx="{}%" cy="{}" r="3"/>', f"{at:.2f}", f"{y:.2f}") for y in ys
    )


def joined(parts: Iterable[SafeString]) -> SafeString:
    """Return escaped parts as one."""
    return mark_safe("".join(parts))  # noqa: S308 - every part is a SafeString


def _even(characters: int) -> int:
    return min(16, characters + characters % 2)


def _disclosed(title: str, table: Table) -> SafeString:
    head = format_html_join(
        "", '<th scope="col" dir="auto">{}</th>', ((cell,) for cell in table.head[1:])
    )
    rows = joined(
        format_html(
            '<tr><th scope="row" dir="auto">{}</th>{}</tr>',
            row[0],
            format_html_join("", '<td class="num">{}</td>', ((cell,) for cell in row[1:])),
        )
        for row in table.rows
    )
    return format_html(
        '<details class="more" id="chart-{}"><summary>As a table</summary>'
        '<div class="scroll" tabindex="0" role="region" aria-label="{}">'
        '<table class="ledger plain"><caption class="sr-only">{}</caption>'
        "<thead><tr><td></td>{}</tr></thead><tbody>{}</tbody></table></div></details>",
        slugify(title, allow_unicode=True),
        f"{title}, as a table",
        title,
        head,
        rows,
    )
