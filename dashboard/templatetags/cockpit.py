"""Texts of the cockpit: what was changed, and where its links lead."""

from urllib.parse import urlsplit

from django import template
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from dashboard.deciding import diffs
from dashboard.templatetags.dashboard import URL

register = template.Library()

TAGS = {"out": "del", "in": "ins"}


@register.simple_tag
def redline(before: object, after: object) -> SafeString:
    """Write what was changed in a text: words taken out and put in, the rest as it is."""
    html = []
    for piece in diffs.words(str(before or ""), str(after or "")):
        tag = TAGS.get(piece.kind)
        text = escape(piece.text)
        html.append(format_html("<{0}>{1}</{0}>", tag, text) if tag else text)
    return mark_safe("".join(html))  # noqa: S308 - every part is escaped above


@register.filter
def hosts(text: str) -> list[str]:
    """Return the hosts the links of a plain text lead to, each once."""
    return list(dict.fromkeys(_host(found[0]) for found in URL.finditer(text)))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url
