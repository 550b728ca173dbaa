"""What differs between two sets of values, side by side, word by word."""

import json
import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

WORDS = re.compile(r"\w+\s*|[^\w\s]\s*|\s+")
LINES = re.compile(r"[^\n]*\n|[^\n]+")
MOST_WORDS = 1_500
"""Longer passages are not compared by words: the time it takes grows with the square."""

ALIKE = 0.4
"""Texts with less in common are shown as two texts, not as crumbs of each."""

NAMES = ("name", "signal", "kind", "field")
"""What an item of a list may be called by."""

NOTHING = mark_safe('<span class="muted">nothing</span>')


Piece = tuple[bool, list[str], list[str]]
"""Whether a passage is the same in both texts, and how it reads in each."""


@dataclass(frozen=True)
class Change:
    """One field that differs, with what went struck out and what came underlined."""

    field: str
    before: SafeString
    after: SafeString
    step: str = ""

    @property
    def label(self) -> str:
        """The field as words: `weights.soon` is Weights · soon."""
        return " · ".join(part.replace("_", " ") for part in self.field.split(".")).capitalize()


def compare(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Return the fields that differ, in the order of the newer ones."""
    old, new = flat(before), flat(after)
    fields = [*new, *(name for name in old if name not in new)]
    changed = [name for name in fields if _differs(name, old, new)]
    return [_change(name, old.get(name), new.get(name)) for name in changed]


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested values under dotted names; a list of plain values stays whole."""
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        value = {_name_of(item, at): item for at, item in enumerate(value)}
    if not isinstance(value, dict) or (prefix and not value):
        return {prefix: value}
    found: dict[str, Any] = {}
    for key, inner in value.items():
        found |= flat(inner, f"{prefix}.{key}" if prefix else str(key))
    return found


def _name_of(item: dict[str, Any], at: int) -> str:
    """Return what an item of a list is called, else its place."""
    return next((str(item[key]) for key in NAMES if item.get(key)), str(at + 1))


def _differs(name: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
    return (name in old) != (name in new) or old.get(name) != new.get(name)


def _change(name: str, old: Any, new: Any) -> Change:
    if _is_number(old) and _is_number(new):
        step = f"{new - old:+g}"
        return Change(name, format_html("{}", old), format_html("{}", new), step)
    before, after = side_by_side(_text(old), _text(new))
    return Change(name, before or NOTHING, after or NOTHING)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "\n\n".join(value)
    if isinstance(value, list | dict):
        return json.dumps(value, indent=2, ensure_ascii=False)
    return str(value)


def side_by_side(old: str, new: str) -> tuple[SafeString, SafeString]:
    """Return both texts, what went marked `del` in the first, what came `ins` in the second.

    Lines that are the same stay; of those that changed the words are compared.
    """
    left, right = [], []
    for same, a, b in _pieces(LINES.findall(old), LINES.findall(new)):
        pairs = [(True, a, b)] if same else _of_words("".join(a), "".join(b))
        for alike, gone, came in pairs:
            left.append(_marked("del", gone, alike))
            right.append(_marked("ins", came, alike))
    return _joined(left), _joined(right)


def _of_words(old: str, new: str) -> list[Piece]:
    """Return the pieces of two texts by words, or both whole where little is the same."""
    before, after = WORDS.findall(old), WORDS.findall(new)
    whole = [(False, before, after)]
    if max(len(before), len(after)) > MOST_WORDS:
        return whole
    alike = SequenceMatcher(None, before, after, autojunk=False).ratio() >= ALIKE
    return _pieces(before, after) if alike else whole


def _pieces(before: list[str], after: list[str]) -> list[Piece]:
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return [
        (verb == "equal", before[a:b], after[c:d]) for verb, a, b, c, d in matcher.get_opcodes()
    ]


def _marked(tag: str, parts: list[str], same: bool) -> SafeString:
    text = "".join(parts)
    if same or not text:
        return escape(text)
    return format_html("<{0}>{1}</{0}>", tag, text)


def _joined(parts: list[SafeString]) -> SafeString:
    return format_html_join("", "{}", ((part,) for part in parts))
