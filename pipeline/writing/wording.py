"""The wording of a step: a text with placeholders, checked, and filled from what is known."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.models import SequenceStep

MOST_WORDS = 120
"""A cold mail is one idea; longer ones are read less."""

LINKEDIN_LENGTH = 300
"""LinkedIn takes no longer note with an invitation."""

SUBJECT = "A question about {company}"
"""Of a mail whose wording has none."""

PLACEHOLDERS = {
    "first_name": "The person’s first name; “there” if nobody is known",
    "company": "The company’s name",
    "place": "Its city and region",
    "industry": "Its trade, as the ideal customer names it",
    "fact": "What it does, as its own site says it",
    "signal": "Why now: hiring, a new location, bad reviews",
    "pain": "What goes wrong there, as it was found",
    "quote": "Their own words, verbatim, from the page they stand on",
    "sender_name": "Your name",
    "agency": "Your agency’s name",
}
"""Every placeholder and what it stands for."""

NAMED = re.compile(r"\{([^{}]*)\}")
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Filled:
    """A text with its placeholders filled, and those nothing is known for."""

    text: str
    missing: tuple[str, ...] = ()


def problems(channel: str, subject: str, body: str) -> dict[str, str]:
    """Return what is wrong with a wording, by field: nothing may go out half filled."""
    found = {}
    if channel == SequenceStep.Channel.EMAIL:
        if not subject.strip():
            found["subject"] = "A mail needs a subject."
        elif "\n" in subject or "\r" in subject:
            found["subject"] = "A subject is one line."
        elif wrong := _unknown(subject):
            found["subject"] = wrong
        words = len(_WORD.findall(body))
        if words > MOST_WORDS:
            found["body"] = f"{words} words: a cold mail has at most {MOST_WORDS}."
    elif channel == SequenceStep.Channel.LINKEDIN and len(body) > LINKEDIN_LENGTH:
        found["body"] = f"{len(body)} characters: LinkedIn takes {LINKEDIN_LENGTH} in a note."
    if not body.strip():
        found["body"] = "There is nothing to say yet."
    elif wrong := _unknown(body):
        found["body"] = wrong
    return found


def _unknown(text: str) -> str:
    names = [name for name in NAMED.findall(text) if name not in PLACEHOLDERS]
    if names:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        return f"There is no placeholder {{{names[0]}}}. There are: {known}."
    if any(brace in NAMED.sub("", text) for brace in "{}"):
        return "A brace stands alone; a placeholder is a name in a pair of them."
    return ""


def fill(text: str, known: Mapping[str, str]) -> Filled:
    """Fill the placeholders; one that nothing is known for stays as it is and is named."""
    missing = {name: None for name in NAMED.findall(text) if not known.get(name)}
    filled = NAMED.sub(lambda found: known.get(found[1]) or found[0], text)
    return Filled(filled, tuple(missing))
