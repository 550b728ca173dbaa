"""Business time, rates against their limits, and other marks of the pages about outreach."""

import datetime as dt

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agency import clock
from dashboard.templatetags.dashboard import ago, exact
from pipeline.models import InboundMail

register = template.Library()

BEYOND = 2
"""A rate's bar reaches to so many times its limit."""


@register.simple_tag
def business(moment: dt.datetime | None, suffix: str = "") -> SafeString:
    """Write a moment of business time as far as it is away by that clock, which may run fast."""
    if moment is None:
        return SafeString("")
    text = ago((clock.now() - moment).total_seconds())
    words = text or date_format(timezone.localtime(moment), "j M Y")
    if suffix and text and not text.startswith("in "):
        words = "just now" if text == "now" else f"{text} {suffix}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact(moment), words
    )


@register.filter
def share(part: float | None) -> str:
    """Write a share of one in percent, small ones to a tenth."""
    if part is None:
        return "–"
    percent = part * 100
    return f"{percent:.1f} %" if 0 < percent < 10 else f"{percent:.0f} %"


@register.simple_tag
def rate_bar(part: float, limit: float, label: str) -> SafeString:
    """Draw a rate with the mark it must stay under."""
    width = min(100.0, 100 * part / (limit * BEYOND))
    tone = "bad" if part > limit else "warn" if part > limit / 2 else "ok"
    return format_html(
        '<svg class="trust" viewBox="0 0 100 12" preserveAspectRatio="none" role="img"'
        ' aria-label="{}"><rect class="ground" y="4" width="100" height="4"/>'
        '<rect class="sure" data-tone="{}" y="4" width="{}" height="4"/>'
        '<path d="M{} 0v12"/></svg>',
        label,
        tone,
        f"{width:.1f}",
        100 // BEYOND,
    )


@register.filter
def is_web(url: str) -> bool:
    """Whether an address from outside may be a link at all."""
    return url.startswith(("https://", "http://"))


@register.filter
def label_name(value: object) -> str:
    """Return a label of a reply in words."""
    known = dict(InboundMail.Label.choices)
    return str(known.get(str(value), value))
