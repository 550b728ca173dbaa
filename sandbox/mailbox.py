"""A mail server that takes every message and keeps it in a Maildir, for nobody but the operator.

The message is on the disk before the sender is told 250. Its envelope goes above it as
`X-Envelope-From` and `X-Envelope-To`, the time of arrival into the file's name.
"""

import asyncio
import contextlib
import mailbox
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"
MAX_BYTES = 10 * 1024 * 1024
GRACE_SECONDS = 3.0

OnKept = Callable[[str, Envelope], None]


class Keeper:
    """What the SMTP server does with a message; `on_kept` is told its key and its envelope."""

    def __init__(self, folder: Path, on_kept: OnKept | None = None) -> None:
        # All three, or mailbox.Maildir takes a half-made folder for a finished one.
        for part in ("tmp", "new", "cur"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.maildir = mailbox.Maildir(folder, create=False)
        self.on_kept = on_kept

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        sender, recipients = envelope.mail_from or "", ", ".join(envelope.rcpt_tos)
        head = f"X-Envelope-From: <{sender}>\nX-Envelope-To: {recipients}\n"
        body = (envelope.original_content or b"").replace(b"\r\n", b"\n")
        # In the loop, not in a thread: a sender who hangs up meanwhile would cancel it half-way.
        try:
            key = self.maildir.add(head.encode(errors="surrogateescape") + body)
            _sync(self.folder / "new")
        except OSError as error:
            return f"451 4.3.0 It cannot be kept: {error.strerror}"
        if self.on_kept is not None:
            # Afterwards: whatever comes of it, the mail is kept.
            asyncio.get_running_loop().call_soon(self.on_kept, key, envelope)
        return f"250 2.0.0 Kept as {key}"


def _sync(folder: Path) -> None:
    """Make the name last too; the Maildir has synced the file itself."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Sessions:
    """The open connections, so that a message under way is finished before the end."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self.open = 0
        self.none_open = asyncio.Event()
        self.none_open.set()

    def start(self) -> SMTP:
        return CountedSMTP(self)


class CountedSMTP(SMTP):
    def __init__(self, sessions: Sessions) -> None:
        super().__init__(
            sessions.keeper,
            data_size_limit=MAX_BYTES,
            enable_SMTPUTF8=True,
            hostname="localhost",
            ident="Sandbox mailbox",
            loop=asyncio.get_running_loop(),
        )
        self.sessions = sessions

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.sessions.open += 1
        self.sessions.none_open.clear()
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.sessions.open -= 1
        if not self.sessions.open:
            self.sessions.none_open.set()


async def serve(port: int, folder: Path) -> None:
    """Take mail until SIGTERM or SIGINT. Raises OSError when the port or the folder is taken."""
    stop = stop_asked()
    async with taking_mail(port, Keeper(folder)) as bound:
        sys.stdout.write(f"Sandbox mailbox: smtp://{HOST}:{bound} keeps every mail in {folder}\n")
        sys.stdout.flush()
        await stop.wait()


def stop_asked() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


@contextlib.asynccontextmanager
async def taking_mail(port: int, keeper: Keeper) -> AsyncIterator[int]:
    """Take mail until the block ends; yield the port. Raises OSError when it is taken."""
    sessions = Sessions(keeper)
    server = await asyncio.get_running_loop().create_server(sessions.start, HOST, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(sessions.none_open.wait(), GRACE_SECONDS)
