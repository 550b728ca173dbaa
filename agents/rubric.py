"""The lead rubric: which signals count, how rules find them, and how they add up to a score."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from agents import untrusted

FREE_MAIL = frozenset(
    (
        *("gmail.com", "googlemail.com", "yahoo.com", "hotmail.com", "outlook.com", "live.com"),
        *("icloud.com", "aol.com", "gmx.com", "gmx.de", "web.de", "proton.me", "protonmail.com"),
        *("mail.com", "yandex.com"),
    )
)
SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
QUOTE_CHARS = 180
ENOUGH_WORDS = 25


@dataclass(frozen=True)
class Signal:
    """One thing worth points: positive ones add up to 100, negative ones take away."""

    name: str
    dimension: str
    points: int
    question: str
    in_words: bool = False  # must be proven by the lead's own words


SIGNALS: dict[str, Signal] = {
    signal.name: signal
    for signal in (
        Signal("industry", "fit", 14, "Is it one of the industries of the ideal customer?"),
        Signal("place", "fit", 6, "Is it in one of the ideal customer's places?"),
        Signal("own_domain", "fit", 5, "Do they write from a domain of their own?"),
        Signal("company", "fit", 5, "Do they name a company?"),
        Signal("problem", "intent", 10, "Do they describe a problem we solve?", in_words=True),
        Signal("price", "intent", 8, "Do they ask what it costs?", in_words=True),
        Signal("talk", "intent", 5, "Do they ask for a call, a demo or a meeting?", in_words=True),
        Signal(
            "service", "intent", 7, "Do they ask whether or how we do something?", in_words=True
        ),
        Signal("detail", "engagement", 8, "Did they take the trouble to explain?"),
        Signal("phone", "engagement", 5, "Did they leave a phone number?"),
        Signal("question", "engagement", 4, "Is there a question to answer?", in_words=True),
        Signal("wrote_before", "engagement", 3, "Have they written before?"),
        Signal("soon", "timing", 12, "Do they want it soon, or name a date?", in_words=True),
        Signal("budget", "timing", 8, "Do they name a budget or a volume?", in_words=True),
        Signal("excluded", "against", -30, "Are they somebody the agency does not serve?"),
        Signal("job_seeker", "against", -40, "Are they looking for a job?", in_words=True),
        Signal("spam", "against", -60, "Is it spam, or do they sell something?", in_words=True),
    )
}

PHRASES = {
    "problem": (
        r"miss(?:ed|ing)?",
        r"lose|losing|lost",
        r"no[- ]?shows?",
        r"slow|late|overwhelmed",
        r"too many",
        r"can'?t keep up",
        r"struggl\w+",
        r"problem|behind on|forget\w*",
        r"never (?:call|answer)\w*",
        r"after hours",
        r"by hand|manual\w*",
    ),
    "price": (r"prices?|pricing|costs?|how much|quote|rates?|fees?|per month",),
    "talk": (
        r"call me|give me a call|a call",
        r"demo|meet|meeting|talk|speak|chat",
        r"schedule|book a|appointment",
    ),
    "service": (
        r"do you|can you|could you|does it|are you able|how do(?:es)?",
        r"work with|integrat\w+",
        r"help (?:us|me)",
    ),
    "soon": (
        r"asap|urgent\w*|right away|immediately|soon",
        r"today|tomorrow",
        r"(?:this|next) (?:week|month|quarter)",
        r"by (?:monday|tuesday|wednesday|thursday|friday)",
        r"by the end",
        r"in (?:january|february|march|april|may|june|july|august)",
        r"in (?:september|october|november|december)",
        r"before (?:the )?(?:season|summer|winter|christmas)",
    ),
    "job_seeker": (
        r"my (?:cv|resume|résumé)",
        r"job opening|are you hiring|internship|apply for",
        r"looking for (?:a )?(?:job|work|position)",
    ),
    "spam": (
        r"seo services|backlinks?|guest posts?|rank(?:ing)? (?:your|you)",
        r"crypto\w*|bitcoin",
        r"casino|viagra|loan offer|lottery|investment opportunity",
        r"we (?:offer|provide|are a leading)",
        r"increase your (?:traffic|sales|ranking)",
        r"web ?site redesign",
        r"outsourc\w+ (?:company|team)",
        r"dear (?:sir|webmaster)",
    ),
}
PATTERNS = {name: rf"\b(?:{'|'.join(phrases)})\b" for name, phrases in PHRASES.items()} | {
    "question": r"\?",
    "budget": r"\$\s?\d|\b(?:\d[\d,.]*\s?(?:usd|dollars|eur|euros?|k|a month|per month)|budget"
    r"|\d+ (?:calls|leads|jobs|customers|patients|appointments|locations|trucks|employees))\b",
}
COMPILED = {name: re.compile(pattern, re.I) for name, pattern in PATTERNS.items()}


class LeadFacts(BaseModel):
    """All a run looks at: what the lead sent, and what the agency is after."""

    model_config = ConfigDict(extra="forbid")

    name: str = ""
    email: str = ""
    phone: str = ""
    company: str = ""
    website: str = ""
    subject: str = ""
    message: str = ""
    fields: dict[str, Any] = Field(default_factory=dict)
    source: str = ""
    earlier: int = 0
    score: int | None = None
    status: str = "new"
    icp: dict[str, list[str]] = Field(default_factory=dict)
    agency: str = ""
    sender: str = ""
    booking_url: str = ""

    def words(self) -> str:
        """Return everything the lead wrote, as one text."""
        extra = "\n".join(f"{key}: {value}" for key, value in self.fields.items())
        return "\n".join(part for part in (self.subject, self.message, extra) if part)

    def identity(self) -> str:
        """Return who they say they are, as one text."""
        return "\n".join((self.name, self.company, self.website, self.email))

    def as_prompt(self, note: str = "") -> str:
        """Return the prompt's data part: the agency's wishes plain, the lead's words fenced."""
        wishes = "\n".join(f"{key}: {', '.join(value)}" for key, value in self.icp.items())
        lead = f"{self.identity()}\nPhone: {self.phone}\nEarlier messages: {self.earlier}"
        parts = [
            f"Ideal customer of {self.agency}:\n{wishes}",
            untrusted.fence("lead", f"{lead}\n\n{self.words()}"),
        ]
        if note:
            parts.append(f"The operator's note on the last draft: {note}")
        return "\n\n".join(parts)


class Judged(BaseModel):
    """How strongly one signal shows, why, and the lead's own words for it."""

    signal: str
    strength: float = Field(ge=0, le=1)
    why: str = Field(max_length=300)
    quote: str = Field(default="", max_length=400)


def verified(judged: list[Judged], facts: LeadFacts) -> list[Judged]:
    """Return a model's judgements without unknown signals and without words nobody wrote."""
    source = f"{facts.identity()}\n{facts.words()}"
    kept: dict[str, Judged] = {}
    for item in judged:
        signal = SIGNALS.get(item.signal)
        if signal is None or item.signal in kept:
            continue
        proven = untrusted.is_quoted(item.quote, source)
        if signal.in_words and item.strength > 0 and not proven:
            continue
        kept[item.signal] = item if proven else item.model_copy(update={"quote": ""})
    return list(kept.values())


def judge(facts: LeadFacts) -> list[Judged]:
    """Judge every signal by rules: patterns in the words, matches with the ideal customer."""
    text = facts.words()
    everything = f"{facts.identity()}\n{text}"
    words = len(facts.message.split())
    domain = facts.email.rpartition("@")[2]
    found = [
        _listed("industry", "industries", "is what you look for", everything, facts),
        _listed("place", "places", "is where you work", everything, facts),
        _plain(
            "own_domain",
            bool(domain) and domain not in FREE_MAIL,
            f"writes from {domain}",
            "writes from a free mailbox" if domain else "left no e-mail address",
        ),
        _plain("company", bool(facts.company), f"names {facts.company}", "names no company"),
        Judged(
            signal="detail",
            strength=round(min(1.0, words / ENOUGH_WORDS), 2),
            why=f"wrote {words} words",
        ),
        _plain("phone", bool(facts.phone), "left a phone number", "left no phone number"),
        _plain(
            "wrote_before",
            facts.earlier > 0,
            f"has written {facts.earlier} times before",
            "writes for the first time",
        ),
        _listed("excluded", "exclusions", "is on your list of exclusions", everything, facts),
    ]
    found += [_pattern(name, text) for name in COMPILED]
    problem = next(item for item in found if item.signal == "problem")
    if problem.strength == 0:
        named = _listed("problem", "keywords", "is a problem you solve", text, facts)
        found[found.index(problem)] = named if named.strength else problem
    return found


def _plain(signal: str, holds: bool, yes: str, no: str) -> Judged:
    return Judged(signal=signal, strength=float(holds), why=yes if holds else no)


def _pattern(signal: str, text: str) -> Judged:
    match = COMPILED[signal].search(text)
    if match is None:
        return Judged(signal=signal, strength=0, why="nothing of the kind")
    return Judged(
        signal=signal,
        strength=1,
        why=f"says “{match.group(0).strip()}”" if signal != "question" else "asks something",
        quote=_sentence(text, match.start()),
    )


def _listed(signal: str, wish: str, why: str, text: str, facts: LeadFacts) -> Judged:
    """Match any of the ideal customer's words of one sort; a wish nobody stated earns half."""
    wanted = facts.icp.get(wish, [])
    if not wanted:
        strength = 0.0 if SIGNALS[signal].points < 0 else 0.5
        return Judged(signal=signal, strength=strength, why=f"you have named no {wish} yet")
    for word in wanted:
        match = re.search(rf"\b{re.escape(word)}", text, re.I)
        if match:
            return Judged(
                signal=signal,
                strength=1,
                why=f"{word} {why}",
                quote=_sentence(text, match.start()),
            )
    return Judged(signal=signal, strength=0, why=f"none of your {wish}")


def _sentence(text: str, at: int) -> str:
    for match in SENTENCE.finditer(text):
        if match.start() <= at < match.end():
            return match.group(0).strip()[:QUOTE_CHARS]
    return ""


def default_weights() -> dict[str, float]:
    """Return every signal's default points."""
    return {name: float(signal.points) for name, signal in SIGNALS.items()}


def total(
    judged: list[Judged], weights: dict[str, float]
) -> tuple[int, list[dict[str, str | float]]]:
    """Return the score, 0 to 100, and each signal's part of it.

    The score is the sum of weight × strength over all signals, rounded and clamped. Signals
    nobody judged count nothing; negative ones are listed only when they cost something.
    """
    by_name = {item.signal: item for item in judged}
    parts: list[dict[str, str | float]] = []
    for name, signal in SIGNALS.items():
        weight = weights.get(name, float(signal.points))
        item = by_name.get(name) or Judged(signal=name, strength=0, why="nothing found")
        points = round(weight * item.strength, 1)
        if signal.points < 0 and points == 0:
            continue
        parts.append(
            {
                "dimension": signal.dimension,
                "signal": name,
                "points": points,
                "max": weight if weight > 0 else 0.0,
                "why": item.why,
                "quote": item.quote,
            }
        )
    score = round(sum(float(part["points"]) for part in parts))
    return max(0, min(100, score)), parts


def reason(score: int, status: str, parts: list[dict[str, str | float]]) -> str:
    """Return the score in a sentence: what spoke most for it, what against."""
    best = sorted(parts, key=lambda part: -float(part["points"]))[:3]
    speaks = "; ".join(str(part["why"]) for part in best if float(part["points"]) > 0)
    against = "; ".join(str(part["why"]) for part in parts if float(part["points"]) < 0)
    text = f"{score} points, {status}: {speaks or 'nothing speaks for it'}"
    return f"{text}. Against it: {against}" if against else text
