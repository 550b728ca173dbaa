"""The words in a mail anybody may have written, in any shape."""

import html
import re
from email.errors import HeaderParseError
from email.header import Header, decode_header
from email.message import Message

import nh3

_LINE_END = re.compile(r"<br\s*/?>|</(?:p|div|h[1-6]|li|tr|blockquote)\s*>", re.IGNORECASE)
MOST_TAGS = 10_000

_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


def decoded(value: str | Header) -> str:
    """Return a header in one line, its encoded words read."""
    try:
        chunks = decode_header(value)
    except HeaderParseError:
        chunks = [(str(value), None)]
    words = [
        chunk if isinstance(chunk, str) else characters(chunk, charset) for chunk, charset in chunks
    ]
    return " ".join("".join(words).split())


def characters(data: bytes, charset: str | None) -> str:
    """Return the text, with a replacement character for whatever is none."""
    try:
        return data.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return data.decode(errors="replace")


def text(message: Message) -> str:
    """Return the first plain text there is, else the words of the first HTML.

    Raises RecursionError for parts in parts by the thousand.
    """
    parts = [part for part in message.walk() if not part.is_multipart()]
    shown = [part for part in parts if part.get_content_disposition() != "attachment"]
    for kind in ("text/plain", "text/html"):
        for part in shown:
            if part.get_content_type() == kind:
                found = characters(content(part), part.get_content_charset())
                return words(found) if kind == "text/html" else found
    return ""


def content(part: Message) -> bytes:
    """Return what a part that has no parts holds."""
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def words(markup: str) -> str:
    """Return the words of a piece of HTML, nothing of it fetched or run."""
    shown = _LINE_END.sub("\\g<0>\n", few_tags(markup, MOST_TAGS))
    plain = html.unescape(nh3.clean(shown, tags=set()))
    return "\n".join(line.strip() for line in plain.strip().splitlines())


def few_tags(markup: str, most: int) -> str:
    """Return a piece of HTML up to its `most`-th tag: parsers take the square of their depth."""
    return "<".join(markup.split("<", most)[:most])


def storable(found: str, limit: int) -> str:
    """Return at most `limit` characters, none of which Postgres refuses."""
    return _UNSTORABLE.sub("�", found)[:limit]
