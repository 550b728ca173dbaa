"""Prospects that were written to, and what they write back, byte by byte."""

import hashlib
import hmac
import time
import uuid
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from agency import clock
from control.models import Action
from pipeline.mail import sender_domains
from pipeline.models import (
    Contact,
    Enrollment,
    IdealCustomer,
    Lead,
    Mailbox,
    Prospect,
    Sequence,
    Touch,
)

DANA = "dana@harborplumbing.example"
ALEX = "alex@northwind.example"
BOUNCES = Path(__file__).parent / "integrations" / "bounces"


def make_prospect(name: str = "Harbor Plumbing", email: str = DANA, **fields: Any) -> Prospect:
    """Return a prospect of the sandbox with one contact, on its way through a sequence."""
    ideal, _ = IdealCustomer.objects.get_or_create(name="Home services in Arizona")
    wanted: dict[str, Any] = {
        "world": "sandbox",
        "domain": email.rpartition("@")[2],
        "email": email,
        "ideal_customer": ideal,
        "status": Prospect.Status.CONTACTED,
        "fit": 80,
    }
    prospect = Prospect.objects.create(name=name, **wanted | fields)
    Contact.objects.create(prospect=prospect, name="Dana Reyes", email=email, is_primary=True)
    return prospect


def enroll(prospect: Prospect) -> Enrollment:
    """Put the prospect into a sequence."""
    sequence, _ = Sequence.objects.get_or_create(name="First contact")
    contact = prospect.contacts.get(is_primary=True)
    now = clock.now()
    return Enrollment.objects.create(
        prospect=prospect, contact=contact, sequence=sequence, due_at=now, started_at=now
    )


def make_mailbox(email: str = ALEX) -> Mailbox:
    """Return a mailbox to send from."""
    domain = sender_domains.add(email.rpartition("@")[2])
    return Mailbox.objects.create(
        name="Alex", from_name="Alex Moreno", from_email=email, domain=domain
    )


def make_touch(prospect: Prospect, message_id: str = "", **fields: Any) -> Touch:
    """Return a cold mail that went out."""
    wanted: dict[str, Any] = {
        "channel": "email",
        "message_id": message_id or f"<{uuid.uuid4()}@northwind.example>",
        "to_address": prospect.email,
        "subject": "Missed calls after five",
        "contact": prospect.contacts.first(),
        "sent_at": clock.now(),
    }
    return Touch.objects.create(prospect=prospect, **wanted | fields)


def make_action(
    prospect: Prospect | None = None, lead: Lead | None = None, **fields: Any
) -> Action:
    """Return an outward mail as control has it."""
    subject = prospect or lead
    assert subject is not None
    key = uuid.uuid4()
    wanted: dict[str, Any] = {
        "kind": "send_email" if prospect else "reply_to_lead",
        "params": {},
        "agent": "outreach",
        "subject_type": subject._meta.label_lower,
        "subject_id": str(subject.pk),
        "correlation_id": uuid.uuid4(),
        "summary": "A mail",
        "reason": "A test",
        "stakes": "medium",
        "outward": True,
        "channel": "email",
        "status": Action.Status.EXECUTING,
        "expires_at": timezone.now(),
        "rendered": {"message_id": f"<{key}@northwind.example>", "to_email": subject.email},
    }
    return Action.objects.create(pk=key, **wanted | fields)


def write(
    text: str = "Yes, tell me more.",
    *,
    sender: str = f"Dana Reyes <{DANA}>",
    answers: str = "",
    subject: str = "Re: Missed calls after five",
    headers: dict[str, str] | None = None,
    **extra: str,
) -> bytes:
    """Return a mail to Alex as a mail program writes it, in answer to a Message-ID."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = f"Alex Moreno <{ALEX}>"
    mail["Subject"] = subject
    mail["Message-ID"] = extra.get("message_id", f"<{uuid.uuid4()}@harborplumbing.example>")
    if answers:
        mail["In-Reply-To"] = answers
        mail["References"] = answers
    for name, value in (headers or {}).items():
        mail[name] = value
    mail.set_content(text)
    return mail.as_bytes()


def bounce(name: str, message_id: str) -> bytes:
    """Return what that mail system sends back for a mail of ours."""
    raw = (BOUNCES / f"{name}.eml").read_text()
    start = raw.index("<0195c1a2-")
    return raw.replace(raw[start : raw.index(">", start) + 1], message_id).encode()


def signed(**fields: str) -> dict[str, str]:
    """Return a form as Mailgun signs it."""
    timestamp, token = str(int(time.time())), uuid.uuid4().hex
    return {"timestamp": timestamp, "token": token, "signature": sign(timestamp, token)} | fields


def sign(timestamp: str, token: str) -> str:
    """Return Mailgun's signature."""
    key = settings.MAILGUN_SIGNING_KEY.encode()
    return hmac.new(key, f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
