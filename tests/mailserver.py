"""A real SMTP server for tests. It keeps what it took and can hold a session at a stage."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

POLL_SECONDS = 0.01


class Inbox:
    """The messages taken, oldest first, and when each letter was handed over (`time.time()`).

    `raw` has them byte for byte.

    With `hold_at` set to RCPT every session stops there, at DATA every letter; it sets `reached`,
    and goes on when `gate` is set. With `slow` each recipient takes that many seconds. `answer`
    ends each DATA, unless the server `hangs_up` instead.
    """

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.times: list[float] = []
        self.hold_at = ""
        self.hangs_up = False
        self.slow = 0.0
        self.answer = "250 OK taken"
        self.reached = threading.Event()
        self.gate = threading.Event()
        self.sessions = 0
        self.port = 0

    @property
    def letters(self) -> list[EmailMessage]:
        """Return what was written to people outside, without the house's own alerts."""
        return [mail for mail in self.messages if not is_alert(mail)]

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.sessions += 1
        await asyncio.sleep(self.slow)
        await self._stop("RCPT")
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = envelope.original_content or b""
        mail = message_from_bytes(raw, policy=policy.default)
        if self.answer.startswith("250"):
            self.raw.append(raw)
            self.messages.append(mail)
            if not is_alert(mail):
                self.times.append(time.time())
        if not is_alert(mail):
            await self._stop("DATA")
        if self.hangs_up and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        return self.answer

    async def _stop(self, stage: str) -> None:
        if self.hold_at != stage:
            return
        self.reached.set()
        while not self.gate.is_set():
            await asyncio.sleep(POLL_SECONDS)


def is_alert(mail: EmailMessage) -> bool:
    """Return whether the house wrote this to its operator; a stop does not hold those."""
    return "Auto-Submitted" in mail


def free_port() -> int:
    """Return a loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running() -> Iterator[Inbox]:
    """Run a server on a free port of the loopback."""
    inbox = Inbox()
    inbox.port = free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=inbox.port)
    controller.start()
    try:
        yield inbox
    finally:
        inbox.gate.set()
        with contextlib.suppress(RuntimeError):
            controller.stop()
