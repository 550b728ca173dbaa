"""Reading a mailbox over IMAP, from pymap: a real server in a process of its own."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from imapclient import IMAPClient

from integrations import imap
from integrations.errors import ServiceError
from jobs import queue
from jobs.models import Job
from pipeline.mail import mailboxes
from pipeline.models import InboundMail, Mailbox
from tests.factories import work_off
from tests.letters import make_mailbox, make_prospect, make_touch, write
from tests.mailserver import POLL_SECONDS, free_port

PYMAP = Path(sys.executable).with_name("pymap")


class Server:
    """A mailbox of Alex's that messages can be put into."""

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def url(self) -> str:
        return self.address("alex:s%40cret")

    def address(self, login: str, options: str = "?tls=off") -> str:
        return f"imap://{login}@127.0.0.1:{self.port}/{options}"

    @contextmanager
    def open(self) -> Iterator[IMAPClient]:
        with IMAPClient("127.0.0.1", self.port, ssl=False) as client:
            client.login("alex", "s@cret")
            client.select_folder("INBOX")
            yield client

    def put(self, *messages: bytes) -> None:
        with self.open() as client:
            for message in messages:
                client.append("INBOX", message.replace(b"\n", b"\r\n"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    port = free_port()
    command = [str(PYMAP), "--no-service", "admin", "--host", "127.0.0.1", "--port", str(port)]
    user = ["--no-tls", "dict", "--demo-user", "alex", "--demo-password", "s@cret"]
    with subprocess.Popen([*command, *user], stderr=subprocess.DEVNULL) as process:
        try:
            while not _answers(port):
                assert process.poll() is None
                time.sleep(POLL_SECONDS)
            yield Server(port)
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def start(server: Server) -> imap.New:
    """Where the mailbox stands before the test."""
    return imap.new(server.url, 0, 0)


def test_the_first_time_older_mail_is_left_alone(server: Server) -> None:
    server.put(write("Old"))
    found = imap.new(server.url, 0, 0)
    assert found.messages == ()
    assert found.validity > 0
    assert imap.new(server.url, found.uid, found.validity).messages == ()


def test_what_came_since_is_read_once_and_byte_for_byte(server: Server, start: imap.New) -> None:
    one, two = write("One é"), b"From: a@b.example\n\n\xff\xfe bytes\n"
    server.put(one, two)
    found = imap.new(server.url, start.uid, start.validity)
    assert [m.raw for m in found.messages] == [m.replace(b"\n", b"\r\n") for m in (one, two)]
    assert [m.uid for m in found.messages] == [start.uid + 1, start.uid + 2]
    again = imap.new(server.url, found.uid, found.validity)
    assert (again.messages, again.uid) == ((), found.uid)


def test_reading_changes_nothing_there(server: Server, start: imap.New) -> None:
    server.put(write())
    number = imap.new(server.url, start.uid, start.validity).uid
    with server.open() as client:
        assert b"\\Seen" not in client.get_flags([number])[number]


def test_a_mailbox_numbered_anew_is_read_again(server: Server, start: imap.New) -> None:
    server.put(write("Still here"))
    found = imap.new(server.url, 999_999, start.validity + 1)
    assert found.validity == start.validity
    assert any(b"Still here" in message.raw for message in found.messages)


def test_much_mail_comes_in_parts(
    server: Server, start: imap.New, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "MAX_MESSAGES", 2)
    server.put(*(write(f"Number {n}") for n in range(3)))
    first = imap.new(server.url, start.uid, start.validity)
    second = imap.new(server.url, first.uid, first.validity)
    assert (len(first.messages), len(second.messages)) == (2, 1)


def test_a_huge_mail_is_cut_off_and_comes_alone(
    server: Server, start: imap.New, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "MAX_BYTES", 1000)
    server.put(write("x" * 5000), write("small"))
    first = imap.new(server.url, start.uid, start.validity)
    assert [len(message.raw) for message in first.messages] == [1000]
    second = imap.new(server.url, first.uid, first.validity)
    assert [b"small" in message.raw for message in second.messages] == [True]


def test_a_wrong_password_will_not_get_better(server: Server) -> None:
    with pytest.raises(ServiceError) as raised:
        imap.new(server.address("alex:wrong"), 0, 0)
    assert raised.value.permanent
    assert "wrong" not in str(raised.value)


def test_a_server_that_is_away_may_come_back() -> None:
    with pytest.raises(ServiceError) as raised:
        imap.new(f"imap://alex:x@127.0.0.1:{free_port()}/?tls=off", 0, 0)
    assert not raised.value.permanent


@pytest.mark.parametrize(
    "url",
    [
        "imap://alex:x@mail.agency.dev/?tls=off",
        "http://alex:x@mail.agency.dev",
        "imaps://mail.agency.dev",
        "nonsense",
        "",
    ],
)
def test_no_password_goes_out_in_clear_or_to_nowhere(url: str) -> None:
    with pytest.raises(ServiceError) as raised:
        imap.new(url, 0, 0)
    assert raised.value.permanent


def test_without_encryption_no_login_is_tried(server: Server) -> None:
    with pytest.raises(ServiceError) as raised:
        imap.new(server.address("alex:wrong", ""), 0, 0)
    assert "refused the login" not in str(raised.value)


# The mailboxes of the house


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "EMAIL_URL", "smtp://127.0.0.1:1/?tls=off")


@pytest.fixture
def mailbox(server: Server, start: imap.New, db: None) -> Mailbox:
    box = make_mailbox()
    box.imap_url, box.imap_uid, box.imap_validity = server.url, start.uid, start.validity
    box.save()
    return box


def read_all(**kwargs: Any) -> None:
    queue.enqueue(mailboxes.READ_ALL, {})
    work_off(**kwargs)


def test_new_mail_is_kept_and_read(real: None, server: Server, mailbox: Mailbox) -> None:
    prospect = make_prospect()
    touch = make_touch(prospect)
    server.put(write("Yes!", answers=touch.message_id))
    read_all()
    read_all()
    mail = InboundMail.objects.get()
    mailbox.refresh_from_db()
    assert (mail.via, mail.mailbox) == ("imap:alex@northwind.example", mailbox)
    assert (mail.text, mail.prospect) == ("Yes!", prospect)
    assert mailbox.imap_read_at is not None
    assert mailbox.imap_error == ""


def test_a_mailbox_that_cannot_be_read_says_why(
    real: None, server: Server, mailbox: Mailbox
) -> None:
    mailbox.imap_url = server.address("alex:wrong")
    mailbox.save()
    read_all()
    mailbox.refresh_from_db()
    assert "refused the login" in mailbox.imap_error
    assert Job.objects.get(kind=mailboxes.READ).status == Job.Status.DISCARDED


def test_in_the_sandbox_no_mailbox_is_read(server: Server, mailbox: Mailbox) -> None:
    server.put(write("For nobody"))
    read_all()
    assert not InboundMail.objects.exists()
