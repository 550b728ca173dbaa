"""Rows of cold mail for tests: prospects, a sequence with people in it, what went and came."""

import datetime as dt
from typing import Any

from django.utils import timezone

from agency.ids import uuid7
from pipeline.models import (
    Contact,
    Enrollment,
    Fact,
    HandTask,
    IdealCustomer,
    InboundMail,
    Mailbox,
    Prospect,
    SenderDomain,
    Sequence,
    SequenceStep,
    Thread,
    Touch,
    Variant,
)

EMAIL, LINKEDIN, CALL = SequenceStep.Channel.EMAIL, *("linkedin", "call")
DMARC = "_dmarc.mail.northwind.example"
BODY = """Hi {first_name},

on your site I read: “{quote}”

Most shops lose calls after five; we answer them."""


def make_prospect(name: str = "Harbor Plumbing", **fields: Any) -> Prospect:
    """Return a researched prospect of the sandbox with a person and three facts."""
    domain = f"{name.lower().replace(' ', '')}.example"
    customer, _ = IdealCustomer.objects.get_or_create(name="Trades in Arizona")
    wanted: dict[str, Any] = {
        "world": "sandbox",
        "domain": domain,
        "website": f"https://{domain}/",
        "industry": "plumbing",
        "place": "Tucson, AZ",
        "timezone": "America/Phoenix",
        "ideal_customer": customer,
        "fit": 82,
        "status": Prospect.Status.RESEARCHED,
    }
    prospect = Prospect.objects.create(name=name, **wanted | fields)
    Contact.objects.create(
        prospect=prospect, name="Dana Reyes", email=f"dana@{domain}", is_primary=True
    )
    for kind, claim in (
        ("service", "You answer calls round the clock"),
        ("pain", "Two of five reviews say nobody picks up"),
        ("signal", "You hire a dispatcher"),
    ):
        Fact.objects.create(
            prospect=prospect,
            kind=kind,
            claim=claim,
            quote=claim,
            url=f"https://{domain}/",
            seen_at=timezone.now(),
        )
    return prospect


def make_sequence(name: str = "First contact", **fields: Any) -> Sequence:
    """Return a sequence of five steps, its mails in two wordings."""
    sequence = Sequence.objects.create(name=name, **fields)
    for position, (day, channel) in enumerate(
        [(0, EMAIL), (2, LINKEDIN), (7, EMAIL), (8, CALL), (14, EMAIL)]
    ):
        step = SequenceStep.objects.create(
            sequence=sequence, position=position, day=day, channel=channel
        )
        for letter in "AB" if channel == EMAIL else "A":
            Variant.objects.create(
                step=step,
                name=letter,
                subject="Calls after five at {company}" if channel == EMAIL else "",
                body=BODY if channel == EMAIL else "Hi {first_name}, saw {company}.",
            )
    return sequence


def make_mailbox(address: str = "alex@mail.northwind.example", **fields: Any) -> Mailbox:
    """Return a warm mailbox of a domain that was checked."""
    domain, _ = SenderDomain.objects.get_or_create(
        domain=address.rpartition("@")[2],
        defaults={
            "dkim_private_key": "-",
            "dkim_public_key": "MIIB",
            "checks": {
                "spf": {"ok": True, "says": "v=spf1 include:mail.example -all", "fix": ""},
                "dkim": {"ok": True, "says": "v=DKIM1; p=MIIB", "fix": ""},
                "dmarc": {
                    "ok": False,
                    "says": "There is no record.",
                    "fix": f"Add:\nHost: {DMARC}\nType: TXT\nValue: v=DMARC1; p=none",
                },
            },
            "checked_at": timezone.now(),
        },
    )
    wanted = {
        "name": "Alex",
        "from_name": "Alex Moreno",
        "domain": domain,
    }
    return Mailbox.objects.create(from_email=address, **wanted | fields)


def enroll(prospect: Prospect, sequence: Sequence, position: int = 0, **fields: Any) -> Enrollment:
    """Return the prospect's way through the sequence, at `position`."""
    now = timezone.now()
    started = fields.pop("started_at", now - dt.timedelta(days=1))
    step = sequence.steps.filter(position=position).first()
    due = started + dt.timedelta(days=step.day if step else 0)
    wanted = {"contact": prospect.contacts.get(is_primary=True), "due_at": due}
    return Enrollment.objects.create(
        prospect=prospect,
        sequence=sequence,
        position=position,
        started_at=started,
        **wanted | fields,
    )


def sent(enrollment: Enrollment, step: SequenceStep, **fields: Any) -> Touch:
    """Return a mail of this step as it went out, in the step's first wording."""
    wanted: dict[str, Any] = {
        "variant": step.variants.first(),
        "message_id": f"<{uuid7()}@northwind.example>",
        "to_address": enrollment.contact.email,
        "subject": f"Calls after five at {enrollment.prospect}",
        "sent_at": timezone.now() - dt.timedelta(hours=3),
    }
    return Touch.objects.create(
        prospect=enrollment.prospect,
        contact=enrollment.contact,
        enrollment=enrollment,
        position=step.position,
        channel=step.channel,
        **wanted | fields,
    )


def make_task(enrollment: Enrollment, step: SequenceStep, **fields: Any) -> HandTask:
    """Return a task by hand that is due."""
    wanted: dict[str, Any] = {
        "text": "Hi Dana, saw that you hire a dispatcher.",
        "url": "https://www.linkedin.com/in/dana-reyes",
        "due_at": timezone.now() - dt.timedelta(hours=1),
    }
    return HandTask.objects.create(
        prospect=enrollment.prospect,
        contact=enrollment.contact,
        enrollment=enrollment,
        position=step.position,
        channel=step.channel,
        **wanted | fields,
    )


def make_reply(prospect: Prospect, text: str = "Yes, call me.", **fields: Any) -> InboundMail:
    """Return a reply that came in, in a conversation of its own unless `thread` says which."""
    now = timezone.now()
    contact = prospect.contacts.get(is_primary=True)
    if "thread" not in fields:
        fields["thread"] = Thread.objects.create(
            subject=f"Calls after five at {prospect}",
            address=contact.email,
            prospect=prospect,
            last_at=now,
        )
    wanted: dict[str, Any] = {
        "key": uuid7().hex,
        "via": "webhook:mailgun",
        "raw": f"From: {contact.email}\r\n\r\n{text}\r\n".encode(),
        "received_at": now,
        "from_name": contact.name,
        "from_email": contact.email,
        "subject": f"Re: Calls after five at {prospect}",
        "text": text,
        "full_text": f"{text}\n\n> Hi Dana",
        "kind": InboundMail.Kind.REPLY,
        "label": InboundMail.Label.INTERESTED,
        "label_reason": "They ask for a call.",
        "status": InboundMail.Status.SORTED,
        "prospect": prospect,
    }
    return InboundMail.objects.create(**wanted | fields)
