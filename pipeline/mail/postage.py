"""What a mail of ours takes from the mailbox it leaves, and from the mail it answers."""

from dataclasses import replace

from integrations import mail
from pipeline.mail import sender_domains
from pipeline.models import InboundMail, Lead, Mailbox

MOST_REFERENCES = 10


def stamped(message: mail.Message) -> mail.Message:
    """Return the mail as its mailbox sends it: signed with its domain's key, by its own server."""
    box = Mailbox.objects.filter(from_email=message.from_email).select_related("domain").first()
    if box is None:
        return message
    return replace(message, dkim=sender_domains.key(box.domain), via=box.smtp_url or "")


def answers(ids: list[str]) -> dict[str, str]:
    """Return the headers of a mail that answers the last of these (RFC 5322, section 3.6.4)."""
    plain = [one for one in ids if one.isascii() and one.isprintable()]
    if not plain:
        return {}
    return {"In-Reply-To": plain[-1], "References": " ".join(plain[-MOST_REFERENCES:])}


def latest(lead: Lead) -> InboundMail | None:
    """Return the last mail a lead wrote, if it came by mail."""
    wrote = InboundMail.objects.filter(lead=lead, kind=InboundMail.Kind.REPLY)
    found = wrote.select_related("mailbox", "touch__mailbox").defer("raw", "full_text")
    return found.order_by("-received_at", "-pk").first()


def written_to(letter: InboundMail) -> Mailbox | None:
    """Return the mailbox of ours a mail was written to."""
    if letter.mailbox is not None:
        return letter.mailbox
    if letter.touch is not None and letter.touch.mailbox is not None:
        return letter.touch.mailbox
    return Mailbox.objects.filter(from_email=letter.to_email).first()
