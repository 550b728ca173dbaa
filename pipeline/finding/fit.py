"""How well a company fits an ideal customer: points from 0 to 100, each with its reason."""

import re
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from pipeline.finding import clues, places, trades
from pipeline.models import IdealCustomer

WEIGHTS = {"industry": 40, "place": 25, "size": 10, "signals": 15, "keywords": 10}
"""Points for each wish that is met; a wish nobody stated counts as met."""

NOT_SAID = 0.5
"""What is worth of a wish that the text says nothing about: it may be so."""

MUST = ("industry", "place", "size")
MOST_IF_NOT = 50
"""Who is known to be of another trade, elsewhere, or too big, gets no more points than these."""

REASON_CHARS = 300


class Ideal(BaseModel):
    """An ideal customer as it stood when something was measured against it."""

    model_config = ConfigDict(extra="forbid")

    name: str = ""
    industries: list[str] = Field(default_factory=list)
    places: list[str] = Field(default_factory=list)
    signals: list[str] = Field(default_factory=list)
    keywords: list[str] = Field(default_factory=list)
    exclusions: list[str] = Field(default_factory=list)
    min_employees: int | None = None
    max_employees: int | None = None
    min_fit: int = 60
    timezone: str = ""


def ideal(row: IdealCustomer) -> Ideal:
    """Return the wishes of an ideal customer."""
    return Ideal.model_validate({name: getattr(row, name) for name in Ideal.model_fields})


@dataclass(frozen=True)
class Part:
    """One wish: what it gave of what it could, why, and the words it rests on."""

    name: str
    points: float
    max: int
    why: str
    quote: str = ""


@dataclass(frozen=True)
class Fit:
    """How well it fits, and why, in one sentence."""

    points: int
    reason: str
    parts: tuple[Part, ...]
    signals: tuple[clues.Clue, ...]
    excluded: str = ""


def measure(
    wanted: Ideal,
    text: str,
    *,
    identity: str = "",
    industry: str = "",
    place: str = "",
    employees: int | None = None,
    unknown: float = NOT_SAID,
) -> Fit:
    """Weigh what is known of a company against the wishes.

    `unknown` is the share of a wish's points that is given where nothing is said about it.
    Whoever is an exclusion by its `identity`, or by the text where there is none, gets no point.
    """
    showing = tuple(clues.signals(text, wanted.signals))
    for word in wanted.exclusions:
        found = trades.find(word.strip(), identity or text) if word.strip() else None
        if found:
            why = f"Not a fit: {word} is one of your exclusions."
            return Fit(0, why[:REASON_CHARS], (), showing, excluded=word)
    parts = (
        _industry(wanted, text, industry, unknown),
        _place(wanted, text, place, unknown),
        _size(wanted, employees, unknown),
        _signals(wanted, showing),
        _keywords(wanted, text),
    )
    points = min(100, round(sum(part.points for part in parts)))
    if any(part.points == 0 for part in parts if part.name in MUST):
        points = min(points, MOST_IF_NOT)
    return Fit(points, _reason(points, parts), parts, showing)


def _part(name: str, share: float, why: str, quote: str = "") -> Part:
    return Part(name, WEIGHTS[name] * share, WEIGHTS[name], why, quote)


def _industry(wanted: Ideal, text: str, said: str, unknown: float) -> Part:
    if not wanted.industries:
        return _part("industry", 1, "")
    for word in filter(str.strip, wanted.industries):
        for where in (said, text):
            match = trades.find(word.strip(), where)
            if match:
                return _part("industry", 1, word.strip(), clues.sentence(where, match.start()))
    return _part("industry", 0 if said else unknown, "")


def _place(wanted: Ideal, text: str, said: str, unknown: float) -> Part:
    if not wanted.places:
        return _part("place", 1, "")
    for word in filter(str.strip, wanted.places):
        for where in (said, text):
            match = places.find(word, where)
            if match:
                return _part("place", 1, word.strip(), clues.sentence(where, match.start()))
    return _part("place", 0 if said else unknown, "")


def _size(wanted: Ideal, employees: int | None, unknown: float) -> Part:
    least, most = wanted.min_employees, wanted.max_employees
    if least is None and most is None:
        return _part("size", 1, "")
    if employees is None:
        return _part("size", unknown, "")
    fits = (least is None or employees >= least) and (most is None or employees <= most)
    return _part("size", float(fits), f"{employees} people" if fits else "")


def _signals(wanted: Ideal, showing: tuple[clues.Clue, ...]) -> Part:
    if not wanted.signals:
        return _part("signals", 1, "")
    if not showing:
        return _part("signals", 0, "")
    return _part("signals", 1, ", ".join(clue.name for clue in showing), showing[0].quote)


def _keywords(wanted: Ideal, text: str) -> Part:
    if not wanted.keywords:
        return _part("keywords", 1, "")
    for word in filter(str.strip, wanted.keywords):
        match = re.search(rf"(?<!\w){re.escape(word.strip())}", text, re.I)
        if match:
            quote = clues.sentence(text, match.start())
            return _part("keywords", 1, f"mentions {word.strip()}", quote)
    return _part("keywords", 0, "")


def _reason(points: int, parts: tuple[Part, ...]) -> str:
    """Say in one sentence what speaks for it, and what does not."""
    by_name = {part.name: part for part in parts}
    what = by_name["industry"].why.capitalize() or "A company"
    where = f" in {by_name['place'].why}" if by_name["place"].why else ""
    shown = [f"shows {by_name['signals'].why}"] if by_name["signals"].why else []
    others = [by_name[name].why for name in ("keywords", "size") if by_name[name].why]
    missing = [name for name in MUST if by_name[name].points == 0]
    if missing:
        others.append(f"not your {' nor your '.join(missing)}")
    said = "; ".join([f"{what}{where}", *shown, *others])
    return f"{said[: REASON_CHARS - 25]}: {points} of 100 points."
