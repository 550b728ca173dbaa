"""Rounded dollars and spans of business time, as the pages about deals write them."""

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal

from django import template

from agency import clock
from dashboard.templatetags.dashboard import span

register = template.Library()


@register.filter
def rounded(usd: Decimal | float | None) -> str:
    """Write money in whole dollars: what is expected is an estimate."""
    return "–" if usd is None else f"${Decimal(usd).quantize(Decimal(1), ROUND_HALF_UP):,}"


@register.filter
def stands(moment: dt.datetime) -> str:
    """Write for how long by business time, which may run fast."""
    return span(max(dt.timedelta(0), clock.now() - moment))
