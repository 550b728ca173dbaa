"""A mail that came in, as far as the person it is for cares."""

import contextlib
import re
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

LINK = re.compile(r"<\s*(https?://[^>\s]+)\s*>")
ID = re.compile(r"<[^<>\s]+>")
ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9.-]+")
ADDRESSES = re.compile(r"https?://[^\s<>\"]+")
TIME = re.compile(
    r"\b(?P<day>(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)\b[^\n]*?"
    r"\b(?P<hour>\d{1,2}:\d\d(?:\s?[ap]\.?m\b)?|\d{1,2}\s?[ap]\.?m\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Letter:
    """`sender` and `recipient` are the envelope's; `raw` is the mail without the envelope."""

    sender: str
    recipient: str
    raw: bytes
    from_name: str
    reply_to: str
    subject: str
    message_id: str
    references: str
    text: str
    unsubscribe: str
    cold: bool
    automatic: bool

    @property
    def id(self) -> str:
        """What tells it from all others; the same mail sent twice is one."""
        known = self.message_id or sha256(self.raw).hexdigest()
        return sha256(f"{known} {self.recipient}".encode()).hexdigest()

    def link(self, part: str) -> str:
        """Return the first address in the text whose path has `part` in it."""
        found = (address.rstrip(".,;:!?)") for address in ADDRESSES.findall(unquoted(self.text)))
        return next((address for address in found if part in urlsplit(address).path), "")


def read(sender: str, recipient: str, raw: bytes) -> Letter:
    """Read a mail, whatever state it is in.

    Cold is what can be unsubscribed from; an answer to somebody cannot.
    """
    # The newer policies raise errors at what is hardly a header.
    found = message_from_bytes(raw)
    name, address = parseaddr(_header(found, "From"))
    unsubscribe = _header(found, "List-Unsubscribe")
    link = LINK.search(unsubscribe)
    identity = ID.search(_header(found, "Message-ID"))
    answers = [parseaddr(_header(found, "Reply-To"))[1], address, sender]
    return Letter(
        sender=sender if ADDRESS.fullmatch(sender) else "",
        recipient=recipient.lower(),
        raw=raw,
        from_name=name,
        reply_to=next(filter(ADDRESS.fullmatch, answers), ""),
        subject=_header(found, "Subject"),
        message_id=identity.group() if identity else "",
        references=" ".join(ID.findall(_header(found, "References"))),
        text=_text(found),
        unsubscribe=link.group(1) if link else "",
        cold=bool(unsubscribe),
        automatic=_header(found, "Auto-Submitted").lower() not in {"", "no"},
    )


def unquoted(text: str) -> str:
    """Return a text without the lines it quotes."""
    return "\n".join(line for line in text.splitlines() if not line.startswith(">"))


def times(text: str) -> list[str]:
    """Return the times a mail lists, as one would say them: Tuesday at 10:00."""
    found = (TIME.search(line) for line in unquoted(text).splitlines())
    return [f"{one['day']} at {one['hour'].strip()}" for one in found if one]


def _header(found: Message, name: str) -> str:
    """Return a header's words on one line."""
    words = str(found.get(name, ""))
    with contextlib.suppress(LookupError, ValueError, HeaderParseError):
        words = str(make_header(decode_header(words)))
    return " ".join(words.encode(errors="replace").decode().split())


def _text(found: Message) -> str:
    parts = [part for part in found.walk() if part.get_content_maintype() == "text"]
    plain = [part for part in parts if part.get_content_subtype() == "plain"] or parts
    content = plain[0].get_payload(decode=True) if plain else b""
    return content.decode(errors="replace") if isinstance(content, bytes) else ""


def kept(maildir: Path, key: str, recipient: str) -> Letter:
    """Read a mail from where it is kept. Raises FileNotFoundError."""
    # A mail program that was pointed at the folder moves what it has shown.
    read_since = next((maildir / "cur").glob(f"{key}:*"), None)
    raw = (read_since or maildir / "new" / key).read_bytes()
    head, _, rest = raw.partition(b"\n")
    sender = head.removeprefix(b"X-Envelope-From: <").rstrip(b">").decode(errors="replace")
    return read(sender, recipient, rest.partition(b"\n")[2])
