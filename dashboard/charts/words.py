"""Numbers and names as charts write them."""

import math
import unicodedata

MINUS = "\u2212"
SPACE = "\u00a0"
SIZES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))
COMPACT_FROM = 10_000
BEYOND = 1e15
NO_VALUE = "no value"


def short(value: float | None, unit: str = "") -> str:
    """Write a value in a few characters: $1.2M, 97 %, 1.4 s."""
    if value is None:
        return "–"
    if unit == "ms" and abs(value) >= 1000:
        value, unit = value / 1000, "s"
    return _with_unit(value, _compact(abs(value), unit), unit)


def exact(value: float | None, unit: str = "") -> str:
    """Write a value in full, for a table or on hover."""
    if value is None:
        return NO_VALUE
    size = abs(value)
    cents = unit == "$" and 0.01 <= size < BEYOND
    return _with_unit(value, f"{size:,.2f}" if cents else f"{size:,.12g}", unit)


def signed(value: float | None, unit: str = "") -> str:
    """Write a change with its sign, even when it is more."""
    return ("+" if value is not None and value > 0 else "") + short(value, unit)


def _with_unit(value: float, number: str, unit: str) -> str:
    sign = MINUS if value < 0 else ""
    if unit == "$":
        return f"{sign}${number}"
    return f"{sign}{number}{SPACE}{unit}" if unit else f"{sign}{number}"


def _compact(size: float, unit: str) -> str:
    if size >= BEYOND:
        return f"{size:.1e}"
    if size >= COMPACT_FROM:
        for number, (least, letter) in enumerate(SIZES):
            if size >= least:
                shown = round(size / least, 1)
                if shown >= 1000 and number:
                    shown, letter = 1, SIZES[number - 1][1]
                return f"{shown:.0f}{letter}" if shown >= 100 else f"{_trim(shown)}{letter}"
    if unit == "$":
        if 0 < size < 0.01:
            return f"{size:.2g}" if size < 0.0001 else f"{size:.4f}"
        return f"{size:,.0f}" if size == math.floor(size) or size >= 1000 else f"{size:,.2f}"
    if size >= 100 or size == math.floor(size):
        return f"{size:,.0f}"
    return _trim(round(size, 1)) if size >= 1 else f"{size:.2g}"


def _trim(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def width(text: str) -> int:
    """Return how many characters wide a text is drawn; East Asian ones take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def clip(text: str, most: int) -> str:
    """Shorten a text to `most` characters in width, with an ellipsis."""
    if width(text) <= most:
        return text
    kept = ""
    for letter in text:
        if width(kept + letter) >= most:
            break
        kept += letter
    return f"{kept.rstrip()}…"


def apart(text: str) -> str:
    """Isolate a name in a sentence, so that right-to-left text does not reorder what is around."""
    return f"\u2068{text}\u2069"
