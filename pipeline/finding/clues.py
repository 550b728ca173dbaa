"""What plain words on a page give away: signals that make it timely, and what it suffers from.

English only. Every pattern is linear in the text, because a stranger writes the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

QUOTE_CHARS = 200
END = re.compile(r"[.!?]+(?=\s|$)|\n")

SIGNALS = {
    "hiring": re.compile(
        r"\b(?:we(?:'re| are)|now|is|are|currently) hiring\b|\bhiring (?:now|an?|for|\d+)\b"
        r"|\bjoin our (?:growing )?team\b|\b(?:open|job) (?:positions?|openings?|vacanc\w+)\b"
        r"|\bhelp wanted\b|\blooking (?:for|to hire) (?:an? )?(?:\w+ ){0,3}(?:technicians?"
        r"|receptionists?|assistants?|plumbers?|dentists?|hygienists?|electricians?|dispatchers?)\b",
        re.I,
    ),
    "funding": re.compile(
        r"\brais(?:es|ed|ing) (?:\w+ ){0,3}(?:[$€£]\s?\d|\d+ million)"
        r"|\b(?:seed|series [a-e]) (?:round|funding)\b|\bfunding round\b"
        r"|\b(?:secur|receiv|clos)\w+ (?:\w+ |[$€£]\S+ ){0,5}(?:funding|investment|financing)\b",
        re.I,
    ),
    "new location": re.compile(
        r"\bopen(?:s|ed|ing)? (?:\w+ ){0,5}(?:location|office|branch|store|clinic|showroom|shop)\b"
        r"|\b(?:new|second|third|fourth|fifth) (?:location|office|branch|clinic|shop|store)\b"
        r"|\bexpand(?:s|ed|ing)? (?:in)?to\b|\bnow (?:open|serving) in\b|\bgrand opening\b",
        re.I,
    ),
    "bad reviews": re.compile(
        r"\b[12](?:\.\d)? (?:out of 5|of 5|stars?)\b|\b(?:one|two)[- ]star\b"
        r"|\b(?:bad|negative|poor|angry) reviews?\b|\bnever (?:called|wrote|got) (?:\w+ )?back\b"
        r"|\b(?:no one|nobody) (?:ever )?(?:answer|call|pick)\w*",
        re.I,
    ),
    "slow replies": re.compile(
        r"\b(?:within|in|allow|up to|takes?) (?:\w+ )?(?:to )?"
        r"(?:[2-9]|two|three|four|five|24|48|72)(?:[-–]\d+)? (?:to \d+ )?(?:business |working )?"
        r"(?:days|hours)\b|\bslow (?:to )?(?:repl|respon|answer)\w*"
        r"|\bwait(?:ed|ing)? (?:\w+ ){0,3}(?:days|weeks)\b",
        re.I,
    ),
}
"""The signals with a name; any other an ideal customer names is looked for word for word."""

PAINS = {
    "Customers have to call to book.": re.compile(
        r"\b(?:please )?call (?:us )?(?:today )?(?:to|for) (?:book|schedul|make|an? (?:appointment|"
        r"quote|estimate|free))\w*|\bby (?:tele)?phone only\b|\bbookings? (?:\w+ ){0,2}by phone\b",
        re.I,
    ),
    "Calls they cannot take end at a voicemail.": re.compile(
        r"\bleave (?:us )?an? (?:voice ?)?message\b|\bvoice ?mail\b|\banswering machine\b", re.I
    ),
    "Answers take days.": SIGNALS["slow replies"],
    "Nobody answers outside office hours.": re.compile(
        r"\bclosed (?:on )?(?:weekends?|saturdays?|sundays?|evenings?)\b"
        r"|\b(?:during|within) (?:our )?(?:business|office|opening) hours\b",
        re.I,
    ),
    "Customers miss calls and appointments.": re.compile(
        r"\bno[- ]shows?\b|\bmissed (?:calls?|appointments?)\b", re.I
    ),
    "Forms are filled in by hand.": re.compile(
        r"\bfax\b|\b(?:print|download) (?:and |our |the |this |out )*(?:\w+ )?(?:form|pdf)\b", re.I
    ),
    "Customers complain in reviews.": SIGNALS["bad reviews"],
}
"""What an automation agency can mend, by what a page says of itself."""

SIZE = re.compile(
    r"\b(?:team|staff|crew) of (?:over |more than |about |around )?(\d{1,5})\b"
    r"|\b(\d{1,5})\+? (?:employees|technicians|team members|people on our team|staff)\b",
    re.I,
)


@dataclass(frozen=True)
class Clue:
    """Something found in a text: what it says, and the sentence that says so."""

    name: str
    quote: str


def sentence(text: str, at: int) -> str:
    """Return the sentence of `text` at a position, at most QUOTE_CHARS of it around there."""
    start, end = 0, len(text)
    for mark in END.finditer(text):
        if mark.end() > at:
            end = mark.end()
            break
        start = mark.end()
    if end - start > QUOTE_CHARS:
        start = max(start, at - QUOTE_CHARS // 2)
        end = min(end, start + QUOTE_CHARS)
    return text[start:end].strip()


def signals(text: str, wanted: list[str]) -> Iterator[Clue]:
    """Return the wanted signals that show in a text, each once."""
    for name in wanted:
        pattern = SIGNALS.get(name.strip().casefold())
        if pattern is None:
            pattern = re.compile(rf"(?<!\w){re.escape(name.strip())}", re.I)
        match = pattern.search(text) if name.strip() else None
        if match:
            yield Clue(name.strip(), sentence(text, match.start()))


def pains(text: str) -> Iterator[Clue]:
    """Return what a page suffers from, each once."""
    for claim, pattern in PAINS.items():
        match = pattern.search(text)
        if match:
            yield Clue(claim, sentence(text, match.start()))


def size(text: str) -> tuple[int, str] | None:
    """Return how many people work there by the page's own words, and those."""
    match = SIZE.search(text)
    if match is None:
        return None
    return int(match.group(1) or match.group(2)), sentence(text, match.start())
