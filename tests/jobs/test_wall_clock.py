"""A machine whose wall clock is hours off neither delays nor hurries the queue."""

import datetime as dt
import json
from collections.abc import Iterator

import pytest
from celery import current_app
from django.db.models.functions import Now
from django.utils import timezone

from jobs import claim, queue, run, sweep, tasks, wakeups, worker
from jobs.lease import Holder
from jobs.models import Job, Schedule, Worker
from tests import factories

pytestmark = pytest.mark.usefixtures("db")

HOURS = dt.timedelta(hours=5)
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture(params=[HOURS, -HOURS], ids=["ahead", "behind"])
def off(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[dt.timedelta]:
    """Set this process's clock off, not the database's."""
    now = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: now() + request.param)
    yield request.param


def claimed() -> tuple[Job, Holder]:
    queue.enqueue("control.tidy", {})
    holder = factories.make_holder()
    (job,) = claim.claim("fast", holder, short=True)
    return job, holder


def test_a_failed_job_is_due_by_the_databases_clock(
    off: dt.timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_call", lambda job, lease: 1 / 0)
    run.run(*claimed())
    soon = Job.objects.filter(
        status="retryable", run_at__gt=Now() - MINUTE, run_at__lt=Now() + MINUTE
    )
    assert soon.exists()


def test_a_schedule_goes_on_by_the_databases_clock(off: dt.timedelta) -> None:
    sweep.recur()
    far = Schedule.objects.exclude(
        next_run_at__gt=Now() - MINUTE, next_run_at__lt=Now() + 61 * MINUTE
    )
    assert Schedule.objects.exists() and not far.filter(every_seconds__lte=3600).exists()


def test_a_dropped_job_is_given_back_after_the_lease_and_no_fresh_one(off: dt.timedelta) -> None:
    fresh, holder = claimed()
    assert sweep.reclaim(holder) == 0
    Job.objects.filter(pk=fresh.pk).update(started_at=Now() - MINUTE)
    assert sweep.reclaim(holder) == 1


def test_a_new_worker_is_alive_from_its_first_row_on(
    off: dt.timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Holder, "beat", lambda holder: True)
    factories.make_holder()
    alive = Worker.objects.filter(beat_at__gt=Now() - MINUTE, beat_at__lt=Now() + MINUTE)
    assert alive.exists()


def test_a_hint_never_expires_by_the_senders_clock(off: dt.timedelta) -> None:
    wakeups.send("fast")
    (hint,) = wakeups.valkey().lrange("fast", 0, -1)
    assert json.loads(hint)["headers"]["expires"] is None


def test_sweeps_do_not_expire_and_a_pile_of_them_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "expires" not in current_app.conf.beat_schedule["sweep"].get("options", {})
    swept: list[bool] = []
    monkeypatch.setattr(worker, "_holder", factories.make_holder())
    monkeypatch.setattr(sweep, "sweep", lambda: swept.append(True))
    monkeypatch.setattr(tasks, "_swept", float("-inf"))
    for _ in range(10):
        tasks.sweep()
    assert len(swept) == 1
