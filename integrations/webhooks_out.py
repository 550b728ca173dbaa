"""Posting an event to somebody else's address, signed as Standard Webhooks 1.0 says.

The address is checked as every page that is read is: public, on a standard port; a name under
`.example` leads to the sandbox market. Redirects are not followed. A receiver tells a repeat by its
webhook-id, so that in doubt it may be sent again.
"""

import base64
import datetime as dt
import http.client
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass

from integrations.errors import ServiceError
from integrations.web import hosts
from integrations.web.hosts import INTERNET, Network, WebRefused
from integrations.web.manners import agent

__all__ = ["Answer", "WebRefused", "check", "headers", "new_secret", "post"]

SECONDS = 10.0
LONGEST_ANSWER = 500


@dataclass(frozen=True)
class Answer:
    """What the receiver said."""

    status: int
    start: str
    took_ms: int

    @property
    def took_it(self) -> bool:
        """Whether it says that it has it."""
        return 200 <= self.status < 300


def new_secret() -> str:
    """Return a signing secret as Standard Webhooks writes it: whsec_ and 32 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def check(url: str) -> None:
    """Raise WebRefused, with the reason, for an address that is never posted to."""
    hosts.target(url, hosts.world_of(url))


def headers(
    webhook_id: str, body: str, signing: Iterable[str], *, now: dt.datetime
) -> dict[str, str]:
    """Return the three headers; each secret signs, so that a receiver may know either."""
    from standardwebhooks import Webhook

    signatures = [Webhook(secret).sign(webhook_id, now, body) for secret in signing]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def post(
    url: str,
    body: str,
    signed: dict[str, str],
    *,
    network: Network = INTERNET,
    seconds: float = SECONDS,
) -> Answer:
    """Post it once, in `seconds` from looking the name up to the answer.

    Raises WebRefused for an address that is never posted to, ServiceError without an answer.
    """
    world = hosts.world_of(url)
    wanted = hosts.target(url, world)
    began = time.monotonic()
    line = hosts.dial(wanted, world, network, began + seconds)
    connection = http.client.HTTPConnection(wanted.host, wanted.port)
    connection.sock = line
    plain = {
        "Host": wanted.netloc,
        "User-Agent": agent(),
        "Content-Type": "application/json",
        "Connection": "close",
    }
    try:
        connection.request("POST", wanted.path, body.encode(), {**plain, **signed})
        with connection.getresponse() as response:
            start = _start(response)
            took = round((time.monotonic() - began) * 1000)
            return Answer(response.status, start, took)
    except (OSError, http.client.HTTPException) as error:
        said = str(error) or type(error).__name__
        raise ServiceError(f"{wanted.host} did not answer: {said}", permanent=False) from error
    finally:
        line.end()


def _start(response: http.client.HTTPResponse) -> str:
    """Return how the answer begins; its status has come, so losing the rest changes nothing."""
    try:
        text = response.read(LONGEST_ANSWER).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return ""
    return "".join(c if c.isprintable() else " " for c in text)[:LONGEST_ANSWER]
