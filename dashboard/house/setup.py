"""The first run: four short steps, each saved by itself, so that it goes on where it was left."""

import json
import uuid
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from agency import audit, live
from agency.models import AgencyProfile, AuditEntry
from dashboard.hooks import deliveries
from dashboard.hooks.deliveries import Post
from integrations import mail
from jobs import endpoints, registry, wakeups
from jobs.bodies import Refused
from jobs.intake import Arrival

SAMPLES = (
    {
        "name": "Dana Reyes",
        "email": "dana@harborplumbing.example",
        "phone": "+15205550142",
        "company": "Harbor Plumbing",
        "message": "We are plumbers in Tucson and miss half our calls. What would it cost to start"
        " next month? Our budget is 1,000 USD a month.",
    },
    {
        "name": "Marcus Bell",
        "email": "marcus@bellcooling.example",
        "phone": "+16025550117",
        "company": "Bell Cooling",
        "message": "HVAC shop in Phoenix, nine trucks. No-shows cost us a job a day. Can you remind"
        " customers and fill the gaps? We would like to begin this quarter.",
    },
    {
        "name": "Priya Nair",
        "email": "priya@valedental.example",
        "phone": "+15205550168",
        "company": "Vale Dental",
        "message": "Our dental practice wants booking on the website and fewer phone calls. Which"
        " systems do you work with, and how soon could we start?",
    },
)


@dataclass(frozen=True)
class Step:
    """One step of the first run."""

    slug: str
    title: str
    why: str


STEPS = (
    Step("agency", "Your agency", "Who writes. It stands in every mail the agents draft."),
    Step("place", "Where you are", "The address under your mail, and the clock you read."),
    Step("customer", "Whom you look for", "Leads are scored by how well they fit this."),
    Step("autonomy", "How far it runs alone", "You can change this at any time in the settings."),
)
SLUGS = tuple(step.slug for step in STEPS)


@dataclass(frozen=True)
class Progress:
    """How far the first run got."""

    done: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many steps are saved."""
        return len(self.done)

    @property
    def total(self) -> int:
        """How many there are."""
        return len(STEPS)

    @property
    def next(self) -> str:
        """The first step that is not saved; the last one when all are."""
        return next((slug for slug in SLUGS if slug not in self.done), SLUGS[-1])


class NoSample(Exception):
    """A sample lead is only for the sandbox; real mail would go to somebody made up."""


def progress(profile: AgencyProfile) -> Progress:
    """Return which steps are saved, in their order."""
    return Progress(tuple(slug for slug in SLUGS if slug in profile.setup_done))


def unfinished(profile: AgencyProfile) -> Progress | None:
    """Return the progress of a first run that was neither finished nor skipped."""
    return None if profile.setup_closed_at else progress(profile)


def is_untouched(profile: AgencyProfile) -> bool:
    """Whether nobody has begun or skipped the first run."""
    return not profile.setup_done and profile.setup_closed_at is None


def neighbours(slug: str) -> tuple[str, str]:
    """Return the steps before and after; empty at the ends."""
    here = SLUGS.index(slug)
    before = SLUGS[here - 1] if here else ""
    after = SLUGS[here + 1] if here + 1 < len(SLUGS) else ""
    return before, after


def mark_done(slug: str, *, by: str) -> None:
    """Note that a step was saved; the last missing one ends the first run."""
    with transaction.atomic():
        profile = AgencyProfile.objects.select_for_update().get(pk=1)
        if slug not in profile.setup_done:
            profile.setup_done = [*profile.setup_done, slug]
            profile.save(update_fields=["setup_done", "updated_at"])
    if set(profile.setup_done) >= set(SLUGS):
        close(by=by, words="finished setting up")
    live.broadcast("status")


def close(*, by: str, words: str = "skipped setting up") -> bool:
    """End the first run, and say so in the trail; return False if it was over already."""
    with transaction.atomic():
        won = AgencyProfile.objects.filter(setup_closed_at=None).update(
            setup_closed_at=timezone.now()
        )
        if won:
            audit.record(
                "profile.setup_closed",
                f"{by} {words}",
                actor=by,
                actor_kind=AuditEntry.ActorKind.USER,
                obj=AgencyProfile.load(),
            )
            live.broadcast("status")
    return bool(won)


def post_sample(*, by: str) -> str:
    """Post a made-up lead to the website's webhook as its form would; return the lead's name.

    Raises NoSample where mail is real, Refused when the webhook refuses it.
    """
    if mail.world() != "sandbox":
        raise NoSample(NoSample.__doc__)
    key = uuid.uuid4()
    sample = SAMPLES[key.int % len(SAMPLES)]
    arrival = Arrival(
        "application/json",
        json.dumps(sample).encode(),
        headers={"user-agent": f"sample posted by {by}"},
        keys={"Idempotency-Key": f"key:{key}"},
    )
    endpoint = endpoints.ensure("leads", "website")
    (outcome,) = deliveries.take_in([Post(endpoint.token, "", {}, arrival)])
    if isinstance(outcome, Refused):
        raise outcome
    wakeups.send(registry.get(deliveries.TAKES["leads"][0]).lane)
    return sample["name"]
