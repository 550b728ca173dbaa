"""Bars beside their names: for long names, stages and steps."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.charts import frame

THICK = 14


@dataclass(frozen=True)
class Row:
    """A bar from `start` to `end` in percent, with what stands before and behind it."""

    name: str
    start: float
    end: float
    value: str
    title: str
    tone: str = ""
    note: str = ""
    share: str = ""
    href: str = ""


def rows(listed: Sequence[Row], zero: float = 0.0) -> SafeString:
    """Return the bars as a list that reads as text: name, value, share."""
    return format_html(
        '<ol class="chart-rows" data-columns="{}">{}</ol>',
        4 if any(row.share for row in listed) else 3,
        frame.joined(_row(row, zero) for row in listed),
    )


def _row(row: Row, zero: float) -> SafeString:
    name = format_html('<span class="clip" dir="auto" title="{0}">{0}</span>', row.name)
    if row.href:
        name = format_html(
            '<a class="link clip" dir="auto" title="{0}" href="{1}">{0}</a>', row.name, row.href
        )
    low, high = sorted((row.start, row.end))
    return format_html(
        '<li><span class="name">{}{}</span>'
        '<svg class="row-bar" width="100%" height="{}" aria-hidden="true"><title>{}</title>'
        '<rect class="track" width="100%" height="{}"/>'
        '<rect class="bar" data-tone="{}" x="{}%" width="{}%" height="{}"/>'
        '<line class="zero" x1="{}%" x2="{}%" y1="0" y2="{}"/></svg>'
        '<b class="value">{}</b>{}</li>',
        name,
        format_html('<small dir="auto">{}</small>', row.note) if row.note else frame.EMPTY,
        THICK,
        row.title,
        THICK,
        row.tone,
        f"{low:.2f}",
        f"{high - low:.2f}",
        THICK,
        f"{zero:.2f}",
        f"{zero:.2f}",
        THICK,
        row.value,
        format_html('<span class="share">{}</span>', row.share) if row.share else frame.EMPTY,
    )


def percent_of(value: float, low: float, high: float) -> float:
    """Return where a value is between two, in percent."""
    return 100 * (value - low) / (high - low) if high > low else 0.0
