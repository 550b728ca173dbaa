"""The sandbox mailbox: its own process, real SMTP, and the reading of what is in the folder."""

import os
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.message import EmailMessage
from pathlib import Path

import psutil
import pytest
from pytest_django import Settings

from integrations import mail, mailbox
from integrations.errors import OutcomeUnknown, ServiceError

LETTER = mail.Message(
    message_id="<0193-action@agency.example>",
    from_name="Olivia Reed",
    from_email="olivia@agency.example",
    to_name="Jörg Müller",
    to_email="joerg@harbor.example",
    subject="Grüße aus Tucson",
    text="Hallo Jörg,\n\n.\nja.\n",
)


@dataclass
class Running:
    process: "subprocess.Popen[str]"
    port: int
    folder: Path


def start(folder: Path, port: int = 0) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [
            *(sys.executable, "-W", "error", "-m", "sandbox", "mailbox"),
            *("--port", str(port), "--maildir", str(folder)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stop(process: "subprocess.Popen[str]") -> tuple[str, str]:
    process.send_signal(signal.SIGTERM)
    return process.communicate(timeout=10)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("sandbox") / "mail" / "box"
    found = start(folder)
    assert found.stdout is not None
    ready = found.stdout.readline()
    assert str(folder) in ready
    yield Running(found, int(ready.split("127.0.0.1:")[1].split()[0]), folder)
    out, err = stop(found)
    assert (found.returncode, out, err) == (0, "", "")


@pytest.fixture
def sandbox(process: Running, settings: Settings) -> Running:
    settings.SANDBOX_SMTP_PORT = process.port
    settings.MAILBOX_DIR = process.folder
    return process


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    """Return the folder of new mail of a mailbox without a server."""
    settings.MAILBOX_DIR = tmp_path
    found = tmp_path / "new"
    found.mkdir()
    return found


def read(folder: Path, raw: bytes) -> mailbox.Mail:
    (folder / "1700000000.M7P1Q1.host").write_bytes(raw)
    return mailbox.get_mail("1700000000.M7P1Q1.host")


# The server


def test_a_sent_mail_can_be_read_at_once(sandbox: Running) -> None:
    receipt = mail.send(replace(LETTER, headers={"Auto-Submitted": "auto-generated"}))

    found = mailbox.list_mail(1)[0]
    assert found.key in receipt.server_reply
    assert found.sender == "Olivia Reed <olivia@agency.example>"
    assert found.recipient == "Jörg Müller <joerg@harbor.example>"
    assert found.subject == "Grüße aus Tucson"
    assert found.text == "Hallo Jörg,\n\n.\nja.\n"
    assert found.message_id == "<0193-action@agency.example>"
    assert ("X-Envelope-From", "<olivia@agency.example>") in found.headers
    assert ("X-Envelope-To", "joerg@harbor.example") in found.headers
    assert ("Auto-Submitted", "auto-generated") in found.headers
    assert abs((found.received_at - receipt.at).total_seconds()) < 5
    assert "Subject: =?utf-8?" in found.raw
    assert mailbox.get_mail(found.key) == found


def test_the_newest_mail_comes_first(sandbox: Running) -> None:
    before = mailbox.count()
    for number in range(3):
        mail.send(replace(LETTER, subject=f"mail {number}"))
    assert mailbox.count() == before + 3
    assert [found.subject for found in mailbox.list_mail(2)] == ["mail 2", "mail 1"]
    assert [found.subject for found in mailbox.list_mail(1, offset=2)] == ["mail 0"]


def test_a_blind_copy_shows_in_the_envelope(sandbox: Running) -> None:
    letter = EmailMessage()
    letter["From"], letter["To"] = "olivia@agency.example", "dana@harbor.example"
    with smtplib.SMTP("127.0.0.1", sandbox.port, "localhost") as smtp:
        smtp.send_message(letter, to_addrs=["dana@harbor.example", "bcc@harbor.example"])
    found = mailbox.list_mail(1)[0]
    assert ("X-Envelope-To", "dana@harbor.example, bcc@harbor.example") in found.headers


def test_too_much_mail_is_refused_for_good(sandbox: Running) -> None:
    before = mailbox.count()
    with smtplib.SMTP("127.0.0.1", sandbox.port, "localhost") as smtp:
        size = int(smtp.ehlo()[1].split(b"SIZE ")[1].split()[0])
        smtp.mail("a@b.example")
        smtp.rcpt("c@d.example")
        code, _ = smtp.data((b"x" * 990 + b"\r\n") * (size // 990))
    assert code == 552
    assert mailbox.count() == before


def test_a_full_disk_can_be_tried_later(sandbox: Running) -> None:
    before = mailbox.count()
    tmp = sandbox.folder / "tmp"
    tmp.rmdir()
    try:
        with pytest.raises(ServiceError) as caught:
            mail.send(LETTER)
    finally:
        tmp.mkdir()
    assert not caught.value.permanent
    assert not isinstance(caught.value, OutcomeUnknown)
    assert mailbox.count() == before


def test_only_this_machine_can_reach_it(sandbox: Running) -> None:
    listening = psutil.Process(sandbox.process.pid).net_connections("inet")
    assert {found.laddr.ip for found in listening} == {"127.0.0.1"}


def test_a_taken_port_is_said_in_one_line(sandbox: Running, tmp_path: Path) -> None:
    second = start(tmp_path / "mail", sandbox.port)
    out, err = second.communicate(timeout=10)
    assert second.returncode == 1
    assert out == ""
    assert len(err.splitlines()) == 1
    assert str(sandbox.port) in err


def test_it_finishes_the_mail_it_is_given_before_it_stops(
    tmp_path: Path, settings: Settings
) -> None:
    own = start(tmp_path / "mail")
    assert own.stdout is not None
    port = own.stdout.readline().split("127.0.0.1:")[1].split()[0]
    settings.SANDBOX_SMTP_PORT, settings.MAILBOX_DIR = int(port), tmp_path / "mail"

    mail.send(LETTER, before_data=lambda: own.send_signal(signal.SIGTERM))

    assert own.communicate(timeout=10) == ("", "")
    assert own.returncode == 0
    assert mailbox.count() == 1


# The reading


def test_a_missing_folder_is_an_empty_mailbox(settings: Settings, tmp_path: Path) -> None:
    settings.MAILBOX_DIR = tmp_path / "nothing"
    assert mailbox.count() == 0
    assert mailbox.list_mail() == []


@pytest.mark.parametrize(
    "key", ["", "1.M1P1Q1.gone", "../secret", ".", "..", "a/b", "a\0b", "a" * 300]
)
def test_only_mail_of_this_folder_is_found(folder: Path, key: str) -> None:
    (folder.parent / "secret").write_text("Subject: not yours\n\n")
    with pytest.raises(mailbox.MailNotFound):
        mailbox.get_mail(key)


def test_only_what_is_shown_is_opened(folder: Path) -> None:
    for number in range(50):
        # A folder cannot be opened as a mail.
        (folder / f"{1700000000 + number}.M1P1Q{number}.host").mkdir()
    newest = folder / "1800000000.M1P1Q1.host"
    newest.write_bytes(b"Subject: newest\n\n")
    assert mailbox.count() == 51
    assert [found.subject for found in mailbox.list_mail(1)] == ["newest"]


def test_order_is_by_number_and_not_by_letter(folder: Path) -> None:
    for name in ("1700000000.M9P1Q1", "1700000000.M10P1Q9", "1700000000.M10P1Q10", "stray"):
        (folder / f"{name}.host").write_bytes(f"Subject: {name}\n\n".encode())
    assert [found.subject for found in mailbox.list_mail()] == [
        *("1700000000.M10P1Q10", "1700000000.M10P1Q9", "1700000000.M9P1Q1", "stray")
    ]


def test_mail_another_program_has_marked_read_is_still_there(folder: Path) -> None:
    read_mail = folder.parent / "cur"
    read_mail.mkdir()
    (read_mail / "1700000000.M1P1Q1.host:2,S").write_bytes(b"Subject: read\n\n")
    (found,) = mailbox.list_mail()
    assert found.subject == "read"


@pytest.mark.parametrize(
    ("raw", "subject", "text"),
    [
        pytest.param(b"", "", "", id="nothing"),
        pytest.param(b"no header at all", "", "no header at all", id="no header"),
        pytest.param(b"From: a@b.example\n\nhello", "", "hello", id="no subject"),
        pytest.param(b"Subject: \xc3\xa9 \xff\n\n\xc3\xa9 \xff", "é �", "é �", id="raw 8-bit"),
        pytest.param(b"Subject: =?nonsense?q?=C3=A9?=\n\n", "é", "", id="unknown charset"),
        pytest.param(b"Subject: =?utf-8?b?a?=\n\n", "=?utf-8?b?a?=", "", id="broken base64"),
        pytest.param(b"Subject: a\n  b\n\n", "a b", "", id="folded"),
        pytest.param(
            b"Content-Type: text/plain; charset=nonsense\n\nhello", "", "hello", id="body charset"
        ),
        pytest.param(
            b'Content-Type: text/plain; charset="a\0b"\n\nhello', "", "hello", id="NUL in charset"
        ),
        pytest.param(
            b"Content-Type: text/html\n\n<style>p{}</style><p>1 &lt; 2</p><p>b<br>c</p><script>x",
            "",
            "1 < 2\nb\nc",
            id="HTML only",
        ),
        pytest.param(
            b'Content-Type: multipart/mixed; boundary="x"\n\n--x\nContent-Type: text/html\n\n'
            b"<b>html</b>\n--x\nContent-Disposition: attachment\n\nattached\n--x\n\nplain\n--x--\n",
            "",
            "plain",
            id="plain before HTML",
        ),
        pytest.param(b"Content-Type: multipart/mixed\n\nno boundary", "", "", id="no boundary"),
    ],
)
def test_odd_mail_can_be_read(folder: Path, raw: bytes, subject: str, text: str) -> None:
    found = read(folder, raw)
    assert (found.subject, found.text) == (subject, text)
    assert found.received_at.microsecond == 7


def test_mail_nested_beyond_reading_can_be_shown(folder: Path) -> None:
    parts = (f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(1200))
    found = read(folder, f"Subject: deep\n{''.join(parts)}".encode())
    assert (found.subject, found.text) == ("deep", "")
    assert "b1199" in found.raw


def test_a_mail_without_headers_shows_its_envelope(folder: Path) -> None:
    found = read(folder, b"X-Envelope-From: <a@b.example>\nX-Envelope-To: c@d.example\n\nhello")
    assert (found.sender, found.recipient) == ("<a@b.example>", "c@d.example")


def test_the_first_of_two_headers_counts(folder: Path) -> None:
    found = read(folder, b"X-Envelope-To: real@d.example\nX-Envelope-To: forged@d.example\n\n")
    assert found.recipient == "real@d.example"


def test_the_mailbox_stays_readable_while_mail_is_removed(folder: Path) -> None:
    (folder / "1700000000.M1P1Q1.host").write_bytes(b"Subject: here\n\n")
    os.symlink(folder / "gone", folder / "1700000001.M1P1Q1.host")
    assert [found.subject for found in mailbox.list_mail()] == ["here"]
