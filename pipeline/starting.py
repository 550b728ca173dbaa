"""What a new house has to begin with: whom to look for, where, and in which words to write.

In the sandbox the sources lead to its market. With real mail there are none: nobody is looked for
before the operator says where.
"""

from django.db import transaction

from agency.models import AgencyProfile
from integrations import mail
from pipeline.mail import sender_domains
from pipeline.models import (
    IdealCustomer,
    Mailbox,
    Sequence,
    SequenceStep,
    Source,
    Variant,
)

SOURCES = (
    ("feed", "Arizona business news", "https://news.market.example/feed.xml", 60),
    ("listing", "Arizona trades directory", "https://directory.market.example/arizona/", 120),
    ("overpass", "Map of Arizona", "https://overpass.market.example/api/interpreter", 240),
)

FIRST_CONTACT = "First contact"

FIRST = """Hi {first_name},

on your site I read: “{quote}”

We answer missed calls by text within a minute, and put the booking into the calendar, so that
nobody has to be at the phone. Would it be worth twenty minutes to see what that could look like
for {company}?"""

FIRST_SHORT = """Hi {first_name},

one question, because of this on your site: “{quote}”

Who answers when everybody is busy? We take calls, messages and bookings over for companies such
as {company}, day and night. Shall I show you how?"""

SECOND = """Hi {first_name},

I wrote to you about missed calls some days ago. A second thought: “{quote}” stands on your site,
and what comes in outside your hours is what gets lost first. Is that so for {company}, or am I
mistaken?"""

LAST = """Hi {first_name},

this is my last mail. If answering every call and request within a minute ever becomes a topic
for {company}, just reply to this mail. All the best until then."""

LINKEDIN = """Hi {first_name}, I wrote to you about {company} and missed calls. I would be glad
to connect; no pitch here."""

CALL = """Call {company}. What you know: “{quote}” Ask who takes the calls when everybody is busy,
and whether what comes in after hours gets an answer."""

STEPS = (
    (0, "email", (("A", "A question about {company}", FIRST),
                  ("B", "{company}, after hours", FIRST_SHORT))),
    (2, "linkedin", (("A", "", LINKEDIN),)),
    (4, "email", (("A", "Re: {company}", SECOND),)),
    (8, "call", (("A", "", CALL),)),
    (12, "email", (("A", "Last mail about {company}", LAST),)),
)  # fmt: skip
"""Day, channel, wordings."""


def ensure() -> None:
    """Make what a new house begins with, once; what exists stays as it is."""
    if IdealCustomer.objects.exists():
        return
    with transaction.atomic():
        profile = AgencyProfile.load()
        ideal = ideal_customer(profile)
        sequence()
        if mail.world() == "sandbox":
            for kind, name, url, minutes in SOURCES:
                Source.objects.create(
                    ideal_customer=ideal, kind=kind, name=name, url=url, every_minutes=minutes
                )
        mailbox(profile)


def ideal_customer(profile: AgencyProfile) -> IdealCustomer:
    """Make the ideal customer that the profile describes."""
    icp = profile.icp if isinstance(profile.icp, dict) else {}
    found = {name: [str(word)[:100] for word in icp.get(name) or []] for name in (
        "industries", "places", "keywords", "exclusions")}  # fmt: skip
    return IdealCustomer.objects.create(
        name="Ideal customer",
        signals=["hiring", "new location", "bad reviews", "slow replies", "funding"],
        **found,
    )


def sequence(name: str = FIRST_CONTACT) -> Sequence:
    """Make the default sequence: days 0, 4 and 12 by mail, 2 by LinkedIn, 8 by phone."""
    made = Sequence.objects.create(name=name)
    for position, (day, channel, wordings) in enumerate(STEPS):
        step = SequenceStep.objects.create(
            sequence=made, position=position, day=day, channel=channel
        )
        for name, subject, body in wordings:
            Variant.objects.create(step=step, name=name, subject=subject, body=_unwrapped(body))
    return made


def mailbox(profile: AgencyProfile) -> Mailbox:
    """Make the mailbox that sends in the profile's name, with its domain's key."""
    domain = sender_domains.add(profile.sender_email.rpartition("@")[2])
    return Mailbox.objects.create(
        name=profile.sender_name,
        from_name=profile.sender_name,
        from_email=profile.sender_email,
        domain=domain,
    )


def _unwrapped(text: str) -> str:
    """Return paragraphs as one line each."""
    return "\n\n".join(" ".join(part.split("\n")) for part in text.split("\n\n"))
