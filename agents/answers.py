"""The first answer to a lead: what it is for, its wording by rules, what a model may not say."""

import re
from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, Field

from agents import phrases, rubric, untrusted
from agents.rubric import LeadFacts
from pipeline.models import Lead

Purpose = Literal["invite", "ask", "decline"]

SUBJECT_CHARS = 150
FIRST_NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|['’-]){0,29}")
ANSWERED = re.compile(r"^(?:(?:re|aw|fwd?) ?: ?)+", re.I)
TITLES = frozenset({"mr", "mrs", "ms", "dr", "prof", "sir", "the", "a"})
MINUTES = "20"
MONEY = re.compile(
    r"[$€£¥] ?\d[\d.,]*|\d[\d.,]* ?(?:%|per ?cent|usd|eur|dollars?|euros?|pounds|cents?)"
    r"|[$€£¥%]",
    re.I,
)
PROMISE = re.compile(
    r"guarant|refund|discount|money[- ]back|\bfor free\b|\bfree (?:of|trial|setup|month|pilot|work)"
    r"|\bat no (?:cost|charge)|\bi (?:promise|agree|confirm|accept)\b|\bwe (?:promise|agree|confirm"
    r"|accept)\b",
    re.I,
)


class Draft(BaseModel):
    """An answer: a subject line and a body without links, addresses or signature."""

    subject: str = Field(max_length=200)
    body: str = Field(max_length=2_500)


def purpose(facts: LeadFacts, status: str, *, by_rules: bool) -> Purpose:
    """Return what to write for. Who cannot be judged is asked, not turned away."""
    if status == Lead.Status.QUALIFIED:
        return "invite"
    if status == Lead.Status.REVIEW or rubric.unclear(facts, by_rules=by_rules):
        return "ask"
    return "decline"


WHY = {
    "invite": "Qualified: offers the booking link while they are interested.",
    "ask": "Unclear: asks the one thing that would decide it.",
    "decline": "Not a fit: says so politely and promptly.",
}

TASK = {
    "invite": f"invite them to a {MINUTES}-minute call; the booking link is added for you",
    "ask": "ask the one question whose answer would tell whether we can help",
    "decline": "say kindly that we are not the right fit",
}

WORDING = {
    "invite": f"Would a {MINUTES}-minute call suit you? I will show you what we would do first, and"
    " what it would take.",
    "ask": "So that I can tell you honestly whether we can help: what would you most like to have"
    " taken off your hands, and by when?",
    "decline": "From what you describe we are not the right people for this, and I would rather say"
    " so now than take your time. If things change, just answer this mail.",
}


def template(facts: LeadFacts, wanted: Purpose, *, short: bool) -> Draft:
    """Return the rules' answer: their own words back, unless `short`, and the next step."""
    lines = [greeting(facts.name), "Thank you for writing to us."]
    if not short and wanted != "decline":
        found = {item.signal: _repeatable(item.quote, facts) for item in rubric.judge(facts)}
        if found["problem"]:
            lines.append(
                f"You wrote: “{found['problem']}” That is the first thing we would look at."
            )
        if found["question"] and wanted == "invite" and found["question"] != found["problem"]:
            lines.append(f"You asked: “{found['question']}” I would like to answer that properly.")
    lines.append(WORDING[wanted])
    return Draft(subject=reply_subject(facts.subject), body="\n\n".join(lines))


def greeting(name: str) -> str:
    """Return how a mail to somebody of this name begins."""
    first = first_name(name)
    return f"Hi {first}," if first else "Hello,"


def first_name(name: str) -> str:
    """Return the first name as one writes it; nothing where it does not look like one."""
    first = next(iter(name.split()), "")
    if not FIRST_NAME.fullmatch(first) or first.casefold() in TITLES:
        return ""
    if first.islower() or (first.isupper() and len(first) > 2):
        first = first.capitalize()
    return first


def reply_subject(subject: str) -> str:
    """Return theirs, answered; not what would make a reader click, or read as a promise of ours."""
    plain = re.sub(
        r"^(?:\s*(?:re|aw|fwd?)\s*:)+", "", " ".join(subject.split()), flags=re.I
    ).strip()
    if not plain or untrusted.holds_address(plain) or untrusted.gives_orders(plain):
        return "Re: your message"
    if MONEY.search(plain) or PROMISE.search(plain):
        return "Re: your message"
    return f"Re: {plain[:SUBJECT_CHARS]}"


def _repeatable(quote: str, facts: LeadFacts) -> str:
    """Return the quote on one line if it may be sent to whoever owns the address they left."""
    if quote not in f"{facts.subject}\n{facts.message}":
        return ""
    if len(quote) >= phrases.QUOTE_CHARS:
        return ""
    if untrusted.holds_address(quote) or untrusted.gives_orders(quote):
        return ""
    return " ".join(quote.replace("“", "").replace("”", "").split())


def objections(draft: Draft, facts: LeadFacts, told: str, secret: str) -> Iterator[str]:
    """Say what a model's draft holds that neither the lead nor the operator has said.

    `told` is what the operator told it, the only source of prices; `secret` it may not repeat.
    """
    text = f"{draft.subject}\n{draft.body}"
    source = f"{facts.identity()}\n{facts.words()}\n{facts.agency}\n{facts.sender}\n{told}"
    if not draft.body.strip():
        yield "nothing at all"
    if untrusted.holds_address(text):
        yield "a link, an address or a number to call"
    claims = [*MONEY.findall(text), *PROMISE.findall(text)]
    if any(not untrusted.is_quoted(claim.strip(" ,."), told) for claim in claims):
        yield "a price, a result or a promise"
    if untrusted.strange_numbers(text, f"{source} {MINUTES}"):
        yield "a number nobody gave it"
    if untrusted.misquotes(text, source):
        yield "a quote nobody wrote"
    if untrusted.repeats(text, secret):
        yield "its own instructions"


def signed(body: str, facts: LeadFacts, wanted: Purpose) -> str:
    """Add the booking link, from the profile alone, and the signature."""
    parts = [body.strip()]
    if wanted == "invite" and facts.booking_url:
        parts.append(f"Pick a time here: {facts.booking_url}")
    parts.append(f"Best,\n{facts.sender}\n{facts.agency}")
    return "\n\n".join(parts)
