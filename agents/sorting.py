"""What an answer to a cold mail is, by how people word it, where no model is asked."""

import re

from pipeline.models import InboundMail

Label = InboundMail.Label

UNSUBSCRIBE = re.compile(
    r"\bunsubscribe\b|\b(?:remove|take) (?:me|us|this address)\b|\bstop (?:e-?mail|writ|contact|"
    r"send)ing\b|\b(?:do not|don[’']t|never) (?:e-?mail|contact|write|message)\b"
    r"|\boff (?:your|this|the) (?:mailing )?list\b|\bopt[- ]?out\b|\bgdpr\b"
    r"|\breport(?:ed)? .{0,20}spam\b",
    re.I,
)
AWAY = re.compile(
    r"\bout of (?:the )?office\b|\bon (?:vacation|holiday|leave|parental leave)\b"
    r"|\bautomatic reply\b|\bauto[- ]?reply\b|\b(?:back|return(?:ing)?) (?:in the office )?on\b",
    re.I,
)
NO = re.compile(
    r"\bnot (?:interested|for us|a fit|relevant|needed)\b|\bno,? thank|\bno thanks\b"
    r"|\b(?:we|i)(?:[’']re| are| am|[’']m)? (?:all set|good|happy with (?:what|our))\b"
    r"|\balready (?:have|use|work with)\b|\bwe (?:do not|don[’']t) need\b|\bplease don[’']t\b"
    r"|\bpass on this\b",
    re.I,
)
REFERRAL = re.compile(
    r"\b(?:talk|speak|write|reach out|get in touch|contact|e-?mail|forward(?:ed|ing)?)\b.{0,40}"
    r"\b(?:colleague|partner|office manager|manager|owner|husband|wife|boss|instead)\b"
    r"|\bright person\b|\b(?:is|would be) the (?:one|person)\b|\bhandles (?:this|that|our)\b"
    r"|\bcc(?:[’']?ing|[’']?d|ed)?\b.{0,30}\bwho\b",
    re.I | re.S,
)
LATER = re.compile(
    r"\b(?:later|next (?:quarter|year|month|spring|summer|fall|winter)|in (?:a few|a couple of|"
    r"two|three|six|\d+) (?:weeks|months)|after (?:the )?(?:season|holidays|summer|new year)"
    r"|not (?:right )?now|busy (?:season|right now)|circle back|check back|try (?:me|us) again)\b",
    re.I,
)
READY = re.compile(
    r"\b(?:like|want|ready|hope|plan) to (?:start|begin)\b.{0,20}"
    r"\b(?:now|soon|asap|today|right away|this (?:week|month)|next (?:week|month)|before)\b"
    r"|\bwant (?:this|it|that) before\b",
    re.I,
)
"""When they want to begin is not when they want to be asked again."""
YES = re.compile(
    r"\b(?:interested|sounds (?:good|great|interesting|useful)|tell me more"
    r"|let[’']?s (?:talk|do|set)|(?:happy|love|like) to (?:talk|hear|see|chat|learn)"
    r"|set up a (?:call|time)|book a (?:call|time)|call me|give me a call"
    r"|send (?:me|us|over) (?:more|some|the|a|your)|when (?:can|could) (?:we|you)"
    r"|yes,? please|we (?:need|could use)|that would help|good timing|count us in)\b",
    re.I,
)
QUESTION = re.compile(r"\?")


def label(text: str, *, subject: str = "", automatic: bool = False) -> tuple[str, str]:
    """Return the label of an answer, and the words that say so.

    Peace first: who asks to be left alone is, whatever else they write.
    """
    said = f"{subject}\n{text}" if _is_own(subject) else text
    tests = [
        (Label.UNSUBSCRIBE, UNSUBSCRIBE),
        (Label.OUT_OF_OFFICE, AWAY),
        (Label.NOT_INTERESTED, NO),
        (Label.REFERRAL, REFERRAL),
        (Label.INTERESTED, READY),
        (Label.LATER, LATER),
        (Label.INTERESTED, YES),
        (Label.QUESTION, QUESTION),
    ]
    if automatic:
        return Label.OUT_OF_OFFICE, "it was sent by a machine"
    for found, words in tests:
        match = words.search(said)
        if match:
            return found, f"“{' '.join(match.group().split())}”"
    return Label.QUESTION, "it fits nothing else, so you should read it"


def _is_own(subject: str) -> bool:
    """Whether they wrote the subject themselves; after “Re:” it is ours."""
    return not re.match(r"\s*(?:re|aw|sv|antw|fwd?)\s*:", subject, re.I)
