"""Answers as mail programs write them: quotes above or below, signatures, HTML alone, files."""

import datetime as dt
import html
import random
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from sandbox.market import rates, replies
from sandbox.market.letters import Letter
from sandbox.market.world import Company, Person

# Folded, a long Message-ID would begin with a space for half of its readers.
# What somebody else wrote is passed on as it is.
WIRE = SMTP.clone(max_line_length=900, refold_source="none")
ZONE = dt.timezone(dt.timedelta(hours=-7))
FILES = (
    ("call-log.csv", "text", "csv", b"day,calls,missed\nMon,61,22\nTue,58,25\n"),
    ("rates.pdf", "application", "pdf", b"%PDF-1.4\n% an old price list\n%%EOF\n"),
    ("logo.gif", "image", "gif", b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"),
    ("form.html", "text", "html", b"<script>alert('opened')</script>"),
)


@dataclass(frozen=True)
class Posted:
    """A mail ready to go to the app, with its envelope; an empty sender is the null one."""

    sender: str
    recipient: str
    raw: bytes


def reply(act: str, company: Company, person: Person, letter: Letter, at: float) -> Posted:
    """Return what a person answers to a letter; `at` is the Unix time it is dated."""
    chance = random.Random(f"mime {letter.id}")  # noqa: S311 - the same each time
    author = person
    if chance.random() < rates.OTHER_ADDRESS and act not in {"out_of_office", "unsubscribe"}:
        author = company.owner
    mail = EmailMessage(WIRE)
    head(mail, company.domain, at, letter)
    mail["From"] = formataddr((author.name, author.email))
    mail["To"] = letter.reply_to
    automatic = act == "out_of_office"
    mail["Subject"] = f"Automatic reply: {letter.subject}" if automatic else _re(letter.subject)
    mail["Message-ID"] = f"<{letter.id[:24]}.{act}@{company.domain}>"
    if letter.message_id:
        mail["In-Reply-To"] = letter.message_id
        mail["References"] = f"{letter.references} {letter.message_id}".strip()
    if automatic:
        mail["Auto-Submitted"] = "auto-replied"
        mail["X-Auto-Response-Suppress"] = "All"
    words = replies.write(act, company, person, letter)
    if automatic:
        mail.set_content(words)
    else:
        _fill(mail, words, _signature(company, author, chance), letter, at, chance)
    return Posted(author.email, letter.reply_to, finished(mail, letter))


def head(mail: EmailMessage, domain: str, at: float, letter: Letter) -> None:
    """Give a mail what every mail has that went from server to server."""
    when = format_datetime(dt.datetime.fromtimestamp(int(at), ZONE))
    mail["Received"] = (
        f"from mail.{domain} (mail.{domain} [192.0.2.25]) by mx.inbound.example with ESMTPS"
        f" id {letter.id[:12]}; {when}"
    )
    mail["Date"] = when


def finished(mail: EmailMessage, letter: Letter) -> bytes:
    """Return the mail as bytes, the same ones each time: a repeat must be seen to be one."""
    for number, part in enumerate(mail.walk()):
        if part.get_content_maintype() == "multipart":
            part.set_boundary(f"----=_Part_{number}_{letter.id[:20]}")
    return mail.as_bytes(policy=WIRE)


def _re(subject: str) -> str:
    return subject if subject.lower().startswith("re:") else f"Re: {subject}"


def _signature(company: Company, person: Person, chance: random.Random) -> str:
    full = f"{person.name}\n{person.role}, {company.name}\n{company.telephone}\n{company.website}"
    return chance.choice(
        (
            f"-- \n{full}",
            f"Best regards,\n{person.name}",
            f"Thanks,\n{person.first_name}\n\nSent from my iPhone",
            f"{person.first_name}\n\n-- \n{full}",
            "Get Outlook for Android",
            person.first_name,
        )
    )


def _fill(
    mail: EmailMessage,
    words: str,
    signature: str,
    letter: Letter,
    at: float,
    chance: random.Random,
) -> None:
    how = chance.random()
    quotes = chance.random() >= rates.NO_QUOTE
    if how < rates.HTML_ONLY:
        mail.set_content(_as_html(words, signature, letter, at, quotes), subtype="html")
    elif not quotes:
        mail.set_content(f"{words}\n\n{signature}\n")
    elif how < rates.HTML_ONLY + rates.BOTTOM_POSTED:
        mail.set_content(f"{_quote(letter, at)}\n\n{words}\n\n{signature}\n")
    elif chance.random() < 0.3:
        mail.set_content(f"{words}\n\n{signature}\n\n{_outlook_quote(letter, at)}\n")
    else:
        mail.set_content(f"{words}\n\n{signature}\n\n{_quote(letter, at)}\n")
        if chance.random() < 0.5:
            text = _as_html(words, signature, letter, at, quotes)
            mail.add_alternative(text, subtype="html")
    if chance.random() < rates.ATTACHMENT:
        name, main, sub, content = chance.choice(FILES)
        mail.add_attachment(content, maintype=main, subtype=sub, filename=name)


def _said_on(at: float) -> str:
    return f"{dt.datetime.fromtimestamp(int(at), ZONE):%a, %b %d, %Y at %I:%M %p}"


def _quote(letter: Letter, at: float) -> str:
    lines = "\n".join(f"> {line}".rstrip() for line in letter.text.splitlines())
    author = f"{letter.from_name} <{letter.reply_to}>".strip()
    return f"On {_said_on(at)} {author} wrote:\n\n{lines}"


def _outlook_quote(letter: Letter, at: float) -> str:
    return (
        "-----Original Message-----\n"
        f"From: {letter.from_name} <{letter.reply_to}>\nSent: {_said_on(at)}\n"
        f"To: {letter.recipient}\nSubject: {letter.subject}\n\n{letter.text}"
    )


def _as_html(words: str, signature: str, letter: Letter, at: float, quotes: bool) -> str:
    def lines(text: str) -> str:
        return html.escape(text, quote=False).replace("\n", "<br>\n")

    quote = (
        f'<div class="gmail_quote"><div class="gmail_attr">On {_said_on(at)}'
        f" {lines(f'{letter.from_name} <{letter.reply_to}>')} wrote:<br></div>"
        f'<blockquote class="gmail_quote">{lines(letter.text)}</blockquote></div>'
    )
    return (
        f'<html><body><div dir="ltr">{lines(words)}<br><br>{lines(signature)}</div>'
        f"{quote if quotes else ''}</body></html>"
    )
