"""A Slack-compatible incoming webhook: one message, posted to the operator's own address.

Slack, Mattermost and others take `{"text": …, "blocks": […]}` at `ALERT_WEBHOOK_URL`. They know no
idempotency key, so what fails before the request is written surely was not posted and can be tried
again; without a clear answer afterwards it may stand in the channel, and that is said.
"""

import http.client
import ipaddress
import json
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from integrations.errors import OutcomeUnknown, ServiceError

TIMEOUT_SECONDS = 5.0
LONGEST_ANSWER = 300
LONGEST_SECTION = 3000  # Slack refuses a longer one
LONGEST_WAIT = 3600.0
GATEWAYS = frozenset({502, 504})  # which do not know what became of it behind them


class TryLater(ServiceError):
    """The service asks to be left alone for `seconds`."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message, permanent=False)
        self.seconds = seconds


@dataclass(frozen=True)
class Post:
    """What to say: a title, some plain text under it, and where to go."""

    title: str
    text: str = ""
    url: str = ""


def is_configured() -> bool:
    return bool(settings.ALERT_WEBHOOK_URL)


def host() -> str:
    """Return whose webhook it is; the rest of the address is as secret as a password."""
    return urlsplit(settings.ALERT_WEBHOOK_URL).hostname or ""


def send(post: Post, *, timeout: float = TIMEOUT_SECONDS) -> str:
    """Post it once and return the answer. `timeout` is in seconds, for each reply.

    Redirects are not followed: the address may be one that only this house may reach. Raises
    ServiceError when it surely was not taken (TryLater when told to wait), and OutcomeUnknown when
    it may have been.
    """
    if not is_configured():
        raise ServiceError("ALERT_WEBHOOK_URL is not set", permanent=True)
    parts = urlsplit(settings.ALERT_WEBHOOK_URL)
    connection = _connect(parts, timeout)
    try:
        return _exchange(connection, parts, json.dumps(payload(post)).encode())
    finally:
        connection.close()


def payload(post: Post) -> dict[str, object]:
    """Return the message as Slack wants it: `text` for notifications, `blocks` to be read."""
    lines = [f"*{escape(post.title)}*"]
    if post.text:
        lines.append(escape(post.text))
    section = {"type": "mrkdwn", "text": _clip("\n".join(lines), LONGEST_SECTION)}
    blocks: list[dict[str, object]] = [{"type": "section", "text": section}]
    if post.url:
        link = {"type": "mrkdwn", "text": f"<{escape(post.url)}|Open it>"}
        blocks.append({"type": "context", "elements": [link]})
    return {"text": escape(post.title), "blocks": blocks}


def escape(text: str) -> str:
    """Escape Slack's three control characters, and only those.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clip(text: str, most: int) -> str:
    """Cut a text that is too long, never inside an entity."""
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    start = cut.rfind("&", len(cut) - 5)
    if start != -1 and ";" not in cut[start:]:
        cut = cut[:start]
    return f"{cut}…"


def _connect(parts: SplitResult, timeout: float) -> http.client.HTTPConnection:
    """Connect, and look where that led before anything is said."""
    name = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(name, parts.port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(name, parts.port, timeout=timeout)
    try:
        connection.connect()
        _refuse_inside(connection, name)
    except ssl.SSLCertVerificationError as error:
        connection.close()
        raise ServiceError(f"{name} is not who it says: {error.reason}", permanent=True) from error
    except (OSError, UnicodeError) as error:
        connection.close()
        raise ServiceError(f"{name} cannot be reached: {error}", permanent=False) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_inside(connection: http.client.HTTPConnection, name: str) -> None:
    """Refuse an address inside a network, this machine's own excepted.

    Checked on the open connection, so that a name cannot lead elsewhere a moment later.
    """
    address = ipaddress.ip_address(connection.sock.getpeername()[0].partition("%")[0])
    if not (address.is_global or address.is_loopback):
        raise ServiceError(f"{name} leads to {address}, inside a network", permanent=True)


def _exchange(connection: http.client.HTTPConnection, parts: SplitResult, body: bytes) -> str:
    target = parts.path or "/"
    if parts.query:
        target = f"{target}?{parts.query}"
    try:
        connection.request("POST", target, body, {"Content-Type": "application/json"})
        with connection.getresponse() as response:
            status, after = response.status, response.headers.get("Retry-After", "")
            answer = _answer(response) or response.reason
    except (OSError, http.client.HTTPException) as error:
        said = str(error) or type(error).__name__
        raise OutcomeUnknown(f"{host()} did not say if it took it: {said}") from error
    if 200 <= status < 300:
        return answer
    message = f"{host()} answered {status}: {answer}"
    if status == 429:
        raise TryLater(message, _seconds(after))
    if status in GATEWAYS:
        raise OutcomeUnknown(message)
    raise ServiceError(message, permanent=status < 500)


def _answer(response: http.client.HTTPResponse) -> str:
    """Return what was said; the status has come, so that losing the rest changes nothing."""
    try:
        text = response.read(LONGEST_ANSWER).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _seconds(after: str) -> float:
    """Return how long to wait; Slack says it in whole seconds."""
    return min(float(after), LONGEST_WAIT) if after.isdecimal() and after.isascii() else 60.0
