"""Mail that came back, as it would have come: answers, bounces, complaints, absences."""

import datetime as dt
from dataclasses import dataclass
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

WIRE = policy.SMTP
BOUNDARY = "seeded-report"
NO_SUCH = "550 5.1.1 the mailbox does not exist"

ANSWERS = {
    "later": (
        "Thanks, but not this quarter. Please write again in the autumn.",
        "We are in the middle of moving our office, so not now. Later this year maybe.",
    ),
    "not_interested": (
        "Thank you, but we are not interested.",
        "No thanks, my sister answers our phones and does it well.",
    ),
    "unsubscribe": (
        "Please take me off your list.",
        "Stop writing to us. Remove this address.",
    ),
    "out_of_office": ("I am out of the office until Monday and read my mail then.",),
}
"""What somebody writes, by how it is labelled; its first sentence is the reason given."""


@dataclass(frozen=True)
class Sent:
    """The mail of ours that something came of."""

    message_id: str
    subject: str
    sender: str
    recipient: str
    at: dt.datetime


@dataclass(frozen=True)
class Came:
    """A mail that came in, as it is kept once it was read."""

    raw: bytes
    message_id: str
    from_name: str
    from_email: str
    subject: str
    text: str
    full_text: str


def answer(sent: Sent, *, key: str, name: str, subject: str, text: str, at: dt.datetime) -> Came:
    """Return what a person writes back, ours quoted below; without a name, a machine of theirs."""
    mail = _mail(sent, key, subject, at)
    mail["From"] = Address(name, addr_spec=sent.recipient)
    mail["In-Reply-To"] = mail["References"] = sent.message_id
    if not name:
        mail["Auto-Submitted"] = "auto-replied"
    quoted = f"On {sent.at:%a, %d %b %Y at %H:%M}, {sent.sender} wrote:\n> {sent.subject}"
    full = f"{text}\n\n{quoted}\n"
    mail.set_content(full)
    return _came(mail, mail.as_bytes(), name, sent.recipient, text, full)


def bounce(sent: Sent, *, key: str, at: dt.datetime) -> Came:
    """Return the report that there is no such mailbox (RFC 3464)."""
    host = sent.recipient.rpartition("@")[2]
    said = f"Your message to {sent.recipient} could not be delivered.\n\n{NO_SUCH}\n"
    fields = (
        f"Reporting-MTA: dns; {host}\n\nFinal-Recipient: rfc822; {sent.recipient}\n"
        f"Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; {NO_SUCH}\n"
    )
    mail = _mail(sent, key, "Undelivered Mail Returned to Sender", at)
    mail["From"] = sender = f"mailer-daemon@{host}"
    raw = _report(mail, sent, said, "delivery-status", fields)
    return _came(mail, raw, "", sender, said.strip(), said)


def complaint(sent: Sent, *, key: str, at: dt.datetime) -> Came:
    """Return what a provider reports of a mail that was called spam (RFC 5965)."""
    said = "This is an abuse report for a message that somebody called spam.\n"
    fields = (
        f"Feedback-Type: abuse\nUser-Agent: Seed/1\nVersion: 1\n"
        f"Original-Rcpt-To: <{sent.recipient}>\n"
    )
    mail = _mail(sent, key, f"FW: {sent.subject}", at)
    mail["From"] = sender = "fbl@provider.example"
    raw = _report(mail, sent, said, "feedback-report", fields)
    return _came(mail, raw, "", sender, said.strip(), said)


def _mail(sent: Sent, key: str, subject: str, at: dt.datetime) -> EmailMessage:
    mail = EmailMessage(WIRE)
    mail["To"] = sent.sender
    mail["Subject"] = subject
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{key}@{sent.recipient.rpartition('@')[2]}>"
    return mail


def _report(mail: EmailMessage, sent: Sent, said: str, kind: str, fields: str) -> bytes:
    """Return the mail as a report of this kind (RFC 6522); the parts are 8bit, in UTF-8."""
    mail["MIME-Version"] = "1.0"
    mail["Content-Type"] = f'multipart/report; report-type={kind}; boundary="{BOUNDARY}"'
    mail["Content-Transfer-Encoding"] = "8bit"
    ours = f"Message-ID: {sent.message_id}\nSubject: {sent.subject}\nTo: {sent.recipient}\n"
    parts = (
        ("text/plain; charset=utf-8", said),
        (f"message/{kind}", fields),
        ("text/rfc822-headers; charset=utf-8", ours),
    )
    body = "".join(f"--{BOUNDARY}\nContent-Type: {what}\n\n{text}\n" for what, text in parts)
    head = b"".join(WIRE.fold_binary(name, value) for name, value in mail.raw_items())
    return head + f"\n{body}--{BOUNDARY}--\n".replace("\n", "\r\n").encode()


def _came(mail: EmailMessage, raw: bytes, name: str, sender: str, text: str, full: str) -> Came:
    return Came(
        raw=raw,
        message_id=str(mail["Message-ID"]),
        from_name=name,
        from_email=sender,
        subject=str(mail["Subject"]),
        text=text,
        full_text=full,
    )
