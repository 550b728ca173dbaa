"""The lead rubric: which signals count, how rules find them, and how they add up to a score."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from agents import phrases, untrusted
from pipeline.finding import addresses, trades

TRACKING = re.compile(
    r"_|utm|page|form|url|referr?er|campaign|source|landing|consent|privacy|captcha|user_?agent|ip$"
    r"|.*(?:clid|_id|token)$",
    re.I,
)
"""Fields a form adds by itself; what stands in them is not the lead's."""
VOLUME = re.compile(
    r"budget|volume|spend|employees|headcount|(?:team|company|business)[ _-]?size|locations?$"
    r"|(?:calls|leads|jobs|customers)(?:$|[ _-]per)",
    re.I,
)
ENOUGH_WORDS = 25
THIN_WORDS = 5
PROMPT_BYTES = 6_000
"""Of the lead's words a model reads this much: a long message must not look like a token spike."""
MENTIONED = 0.3
WHY_CHARS = 300

SELF = r"\b(?:we|i)(?:'re| are| am|'m| run| own| represent| operate| manage) (?:[\w-]+ ){0,4}"
OF_OTHERS = re.compile(
    r"\b(?:our|my|last|former|another|unhappy|tired|done|fed up|working)\b", re.I
)


@dataclass(frozen=True)
class Signal:
    """One thing worth points: positive ones add up to 100, negative ones take away.

    What can be counted is `counted` by code, whoever decides; all else a model must prove by the
    lead's own words.
    """

    name: str
    dimension: str
    points: int
    question: str
    counted: bool = False


SIGNALS: dict[str, Signal] = {
    signal.name: signal
    for signal in (
        Signal("industry", "fit", 14, "Is it one of the industries of the ideal customer?"),
        Signal("place", "fit", 6, "Is it in one of the ideal customer's places?"),
        Signal("own_domain", "fit", 5, "Do they have a domain of their own?", counted=True),
        Signal("company", "fit", 5, "Do they name a company?", counted=True),
        Signal("problem", "intent", 10, "Do they describe a problem we solve?"),
        Signal("price", "intent", 8, "Do they ask what it costs?"),
        Signal("talk", "intent", 5, "Do they ask for a call, a demo or a meeting?"),
        Signal("service", "intent", 7, "Do they ask whether or how we do something?"),
        Signal("detail", "engagement", 8, "Did they take the trouble to explain?", counted=True),
        Signal("phone", "engagement", 5, "Did they leave a phone number?", counted=True),
        Signal("question", "engagement", 4, "Is there a question to answer?"),
        Signal("wrote_before", "engagement", 3, "Have they written before?", counted=True),
        Signal("soon", "timing", 12, "Do they want it soon, or name a date?"),
        Signal("budget", "timing", 8, "Do they name a budget or a volume?"),
        Signal("excluded", "against", -30, "Are they somebody the agency does not serve?"),
        Signal("job_seeker", "against", -40, "Are they looking for a job?"),
        Signal("spam", "against", -60, "Is it spam, or do they sell something?"),
    )
}


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
    booked: bool = False

    def words(self) -> str:
        """Return everything the lead wrote, as one text."""
        extra = [f"{key}: {_shown(value)}" for key, value in self.fields.items()]
        return "\n".join(part for part in (self.subject, self.message, *extra) if part)

    def said(self) -> str:
        """Return what they said themselves: no field's name, and nothing a form adds."""
        extra = [_shown(v) for key, v in self.fields.items() if not TRACKING.match(key)]
        return "\n".join(part for part in (self.subject, self.message, *extra) if part)

    def identity(self) -> str:
        """Return who they say they are, as one text."""
        return "\n".join((self.name, self.company, self.website, self.email))

    def as_prompt(self, note: str = "") -> str:
        """Return the prompt's data part: the agency's wishes plain, the lead's words fenced."""
        wishes = "\n".join(f"{key}: {', '.join(value)}" for key, value in self.icp.items())
        lead = f"{self.identity()}\nPhone: {self.phone}\nEarlier messages: {self.earlier}"
        words = self.words().encode(errors="replace")[:PROMPT_BYTES].decode(errors="ignore")
        parts = [
            f"Ideal customer of {self.agency}:\n{wishes}",
            untrusted.fence("lead", f"{lead}\n\n{words}"),
        ]
        if note:
            parts.append(f"The operator's note on the last draft: {note}")
        return "\n\n".join(parts)


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


class Judged(BaseModel):
    """How strongly one signal shows, why, and the lead's own words for it."""

    signal: str
    strength: float = Field(ge=0, le=1)
    why: str = Field(max_length=WHY_CHARS)
    quote: str = Field(default="", max_length=400)

    @field_validator("why", mode="before")
    @classmethod
    def short_why(cls, value: object) -> object:
        """Cut a model's reason: structured output does not keep to a length."""
        return value[:WHY_CHARS] if isinstance(value, str) else value

    @field_validator("quote", mode="before")
    @classmethod
    def short_quote(cls, value: object) -> object:
        """Cut a model's quote; the start of a verbatim quote is one as well."""
        return value[:400] if isinstance(value, str) else value


def verified(judged: list[Judged], facts: LeadFacts) -> tuple[list[Judged], list[str]]:
    """Return a model's judgements as far as they are proven, and the signals that were not.

    What the lead never wrote proves nothing: such a judgement is dropped, and so is one of a signal
    that is unknown or counted; the rules judge those. What it says in its own words keeps no link.
    """
    source = f"{facts.identity()}\n{facts.words()}"
    kept = {item.signal: item for item in judge(facts)}
    by_rules = dict(kept)
    unproven: list[str] = []
    for item in judged:
        signal = SIGNALS.get(item.signal)
        if signal is None or signal.counted or kept[item.signal] is not by_rules[item.signal]:
            continue
        proven = untrusted.is_quoted(item.quote, source)
        if item.strength > 0 and not proven:
            unproven.append(item.signal)
            continue
        why = signal.question if untrusted.holds_address(item.why) else item.why
        quote = item.quote if proven else ""
        kept[item.signal] = item.model_copy(update={"why": why, "quote": quote})
    return list(kept.values()), unproven


def judge(facts: LeadFacts) -> list[Judged]:
    """Judge every signal by rules: phrases in the words, matches with the ideal customer."""
    said = facts.said()
    domain = facts.email.rpartition("@")[2].lower()
    own = bool(domain) and not addresses.is_free(domain)
    words = len(said.split())
    counted = [
        _holds("own_domain", own or bool(facts.website), "has a domain", "has no domain"),
        _holds("company", bool(facts.company), f"names {facts.company}", "names no company"),
        _holds("phone", _has_phone(facts), "left a phone number", "left no phone number"),
        _holds("wrote_before", facts.earlier > 0, "has written before", "writes the first time"),
        Judged(
            signal="detail",
            strength=round(min(1.0, words / ENOUGH_WORDS), 2),
            why=f"wrote {words} words",
        ),
    ]
    found = counted + [_phrase(name, phrases.find(name, said), said) for name in phrases.COMPILED]
    found += [
        _phrase("spam", phrases.find_spam(said), said),
        _listed("industry", "industries", "is what you look for", facts),
        _listed("place", "places", "is where you work", facts),
        _excluded(facts),
    ]
    by_name = {item.signal: item for item in found}
    if not by_name["problem"].strength:
        named = _listed("problem", "keywords", "is a problem you solve", facts)
        by_name["problem"] = named if named.quote else by_name["problem"]
    if not by_name["budget"].strength:
        by_name["budget"] = _volume(facts) or by_name["budget"]
    return [by_name[name] for name in SIGNALS]


def _has_phone(facts: LeadFacts) -> bool:
    return bool(facts.phone) or phrases.PHONE.search(facts.said()) is not None


def _holds(signal: str, holds: bool, yes: str, no: str) -> Judged:
    return Judged(signal=signal, strength=float(holds), why=(yes if holds else no)[:WHY_CHARS])


def _phrase(signal: str, match: re.Match[str] | None, said: str) -> Judged:
    if match is None:
        return Judged(signal=signal, strength=0, why="nothing of the kind")
    why = "asks something" if signal == "question" else f"says “{match.group(0).strip()[:80]}”"
    return Judged(signal=signal, strength=1, why=why, quote=phrases.sentence(said, match.start()))


def _volume(facts: LeadFacts) -> Judged | None:
    """Read a form's own field for a budget or a volume."""
    for key, value in facts.fields.items():
        if VOLUME.search(key) and re.search(r"\d", _shown(value)):
            said = f"{key}: {_shown(value)}"[: phrases.QUOTE_CHARS].split("\n")[0].strip()
            return Judged(signal="budget", strength=1, why=f"filled in {key[:80]}", quote=said)
    return None


def _listed(signal: str, wish: str, why: str, facts: LeadFacts) -> Judged:
    """Match any of the ideal customer's words of one sort; a wish nobody stated earns half."""
    wanted = [word.strip() for word in facts.icp.get(wish, []) if word.strip()]
    if not wanted:
        return Judged(signal=signal, strength=0.5, why=f"you have named no {wish} yet")
    texts = (facts.said(),) if signal == "problem" else (facts.said(), facts.identity())
    for text in texts:
        for word in wanted:
            match = trades.find(word, text)
            if match:
                quote = phrases.sentence(text, match.start())
                return Judged(signal=signal, strength=1, why=f"{word[:80]} {why}", quote=quote)
    if signal == "industry" and (word := _in_domain(wanted, facts)):
        return Judged(signal=signal, strength=1, why=f"{word[:80]} is in their domain")
    return Judged(signal=signal, strength=0, why=f"none of your {wish}")


def _in_domain(wanted: list[str], facts: LeadFacts) -> str:
    """Return the industry a web or mail address is named after: harborplumbing.example."""
    domains = f"{facts.website} {facts.email.rpartition('@')[2]}".casefold()
    return next((word for word in wanted if len(word) > 3 and word.casefold() in domains), "")


def _excluded(facts: LeadFacts) -> Judged:
    """Weigh whom the agency does not serve: what they are fully, what they only mention little."""
    identity, said = facts.identity(), facts.said().translate(phrases.STRAIGHT)
    found = Judged(signal="excluded", strength=0, why="none of your exclusions")
    for word in facts.icp.get("exclusions", []):
        name = re.escape(word.strip())
        if not name:
            continue
        why = f"is on your list of exclusions: {word[:80]}"
        if match := re.search(rf"\b{name}", identity, re.I):
            quote = phrases.sentence(identity, match.start())
            return Judged(signal="excluded", strength=1, why=why, quote=quote)
        match = re.search(rf"{SELF}{name}", said, re.I)
        if match and not OF_OTHERS.search(match.group(0)):
            quote = phrases.sentence(facts.said(), match.start())
            return Judged(signal="excluded", strength=1, why=why, quote=quote)
        match = re.search(rf"\b{name}", said, re.I)
        if match and not found.strength:
            quote = phrases.sentence(facts.said(), match.start())
            why = f"mentions {word[:80]}, which you exclude"
            found = Judged(signal="excluded", strength=MENTIONED, why=why, quote=quote)
    return found


def unclear(facts: LeadFacts, *, by_rules: bool) -> str:
    """Return why the words cannot be judged, or nothing: a no would then be a guess."""
    said = facts.said()
    if len(said.split()) < THIN_WORDS:
        return "they wrote too little to be judged"
    if by_rules and not phrases.is_english(said):
        return "it is not in English, which is all the rules read"
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
