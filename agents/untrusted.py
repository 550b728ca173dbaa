"""Text from outside is data. It is fenced before a model sees it, and what a model says of it is
checked against it."""

import re
import secrets
import unicodedata

SPACES = re.compile(r"\s+")
WORDS = re.compile(r"\w+")
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
QUOTED = re.compile(r"[“„\"«]([^“”„\"«»]{3,})[”“\"»]")
ADDRESS = re.compile(
    r"\w://|\bwww\b|\b(?:mailto|tel|javascript):|@\w|\w[.。．｡](?=[^\W\d_]{2})(?!(?-i:[A-Z][a-z]))"  # noqa: RUF001
    r"|\bdot (?:com|net|org|io)\b|\[\.\]|\]\(|(?:\d[ ().-]{0,2}){7}",
    re.I,
)
SHOWN_CONTROLS = "\r\n\t"
ORDERS = re.compile(
    r"\b(?:ignor\w+|disregard\w*|forget|overrid\w+|bypass\w*) (?:\w+ ){0,4}"
    r"(?:instructions?|prompts?|rules|guidelines|directions|guardrails|training)\b"
    r"|\b(?:your|system|hidden|initial|original|previous|above) (?:system )?"
    r"(?:prompt|instructions|configuration)\b"
    r"|\b(?:system|developer) (?:message|override|notice|mode)\b|\bjailbreak|\bprompt injection"
    r"|\b(?:notes?|message|attention|instructions?) (?:to|for) (?:all |any )?(?:ai|llm|bots?)\b"
    r"|\bdear (?:ai|llm|language model|assistant|bot)\b"
    r"|\b(?:you are|as) (?:an? )?(?:large )?(?:language model|llm|helpful assistant)\b"
    r"|\b(?:score|rate|rank|grade|classif\w+|mark|qualif\w+|set) (?:\w+ ){0,4}"
    r"(?:as |at |to |with |of |is )?(?:100|10/10|maximum|highest|full marks|perfect|qualified)\b"
    r"|\b(?:strength|score|status|points) ?[:=] ?\"?(?:\d|qualified)"
    r"|\b(?:reply|respond|answer|output) (?:only|exactly|just|verbatim)\b"
    r"|\b(?:includ\w+|insert\w*|add|put|append|use|follow|click|open|visit) (?:\w+ ){0,3}"
    r"(?:link|url|address)\b"
    r"|\b(?:change|replace|set) (?:\w+ ){0,6}(?:recipient|reply[- ]to|e-?mail(?: address)?)\b"
    r"|\b(?:send|forward|b?cc) (?:\w+ ){0,6}(?:instead )?to \S+@|\bb?cc:? \S+@"
    r"|</?[\w ]{0,20}(?:lead|system|assistant|user|instructions?|prompt)\b|\[/?INST\]|<\||^\W{0,5}"
    r"(?:system|assistant|instructions?) ?:",
    re.I | re.M,
)
"""How people talk to a machine and not to the agency it works for."""


def fence(label: str, text: str) -> str:
    """Return `text` between markers that it cannot forge, for use in a prompt."""
    mark = secrets.token_hex(8)
    return f"<{label} id={mark}>\n{text}\n</{label} id={mark}>"


def is_quoted(quote: str, source: str) -> bool:
    """Whether `quote` stands in `source` word for word; white space and case do not count."""
    wanted = _flat(quote)
    return bool(wanted) and wanted in _flat(source)


def _flat(text: str) -> str:
    return SPACES.sub(" ", text).strip().casefold()


def gives_orders(text: str) -> bool:
    """Whether `text` talks to a machine; a guess that errs on the side of yes."""
    shown = _visible(text)
    return any(ORDERS.search(each) for each in (shown, SPACES.sub(" ", shown)))


def holds_address(text: str) -> bool:
    """Whether a reader or a mail program would take part of `text` for a link, an e-mail address
    or a phone number; a guess that errs on the side of yes."""
    return _visible(text) != text or ADDRESS.search(unicodedata.normalize("NFKC", text)) is not None


def misquotes(text: str, source: str) -> list[str]:
    """Return what `text` puts between quotation marks though `source` does not say it."""
    quotes = (quote.strip(" ,.;:!?") for quote in QUOTED.findall(text))
    return [quote for quote in quotes if quote and not is_quoted(quote, source)]


def strange_numbers(text: str, source: str) -> list[str]:
    """Return the numbers of `text` that `source` does not have."""
    known = set(NUMBER.findall(source.replace(",", "")))
    return [found for found in NUMBER.findall(text.replace(",", "")) if found not in known]


def repeats(text: str, secret: str, words: int = 8) -> bool:
    """Whether `text` says so many words in a row of `secret`."""
    said = WORDS.findall(text.casefold())
    kept = WORDS.findall(secret.casefold())
    runs = {tuple(kept[at : at + words]) for at in range(len(kept) - words + 1)}
    return any(tuple(said[at : at + words]) in runs for at in range(len(said) - words + 1))


def _visible(text: str) -> str:
    """Return `text` without characters that show nothing, such as zero-width spaces."""
    return "".join(
        char
        for char in text
        if char in SHOWN_CONTROLS or unicodedata.category(char) not in ("Cc", "Cf", "Co", "Cs")
    )
