"""`manage.py jobs`: look first, then do; errors that name the option."""

import datetime as dt
import json
import uuid
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from jobs import depth, queue
from jobs.models import Job
from tests import factories

pytestmark = pytest.mark.django_db


def jobs(*words: str) -> str:
    out = StringIO()
    call_command("jobs", *words, stdout=out)
    return out.getvalue()


def from_json(*words: str) -> Any:
    return json.loads(jobs(*words, "--json"))


def test_it_lists_the_newest_that_fit() -> None:
    job = queue.enqueue("control.tidy", {}, lane="bulk")
    queue.enqueue("control.tidy", {})
    (line,) = jobs("list", "--lane", "bulk").splitlines()
    assert str(job.pk) in line and "available" in line and "control.tidy" in line
    assert [found["id"] for found in from_json("list", "--lane", "bulk")] == [str(job.pk)]
    assert jobs("list", "--status", "held") == "No job fits.\n"
    assert "The newest 1; there may be more" in jobs("list", "--limit", "1")


def test_it_shows_a_job_with_its_errors_and_its_chain() -> None:
    factories.received()
    job = Job.objects.get(kind="agents.run")
    shown = jobs("show", str(job.pk))
    assert "completed" in shown
    assert "lead.received" in shown
    found = from_json("show", str(job.pk))
    assert found["kind"] == "agents.run"
    assert {"lead.received", "agents.run"} <= {step["name"] for step in found["chain"]}


@pytest.mark.parametrize("verb", ["retry", "cancel", "discard"])
def test_without_yes_it_says_what_it_would_do_and_does_nothing(verb: str) -> None:
    job = queue.enqueue("control.tidy", {})
    if verb == "retry":
        Job.objects.update(status="discarded")
    reason = ["--reason", "a test"] if verb == "discard" else []
    before = Job.objects.values_list("status", flat=True).get()
    said = jobs(verb, "--kind", "control.tidy", *reason)
    assert "1 jobs would be" in said and str(job.pk) in said
    assert "--yes does it" in said
    assert Job.objects.values_list("status", flat=True).get() == before
    assert from_json(verb, "--kind", "control.tidy", *reason)["would"] == 1
    assert jobs(verb, "--kind", "control.tidy", *reason, "--yes").startswith("1 ")
    assert Job.objects.values_list("status", flat=True).get() != before


def test_it_says_why_jobs_were_left_alone() -> None:
    job = queue.enqueue("control.tidy", {})
    Job.objects.update(status="completed")
    assert "1 not: done already" in jobs("cancel", "--id", str(job.pk), "--yes")
    found = from_json("cancel", "--id", str(job.pk), "--yes")
    assert found == {"done": 0, "skipped": {"done already": 1}}


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["list", "--status", "waiting"], "status: no “waiting”"),
        (["list", "--limit", "0"], "--limit"),
        (["show", "x"], "id: “x” is not an id"),
        (["show", str(uuid.UUID(int=1))], "There is no job"),
        (["cancel", "--yes"], "Say which jobs to cancel"),
        (["discard", "--kind", "control.tidy"], "--reason"),
        (["retry", "--since", "soon"], "since: "),
    ],
)
def test_what_is_wrong_is_said(words: list[str], error: str) -> None:
    with pytest.raises(CommandError, match=error):
        jobs(*words)


def test_stats_say_when_the_first_scheduled_job_is_due() -> None:
    queue.enqueue("control.tidy", {}, run_at=timezone.now() + dt.timedelta(hours=2))
    depth.measure()
    said = jobs("stats")
    assert ", next in 7" in said
    assert "oldest -" not in said


def test_stats_count_the_lanes_the_workers_and_the_failures() -> None:
    factories.make_holder()
    note = {"attempt": 5, "at": "2026-01-31T08:00:00+00:00", "error": "550 no mailbox 17"}
    job = queue.enqueue("control.tidy", {})
    Job.objects.filter(pk=job.pk).update(status="discarded", errors=[note])
    queue.enqueue("control.tidy", {})
    said = jobs("stats")
    assert "fast    available" in said
    assert "control.tidy: # no mailbox #" in said
    found = from_json("stats")
    assert found["lanes"][0]["count"] == 1
    assert len(found["workers"]) == 1
    assert found["failures"][0]["cause"] == "# no mailbox #"
