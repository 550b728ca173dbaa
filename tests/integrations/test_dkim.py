"""Signed mail over a real SMTP server, checked by another reading of RFC 6376 than the signer's.

dkimpy signs. No other library that checks DKIM is on PyPI for this Python, so Perl's Mail::DKIM is
asked where it is installed, and `verify` below, everywhere: written from the RFC with
`cryptography` alone, it does relaxed canonicalisation (3.4.2, 3.4.4), the
signature's own header with an empty `b=` (3.7), and headers taken from the bottom up (5.4.2).
"""

import base64
import hashlib
import re
import subprocess
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.conf import settings

from integrations import mail, signing
from integrations.errors import ServiceError
from tests.mailserver import Inbox, running

PRIVATE, PUBLIC = signing.generate()
KEY = signing.Key("northwind.example", "cc1", PRIVATE)
VERIFIER = Path(__file__).with_name("verify_dkim.pl")
UNSUBSCRIBE = {
    "List-Unsubscribe": "<https://northwind.example/u/" + "a" * 90 + "/>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}


def letter(**fields: object) -> mail.Message:
    wanted: dict[str, object] = {
        "message_id": "<0195c1a2-7b10-7d3e-9c11-5f0a4e6b8d21@northwind.example>",
        "from_name": "Alex Moreno",
        "from_email": "alex@northwind.example",
        "to_name": "Dana Reyes",
        "to_email": "dana@harborplumbing.example",
        "subject": "Missed calls after five – Harbor Plumbing",
        "text": "Hello Dana,\n\n.begins with a dot\n..two\n\nEnds  \t with blanks \n\n\n",
        "headers": UNSUBSCRIBE,
        "dkim": KEY,
    }
    return mail.Message(**(wanted | fields))  # type: ignore[arg-type]


def verify(raw: bytes, public_key: str) -> set[str]:
    """Return the names of the headers the signature covers. Raises InvalidSignature."""
    head, _, body = raw.partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", head)
    signature = next(field for field in fields if field.lower().startswith(b"dkim-signature:"))
    tags = dict(
        re.sub(rb"\s+", b"", tag).split(b"=", 1) for tag in signature.partition(b":")[2].split(b";")
    )
    assert (tags[b"v"], tags[b"a"], tags[b"c"]) == (b"1", b"rsa-sha256", b"relaxed/relaxed")
    if base64.b64decode(tags[b"bh"]) != hashlib.sha256(relaxed_body(body)).digest():
        raise InvalidSignature("the body was changed")
    left = [field for field in fields if field is not signature]
    signed = b""
    names = [name.lower() for name in tags[b"h"].split(b":")]
    for name in names:
        at = next((i for i in reversed(range(len(left))) if named(left[i]) == name), None)
        if at is not None:
            signed += relaxed_header(left.pop(at)) + b"\r\n"
    signed += relaxed_header(re.sub(rb"(\bb=)[^;]*$", rb"\1", signature))
    key = serialization.load_der_public_key(base64.b64decode(public_key))
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(base64.b64decode(tags[b"b"]), signed, padding.PKCS1v15(), hashes.SHA256())
    return {name.decode() for name in names}


def named(field: bytes) -> bytes:
    return field.partition(b":")[0].strip().lower()


def relaxed_header(field: bytes) -> bytes:
    name, _, value = field.partition(b":")
    unfolded = re.sub(rb"\r\n", b"", value)
    return name.strip().lower() + b":" + re.sub(rb"[ \t]+", b" ", unfolded).strip()


def relaxed_body(body: bytes) -> bytes:
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


def wire(inbox: Inbox) -> bytes:
    """Return the last message as the server took it."""
    return inbox.raw[-1]


def test_a_signed_mail_holds_over_a_real_server(inbox: Inbox) -> None:
    mail.send(letter())
    covered = verify(wire(inbox), PUBLIC)
    assert {"from", "to", "subject", "date", "message-id", "content-type"} <= covered


def test_the_signature_covers_the_one_click_pair(inbox: Inbox) -> None:
    mail.send(letter())
    assert {"list-unsubscribe", "list-unsubscribe-post"} <= verify(wire(inbox), PUBLIC)
    taken = message_from_bytes(wire(inbox), policy=policy.default)
    assert taken["List-Unsubscribe"].strip() == UNSUBSCRIBE["List-Unsubscribe"]
    assert taken["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Hello Dana", b"Hello Dave"),
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Two-Click"),
        (b"https://northwind.example/u/", b"https://evil.example/u/"),
        (b"alex@northwind.example>\r\nTo", b"eve@northwind.example>\r\nTo"),
        (b"\r\nDate:", b"\r\nFrom: eve@evil.example\r\nDate:"),
        (b"\r\nDate:", b"\r\nSubject: another\r\nDate:"),
        (b"\r\nDate:", b"\r\nReply-To: eve@evil.example\r\nDate:"),
    ],
)
def test_what_is_changed_or_added_on_the_way_is_noticed(
    inbox: Inbox, old: bytes, new: bytes
) -> None:
    mail.send(letter())
    raw = wire(inbox)
    assert old in raw
    with pytest.raises(InvalidSignature):
        verify(raw.replace(old, new, 1), PUBLIC)


@pytest.mark.parametrize(("old", "says"), [(b"", b"pass"), (b"Hello", b"fail")])
def test_mail_dkim_of_perl_agrees(inbox: Inbox, old: bytes, says: bytes) -> None:
    if subprocess.run(["perl", "-MMail::DKIM", "-e1"], capture_output=True).returncode:
        pytest.skip("needs Mail::DKIM (libmail-dkim-perl)")
    mail.send(letter())
    raw = wire(inbox).replace(old, b"Hallo", 1) if old else wire(inbox)
    checked = subprocess.run(
        ["perl", VERIFIER, signing.record(PUBLIC)], input=raw, capture_output=True, check=True
    )
    assert checked.stdout.startswith(says)


def test_another_key_does_not_hold(inbox: Inbox) -> None:
    mail.send(letter())
    with pytest.raises(InvalidSignature):
        verify(wire(inbox), signing.generate()[1])


def test_it_names_the_domain_and_the_selector_to_ask_for(inbox: Inbox) -> None:
    mail.send(letter())
    signature = str(message_from_bytes(wire(inbox), policy=policy.compat32)["DKIM-Signature"])
    tags = re.sub(r"\s+", "", signature)
    assert "d=northwind.example;" in tags
    assert "s=cc1;" in tags


def test_without_a_key_it_goes_unsigned(inbox: Inbox) -> None:
    mail.send(letter(dkim=None))
    assert "DKIM-Signature" not in inbox.messages[-1]


def test_with_a_broken_key_it_does_not_go(inbox: Inbox) -> None:
    broken = signing.Key("northwind.example", "cc1", "no key")
    with pytest.raises(ServiceError) as raised:
        mail.send(letter(dkim=broken))
    assert raised.value.permanent
    assert not inbox.messages


def test_the_key_is_not_shown() -> None:
    assert PRIVATE not in repr(letter())
    assert "secret" not in repr(letter(via="smtp://u:secret@mail.example"))


def test_the_preview_is_the_message_that_goes_out(inbox: Inbox) -> None:
    message = letter(dkim=None)
    shown = mail.source(message)
    mail.send(message)
    sent = wire(inbox).decode().replace("\r\n", "\n")
    without_date = re.compile(r"^Date: .*$", re.MULTILINE)
    assert without_date.sub("", shown) == without_date.sub("", sent)
    assert verify(mail.source(letter()).replace("\n", "\r\n").encode(), PUBLIC)


def test_a_mailbox_sends_through_its_own_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as house, running() as own:
        monkeypatch.setattr(settings, "EMAIL_URL", f"smtp://127.0.0.1:{house.port}/?tls=off")
        away = {"to_email": "dana@agency.dev", "from_email": "alex@agency.dev"}
        mail.send(letter(via=f"smtp://127.0.0.1:{own.port}/?tls=off", **away))
        assert (len(own.messages), len(house.messages)) == (1, 0)
        mail.send(letter(**away))
        assert (len(own.messages), len(house.messages)) == (1, 1)


def test_in_the_sandbox_no_server_of_a_mailbox_is_reached(inbox: Inbox) -> None:
    with running() as own:
        mail.send(letter(via=f"smtp://127.0.0.1:{own.port}/?tls=off"))
        assert (len(inbox.messages), len(own.messages)) == (1, 0)


@pytest.mark.parametrize("via", ["http://mail.example", "smtp://", "nonsense"])
def test_a_server_that_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch, via: str) -> None:
    monkeypatch.setattr(settings, "EMAIL_URL", "smtp://127.0.0.1:1/?tls=off")
    with pytest.raises(ServiceError) as raised:
        mail.send(letter(via=via, to_email="dana@agency.dev"))
    assert raised.value.permanent
