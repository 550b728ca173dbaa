"""Mail over real SMTP, against servers that take it, refuse it, hang up and fall silent."""

import asyncio
import datetime as dt
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage, MIMEPart
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from pytest_django import Settings

from agency import loop
from integrations import mail
from integrations.errors import OutcomeUnknown, ServiceError

LETTER = mail.Message(
    message_id="<0193-action@agency.example>",
    from_name="Olivia Reed",
    from_email="olivia@agency.example",
    to_name="Dana Reyes",
    to_email="dana@harbor.example",
    subject="Your question",
    text="Hello Dana,\n\nyes, we do.\n\n-- \nNorthwind Automation · 1 Main St\n",
)
PASSWORD = "correct horse"


def words(letter: MIMEPart) -> str:
    payload = letter.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode().replace("\r\n", "\n")


class Server:
    """Keeps what it took and notes each step; `says` has other answers than the usual ones."""

    def __init__(self, says: dict[str, str]) -> None:
        self.says = says
        self.steps: list[str] = []
        self.envelopes: list[Envelope] = []
        self.port = 0

    def raw(self) -> bytes:
        (envelope,) = self.envelopes
        assert isinstance(envelope.original_content, bytes)
        return envelope.original_content

    def letter(self) -> EmailMessage:
        return message_from_bytes(self.raw(), policy=policy.default)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, host: str, answers: list[str]
    ) -> list[str]:
        self.steps.append("EHLO")
        session.host_name = host
        return answers

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, sender: str, options: list[str]
    ) -> str:
        self.steps.append("MAIL")
        envelope.mail_from = sender
        return self.says.get("MAIL", "250 fine")

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.steps.append("RCPT")
        envelope.rcpt_tos.append(address)
        return self.says.get("RCPT", "250 fine")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.steps.append("DATA")
        answer = self.says.get("DATA", "250 2.0.0 taken as 42")
        if answer == "hang up":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        elif answer == "fall silent":
            await asyncio.Event().wait()
        elif answer.startswith("250"):
            self.envelopes.append(envelope)
        return answer


def person(server: Server, header: str) -> tuple[str, str]:
    """Return name and address as mail programs read them.

    The standard library's newer parser does not join encoded words (RFC 2047, section 6.2).
    """
    raw = message_from_bytes(server.raw())
    name, address = parseaddr(raw[header])
    return str(make_header(decode_header(name))), address


@contextmanager
def serving(
    says: dict[str, str] | None = None, *, direct: ssl.SSLContext | None = None, **options: Any
) -> Iterator[Server]:
    """Run an SMTP server on a free port of the loopback."""
    keeper = Server(says or {})
    running = asyncio.run_coroutine_threadsafe(
        loop.get().create_server(
            lambda: SMTP(keeper, loop=loop.get(), hostname="mx.test", **options),
            "127.0.0.1",
            0,
            ssl=direct,
        ),
        loop.get(),
    ).result(5)
    keeper.port = running.sockets[0].getsockname()[1]
    try:
        yield keeper
    finally:
        loop.get().call_soon_threadsafe(running.close)


@contextmanager
def reciting(*lines: bytes) -> Iterator[int]:
    """Run a server that answers each line it gets with the next of `lines`, then hangs up."""

    def recite(wire: socket.socket) -> None:
        with wire, wire.makefile("rwb") as stream:
            for line in lines:
                stream.write(line + b"\r\n")
                stream.flush()
                stream.readline()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        done: Future[None] = Future()

        async def serve() -> None:
            await asyncio.to_thread(lambda: recite(listener.accept()[0]))

        done = loop.submit(serve())
        yield listener.getsockname()[1]
        done.result(5)


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    with serving() as found:
        settings.SANDBOX_SMTP_PORT = found.port
        yield found


def failure(message: mail.Message = LETTER, **options: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        mail.send(message, **options)
    return caught.value


def surely_not_sent(message: mail.Message = LETTER, **options: Any) -> ServiceError:
    error = failure(message, **options)
    assert not isinstance(error, OutcomeUnknown)
    return error


# What arrives


def test_it_sends_what_it_was_given(server: Server) -> None:
    receipt = mail.send(
        replace(
            LETTER,
            reply_to="hello@agency.example",
            headers={"Auto-Submitted": "auto-generated", "X-Ref": "7"},
        )
    )

    (envelope,) = server.envelopes
    assert envelope.mail_from == "olivia@agency.example"
    assert envelope.rcpt_tos == ["dana@harbor.example"]
    letter = server.letter()
    assert letter["From"] == "Olivia Reed <olivia@agency.example>"
    assert letter["To"] == "Dana Reyes <dana@harbor.example>"
    assert letter["Subject"] == "Your question"
    assert letter["Message-ID"] == "<0193-action@agency.example>"
    assert letter["Reply-To"] == "hello@agency.example"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["X-Ref"] == "7"
    assert letter["MIME-Version"] == "1.0"
    assert letter["Date"].datetime.tzinfo is not None
    assert abs(letter["Date"].datetime - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
    assert letter.get_content_type() == "text/plain"
    assert words(letter) == LETTER.text
    assert receipt.message_id == "<0193-action@agency.example>"
    assert receipt.server_reply == "250 2.0.0 taken as 42"
    assert receipt.at.tzinfo is not None


def test_it_fits_the_narrowest_server(server: Server) -> None:
    mail.send(replace(LETTER, subject="größer " * 60, text="größer " * 400 + "\n.\n..\n"))

    assert server.raw().isascii()
    assert max(map(len, server.raw().split(b"\r\n"))) <= 78
    assert b"\n" not in server.raw().replace(b"\r\n", b"")
    assert words(server.letter()) == "größer " * 400 + "\n.\n..\n"


INVITATION = mail.Attachment(
    "call.ics",
    "text/calendar",
    "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nSUMMARY:größer\r\nEND:VCALENDAR\r\n".encode(),
    method="REQUEST",
)


def test_an_invitation_is_shown_as_one_and_goes_along_as_a_file(server: Server) -> None:
    pdf = mail.Attachment("proposal.pdf", "application/pdf", bytes(range(256)) * 9)
    letter = replace(LETTER, attachments=(INVITATION, pdf))
    mail.send(letter)
    assert server.raw().isascii()
    assert max(map(len, server.raw().split(b"\r\n"))) <= 100
    assert b"\n" not in server.raw().replace(b"\r\n", b"")
    found = server.letter()
    assert found.get_content_type() == "multipart/mixed"
    body, *files = found.iter_parts()
    assert [part.get_content_type() for part in body.iter_parts()] == [
        *("text/plain", "text/calendar"),
    ]
    text, shown = body.iter_parts()
    assert words(text) == LETTER.text
    assert shown.get_param("method") == "REQUEST"
    assert shown.get_payload(decode=True) == INVITATION.content
    assert [one.get_filename() for one in files] == ["call.ics", "proposal.pdf"]
    assert [one.get_payload(decode=True) for one in files] == [INVITATION.content, pdf.content]
    assert not found.defects


def test_the_source_shows_what_goes_along_the_same_each_time() -> None:
    letter = replace(LETTER, attachments=(INVITATION,))
    sources = {mail.source(letter).partition("\nDate:")[2].partition("\n")[2] for _ in range(3)}
    assert len(sources) == 1
    assert 'filename="call.ics"' in sources.pop()


@pytest.mark.parametrize("name", ["a\r\nBcc: x@y.example", 'a".ics', "größe.ics", "a\0.ics"])
def test_a_file_name_cannot_change_the_letter(server: Server, name: str) -> None:
    surely_not_sent(replace(LETTER, attachments=(replace(INVITATION, filename=name),)))
    assert not server.envelopes


def test_a_long_link_in_a_header_stays_whole(server: Server) -> None:
    link = "<https://agency.example/u/" + "0123456789abcdef" * 12 + ">"
    mail.send(replace(LETTER, headers={"List-Unsubscribe": link}))
    assert link.encode() in server.raw()


@pytest.mark.parametrize(
    "name", ['Reyes, Dana "Dee"', "Müller, Jörg", "王小明", "=?utf-8?q?x?=", "a@b.c", "ß" * 100, ""]
)
def test_a_name_cannot_become_an_address(server: Server, name: str) -> None:
    mail.send(replace(LETTER, to_name=name, from_name=name))
    assert person(server, "From") == (name, "olivia@agency.example")
    assert person(server, "To") == (name, "dana@harbor.example")


WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=200)


@settings_of_hypothesis(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(WORDS, WORDS, st.text(st.characters(exclude_categories=["Cs"]), max_size=500))
def test_any_text_arrives_as_it_was(server: Server, name: str, subject: str, text: str) -> None:
    server.envelopes.clear()
    mail.send(replace(LETTER, to_name=name, subject=subject, text=text))

    letter = server.letter()
    assert letter["Subject"].split() == subject.split()
    assert person(server, "To")[0].split() == name.split()
    sent = text.replace("\r\n", "\n").replace("\r", "\n")
    assert words(letter).removesuffix("\n") == sent.removesuffix("\n")


def test_a_domain_in_other_letters_is_written_in_ascii(server: Server) -> None:
    mail.send(replace(LETTER, to_email="info@straße.example", message_id="<1@straße.example>"))
    (envelope,) = server.envelopes
    assert envelope.rcpt_tos == ["info@xn--strae-oqa.example"]
    assert server.letter()["To"].addresses[0].addr_spec == "info@xn--strae-oqa.example"
    assert server.letter()["Message-ID"] == "<1@xn--strae-oqa.example>"


# What is refused before anybody is asked


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\0", "\x0b", "\x85", "\u2028"])
@pytest.mark.parametrize(
    "field",
    ["message_id", "from_name", "from_email", "to_name", "to_email", "subject", "reply_to"],
)
def test_a_line_break_cannot_add_a_header(server: Server, field: str, end: str) -> None:
    value = getattr(LETTER, field) or "hello@agency.example"
    changed: dict[str, Any] = {field: f"{value}{end}Bcc: all@harbor.example"}
    message = replace(LETTER, **changed)
    assert surely_not_sent(message).permanent
    assert server.steps == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Note", "a\r\nBcc: all@harbor.example"),
        ("X-Note\r\nBcc", "all@harbor.example"),
        ("X Note", "a"),
        ("Bcc", "all@harbor.example"),
        ("to", "all@harbor.example"),
        ("Content-Type", "text/html"),
    ],
)
def test_a_header_cannot_change_the_letter(server: Server, name: str, value: str) -> None:
    assert surely_not_sent(replace(LETTER, headers={name: value})).permanent
    assert server.steps == []


@pytest.mark.parametrize(
    "address",
    [
        *("", "dana", "@harbor.example", "dana@", "a b@harbor.example", "a@b@harbor.example"),
        *("<dana@harbor.example>", "Dana <dana@harbor.example>", "ü@harbor.example"),
        *("dana@harbor.example>", "dana@har bor.example", "dana@-x.example", "dana@x..example"),
    ],
)
def test_what_is_no_address_gets_no_mail(server: Server, address: str) -> None:
    assert surely_not_sent(replace(LETTER, to_email=address)).permanent
    assert surely_not_sent(replace(LETTER, from_email=address)).permanent
    assert server.steps == []


@pytest.mark.parametrize(
    "address",
    [
        *("a@x.example", "a@x.test", "a@x.invalid", "a@localhost", "a@sub.localhost"),
        *("a@example.com", "a@mail.example.net", "a@EXAMPLE.ORG", "a@example.com."),
    ],
)
def test_a_real_provider_gets_no_mail_to_made_up_people(settings: Settings, address: str) -> None:
    with serving() as server:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{server.port}/?tls=off"
        assert mail.world() == "real"
        assert surely_not_sent(replace(LETTER, to_email=address)).permanent
        assert server.steps == []
        mail.send(replace(LETTER, to_email="dana@examples.com"))
        assert len(server.envelopes) == 1


def test_the_sandbox_takes_mail_to_anybody(server: Server) -> None:
    assert mail.world() == "sandbox"
    mail.send(replace(LETTER, to_email="operator@localhost"))
    assert len(server.envelopes) == 1


# What a server refuses


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(("code", "permanent"), [(550, True), (452, False), (421, False)])
def test_a_refused_message_was_not_sent(
    settings: Settings, step: str, code: int, permanent: bool
) -> None:
    with serving({step: f"{code} 5.1.1 no such luck"}) as server:
        settings.SANDBOX_SMTP_PORT = server.port
        error = surely_not_sent()
    assert error.permanent is permanent
    assert f"{code} 5.1.1 no such luck" in str(error)
    assert server.envelopes == []


def test_a_server_out_of_reach_can_be_tried_later(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings.SANDBOX_SMTP_PORT = taken.getsockname()[1]
        assert not surely_not_sent().permanent


@pytest.mark.parametrize(
    ("lines", "permanent"),
    [
        ([b"554 go away"], True),
        ([b"421 too busy"], False),
        ([b"HTTP/1.1 400 Bad Request"], False),
        ([b"220 hello"], False),
        ([b"220 hello", b"250 mx", b"250 fine", b"250 fine", b"554 no valid recipients"], True),
        ([b"220 hello", b"250 mx", b"250 fine", b"250 fine", b"451 not now"], False),
        ([b"220 hello", b"250 mx", b"250 fine", b"250 fine"], False),
    ],
)
def test_what_fails_before_the_message_was_not_sent(
    settings: Settings, lines: list[bytes], permanent: bool
) -> None:
    with reciting(*lines) as port:
        settings.SANDBOX_SMTP_PORT = port
        assert surely_not_sent().permanent is permanent


def test_a_server_silent_before_the_message_has_taken_nothing(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.SANDBOX_SMTP_PORT = silent.getsockname()[1]
        assert not surely_not_sent(timeout=0.1).permanent


@pytest.mark.parametrize("answer", ["hang up", "fall silent", "mumble", "354 go on"])
def test_without_a_clear_answer_to_the_message_it_may_have_been_sent(
    settings: Settings, answer: str
) -> None:
    with serving({"DATA": answer}) as server:
        settings.SANDBOX_SMTP_PORT = server.port
        error = failure(timeout=0.5)
    assert isinstance(error, OutcomeUnknown)
    assert server.steps[-1] == "DATA"


# The last look


class Stopped(Exception):
    """Somebody pressed stop."""


def test_the_last_looks_come_before_the_message_and_before_its_final_dot(server: Server) -> None:
    mail.send(LETTER, before_data=lambda: server.steps.append("look"))
    assert server.steps.count("look") == 2
    assert server.steps[:4] == ["EHLO", "MAIL", "RCPT", "look"]


def test_what_the_look_before_the_dot_raises_leaves_nothing_sent(server: Server) -> None:
    looks = iter([None, Stopped()])

    def look() -> None:
        if (found := next(looks)) is not None:
            raise found

    with pytest.raises(Stopped):
        mail.send(LETTER, before_data=look)
    assert server.envelopes == []


@pytest.mark.parametrize("error", [Stopped(), ServiceError("no", permanent=False), OSError("no")])
def test_what_the_last_look_raises_passes_through_and_nothing_is_sent(
    server: Server, error: Exception
) -> None:
    def look() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        mail.send(LETTER, before_data=look)

    assert caught.value is error
    assert server.steps == ["EHLO", "MAIL", "RCPT"]
    assert server.envelopes == []


def test_a_refused_recipient_is_not_looked_at(settings: Settings) -> None:
    with serving({"RCPT": "550 no"}) as server:
        settings.SANDBOX_SMTP_PORT = server.port
        surely_not_sent(before_data=lambda: server.steps.append("look"))
    assert "look" not in server.steps


# A real provider: encryption and passwords


def authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
) -> AuthResult:
    return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a file with a certificate of 127.0.0.1 and its key."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mx.test")])
    today = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "mx.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.fixture
def tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Return a server's side of TLS, whose certificate this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


LIVE = replace(LETTER, to_email="dana@harborplumbing.com")


@pytest.mark.parametrize("query", ["", "?tls=on"])
def test_it_encrypts_and_logs_in(settings: Settings, tls: ssl.SSLContext, query: str) -> None:
    with serving(
        tls_context=tls, require_starttls=True, auth_required=True, authenticator=authenticate
    ) as server:
        settings.EMAIL_URL = f"smtp://olivia:correct%20horse@127.0.0.1:{server.port}/{query}"
        mail.send(LIVE)
    assert person(server, "To") == ("Dana Reyes", "dana@harborplumbing.com")
    assert server.steps == ["EHLO", "EHLO", "MAIL", "RCPT", "DATA"]


def test_it_speaks_tls_from_the_start(settings: Settings, tls: ssl.SSLContext) -> None:
    with serving(direct=tls, auth_require_tls=False, authenticator=authenticate) as server:
        settings.EMAIL_URL = f"smtps://olivia:correct%20horse@127.0.0.1:{server.port}"
        mail.send(LIVE)
    assert len(server.envelopes) == 1


def test_a_wrong_password_is_permanent_and_not_repeated(
    settings: Settings, tls: ssl.SSLContext
) -> None:
    with serving(tls_context=tls, auth_required=True, authenticator=authenticate) as server:
        settings.EMAIL_URL = f"smtp://olivia:battery-staple@127.0.0.1:{server.port}"
        error = surely_not_sent(LIVE)
    assert error.permanent
    assert "535" in str(error)
    assert "battery-staple" not in str(error)


def test_a_server_nobody_vouches_for_is_not_trusted(
    settings: Settings, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with serving(tls_context=tls) as server:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{server.port}"
        assert surely_not_sent(LIVE).permanent
    assert "MAIL" not in server.steps


@pytest.mark.parametrize("url", ["smtp://olivia:secret@{}", "smtp://{}/?tls=on"])
def test_nothing_is_said_in_clear_where_encryption_is_due(settings: Settings, url: str) -> None:
    with serving(auth_require_tls=False, authenticator=authenticate) as server:
        settings.EMAIL_URL = url.format(f"127.0.0.1:{server.port}")
        error = surely_not_sent(LIVE)
    assert error.permanent
    assert "STARTTLS" in str(error)
    assert server.steps == ["EHLO"]


def test_an_address_of_the_provider_that_makes_no_sense_is_named(settings: Settings) -> None:
    settings.EMAIL_URL = "smtp://127.0.0.1:25/?tls=perhaps"
    error = surely_not_sent(LIVE)
    assert error.permanent
    assert "EMAIL_URL" in str(error)
