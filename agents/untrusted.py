"""Text from outside is data. It is fenced before a model sees it, and what a model says of it is
checked against it."""

import re
import secrets

SPACES = re.compile(r"\s+")


def fence(label: str, text: str) -> str:
    """Return `text` between markers that it cannot forge, for use in a prompt."""
    mark = secrets.token_hex(8)
    return f"<{label} id={mark}>\n{text}\n</{label} id={mark}>"


def is_quoted(quote: str, source: str) -> bool:
    """Whether `quote` stands in `source` word for word; white space and case do not count."""
    wanted = SPACES.sub(" ", quote).strip().casefold()
    return bool(wanted) and wanted in SPACES.sub(" ", source).casefold()
