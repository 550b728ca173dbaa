"""What a cold mail says of a company must stand in a fact that was found.

A claim names the fact it rests on, and its words must be the fact's. A sentence about them that is
neither a claim, nor a question, nor the operator's own template, claims too much.
"""

import re
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict, Field

SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
ABOUT_THEM = re.compile(r"\b(?:you|your|yours|you’re|you're)\b", re.I)
WORD = re.compile(r"[^\W\d_]{4,}")
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
QUOTED = re.compile(r"[“\"]([^“”\"]{3,})[”\"]")
COMMON = frozenset(
    [
        "about",
        "also",
        "been",
        "both",
        "from",
        "have",
        "here",
        "into",
        "just",
        "like",
        "more",
        "most",
        "much",
        "near",
        "only",
        "other",
        "over",
        "same",
        "some",
        "such",
        "than",
        "that",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "through",
        "very",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "will",
        "with",
        "would",
        "your",
        "yours",
        "site",
        "website",
        "company",
        "read",
        "saw",
        "noticed",
    ]
)
ENOUGH = 0.6


class Claim(BaseModel):
    """Words of the mail, and the fact they rest on."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=500)
    fact: int


def objection(
    text: str, claims: Iterable[Claim], facts: Mapping[int, str], *, own: str, company: str
) -> str:
    """Return what in `text`, subject and body, no fact supports, or nothing.

    `facts` maps each fact's id to its claim and quote; `own` is what the operator wrote: the
    template and the profile.
    """
    claims = list(claims)
    for claim in claims:
        if claim.fact not in facts:
            return f"it claims “{claim.text}” from a fact that does not exist"
        if _flat(claim.text) not in _flat(text):
            return f"it names a claim that it does not make: “{claim.text}”"
        if not _rests_on(claim.text, f"{facts[claim.fact]} {company}"):
            return f"no fact says “{claim.text}”"
    known = " ".join([*facts.values(), own, company])
    numbers = set(NUMBER.findall(known))
    for number in NUMBER.findall(text):
        if number not in numbers:
            return f"no fact has the number {number}"
    for quote in QUOTED.findall(text):
        if _flat(quote).strip(" .,;!?…") not in _flat(known):
            return f"nobody wrote “{quote}”"
    for sentence in SENTENCE.split(text):
        if _says_of_them(sentence, company) and not _covered(sentence, claims, own, company):
            return f"no fact supports “{sentence.strip()}”"
    return ""


def _says_of_them(sentence: str, company: str) -> bool:
    if sentence.strip().endswith("?"):
        return False
    named = bool(company) and company.casefold() in sentence.casefold()
    return named or ABOUT_THEM.search(sentence) is not None


def _covered(sentence: str, claims: Iterable[Claim], own: str, company: str) -> bool:
    flat = _flat(sentence)
    if any(_flat(claim.text) in flat or flat in _flat(claim.text) for claim in claims):
        return True
    return _rests_on(flat.replace(_flat(company), " ") if company else flat, own)


def _rests_on(text: str, source: str) -> bool:
    """Whether most of the words that say something stand in `source`."""
    said = {word.casefold() for word in WORD.findall(text)} - COMMON
    known = {word.casefold() for word in WORD.findall(source)}
    return not said or len(said & known) / len(said) >= ENOUGH


def _flat(text: str) -> str:
    return " ".join(text.split()).casefold()
