"""Prospects for tests, and how far they have come: researched, enrolled, written to."""

from typing import Any

from django.utils import timezone

from agency.models import AgencyProfile
from control.models import Action
from jobs import events, queue
from pipeline import starting
from pipeline.models import (
    Contact,
    Enrollment,
    Fact,
    IdealCustomer,
    Mailbox,
    Prospect,
    Sequence,
)
from tests.factories import work_off

QUOTE = "We are hiring a receptionist because we keep missing calls"


def make_ideal(**fields: Any) -> IdealCustomer:
    """Return the ideal customer that prospects are made for."""
    wanted = {"name": "Trades in Arizona", "industries": ["plumbing"], "places": ["Arizona"]}
    found, _ = IdealCustomer.objects.get_or_create(name=wanted["name"], defaults=wanted | fields)
    return found


def make_prospect(name: str = "Mesa Pipe Works", **fields: Any) -> Prospect:
    """Return a researched company of the sandbox with a person, an address and a fact."""
    domain = f"{name.lower().replace(' ', '')}.example"
    wanted: dict[str, Any] = {
        "world": "sandbox",
        "domain": domain,
        "website": f"https://{domain}/",
        "place": "Mesa, Arizona",
        "timezone": "America/Phoenix",
        "fit": 80,
        "status": Prospect.Status.RESEARCHED,
        "researched_at": timezone.now(),
    }
    if "ideal_customer" not in fields:
        wanted["ideal_customer"] = make_ideal()
    prospect = Prospect.objects.create(name=name, **wanted | fields)
    Contact.objects.create(
        prospect=prospect, name="Pat Ortega", role="Owner", email=f"pat@{domain}", is_primary=True
    )
    make_fact(prospect)
    return prospect


def make_fact(prospect: Prospect, quote: str = QUOTE, **fields: Any) -> Fact:
    """Return a pain of theirs, as their own page words it."""
    wanted: dict[str, Any] = {
        "kind": Fact.Kind.PAIN,
        "claim": "They miss calls",
        "url": f"{prospect.website}careers",
        "seen_at": timezone.now(),
    }
    return Fact.objects.create(prospect=prospect, quote=quote, **wanted | fields)


def make_sequence() -> Sequence:
    """Return the default sequence."""
    return Sequence.objects.filter(name="First contact").first() or starting.sequence()


def make_mailbox() -> Mailbox:
    """Return the mailbox in the profile's name."""
    profile = AgencyProfile.load()
    found = Mailbox.objects.filter(from_email=profile.sender_email).first()
    return found or starting.mailbox(profile)


def enrolled(prospect: Prospect | None = None) -> Enrollment:
    """Return somebody at the start of the default sequence, by the agent's own way."""
    prospect = prospect or make_prospect()
    make_sequence()
    make_mailbox()
    events.emit("prospect.researched", subject=prospect)
    work_off()
    return Enrollment.objects.get(prospect=prospect)


def drafted(prospect: Prospect | None = None) -> Action:
    """Return the first cold mail to a prospect, as it waits for the operator."""
    enrollment = enrolled(prospect)
    tell_steps()
    return Action.objects.get(
        kind="send_email", subject_id=str(enrollment.prospect_id), status="waiting"
    )


def tell_steps() -> None:
    """Let the steps that are due be told and written."""
    queue.enqueue("pipeline.announce_steps", {})
    work_off()
