"""The sandbox mailbox as the operator reads it: a Maildir, newest first, read-only.

Anybody may have written these messages, in any shape; whatever is in the folder can be shown.
"""

import contextlib
import datetime as dt
import heapq
import os
import re
from dataclasses import dataclass
from email import message_from_bytes
from email.parser import BytesHeaderParser
from pathlib import Path

from django.conf import settings

from integrations import mime

FOLDERS = ("new", "cur")
# Seconds, microseconds, process and number of a delivery, as Python's own mailbox module writes it.
_DELIVERY = re.compile(r"(\d{1,11})\.(?:M(\d+))?(?:P\d+)?(?:Q(\d+))?")


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
    headers = [(name, mime.decoded(value)) for name, value in items]
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


def _text(content: bytes) -> str:
    try:
        return mime.text(message_from_bytes(content))
    except RecursionError:
        return ""  # `raw` has it
