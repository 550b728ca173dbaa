"""Mail that machines write: bounces as six mail systems word them, and complaints (RFC 5965)."""

import random
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage

from sandbox.market import mime
from sandbox.market.letters import Letter
from sandbox.market.mime import Posted
from sandbox.market.world import Company

COMPLAINTS = "feedback.bigmail.example"


def bounce(company: Company, letter: Letter, at: float) -> Posted:
    """Return the notice that there is no such person (RFC 3464, or what came before it)."""
    chance = random.Random(f"bounce {company.domain}")  # noqa: S311 - a server keeps its software
    mail = EmailMessage(mime.WIRE)
    mime.head(mail, company.domain, at, letter)
    mail["To"] = letter.sender
    mail["Message-ID"] = f"<{letter.id[:24]}.bounce@{company.domain}>"
    mail["Auto-Submitted"] = "auto-replied"
    chance.choice(SYSTEMS)(mail, company, letter)
    return Posted("", letter.sender, mime.finished(mail, letter))


def complaint(letter: Letter, at: float) -> Posted:
    """Return what a provider reports when somebody presses “this is spam”."""
    mail = EmailMessage(mime.WIRE)
    mime.head(mail, COMPLAINTS, at, letter)
    mail["From"] = f"Bigmail Feedback Loop <fbl@{COMPLAINTS}>"
    mail["To"] = letter.sender
    mail["Subject"] = f"FW: {letter.subject}"
    mail["Message-ID"] = f"<{letter.id[:24]}.fbl@{COMPLAINTS}>"
    mail.set_content("This is an abuse report for a message of yours that a user called spam.\n")
    _report(mail, "feedback-report")
    fields = (
        "Feedback-Type: abuse\r\nUser-Agent: Bigmail-FBL/2.1\r\nVersion: 1\r\n"
        f"Original-Mail-From: <{letter.sender}>\r\nOriginal-Rcpt-To: <{letter.recipient}>\r\n"
        f"Arrival-Date: {mail['Date']}\r\nReported-Domain: {letter.sender.rpartition('@')[2]}\r\n"
    )
    _attach(mail, "message", "feedback-report", fields)
    _attach_original(mail, letter)
    return Posted(f"fbl@{COMPLAINTS}", letter.sender, mime.finished(mail, letter))


def _postfix(mail: EmailMessage, company: Company, letter: Letter) -> None:
    host = f"mail.{company.domain}"
    mail["From"] = f"MAILER-DAEMON@{host} (Mail Delivery System)"
    mail["Subject"] = "Undelivered Mail Returned to Sender"
    said = f"550 5.1.1 <{letter.recipient}>: Recipient address rejected: User unknown"
    mail.set_content(
        f"This is the mail system at host {host}.\n\nI'm sorry to have to inform you that your"
        f" message could not\nbe delivered to one or more recipients.\n\n<{letter.recipient}>:"
        f" host {host}[192.0.2.25] said: {said}\n    in virtual mailbox table (in reply to RCPT TO"
        " command)\n"
    )
    _report(mail, "delivery-status")
    _attach_status(mail, host, letter, "5.1.1", said)
    _attach_original(mail, letter)


def _exim(mail: EmailMessage, company: Company, letter: Letter) -> None:
    mail["From"] = f"Mail Delivery System <Mailer-Daemon@mx.{company.domain}>"
    mail["Subject"] = "Mail delivery failed: returning message to sender"
    mail["X-Failed-Recipients"] = letter.recipient
    mail.set_content(
        "This message was created automatically by mail delivery software.\n\nA message that you"
        " sent could not be delivered to one or more of its\nrecipients. This is a permanent"
        f" error. The following address(es) failed:\n\n  {letter.recipient}\n    Unrouteable"
        " address\n\n------ This is a copy of the message, including all the headers. ------\n\n"
        f"{_readable(letter)}"
    )


def _exchange(mail: EmailMessage, company: Company, letter: Letter) -> None:
    host = f"{company.slug}.mail.protection.outlook.example"
    mail["From"] = f"postmaster@{company.domain}"
    mail["Subject"] = f"Undeliverable: {letter.subject}"
    said = f"550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {letter.recipient} not found"
    mail.set_content(
        f"Delivery has failed to these recipients or groups:\n\n{letter.recipient}\nThe email"
        f" address you entered couldn't be found.\n\nDiagnostic information for administrators:\n"
        f"Generating server: {host}\n{letter.recipient}\nRemote server returned '{said}'\n"
    )
    mail.add_alternative(
        f"<html><body><h1>Your message couldn't be delivered.</h1><p>{letter.recipient} wasn't"
        f" found at {company.domain}.</p></body></html>",
        subtype="html",
    )
    _report(mail, "delivery-status")
    _attach_status(mail, host, letter, "5.1.10", said)
    _attach_original(mail, letter)


def _gmail(mail: EmailMessage, company: Company, letter: Letter) -> None:
    mail["From"] = "Mail Delivery Subsystem <mailer-daemon@bigmail.example>"
    mail["Subject"] = "Delivery Status Notification (Failure)"
    said = "550-5.1.1 The email account that you tried to reach does not exist."
    mail.set_content(
        f"\n** Address not found **\n\nYour message wasn't delivered to {letter.recipient} because"
        f" the address couldn't be found, or is unable to receive mail.\n\nThe response was:\n\n"
        f"{said}\n"
    )
    _report(mail, "delivery-status")
    _attach_status(mail, "bigmail.example", letter, "5.1.1", said)
    _attach_original(mail, letter)


def _qmail(mail: EmailMessage, company: Company, letter: Letter) -> None:
    mail["From"] = f"MAILER-DAEMON@{company.domain}"
    mail["Subject"] = "failure notice"
    mail.set_content(
        f"Hi. This is the qmail-send program at {company.domain}.\nI'm afraid I wasn't able to"
        " deliver your message to the following addresses.\nThis is a permanent error; I've given"
        f" up. Sorry it didn't work out.\n\n<{letter.recipient}>:\nSorry, no mailbox here by that"
        " name. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\n"
        f"Return-Path: <{letter.sender}>\n{_readable(letter)}"
    )


def _sendmail(mail: EmailMessage, company: Company, letter: Letter) -> None:
    host = f"smtp.{company.domain}"
    mail["From"] = f"Mail Delivery Subsystem <MAILER-DAEMON@{host}>"
    mail["Subject"] = "Returned mail: see transcript for details"
    said = f"550 5.1.1 <{letter.recipient}>... User unknown"
    mail.set_content(
        "   ----- The following addresses had permanent fatal errors -----\n"
        f"<{letter.recipient}>\n    (reason: {said})\n\n   ----- Transcript of session follows"
        f" -----\n... while talking to {host}.:\n>>> DATA\n<<< {said}\n{said}\n"
    )
    _report(mail, "delivery-status")
    _attach_status(mail, host, letter, "5.1.1", said)
    _attach_original(mail, letter)


SYSTEMS: tuple[Callable[[EmailMessage, Company, Letter], None], ...] = (
    _postfix,
    _exim,
    _exchange,
    _gmail,
    _qmail,
    _sendmail,
)


def _report(mail: EmailMessage, kind: str) -> None:
    """Turn a mail with a text into a report with that text in front (RFC 6522)."""
    mail.make_mixed()
    mail.replace_header("Content-Type", f"multipart/report; report-type={kind}")


def _attach_status(mail: EmailMessage, host: str, letter: Letter, status: str, said: str) -> None:
    fields = (
        f"Reporting-MTA: dns; {host}\r\nArrival-Date: {mail['Date']}\r\n\r\n"
        f"Final-Recipient: rfc822; {letter.recipient}\r\n"
        f"Original-Recipient: rfc822;{letter.recipient}\r\nAction: failed\r\nStatus: {status}\r\n"
        f"Remote-MTA: dns; {host}\r\nDiagnostic-Code: smtp; {said}\r\n"
    )
    _attach(mail, "message", "delivery-status", fields)


def _attach(mail: EmailMessage, main: str, sub: str, fields: str) -> None:
    """Attach fields as a part of its own type."""
    text = f"Content-Type: {main}/{sub}\r\n\r\n{fields}"
    part = message_from_bytes(text.encode(), EmailMessage, policy=mime.WIRE)
    mail.attach(part)


def _attach_original(mail: EmailMessage, letter: Letter) -> None:
    part = EmailMessage(mime.WIRE)
    part["Content-Type"] = "message/rfc822"
    part.set_payload([message_from_bytes(letter.raw, policy=policy.compat32)])
    mail.attach(part)


def _readable(letter: Letter) -> str:
    return letter.raw.decode(errors="replace").replace("\r\n", "\n")
