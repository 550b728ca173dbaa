"""The sandbox mailbox as the operator reads it: a Maildir, newest first, read-only.

Anybody may have written these messages, in any shape; whatever is in the folder can be shown.
"""

import contextlib
import datetime as dt
import heapq
import html
import os
import re
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import Header, decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path

import nh3
from django.conf import settings

FOLDERS = ("new", "cur")
# Seconds, microseconds, process and number of a delivery, as Python's own mailbox module writes it.
_DELIVERY = re.compile(r"(\d{1,11})\.(?:M(\d+))?(?:P\d+)?(?:Q(\d+))?")
_LINE_END = re.compile(r"<br\s*/?>|</(?:p|div|h[1-6]|li|tr|blockquote)\s*>", re.IGNORECASE)


class MailNotFound(LookupError):
    """There is no such mail in the sandbox mailbox."""


@dataclass(frozen=True)
class Mail:
    """A mail as it arrived. `sender` and `recipient` are the headers, else the envelope's."""

    key: str
    received_at: dt.datetime
    sender: str
    recipient: str
    subject: str
    text: str
    headers: list[tuple[str, str]]
    raw: str
    message_id: str


def count() -> int:
    return len(_paths())


def list_mail(limit: int = 50, offset: int = 0) -> list[Mail]:
    """Return `limit` mails, newest first, after the `offset` newest; only these are opened."""
    newest = heapq.nlargest(offset + limit, _paths(), key=lambda path: _order(path.name))
    found = []
    for path in newest[offset:]:
        try:
            found.append(_read(path))
        except FileNotFoundError:
            continue  # somebody removed it just now
    return found


def get_mail(key: str) -> Mail:
    """Return one mail. Raises MailNotFound."""
    for path in _paths():
        if path.name == key:
            try:
                return _read(path)
            except FileNotFoundError:
                break
    raise MailNotFound(key)


def _paths() -> list[Path]:
    found = []
    for folder in FOLDERS:
        path = Path(settings.MAILBOX_DIR) / folder
        with contextlib.suppress(FileNotFoundError):
            found += [path / name for name in os.listdir(path) if not name.startswith(".")]
    return found


def _order(name: str) -> tuple[int, int, int]:
    found = _DELIVERY.match(name)
    if found is None:
        return (0, 0, 0)
    seconds, micro, number = found.groups(default="0")
    return (int(seconds), int(micro), int(number))


def _read(path: Path) -> Mail:
    content = path.read_bytes()
    seconds, micro, _ = _order(path.name)
    items = BytesHeaderParser().parsebytes(content).items()
    headers = [(name, _decoded(value)) for name, value in items]
    first = {name.lower(): value for name, value in reversed(headers)}
    return Mail(
        key=path.name,
        received_at=dt.datetime.fromtimestamp(seconds, dt.UTC).replace(microsecond=micro % 10**6),
        sender=first.get("from") or first.get("x-envelope-from", ""),
        recipient=first.get("to") or first.get("x-envelope-to", ""),
        subject=first.get("subject", ""),
        text=_text(content),
        headers=headers,
        raw=content.decode(errors="replace"),
        message_id=first.get("message-id", ""),
    )


def _decoded(value: str | Header) -> str:
    """Return a header in one line, its encoded words read."""
    try:
        chunks = decode_header(value)
    except HeaderParseError:
        chunks = [(str(value), None)]
    words = [
        chunk if isinstance(chunk, str) else _characters(chunk, charset)
        for chunk, charset in chunks
    ]
    return " ".join("".join(words).split())


def _characters(data: bytes, charset: str | None) -> str:
    try:
        return data.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return data.decode(errors="replace")


def _text(content: bytes) -> str:
    """Return the first plain text there is, else the words of the first HTML."""
    try:
        parts = [part for part in message_from_bytes(content).walk() if not part.is_multipart()]
    except RecursionError:
        return ""  # parts in parts by the thousand; `raw` has them
    shown = [part for part in parts if part.get_content_disposition() != "attachment"]
    for kind in ("text/plain", "text/html"):
        for part in shown:
            if part.get_content_type() == kind:
                text = _payload(part)
                return _words(text) if kind == "text/html" else text
    return ""


def _payload(part: Message) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    return _characters(data, part.get_content_charset())


def _words(markup: str) -> str:
    plain = html.unescape(nh3.clean(_LINE_END.sub("\\g<0>\n", markup), tags=set()))
    return "\n".join(line.strip() for line in plain.strip().splitlines())
