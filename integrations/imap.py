"""Reading a mailbox over IMAP: what is new in its INBOX, changing nothing there.

`imaps://user:password@host` is encrypted from the start, `imap://` by STARTTLS; `?tls=off` is for
a server on this machine. A password is sent in clear to no other.
"""

import datetime as dt
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings

from agency import clock
from integrations.errors import ServiceError

if TYPE_CHECKING:
    from imapclient import IMAPClient

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
MAX_MESSAGES = 50
MAX_BYTES = 32 * 1024 * 1024
"""So much is fetched at once; a single larger message is cut off there rather than left out."""

AGAIN_DAYS = 14
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Message:
    """A message as it lies there."""

    uid: int
    raw: bytes


@dataclass(frozen=True)
class New:
    """What came since, oldest first; `uid` is the last one that is dealt with after it."""

    validity: int
    uid: int
    messages: tuple[Message, ...]


def new(url: str, uid: int, validity: int) -> New:
    """Return what came after `uid`. Raises ServiceError.

    The first time (`validity` 0) nothing: older mail is nobody's business here. When the server
    has numbered its mail anew (another UIDVALIDITY, RFC 3501, 2.3.1.1) the last days come again.
    """
    from imapclient.exceptions import IMAPClientError, LoginError

    try:
        with _open(url) as client:
            return _new(client, uid, validity)
    except LoginError as error:
        raise ServiceError(f"the IMAP server refused the login: {error}", permanent=True) from error
    except ssl.SSLCertVerificationError as error:
        raise ServiceError(f"the IMAP server is not trusted: {error}", permanent=True) from error
    except (IMAPClientError, OSError) as error:
        raise ServiceError(f"the IMAP server cannot be read: {error}", permanent=False) from error


def _new(client: "IMAPClient", uid: int, validity: int) -> New:
    box = client.select_folder("INBOX", readonly=True)
    now, following = int(box[b"UIDVALIDITY"]), int(box[b"UIDNEXT"])
    if not validity:
        return New(now, following - 1, ())
    if now == validity:
        # `n:*` always names the last message, also when its number is below n.
        found = sorted(number for number in client.search(["UID", f"{uid + 1}:*"]) if number > uid)
    else:
        since = clock.wall().date() - dt.timedelta(days=AGAIN_DAYS)
        found = sorted(client.search(["SINCE", since]))
    sizes = client.fetch(found[:MAX_MESSAGES], ["RFC822.SIZE"])
    chosen: list[int] = []
    left = MAX_BYTES
    for number in found[:MAX_MESSAGES]:
        left -= sizes.get(number, {}).get(b"RFC822.SIZE", 0)
        if left < 0 and chosen:
            break
        chosen.append(number)
    messages = tuple(_fetch(client, number) for number in chosen)
    last = chosen[-1] if chosen else max(uid if now == validity else 0, following - 1)
    return New(now, last, tuple(message for message in messages if message.raw))


def _fetch(client: "IMAPClient", number: int) -> Message:
    """Return one message; empty if somebody deleted it just now."""
    parts = client.fetch([number], [f"BODY.PEEK[]<0.{MAX_BYTES}>"]).get(number, {})
    raw = next((value for name, value in parts.items() if name.startswith(b"BODY[]")), b"")
    return Message(number, raw or b"")


def _open(url: str) -> "IMAPClient":
    """Connect, encrypt and log in. Raises what imapclient, ssl and socket raise; ServiceError."""
    from imapclient import IMAPClient, SocketTimeout

    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in {"imap", "imaps"} or not host or not parts.username:
        raise ServiceError("an IMAP address is imaps://user:password@host", permanent=True)
    plain = parse_qs(parts.query).get("tls", ["on"])[-1].lower() in settings.TLS_OFF
    if plain and host not in LOOPBACK:
        raise ServiceError(f"no password is sent to {host} in clear", permanent=True)
    direct, context = parts.scheme == "imaps", ssl.create_default_context()
    client = IMAPClient(
        host,
        parts.port or (993 if direct else 143),
        ssl=direct,
        ssl_context=context if direct else None,
        timeout=SocketTimeout(CONNECT_SECONDS, READ_SECONDS),
    )
    try:
        if not direct and not plain:
            client.starttls(context)
        client.login(unquote(parts.username), unquote(parts.password or ""))
    except BaseException:
        client.shutdown()
        raise
    return client
