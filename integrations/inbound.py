"""A mail that came in, taken apart: who wrote what, in answer to what, and whether a person did.

Whatever stands in it was written by a stranger and is data. Bounces are told apart by what mail
systems write (RFC 3464, and the habits of those that do not), complaints by RFC 5965, automatic
replies by RFC 3834.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email._policybase import Compat32
from email.message import Message
from email.utils import getaddresses, parseaddr
from typing import Literal

from flufl.bounce import all_failures
from mailparser_reply.parser import EmailMessage as Replies

from integrations import mime

Kind = Literal["reply", "auto_reply", "bounce", "complaint"]

LANGUAGES = ("en", "de", "es", "fr", "it", "nl")
MAX_TEXT = 100_000
MAX_READ = 4_000
"""So much of a mail is searched for quotes: the patterns' time grows with the square of it."""

MAX_HEADER = 8_000
MAX_CONTENT_HEADER = 1_000
MOST_BOUNDARIES = 50
"""A mail in mails in mails: each line of the innermost is compared with every boundary."""

MAX_REFERENCES = 50
MAX_ID = 300
MAX_ATTACHMENTS = 30

_ID = re.compile(r"<[^<>\s]{3,298}>")
_ORIGINAL_ID = re.compile(r"^[> \t]*message-id:\s*(<[^<>\s]{3,298}>)", re.IGNORECASE | re.MULTILINE)
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
_SYSTEM = re.compile(r"(mailer-daemon|postmaster|mail-?daemon|mdaemon|microsoftexchange\w*)\b")
_SUBJECT_AUTO = re.compile(
    r"\s*(auto(matic|mated)?[ -]?(reply|response)|autoreply|out[ -]of[ -](the[ -])?office"
    r"|abwesenheit|automatische antwort|r[ée]ponse automatique|respuesta autom[áa]tica"
    r"|risposta automatica|automatisch antwoord)\b",
    re.IGNORECASE,
)
_BOUNDARY = re.compile(rb"\bboundary[\s*\d]{0,900}=", re.IGNORECASE)
_BLANKS = re.compile(r"\n{3,}")
_HEADLINE = re.compile(r"(On|Am|El|Le|Il|Op)\s.{3,200}:")


class Unreadable(Exception):
    """No sense can be made of this mail."""


class _Cut(Compat32):
    """Cuts long headers: to take one apart takes the square of its length, or more."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """Return name and value."""
        name, value = super().header_source_parse(sourcelines)
        content = name.lower().startswith("content-")
        return name, value[: MAX_CONTENT_HEADER if content else MAX_HEADER]


_CUT = _Cut()


@dataclass(frozen=True)
class Failure:
    """An address that could not be reached. `permanent` says that it never will be."""

    address: str
    permanent: bool
    says: str = ""


@dataclass(frozen=True)
class File:
    """A file that came with a mail, not opened."""

    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Parsed:
    """What a mail says of itself. Addresses are lower case, ids in their angle brackets.

    `bounced` holds nothing where a mail system only says that it goes on trying. A complaint's
    `bounced` is whoever complained, where the report says so.
    """

    message_id: str
    in_reply_to: str
    references: tuple[str, ...]
    from_name: str
    from_email: str
    to_email: str
    subject: str
    text: str
    full_text: str
    kind: Kind
    bounced: tuple[Failure, ...] = ()
    original_message_id: str = ""
    attachments: tuple[File, ...] = ()


def parse(raw: bytes) -> Parsed:
    """Return what the mail says. Raises Unreadable."""
    if len(_BOUNDARY.findall(raw)) > MOST_BOUNDARIES:
        raise Unreadable("it has too many parts in parts")
    try:
        message = message_from_bytes(raw, policy=_CUT)
        if not message.keys():
            raise Unreadable("it has no headers")
        return _parse(message)
    # What the libraries beneath raise for a mail that is broken on purpose.
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}"[:500]) from error


def _parse(message: Message) -> Parsed:
    name, sender = _person(message, "From")
    full_text = mime.storable(mime.text(message).replace("\r\n", "\n"), MAX_TEXT)
    ids = _ids(message, "In-Reply-To")
    kind, bounced = _kind(message, sender)
    original = _original_id(message, full_text) if kind in {"bounce", "complaint"} else ""
    return Parsed(
        message_id=next(iter(_ids(message, "Message-ID")), ""),
        in_reply_to=next(iter(ids), ""),
        references=tuple(dict.fromkeys([*ids[1:], *_ids(message, "References")]))[-MAX_REFERENCES:],
        from_name=name,
        from_email=sender,
        to_email=_person(message, "To")[1] or _address(_header(message, "Delivered-To")),
        subject=_header(message, "Subject")[:300],
        text=newest(full_text),
        full_text=full_text,
        kind=kind,
        bounced=bounced,
        original_message_id=original,
        attachments=tuple(_attachments(message)) if kind in {"reply", "auto_reply"} else (),
    )


def newest(full_text: str) -> str:
    """Return what was written this time: without what it quotes, and without its signature."""
    squeezed = _BLANKS.sub("\n\n", full_text)[:MAX_READ]
    found = Replies(text=squeezed, languages=list(LANGUAGES), keep_hyphen_lists=True).read().replies
    body = (found[0].body or "") if found else ""
    kept = [line for line in body.splitlines() if not line.startswith(">")]
    if kept and _HEADLINE.fullmatch(kept[0].strip()):
        kept = kept[1:]
    text = _BLANKS.sub("\n\n", "\n".join(kept)).strip()
    if text or not found:
        return text
    # All of it was taken for a signature, as of who writes “Thanks, …” below the quote.
    own = [
        line
        for line in squeezed.splitlines()
        if not line.startswith(">") and not _HEADLINE.fullmatch(line.strip())
    ]
    return _BLANKS.sub("\n\n", "\n".join(own)).strip()


# Who it is from, and in answer to what


def _header(message: Message, name: str) -> str:
    value = message.get(name)
    return "" if value is None else mime.storable(mime.decoded(value), 1_000)


def _person(message: Message, header: str) -> tuple[str, str]:
    """Return the name and address of the first person a header names."""
    raw = [str(value) for value in message.get_all(header, [])][:5]
    for name, address in getaddresses(raw):
        if found := _address(address):
            return mime.storable(mime.decoded(name), 200), found
    return "", ""


def _address(text: str) -> str:
    address = parseaddr(text)[1].strip().lower()
    good = "@" in address and len(address) <= 254 and not re.search(r"\s", address)
    return mime.storable(address, 254) if good else ""


def _ids(message: Message, header: str) -> list[str]:
    values = " ".join(str(value) for value in message.get_all(header, []))
    return [mime.storable(found, MAX_ID) for found in _ID.findall(values[:20_000])]


# Whether a person wrote it


def _kind(message: Message, sender: str) -> tuple[Kind, tuple[Failure, ...]]:
    if report := _feedback(message):
        # RFC 5965: `not-spam` takes a complaint back.
        if report.get("feedback-type", "").strip().lower() == "not-spam":
            return "auto_reply", ()
        return "complaint", _complainers(report, message)
    if _is_bounce(message, sender):
        return "bounce", _failures(message)
    return ("auto_reply" if _is_automatic(message, sender) else "reply"), ()


def _is_automatic(message: Message, sender: str) -> bool:
    if _from_nobody(message) or (_SYSTEM.match(sender) and not sender.startswith("postmaster@")):
        return True
    says = _header(message, "Auto-Submitted").lower()
    if says and not says.startswith("no"):
        return True
    if any(name in message for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Reply-From")):
        return True
    if _header(message, "Precedence").lower() in {"auto_reply", "bulk", "junk"}:
        return True
    return _SUBJECT_AUTO.match(_header(message, "Subject")) is not None


def _is_bounce(message: Message, sender: str) -> bool:
    """Whether a mail system wrote it to say what became of a mail."""
    if any(part.get_content_type() == "message/delivery-status" for part in _top(message)):
        return True
    if "X-Failed-Recipients" in message:
        return True
    # A small company's owner may well write as postmaster: it takes a report's words too.
    system = _SYSTEM.match(sender.partition("@")[0]) is not None
    return (system or _from_nobody(message)) and any(all_failures(message))


def _from_nobody(message: Message) -> bool:
    return _header(message, "Return-Path").replace(" ", "") == "<>"


def _failures(message: Message) -> tuple[Failure, ...]:
    """Return who could not be reached, as the report's own fields say, else as it is worded."""
    reported = [block for part in _parts(message, "message/delivery-status") for block in part]
    recipients = [block for block in reported if "final-recipient" in block]
    if recipients:
        found = [_reported(block) for block in recipients]
        return tuple(failure for failure in found if failure is not None)
    delayed, failed = all_failures(message)
    says = _said(mime.text(message))
    permanent = is_permanent(says)
    return tuple(
        Failure(address, permanent, says)
        for raw in sorted(failed - delayed)
        if (address := _address(raw.decode("ascii", "replace")))
    )


def _top(message: Message) -> list[Message]:
    """Return the mail and its own parts: what a person forwards is not a report to us."""
    payload = message.get_payload()
    inside = payload if isinstance(payload, list) else []
    return [message, *(part for part in inside if isinstance(part, Message))]


def _parts(message: Message, kind: str) -> Iterator[list[Message]]:
    """Yield the header blocks of each part of that kind."""
    for part in _top(message):
        if part.get_content_type() == kind:
            payload = part.get_payload()
            if isinstance(payload, list):
                yield [block for block in payload if isinstance(block, Message)]


def _reported(block: Message) -> Failure | None:
    """Return one recipient's failure by RFC 3464; None if it was delivered or is tried again."""
    action = str(block.get("action", "")).strip().lower()
    if not action.startswith(("fail", "error")):
        return None
    named = str(block.get("original-recipient") or block.get("final-recipient") or "")
    address = _address(named.rpartition(";")[2])
    status = str(block.get("status", ""))
    says = mime.storable(mime.decoded(str(block.get("diagnostic-code", ""))), 300)
    if not address:
        return None
    code = status if _STATUS.search(status) and not status.strip().endswith(".0.0") else says
    return Failure(address, is_permanent(code or status), says or status.strip())


def _said(text: str) -> str:
    """Return the line of a worded bounce that gives the reason."""
    lines = [line.strip() for line in text.splitlines()[:200]]
    said = next((line for line in lines if _STATUS.search(line)), "")
    said = said or next((line for line in lines if re.search(r"\b[45]\d\d[ -]", line)), "")
    return mime.storable(said, 300)


def is_permanent(code: str) -> bool:
    """Whether an address is gone for good, by the codes of RFC 3463.

    Not so for a full mailbox (5.2.2), nor for security and policy (5.7): that is a refusal of
    this sender or of this mail, which says nothing about whether the address exists.
    """
    if found := _STATUS.search(code):
        kind, subject, detail = found.groups()
        return kind == "5" and subject != "7" and (subject, detail) != ("2", "2")
    return re.search(r"\b4\d\d\b", code) is None


def _feedback(message: Message) -> dict[str, str] | None:
    """Return the fields of an abuse report (RFC 5965), lower-case names."""
    for part in _top(message):
        if part.get_content_type() != "message/feedback-report":
            continue
        payload = part.get_payload()
        if isinstance(payload, list):
            block = payload[0] if payload else Message()
        else:
            block = message_from_bytes(mime.content(part), policy=_CUT)
        if isinstance(block, Message):
            return {name.lower(): mime.decoded(value) for name, value in block.items()}
    return None


def _complainers(report: dict[str, str], message: Message) -> tuple[Failure, ...]:
    named = report.get("original-rcpt-to", "") or next(
        (_header(original, "To") for original in _originals(message)), ""
    )
    address = _address(named)
    return (Failure(address, permanent=True, says="complaint"),) if address else ()


# The mail of ours that it is about


def _original_id(message: Message, text: str) -> str:
    for original in _originals(message):
        if found := _ids(original, "Message-ID"):
            return found[0]
    if found := _ORIGINAL_ID.findall(text):
        return mime.storable(found[0], MAX_ID)
    answered = [*_ids(message, "In-Reply-To"), *reversed(_ids(message, "References"))]
    return answered[0] if answered else ""


def _originals(message: Message) -> Iterator[Message]:
    """Yield the returned mail, or what of its headers was returned."""
    for part in _top(message):
        kind = part.get_content_type()
        payload = part.get_payload()
        if kind == "message/rfc822" and isinstance(payload, list) and payload:
            if isinstance(payload[0], Message):
                yield payload[0]
        elif kind == "text/rfc822-headers":
            yield message_from_bytes(mime.content(part), policy=_CUT)


# What came with it


def _attachments(message: Message) -> Iterator[File]:
    parts = [part for part in message.walk() if not part.is_multipart()]
    files = [part for part in parts if part.get_filename() or _is_file(part)]
    for part in files[:MAX_ATTACHMENTS]:
        yield File(
            filename=_filename(part),
            content_type=mime.storable(part.get_content_type(), 100),
            content=mime.content(part),
        )


def _is_file(part: Message) -> bool:
    attached = part.get_content_disposition() == "attachment"
    return attached or part.get_content_maintype() not in {"text", "multipart", "message"}


def _filename(part: Message) -> str:
    """Return the last part of the name, as a label: nothing is ever stored under it."""
    name = mime.decoded(part.get_filename() or "")
    return mime.storable(re.split(r"[/\\]", name)[-1], 200)
