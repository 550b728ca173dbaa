"""How long a job, a small client's job and a lead wait: idle, and behind 100,000 others."""

import http.client
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from django.conf import settings

from agency.models import Client
from bench import workers
from control.models import Action
from jobs import endpoints, queue
from jobs.models import ArchivedJob, Job
from pipeline.models import Lead

PATIENCE_SECONDS = 180
BOTH: tuple[type[Job], type[ArchivedJob]] = (Job, ArchivedJob)
MESSAGE = (
    "We are plumbers in Tucson and miss half our calls. What would it cost to start next month?"
    " Our budget is 1,000 USD a month."
)


@contextmanager
def backlog(number: int) -> Iterator[None]:
    """Keep so many bulk jobs waiting that each take a moment."""
    queue.enqueue_many("bench.chore", ({} for _ in range(number)))
    try:
        yield
    finally:
        Job.objects.filter(lane="bulk", status="available").update(status="cancelled")


def pickup_milliseconds(number: int) -> list[float]:
    """Return how long jobs of the fast lane waited, enqueued one at a time."""
    waits = []
    for _ in range(number):
        waits.append(1000 * _waited(queue.enqueue("bench.noop", {}, lane="fast")))
    return waits


def fair_waits(crowd: int, number: int) -> list[float]:
    """Return the seconds a small client's jobs waited behind one with a crowd, in one lane."""
    hog, small = (
        Client.objects.get_or_create(name=name, slug=name)[0] for name in ("hog", "small")
    )
    queue.enqueue_many("bench.chore", ({} for _ in range(crowd)), client=hog, tags=["agent:bench"])
    waits = []
    for _ in range(number):
        job = queue.enqueue("bench.chore", {}, client=small, tags=["agent:bench"])
        waits.append(_waited(job))
    left = Job.objects.filter(lane="bulk", status="available")
    if not left.exists():
        raise RuntimeError("the crowd was gone before the measurement ended")
    left.update(status="cancelled")
    return waits


def _waited(job: Job) -> float:
    """Return the seconds from a job's creation to its start, once it is over."""
    _until(lambda: not Job.objects.filter(pk=job.pk, finished_at=None).exists())
    # It may have been archived by then.
    hot, archived = (m.objects.filter(pk=job.pk).values_list("started_at", flat=True) for m in BOTH)
    started = hot.union(archived).get()
    if started is None:
        raise RuntimeError(f"{job} ended without having started")
    return (started - job.created_at).total_seconds()


def lead_to_draft(number: int, pause: float) -> list[float]:
    """Return the seconds from posting a lead until its draft waits for approval.

    One lead each `pause` seconds, whatever became of the last: what the sender does.
    """
    path = f"/hooks/leads/{endpoints.ensure('leads', 'website').token}"
    posted: dict[str, float] = {}
    start = time.time_ns()
    connection = http.client.HTTPConnection("127.0.0.1", settings.PORT)
    for n in range(number):
        due = time.perf_counter() + pause
        email = f"lead{start}x{n}@company.example"
        body = json.dumps({"name": "Dana Reyes", "email": email, "message": MESSAGE})
        posted[email] = time.time()
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 202:
            raise RuntimeError(f"the lead was answered {answer.status}")
        time.sleep(max(0.0, due - time.perf_counter()))
    drafts = Action.objects.filter(kind="reply_to_lead", status="waiting")
    leads = Lead.objects.filter(email__in=posted)

    def waiting() -> dict[str, float]:
        made = dict(drafts.values_list("subject_id", "created_at"))
        pairs = ((lead.email, made.get(str(lead.pk))) for lead in leads.all())
        return {email: at.timestamp() for email, at in pairs if at is not None}

    _until(lambda: len(waiting()) == number)
    return [at - posted[email] for email, at in waiting().items()]


def memory() -> dict[str, float]:
    """Return the megabytes each of the product's processes has to itself and its share (PSS)."""
    found = {}
    for process in psutil.Process().children(recursive=True):
        command = process.cmdline()
        name = next((part for part in command if part.endswith("@%h")), "").removesuffix("@%h")
        if not name and "uvicorn" in command:
            name = "web"
        if not name and "beat" in command:
            name = "beat"
        if name:
            found[name] = process.memory_full_info().pss / 1e6
    return found


def percentile(values: list[float], share: float) -> float:
    """Return the smallest value that at least this share of the values do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]


def _until(condition: "workers.Condition") -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            jobs = Job.objects.exclude(status=Job.Status.COMPLETED).exclude(
                kind__startswith="bench."
            )
            left = list(jobs.order_by("-pk").values_list("kind", "status", "errors")[:20])
            raise RuntimeError(f"what was waited for did not come; jobs: {left}")
        time.sleep(0.002)
