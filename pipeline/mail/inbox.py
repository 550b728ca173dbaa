"""Mail that comes in: kept as it came, then read, put into its conversation and acted upon.

What stands in it is data. Reading it follows three rules only, whatever it says: a person's answer,
a bounce or a complaint stops the sequence; nothing here writes to anybody; everything else is for
whoever sorts it.
"""

import hashlib

from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now

from agency import audit, clock, live
from control import alerts
from integrations import inbound
from integrations.inbound import Parsed
from jobs import events, queue, registry
from jobs.lease import Lease
from jobs.models import Job, Lane
from pipeline.mail import correspondence, returns
from pipeline.mail.correspondence import About
from pipeline.models import (
    Attachment,
    Enrollment,
    InboundMail,
    Lead,
    Mailbox,
    Prospect,
    Thread,
    Touch,
)
from pipeline.writing import outreach

Kind = InboundMail.Kind
Label = InboundMail.Label
Status = InboundMail.Status

READ = "pipeline.read_mail"


def store(raw: bytes, *, via: str, mailbox: Mailbox | None = None) -> tuple[InboundMail, bool]:
    """Keep a message and have it read, in one commit; return it and whether it is new."""
    key = hashlib.sha256(raw).hexdigest()
    with transaction.atomic():
        mail, created = InboundMail.objects.get_or_create(
            key=key,
            defaults={
                "via": via[:80],
                "mailbox": mailbox,
                "raw": raw,
                "received_at": clock.now(),
            },
        )
        if created:
            queue.enqueue(READ, {"mail_id": str(mail.pk)}, unique_key=f"mail:{mail.pk}")
    return mail, created


@registry.register(READ, lane=Lane.FAST)
def read_mail(job: Job, lease: Lease) -> None:
    """Read a stored mail, once. One that cannot be read is kept, and an alert says so."""
    mail = InboundMail.objects.get(pk=job.payload["mail_id"])
    try:
        parsed = inbound.parse(bytes(mail.raw))
    except inbound.Unreadable as unreadable:
        with transaction.atomic():
            lease.check_row()
            _give_up(mail, str(unreadable))
        return
    with transaction.atomic():
        lease.check_row()
        mine = InboundMail.objects.select_for_update().filter(pk=mail.pk, status=Status.STORED)
        if mine.exists():
            _file(mail, parsed, job)


def catch_up(touch: Touch) -> None:
    """Tie what came in before its mail was recorded as sent to it, in the caller's transaction.

    For whoever makes the touch: an answer can be faster than the record of what it answers.
    """
    early = InboundMail.objects.filter(
        Q(in_reply_to=touch.message_id) | Q(references__contains=[touch.message_id]),
        prospect=touch.prospect_id,
        touch=None,
    )
    for mail in early.order_by("pk"):
        mail.touch = touch
        mail.save(update_fields=["touch"])
        about = About(touch=touch, prospect=touch.prospect, address=touch.to_address)
        if mail.kind == Kind.REPLY:
            _answered(about)
        elif mail.kind == Kind.COMPLAINT:
            returns.complained(about)
        elif mail.kind == Kind.BOUNCE and mail.label_reason:
            returns.bounced(about, permanent=False, says=mail.label_reason)


def _give_up(mail: InboundMail, error: str) -> None:
    InboundMail.objects.filter(pk=mail.pk, status=Status.STORED).update(
        status=Status.FAILED, error=error
    )
    alerts.raise_alert(
        "mail:unreadable",
        "A mail that came in cannot be read",
        body=f"It came by {mail.via} and is kept as it is: {error}",
        url=f"/admin/pipeline/inboundmail/{mail.pk}/change/",
    )


def _file(mail: InboundMail, parsed: Parsed, job: Job) -> None:
    """Write down what a mail says, find what it is about, and do what follows from its kind."""
    _write(mail, parsed)
    _take_turns(parsed.from_email)
    if _came_before(mail):
        mail.kind, mail.label_reason = Kind.OTHER, "the same mail came in another way before"
        mail.status = Status.SORTED
        mail.save()
        return
    about = _about(parsed)
    mail.touch, mail.prospect, mail.lead = about.touch, about.prospect, about.lead
    if parsed.kind == "bounce":
        _bounce(mail, parsed, about)
    elif parsed.kind == "complaint":
        _complaint(mail, about)
    elif not about:
        mail.kind = Kind.OTHER if parsed.kind == "reply" else Kind.AUTO_REPLY
    else:
        mail.thread = _thread(mail, about)
        if parsed.kind == "auto_reply":
            mail.label, mail.label_reason = Label.OUT_OF_OFFICE, "sent by a machine"
        else:
            _reply(mail, about, job)
    waits = mail.kind == Kind.REPLY and mail.lead is None
    mail.status = Status.READ if waits else Status.SORTED
    mail.save()
    _keep_files(mail, parsed)
    live.broadcast("inbox", *([f"prospect:{mail.prospect_id}"] if mail.prospect_id else []))


def _write(mail: InboundMail, parsed: Parsed) -> None:
    mail.message_id = parsed.message_id
    mail.in_reply_to = parsed.original_message_id or parsed.in_reply_to
    mail.references = list(parsed.references)
    mail.from_name, mail.from_email = parsed.from_name, parsed.from_email
    mail.to_email, mail.subject = parsed.to_email, parsed.subject
    mail.text, mail.full_text = parsed.text, parsed.full_text
    mail.kind = parsed.kind


def _take_turns(address: str) -> None:
    """Let two mails of one person be read one after the other: they belong to one conversation."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"mail:{address}"])


def _about(parsed: Parsed) -> About:
    if parsed.kind in {"bounce", "complaint"}:
        about = correspondence.of_ids([parsed.original_message_id])
        named = [failure.address for failure in parsed.bounced]
        others = (correspondence.of_sender(address) for address in named)
        # Only somebody we wrote to: whoever else a report names is none of our business.
        return about or next((found for found in others if found.touch), About())
    about = correspondence.of_ids([parsed.in_reply_to, *reversed(parsed.references)])
    return about or correspondence.of_sender(parsed.from_email)


def _came_before(mail: InboundMail) -> bool:
    """Whether it was read already: by webhook and IMAP it comes with other headers on top."""
    same = InboundMail.objects.filter(
        message_id=mail.message_id, from_email=mail.from_email, full_text=mail.full_text
    )
    return bool(mail.message_id) and same.exclude(pk=mail.pk).exclude(kind="").exists()


# What follows from its kind


def _bounce(mail: InboundMail, parsed: Parsed, about: About) -> None:
    mail.label = Label.BOUNCE
    if not parsed.bounced:
        mail.label, mail.label_reason = "", "it is late; their server goes on trying"
        mail.kind = Kind.AUTO_REPLY
        return
    failure = next((f for f in parsed.bounced if f.address == about.address), parsed.bounced[0])
    mail.label_reason = failure.says[:300] or "it came back"
    returns.bounced(about, permanent=failure.permanent, says=failure.says)


def _complaint(mail: InboundMail, about: About) -> None:
    mail.label, mail.label_reason = Label.UNSUBSCRIBE, "marked as spam"
    if about.touch is not None and about.touch.message_id != mail.in_reply_to:
        # A report holds the mail it is about (RFC 5965, section 2). Without it anybody can have
        # written it: its person is left alone, but it does not count against the sender.
        about.touch = None
    returns.complained(about)


def _reply(mail: InboundMail, about: About, job: Job) -> None:
    _answered(about)
    who = about.lead or about.prospect
    audit.record(
        "mail.received",
        f"{who} wrote: {mail.subject or '(no subject)'}",
        actor=mail.from_email or "somebody",
        obj=who,
        correlation_id=job.correlation_id,
        data={"mail": str(mail.pk), "via": mail.via},
    )
    if about.lead is not None:
        # The first answer was the Qualifier's to draft; what they write back is the operator's.
        Lead.objects.filter(pk=about.lead.pk).update(flagged_at=Coalesce(F("flagged_at"), Now()))
        live.broadcast("leads", f"lead:{about.lead.pk}")
        events.emit(
            "lead.wrote",
            subject=about.lead,
            client=about.lead.client,
            parent=job,
            data={"mail_id": str(mail.pk)},
        )
    elif about.prospect is not None:
        events.emit(
            "reply.received", subject=about.prospect, parent=job, data={"mail_id": str(mail.pk)}
        )


def _answered(about: About) -> None:
    """Take a prospect who wrote out of its sequence."""
    if about.prospect is None:
        return
    outreach.stop(about.prospect, Enrollment.Stop.REPLY)
    if about.touch is not None:
        Touch.objects.filter(pk=about.touch.pk, replied_at=None).update(replied_at=clock.now())
    Prospect.objects.filter(pk=about.prospect.pk, status__in=Prospect.OPEN).update(
        status=Prospect.Status.REPLIED
    )


# Where it is kept


def _thread(mail: InboundMail, about: About) -> Thread:
    """Return the conversation, begun if there is none, with this mail as its latest."""
    thread = about.thread or _latest(mail.from_email, about)
    automatic = mail.kind == Kind.AUTO_REPLY
    if thread is None:
        thread = Thread(address=mail.from_email, subject=mail.subject, unread=False)
    thread.prospect = thread.prospect or about.prospect
    thread.lead = thread.lead or about.lead
    thread.last_at = mail.received_at
    thread.unread = thread.unread or not automatic
    thread.save()
    return thread


def _latest(address: str, about: About) -> Thread | None:
    with_them = Q(pk=None)
    if about.prospect is not None:
        with_them |= Q(prospect=about.prospect)
    if about.lead is not None:
        with_them |= Q(lead=about.lead)
    return Thread.objects.filter(with_them, address=address).order_by("-last_at").first()


def _keep_files(mail: InboundMail, parsed: Parsed) -> None:
    Attachment.objects.bulk_create(
        Attachment(
            mail=mail,
            filename=file.filename,
            content_type=file.content_type,
            size=len(file.content),
            content=file.content,
        )
        for file in parsed.attachments
    )


events.comes_from("reply.received", "mail")
events.comes_from("lead.wrote", "mail")
