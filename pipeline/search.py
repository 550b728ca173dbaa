"""Finding leads by how the words in their name, company and address begin, from an index.

docs/decisions/0022-found-by-how-words-begin.md says why not by trigrams.
"""

import re
from typing import Any, TypeVar

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Func, QuerySet, TextField, Value
from django.db.models.functions import Concat, Left, Lower

Q = TypeVar("Q", bound=QuerySet[Any])

WORD = re.compile(r"[^\W_]+")
MOST_WORDS = 6

SEARCHED = 2_000
"""How much of a message is searched, in characters."""


def _words(*parts: str | Left) -> SearchVector:
    """Return the words of these columns; what an address or a hyphen joins are several."""
    spaced = [piece for part in parts for piece in (part, Value(" "))][:-1]
    apart = Func(
        Concat(*spaced, output_field=TextField()),
        Value("@._-+/'"),
        Value("       "),
        function="translate",
        output_field=TextField(),
    )
    return SearchVector(apart, config="simple")


WORDS = _words("name", "company", "email")
"""Who it is."""

TEXT = _words("name", "company", "email", "subject", Left("message", SEARCHED))
"""Who it is and what they wrote."""

PROSPECT = _words("name", "domain", "place", "industry", "email")
"""Which company it is."""

COMPANY = Func(
    Lower("name"),
    Value(r"\y(the|llc|inc|ltd|limited|co|corp|company|gmbh|plc)\y|[^[:alnum:]]+"),
    Value(""),
    Value("g"),
    function="regexp_replace",
    output_field=TextField(),
)
"""A company's name without what two writers write differently: its legal form, blanks, dots."""


def matching(leads: Q, text: str, among: SearchVector = WORDS) -> Q:
    """Return those of whom each word of `text` begins a word; none when it has no word."""
    words = WORD.findall(text)[:MOST_WORDS]
    if not words:
        return leads.none()
    asked = " & ".join(f"{word}:*" for word in words)
    query = SearchQuery(asked, search_type="raw", config="simple")
    found: Q = leads.alias(words=among).filter(words=query)
    return found
