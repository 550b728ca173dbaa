"""The app as the market sees it, and the market as a process: both real, over real sockets."""

import os
import signal
import smtplib
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from sandbox.market import letters
from sandbox.market.world import Person, World

KEY = "a key that only the two of them know"
WORLD = World(1)
FAST = 100_000
ME = "alex@northwind.example"


@dataclass
class Receiver:
    """Keeps what is posted to it; `status` is what it answers, 0 hangs up."""

    url: str = ""
    status: int = 200
    posts: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def mails(self) -> list[dict[str, str]]:
        inbound = [post for post in self.posts if post[0] == "/anymail/mailgun/inbound/"]
        return [dict(parse_qsl(body.decode(), keep_blank_values=True)) for _, _, body in inbound]

    def to(self, path: str) -> list[bytes]:
        return [body for where, _, body in self.posts if where.startswith(path)]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Request(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if receiver.status == 0:
                self.close_connection = True
                return
            receiver.posts.append((self.path, dict(self.headers.items()), body))
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Market:
    process: "subprocess.Popen[str]"
    smtp_port: int
    web_port: int

    def send(self, *mails: EmailMessage) -> None:
        with smtplib.SMTP("127.0.0.1", self.smtp_port, "localhost", timeout=10) as smtp:
            for mail in mails:
                smtp.send_message(mail)

    def stop(self) -> tuple[str, str]:
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=20)


@contextmanager
def running(folder: Path, app: str, *more: str, speed: int = FAST) -> Iterator[Market]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-W", "error", "-m", "sandbox", "market"),
            *("--smtp-port", "0", "--web-port", "0", "--maildir", str(folder)),
            *("--app-url", app, "--speed", str(speed), *more),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MAILGUN_SIGNING_KEY": KEY},
    )
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        web, smtp = (int(part.split()[0].strip(",;")) for part in ready.split("127.0.0.1:")[1:])
        yield Market(process, smtp, web)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def somebody(temper: str, nth: int = 1, skip: int = 0) -> Person:
    """Return a person of that temper who reacts to their `nth` mail."""
    found = [
        person
        for company in WORLD.companies
        for person in company.people
        if person.temper == temper and person.answers_at == nth
    ]
    return found[skip]


def cold_mail(to: str, number: int = 1, **headers: Any) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = f"Alex Moreno <{ME}>"
    mail["To"] = to
    mail["Subject"] = "Calls you miss in the afternoon"
    mail["Message-ID"] = f"<{number}.{to.replace('@', '.')}@northwind.example>"
    mail["List-Unsubscribe"] = "<http://127.0.0.1:1/u/elsewhere/>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    for name, value in headers.items():
        del mail[name.replace("_", "-")]
        if value:
            mail[name.replace("_", "-")] = value
    mail.set_content("Hi,\n\nI saw that you are hiring a receptionist.\n\nAlex\n")
    return mail


def until(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.01)


def warm_mail(to: str, words: str, number: int = 1, **headers: Any) -> EmailMessage:
    """Return a mail to somebody who wrote first: nobody can unsubscribe from it."""
    mail = cold_mail(to, number, List_Unsubscribe="", List_Unsubscribe_Post="", **headers)
    mail.set_content(words)
    return mail


def settled(maildir: Path, count: int) -> bool:
    """Whether the market has decided about so many mails, and nothing is left to do."""
    return _ask(maildir, "SELECT count(*), count(try_at) FROM letter") == (count, 0)


def idle(maildir: Path) -> bool:
    """Whether the market has decided about every mail it has kept, and nothing is left to do."""
    mails, plans = "SELECT count(try_at) FROM letter", "SELECT count(try_at) FROM plan"
    return _ask(maildir, f"SELECT ({mails}) + ({plans})") == (0,)


def tries(maildir: Path) -> int:
    return int(_ask(maildir, "SELECT coalesce(max(tries), 0) FROM letter")[0])


def letter(mail: EmailMessage, to: str) -> letters.Letter:
    return letters.read(ME, to, mail.as_bytes())


def _ask(maildir: Path, question: str) -> tuple[Any, ...]:
    with closing(sqlite3.connect(maildir.with_name(f"{maildir.name}.market.sqlite3"))) as rows:
        found: tuple[Any, ...] = rows.execute(question).fetchone()
    return found
