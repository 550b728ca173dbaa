"""Mail over SMTP: one message to one person on a connection of its own.

With `EMAIL_URL` set mail goes to that provider (`smtp://user:password@host:587`,
`smtps://user:password@host:465`), without it to the sandbox mailbox. smtplib's own `sendmail`
cannot tell a message that surely was not taken from one that may have been; hence step by step.
"""

import contextlib
import datetime as dt
import hashlib
import re
import smtplib
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email import policy
from email.charset import QP, Charset
from email.encoders import encode_base64
from email.header import Header
from email.message import Message as MimeMessage
from email.utils import format_datetime, formataddr
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

import idna
from django.conf import settings
from django.core.mail.utils import DNS_NAME
from django.utils import timezone

from integrations import signing
from integrations.errors import OutcomeUnknown, RecipientRefused, ServiceError

World = Literal["sandbox", "real"]
# `auto` encrypts where the server can; a password is never sent in clear.
Tls = Literal["direct", "on", "auto", "off"]

CONNECT_SECONDS = 10.0
REPLY_SECONDS = 20.0
GOODBYE_SECONDS = 2.0

# Names that belong to nobody: RFC 2606, RFC 6761.
RESERVED_TOP = frozenset({"example", "test", "invalid", "localhost"})
RESERVED_DOMAINS = frozenset({"example.com", "example.net", "example.org"})

# What may not be in a header, nor what str.splitlines() takes for the end of a line.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"
_LOCAL_PART = re.compile(rf"{_ATOM}(\.{_ATOM})*", re.ASCII)
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_OWN_HEADERS = frozenset(
    {
        "bcc",
        "cc",
        "date",
        "from",
        "message-id",
        "mime-version",
        "reply-to",
        "sender",
        "subject",
        "to",
    }
)

_UTF8 = Charset("utf-8")
_UTF8.body_encoding = QP  # a server need not take 8bit, nor lines over 998 bytes
# The newer policies encode a long word such as an unsubscribe link beyond recognition.
_WIRE = policy.compat32.clone(linesep="\r\n")


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a mail.

    With a `method` (REQUEST, CANCEL) it is an invitation: the reader's program shows it as one
    beside the text (RFC 6047), and the file goes along for those that do not.
    """

    filename: str
    content_type: str
    content: bytes = field(repr=False)
    method: str = ""


@dataclass(frozen=True)
class Message:
    """A plain-text mail to one person; `message_id` comes in its angle brackets.

    Signed if there is a `dkim` key. `via` is the mail server it goes through, as an address like
    EMAIL_URL, which it is without; the sandbox has one of its own for all.
    """

    message_id: str
    from_name: str
    from_email: str
    to_name: str
    to_email: str
    subject: str
    text: str
    reply_to: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    dkim: signing.Key | None = None
    via: str = field(default="", repr=False)


@dataclass(frozen=True)
class Receipt:
    """What the server said when it took the message over, and when."""

    message_id: str
    server_reply: str
    at: dt.datetime


@dataclass(frozen=True)
class _Server:
    host: str
    port: int
    hello: str
    user: str = ""
    password: str = field(default="", repr=False)
    tls: Tls = "auto"


def world() -> World:
    """Return whether mail reaches real people or stays in the sandbox mailbox."""
    return "real" if settings.EMAIL_URL else "sandbox"


def send(
    message: Message,
    *,
    before_data: Callable[[], None] | None = None,
    timeout: float = REPLY_SECONDS,
) -> Receipt:
    """Hand the message to the server, once.

    `before_data` is called when the server has agreed to sender and recipient, right before it is
    given the message; what it raises passes through, and nothing was sent. `timeout` is in
    seconds, for each reply. Raises ServiceError when the message surely was not taken, and
    OutcomeUnknown when it may have been.
    """
    sender, recipient = _address(message.from_email), _recipient(message.to_email)
    if world() == "real" and _is_reserved(recipient):
        raise RecipientRefused(f"{recipient} is a made-up address: no real mail to it")
    message_id, data = _render(message, sender, recipient)
    server = _server(message.via)
    with _nothing_sent(server):
        smtp = _open(server, timeout)
    try:
        with _nothing_sent(server):
            _expect(2, smtp.mail(sender))
            _expect_recipient(smtp.rcpt(recipient))
        if before_data is not None:
            before_data()
        with _nothing_sent(server):
            _expect(3, smtp.docmd("DATA"))
            smtp.send(re.sub(rb"(?m)^\.", b"..", data))
        if before_data is not None:
            before_data()  # the server may have taken its time; without the dot it drops it all
        reply = _hand_over(smtp)
    except BaseException:
        smtp.close()
        raise
    else:
        _say_goodbye(smtp)
    return Receipt(message_id=message_id, server_reply=reply, at=timezone.now())


def source(message: Message) -> str:
    """Return the message as it would go out now, with its date and signature. Raises ServiceError.

    Sent later it differs in those two.
    """
    sender, recipient = _address(message.from_email), _recipient(message.to_email)
    return _render(message, sender, recipient)[1].decode("ascii").replace("\r\n", "\n")


def _hand_over(smtp: smtplib.SMTP) -> str:
    """Send the final dot and return the reply. From here on the message may count as sent.

    Before it the server must drop what it got (RFC 5321, section 4.1.1.4).
    """
    try:
        smtp.send(".\r\n")
        code, text = smtp.getreply()
    except OSError as error:
        raise OutcomeUnknown(f"the mail server did not say if it took it: {error}") from error
    if code // 100 not in {2, 4, 5}:
        raise OutcomeUnknown(f"the mail server did not say if it took it: {_told(code, text)}")
    _expect(2, (code, text))
    return _told(code, text)


@contextlib.contextmanager
def _nothing_sent(server: _Server) -> Iterator[None]:
    """Turn what goes wrong before the final dot into a ServiceError."""
    where = f"the mail server {server.host}:{server.port}"
    try:
        yield
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPServerDisconnected as error:
        raise ServiceError(f"{where} hung up: {error}", permanent=False) from error
    except ssl.SSLEOFError as error:
        raise ServiceError(f"{where} hung up: {error}", permanent=False) from error
    except (smtplib.SMTPException, ssl.SSLError, ValueError) as error:
        raise ServiceError(f"{where} cannot be used: {error}", permanent=True) from error
    except OSError as error:
        raise ServiceError(f"{where} cannot be reached: {error}", permanent=False) from error


def _expect(hundreds: int, reply: tuple[int, bytes]) -> None:
    if reply[0] // 100 != hundreds:
        raise _refusal(*reply)


def _expect_recipient(reply: tuple[int, bytes]) -> None:
    if reply[0] // 100 == 5:
        raise RecipientRefused(f"the mail server answered {_told(*reply)}")
    _expect(2, reply)


def _refusal(code: int, text: bytes | str) -> ServiceError:
    return ServiceError(
        f"the mail server answered {_told(code, text)}", permanent=500 <= code < 600
    )


def _told(code: int, text: bytes | str) -> str:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(_CONTROL.sub(' ', words).split())}"[:300]


def _server(via: str = "") -> _Server:
    """Return where mail goes. Raises ServiceError when its address makes no sense."""
    if world() == "sandbox":
        return _Server("127.0.0.1", settings.SANDBOX_SMTP_PORT, hello="localhost", tls="off")
    parts = urlsplit(via or settings.EMAIL_URL)
    asked = parse_qs(parts.query).get("tls", ["auto"])[-1].lower()
    tls: Tls
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ServiceError("a mail server's address is smtp://… or smtps://…", permanent=True)
    if parts.scheme == "smtps":
        tls = "direct"
    elif asked in settings.TLS_ON:
        tls = "on"
    elif asked in settings.TLS_OFF:
        tls = "off"
    elif asked == "auto":
        tls = "auto"
    else:
        raise ServiceError(f"EMAIL_URL: tls={asked} is not on, off or auto", permanent=True)
    return _Server(
        host=parts.hostname or "",
        port=parts.port or (465 if tls == "direct" else 587),
        hello=DNS_NAME.get_fqdn(),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=tls,
    )


def _open(server: _Server, timeout: float) -> smtplib.SMTP:
    """Connect, encrypt and log in. Raises what smtplib, ssl and socket raise."""
    connect = min(CONNECT_SECONDS, timeout)
    smtp: smtplib.SMTP
    if server.tls == "direct":
        smtp = smtplib.SMTP_SSL(
            server.host,
            server.port,
            server.hello,
            timeout=connect,
            context=ssl.create_default_context(),
        )
    else:
        smtp = smtplib.SMTP(server.host, server.port, server.hello, timeout=connect)
    try:
        _wait_at_most(smtp, timeout)
        smtp.ehlo_or_helo_if_needed()
        if server.tls == "on" or (
            server.tls == "auto" and (server.user or smtp.has_extn("starttls"))
        ):
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo_or_helo_if_needed()
        if server.user:
            smtp.login(server.user, server.password)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _say_goodbye(smtp: smtplib.SMTP) -> None:
    """End the session; the server's answer changes nothing."""
    with contextlib.suppress(OSError):
        if smtp.sock is not None:
            _wait_at_most(smtp, GOODBYE_SECONDS)
            smtp.quit()
    smtp.close()


def _wait_at_most(smtp: smtplib.SMTP, seconds: float) -> None:
    if smtp.sock is not None:
        smtp.sock.settimeout(seconds)


def _render(message: Message, sender: str, recipient: str) -> tuple[str, bytes]:
    """Return the Message-ID and the message; over the wire its dots are doubled."""
    message_id = _message_id(message.message_id)
    mime: MimeMessage[str, str | Header] = MimeMessage(policy=_WIRE)
    mime["From"] = _person("From", message.from_name, sender)
    mime["To"] = _person("To", message.to_name, recipient)
    mime["Subject"] = _header("Subject", message.subject)
    mime["Date"] = format_datetime(timezone.now())
    mime["Message-ID"] = message_id
    if message.reply_to:
        mime["Reply-To"] = _address(message.reply_to)
    for name, value in message.headers.items():
        taken = name.lower() in _OWN_HEADERS or name.lower().startswith("content-")
        if taken or not _HEADER_NAME.fullmatch(name):
            raise ServiceError(f"a mail cannot be given the header {name!r}", permanent=True)
        mime[name] = _header(name, value)
    try:
        if message.attachments:
            _set_parts(mime, message, message_id)
        else:
            mime.set_payload(_lines(message.text), _UTF8)
        data = mime.as_bytes()
    except UnicodeError as error:
        raise ServiceError(
            f"the mail cannot be written as text: {error}", permanent=True
        ) from error
    return message_id, signing.sign(data, message.dkim) if message.dkim else data


def _set_parts(mime: "MimeMessage[str, str | Header]", message: Message, message_id: str) -> None:
    """Make the mail one of parts: its text, invitations beside it, then the files."""
    text = _part()
    text.set_payload(_lines(message.text), _UTF8)
    invitations = [one for one in message.attachments if one.method]
    shown = text
    if invitations:
        shown = _multipart("alternative", message_id)
        shown.attach(text)
        for one in invitations:
            shown.attach(_invitation(one))
    _make_multipart(mime, "mixed", message_id)
    mime.attach(shown)
    for one in message.attachments:
        mime.attach(_file(one))


def _part() -> "MimeMessage[str, str | Header]":
    return MimeMessage(policy=_WIRE)


def _multipart(kind: str, message_id: str) -> "MimeMessage[str, str | Header]":
    part = _part()
    _make_multipart(part, kind, message_id)
    return part


def _make_multipart(part: "MimeMessage[str, str | Header]", kind: str, message_id: str) -> None:
    """Its boundary is made of the Message-ID, so that the same mail is written the same way."""
    boundary = hashlib.sha256(f"{kind}:{message_id}".encode()).hexdigest()[:32]
    if "MIME-Version" not in part:
        part["MIME-Version"] = "1.0"
    part.add_header("Content-Type", f"multipart/{kind}", boundary=f"={boundary}")
    part.set_payload([])


def _invitation(one: Attachment) -> "MimeMessage[str, str | Header]":
    part = _part()
    part["MIME-Version"] = "1.0"
    part.add_header("Content-Type", "text/calendar", charset="utf-8", method=one.method)
    part.set_payload(one.content)
    encode_base64(part)
    return part


def _file(one: Attachment) -> "MimeMessage[str, str | Header]":
    for name, value in (("an attachment's name", one.filename), ("its type", one.content_type)):
        _refuse_control(name, value)
        if not value.isascii() or '"' in value:
            raise ServiceError(f"{name} cannot be {value!r}", permanent=True)
    part = _part()
    part["MIME-Version"] = "1.0"
    part.add_header("Content-Type", one.content_type, name=one.filename)
    part.add_header("Content-Disposition", "attachment", filename=one.filename)
    part.set_payload(one.content)
    encode_base64(part)
    return part


def _lines(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else text + "\n"


def _header(name: str, value: str) -> Header:
    _refuse_control(name, value)
    # ASCII that looks encoded is encoded too, or the reader's program would decode it.
    charset = "utf-8" if "=?" in value else None
    return Header(value, charset, header_name=name)


def _person(header: str, name: str, email: str) -> Header:
    _refuse_control(header, name)
    if not name or (name.isascii() and "=?" not in name):
        return Header(formataddr((name, email)), header_name=header)
    found = Header(name, "utf-8", header_name=header)
    found.append(f"<{email}>", "us-ascii")
    return found


def _refuse_control(name: str, value: str) -> None:
    if _CONTROL.search(value):
        raise ServiceError(f"{name} holds a line break or control character", permanent=True)


def _message_id(text: str) -> str:
    inner = text.removeprefix("<").removesuffix(">")
    if text != f"<{inner}>":
        raise ServiceError(f"{text!r} is not a Message-ID", permanent=True)
    return f"<{_address(inner)}>"


def _address(text: str) -> str:
    """Return the address with its domain in ASCII (IDNA 2008)."""
    local, _, domain = text.rpartition("@")
    if not _LOCAL_PART.fullmatch(local):
        raise ServiceError(f"{text!r} is not an address mail can be sent to", permanent=True)
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError as error:
        raise ServiceError(
            f"{text!r} is not an address mail can be sent to: {error}", permanent=True
        ) from error


def _recipient(text: str) -> str:
    try:
        return _address(text)
    except ServiceError as error:
        raise RecipientRefused(str(error)) from error


def can_reach(address: str) -> bool:
    """Whether the address is one that mail can be handed to a server for, in this world."""
    try:
        recipient = _recipient(address)
    except RecipientRefused:
        return False
    return world() == "sandbox" or not _is_reserved(recipient)


def _is_reserved(address: str) -> bool:
    labels = address.rpartition("@")[2].lower().rstrip(".").split(".")
    return labels[-1] in RESERVED_TOP or ".".join(labels[-2:]) in RESERVED_DOMAINS
