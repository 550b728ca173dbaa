"""Words, times, money and live partials for the templates."""

import datetime as dt
import json
import math
import re
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django import template
from django.forms import BoundField
from django.template import Context
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from agents.models import Run
from control.models import Action
from control.trust import Trust
from dashboard.fleet import roster
from dashboard.house import status

register = template.Library()

UNITS = ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h"), (2592000, 86400, "d"))
URL = re.compile(r"https?://[^\s<>\"'“”]+[^\s<>\"'“”.,;:!?)\]]")

THEME_COOKIE = "theme"
THEMES = ("light", "dark")

BRIEF = 120
MARKABLE = 3
"""Shorter claims are too common to be found in a text for certain."""

TONES = {
    "waiting": "accent",
    "held": "warn",
    "unknown": "bad",
    "approved": "accent",
    "executing": "accent",
    "done": "ok",
    "failed": "bad",
    "rejected": "off",
    "revise": "ai",
    "expired": "off",
    "undone": "off",
    "new": "accent",
    "qualified": "ok",
    "review": "warn",
    "disqualified": "off",
    "won": "ok",
    "lost": "off",
    "running": "ai",
    "completed": "ok",
    "stopped": "warn",
    "abandoned": "warn",
    "answered": "ok",
    "cancelled": "warn",
    "reserved": "accent",
    "critical": "bad",
    "warning": "warn",
    "info": "accent",
    "high": "bad",
    "medium": "warn",
    "agent": "ai",
    "user": "accent",
    "accepted": "ok",
    "available": "accent",
    "retryable": "warn",
    "discarded": "bad",
    "sent": "ok",
    "sending": "accent",
    "researched": "accent",
    "contacted": "ai",
    "replied": "ok",
    "lead": "ok",
    "declined": "off",
    "dropped": "off",
    "active": "ok",
    "finished": "off",
    "paused": "warn",
}
VERDICTS = {
    "approve": "Approved",
    "edit": "Edited",
    "reject": "Rejected",
    "send_back": "Sent back",
    "snooze": "Snoozed",
    "take_over": "Taken over",
    "recall": "Called back",
    "reopen": "Reopened",
    "confirm_sent": "Confirmed as sent",
    "send_again": "Sent again",
    "undo": "Undone",
}
WORDS = {
    "waiting": "waits for you",
    "unknown": "may have gone out",
    "executing": "going out",
    "revise": "sent back",
    "expired": "lapsed",
    "review": "needs a look",
}


@register.simple_tag(takes_context=True)
def shell(context: Context) -> status.Status:
    """Return what the header and the rail show; a view that needed it has read it already."""
    request = context["request"]
    known: status.Status | None = context.get("shell")
    return known or status.read(request.profile, request.path)


@register.simple_tag(takes_context=True)
def theme(context: Context) -> SafeString:
    """Write the attribute of `<html>` for the theme this browser chose; none follows the system."""
    request = context.get("request")
    chosen = request.COOKIES.get(THEME_COOKIE, "") if request else ""
    return format_html(' data-theme="{}"', chosen) if chosen in THEMES else SafeString("")


@register.simple_tag(takes_context=True)
def find_key(context: Context) -> str:
    """Write the keys that open the palette on this browser's system."""
    agent = context["request"].headers.get("User-Agent", "")
    return "⌘K" if "Mac OS" in agent else "Ctrl K"


@register.simple_tag
def live(*topics: str) -> SafeString:
    """Fetch this element again when one of `topics` changed, or after a lost connection."""
    events = ", ".join(f"live:{escape(topic)} from:body" for topic in (*topics, "refresh"))
    return format_html('hx-trigger="{}"', mark_safe(events))  # noqa: S308 - escaped above


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw an icon of the sprite; the words beside it, or an aria-label, say what it means."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("icons.svg"), name
    )


def ago(seconds: float) -> str | None:
    """Return a span as one number and its unit, or None when a date says it better."""
    size = abs(seconds)
    if size < 5:
        return "now"
    for limit, unit, name in UNITS:
        if size < limit:
            text = f"{math.floor(size / unit)} {name}"
            return f"in {text}" if seconds < 0 else text
    return None


def exact(moment: dt.datetime) -> str:
    """Return the moment in the operator's zone, to the second."""
    return date_format(timezone.localtime(moment), "D j M Y, H:i:s T")


def _with(suffix: str, text: str) -> str:
    if text == "now":
        return "just now"
    return text if text.startswith("in ") else f"{text} {suffix}"


@register.simple_tag
def when(moment: dt.datetime | None, suffix: str = "") -> SafeString:
    """Write how long ago it was, the exact time on hover; kept current in the browser."""
    if moment is None:
        return SafeString("")
    text = ago((timezone.now() - moment).total_seconds())
    words = text or date_format(timezone.localtime(moment), "j M Y")
    if suffix and text:
        words = _with(suffix, text)
    return format_html(
        '<time datetime="{}" title="{}"{}>{}</time>',
        moment.isoformat(),
        exact(moment),
        format_html(' data-ago="{}"', suffix) if text else "",
        words,
    )


@register.simple_tag
def age(moment: dt.datetime) -> SafeString:
    """Write how long something has waited, also where `when` would write the date."""
    text = ago((timezone.now() - moment).total_seconds())
    if text:
        return when(moment)
    days = (timezone.now() - moment).days
    return format_html(
        '<time datetime="{}" title="{}">{} d</time>', moment.isoformat(), exact(moment), days
    )


@register.simple_tag
def at(moment: dt.datetime | None, form: str = "j M, H:i") -> SafeString:
    """Write the time itself, in the operator's zone."""
    if moment is None:
        return SafeString("")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        exact(moment),
        date_format(timezone.localtime(moment), form),
    )


@register.filter
def day_name(day: dt.date) -> str:
    """Write a day as one speaks of it."""
    ago = (timezone.localdate() - day).days
    if ago in (0, 1):
        return ("Today", "Yesterday")[ago]
    this_year = day.year == timezone.localdate().year
    return date_format(day, "l, j F" if this_year else "l, j F Y")


@register.simple_tag
def meter(value: float, most: float, label: str = "", tone: str = "") -> SafeString:
    """Draw how much of `most` there is as a thin bar; no label where the text beside it says it."""
    width = max(0.0, min(100.0, 100 * float(value) / float(most))) if most else 0.0
    says = (
        format_html('role="img" aria-label="{}"', label)
        if label
        else SafeString('aria-hidden="true"')
    )
    return format_html(
        '<svg class="meter" viewBox="0 0 100 4" preserveAspectRatio="none" data-tone="{}" {}>'
        '<rect width="{}" height="4"/></svg>',
        tone,
        says,
        f"{width:.1f}",
    )


@register.simple_tag
def stretch(start: float, length: float, whole: float, tone: str = "") -> SafeString:
    """Draw when something began and how long it took, within the whole."""
    whole = whole or 1
    left = max(0.0, min(99.0, 100 * start / whole))
    width = max(1.0, min(100 - left, 100 * length / whole))
    return format_html(
        '<svg class="stretch" viewBox="0 0 100 6" preserveAspectRatio="none" data-tone="{}"'
        ' aria-hidden="true"><rect x="{}" width="{}" height="6"/></svg>',
        tone,
        f"{left:.1f}",
        f"{width:.1f}",
    )


@register.simple_tag
def trust_bar(trust: Trust, threshold: int) -> SafeString:
    """Draw what is earned for certain, what may be, and the mark it has to reach."""
    share = round(100 * (trust.share or 0))
    return format_html(
        '<svg class="trust" viewBox="0 0 100 12" preserveAspectRatio="none" role="img"'
        ' aria-label="{0} % for certain, {1} % is needed">'
        '<rect class="ground" y="4" width="100" height="4"/>'
        '<rect class="maybe" y="4" width="{2}" height="4"/>'
        '<rect class="sure" data-tone="{3}" y="4" width="{0}" height="4"/>'
        '<path d="M{1} 0v12"/></svg>',
        trust.lower_bound,
        threshold,
        share,
        "ok" if trust.earned else "",
    )


@register.filter
def get(values: dict[str, Any], key: str) -> Any:
    """Return the value under a key, or nothing."""
    return values.get(key, "")


@register.filter
def money(usd: Decimal | float | None) -> str:
    """Write US dollars; under a cent to four places, so that it is not shown as nothing."""
    if usd is None:
        return "–"
    value = Decimal(usd)
    if value and abs(value) < Decimal("0.01"):
        return f"${value:.4f}"
    return f"${value:,.2f}"


@register.filter
def span(seconds: float | dt.timedelta | None) -> str:
    """Write how long something took."""
    if seconds is None:
        return ""
    value = seconds.total_seconds() if isinstance(seconds, dt.timedelta) else float(seconds)
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 10:
        return f"{value:.1f} s"
    return ago(value) or f"{value / 86400:.0f} d"


@register.simple_tag
def took(run: Run) -> str:
    """Write how long a run took, or has taken so far."""
    return span((run.finished_at or timezone.now()) - run.started_at)


@register.filter
def source(name: str) -> str:
    """Return the words for where a lead came from: `webhook:website`, `reply`."""
    kind, _, which = name.partition(":")
    return f"{which} {kind}" if which else kind


@register.filter
def limited(tag: str) -> str:
    """Return the words for what a limit is on: `lane:bulk`, `client:7`, `agent:*`."""
    scope, _, value = tag.partition(":")
    if scope == "lane":
        return f"{value.capitalize()} lane"
    return f"Each {scope}" if value == "*" else f"{scope.capitalize()} {value}"


@register.filter
def plainly(value: Any) -> str:
    """Write a value as a person would: a list with commas, yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(plainly(item) for item in value) or "none"
    return str(value)


@register.filter
def brief(result: dict[str, Any]) -> str:
    """Write a few plain values in one line; nothing for what needs more room."""
    if any(isinstance(value, dict | list) for value in result.values()):
        return ""
    line = " · ".join(f"{word(name)} {plainly(value)}" for name, value in result.items())
    return line if len(line) <= BRIEF else ""


@register.filter
def past(verdict: str) -> str:
    """Return a verdict as something that was done."""
    return VERDICTS.get(verdict, verdict)


@register.filter
def tone(name: str) -> str:
    """Return which of the five meanings a state has."""
    return TONES.get(str(name), "off")


@register.filter
def word(name: str) -> str:
    """Return the plain word for a state."""
    return WORDS.get(str(name), str(name).replace("_", " "))


@register.filter
def message_tone(level: str) -> str:
    """Return the tone of a message of Django's."""
    return {"error": "bad", "warning": "warn"}.get(level, "")


@register.filter
def pretty(value: Any) -> str:
    """Write data as indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


@register.filter
def grouped(count: int) -> str:
    """Write a whole number with its thousands apart."""
    return f"{count:,}"


@register.filter
def host(url: str) -> str:
    """Return the site of an address, without what every one has in front."""
    return urlsplit(url).netloc.removeprefix("www.")


@register.filter
def web(url: str) -> str:
    """Return an address a browser may be led to, or nothing: others may run as a script."""
    return url if urlsplit(url).scheme in ("http", "https") else ""


@register.filter
def minutes(number: int) -> str:
    """Write a span in minutes as one would say it."""
    for size, name in ((1440, "day"), (60, "hour")):
        if number % size == 0:
            count = number // size
            return name if count == 1 else f"{count} {name}s"
    return f"{number} min"


@register.filter
def percent(share: float | None) -> str:
    """Write a share of one in percent."""
    return "–" if share is None else f"{share * 100:.0f} %"


@register.filter
def linked(text: str) -> SafeString:
    """Make the web addresses in a plain text into links; everything else stays text."""
    parts, here = [], 0
    for found in URL.finditer(text):
        parts.append(escape(text[here : found.start()]))
        parts.append(
            format_html('<a href="{0}" rel="noreferrer noopener" target="_blank">{0}</a>', found[0])
        )
        here = found.end()
    parts.append(escape(text[here:]))
    return mark_safe("".join(parts))  # noqa: S308 - every part is escaped above


def phrase_in(text: str, evidence: dict[str, str]) -> str:
    """Return the words of a claim, or of its quote, as they stand in a text; else nothing."""
    phrases = (evidence.get("claim", ""), evidence.get("quote", ""))
    return next((p for p in phrases if len(p) > MARKABLE and p in text), "")


@register.simple_tag
def marked(text: str, evidence: list[dict[str, str]], where: str = "claim") -> SafeString:
    """Underline each claim of a plain text and number it to its evidence."""
    spots = []
    for number, one in enumerate(evidence, start=1):
        phrase = phrase_in(text, one)
        if phrase:
            spots.append((text.index(phrase), phrase, number))
    html, here = [], 0
    for start, phrase, number in sorted(spots):
        if start < here:
            continue
        html.append(linked(text[here:start]))
        html.append(
            format_html(
                '<mark id="{2}-{1}" data-claim="{1}">{0}'
                '<a href="#evidence-{1}" aria-label="Evidence {1}"><sup>{1}</sup></a></mark>',
                phrase,
                number,
                where,
            )
        )
        here = start + len(phrase)
    html.append(linked(text[here:]))
    return mark_safe("".join(html))  # noqa: S308 - every part is escaped above


@register.inclusion_tag("components/field.html")
def field(bound: BoundField) -> dict[str, Any]:
    """Draw a form field with its label, hint and errors."""
    return {"field": bound}


@register.inclusion_tag("components/status_word.html")
def state(name: str, label: str = "") -> dict[str, str]:
    """Draw a state: a dot and its word."""
    return {"tone": tone(name), "label": label or word(name)}


@register.inclusion_tag("components/status_word.html")
def agent_state(member: roster.Member) -> dict[str, str]:
    """Draw whether an agent is ready, working or stopped."""
    tones = {"ready": "ok", "running": "ai", "stopped": "warn"}
    return {"tone": tones[member.state], "label": roster.STATES[member.state]}


@register.inclusion_tag("components/status_word.html")
def action_state(action: Action) -> dict[str, str]:
    """Draw where an action stands; what went out is sent, what changed a record is done."""
    sent = action.outward and action.status == Action.Status.DONE
    return {"tone": tone(action.status), "label": "sent" if sent else word(action.status)}
