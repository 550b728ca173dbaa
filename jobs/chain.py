"""What came of what: the events and jobs of one correlation id, as a tree."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from jobs.models import ArchivedJob, Event, Job

LONGEST = 200
NAMES_A_PARENT = ("event_id", "action_id", "run_id")
"""What a payload names the cause of its job by."""


@dataclass(frozen=True)
class Link:
    """One thing of a chain; `parents` are ids of what may have caused it, the likeliest first."""

    id: str
    at: dt.datetime
    what: str
    name: str
    status: str = ""
    parents: tuple[str, ...] = ()
    subject: tuple[str, str] = ("", "")


def read(correlation_id: uuid.UUID) -> list[Link]:
    """Return the events and jobs of a chain, archived ones too, the first 200 of each."""
    jobs: list[Job | ArchivedJob] = [
        *Job.objects.filter(correlation_id=correlation_id).order_by("pk")[:LONGEST],
        *ArchivedJob.objects.filter(correlation_id=correlation_id).order_by("pk")[:LONGEST],
    ]
    # An event does not say who emitted it, but the jobs it woke have that job as their parent.
    emitters = {
        job.payload["event_id"]: str(job.parent_id)
        for job in jobs
        if job.parent_id and "event_id" in job.payload
    }
    events = Event.objects.filter(correlation_id=correlation_id).order_by("pk")[:LONGEST]
    return [*(_event(event, emitters) for event in events), *(_job(job) for job in jobs)]


def _event(event: Event, emitters: dict[str, str]) -> Link:
    parents = (emitters.get(str(event.pk), ""), event.subject_id)
    subject = (event.subject_type, event.subject_id)
    return Link(str(event.pk), event.created_at, "event", event.name, "", parents, subject)


def _job(job: Job | ArchivedJob) -> Link:
    named = tuple(str(job.payload[name]) for name in NAMES_A_PARENT if name in job.payload)
    parents = (*named, str(job.parent_id or ""))
    subject = (job.subject_type, job.subject_id)
    return Link(str(job.pk), job.created_at, "job", job.kind, job.status, parents, subject)


def tree(links: Iterable[Link]) -> list[tuple[int, Link]]:
    """Return each link with its depth, below what caused it, in time order."""
    ordered = sorted(links, key=lambda link: (link.at, link.id))
    known = {link.id: link for link in ordered}
    below: dict[str, list[Link]] = defaultdict(list)
    for link in ordered:
        below[_parent(link, known)].append(link)
    found: list[tuple[int, Link]] = []
    waiting = [(0, link) for link in reversed(below[""])]
    while waiting:
        depth, link = waiting.pop()
        found.append((depth, link))
        waiting += [(depth + 1, child) for child in reversed(below[link.id])]
    return found


def _parent(link: Link, known: dict[str, Link]) -> str:
    """Return the id of what caused it: something earlier, so that no two cause each other."""
    for parent in link.parents:
        cause = known.get(parent)
        if cause is not None and (cause.at, cause.id) < (link.at, link.id):
            return parent
    return ""
