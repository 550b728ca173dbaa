"""Money of a document, and the parts of one that differ from another."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django import template

from billing import prices

register = template.Library()


@register.filter
def dollars(amount: Any) -> str:
    """Return an amount, which a document has as words, as people write it."""
    try:
        return prices.dollars(Decimal(str(amount)))
    except InvalidOperation:
        return str(amount)


@register.filter
def discounted(price: dict[str, str]) -> bool:
    """Whether a price is under the list."""
    return price.get("discount_percent", "0.00") != "0.00"
