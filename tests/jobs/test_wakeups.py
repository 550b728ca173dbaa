"""Wake-ups are hints: coalesced, after the commit, and not missed when Valkey is down."""

import pytest
from django.conf import settings
from django.db import transaction

from agency.models import AgencyProfile
from jobs import queue, sweep, wakeups
from jobs.models import Job
from tests import mailserver, workers

pytestmark = pytest.mark.usefixtures("committed")


def test_a_burst_of_enqueues_sends_few_hints_and_only_after_the_commit() -> None:
    with transaction.atomic():
        for _ in range(50):
            queue.enqueue("control.tidy", {})
        assert wakeups.valkey().llen("fast") == 0
    assert 1 <= wakeups.valkey().llen("fast") <= wakeups.ENOUGH


def test_without_valkey_the_change_is_kept_and_the_sweep_wakes_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nowhere = f"redis://127.0.0.1:{mailserver.free_port()}/0"
    with monkeypatch.context() as patch:
        patch.setattr(settings, "REDIS_URL", nowhere)
        wakeups.valkey.cache_clear()
        queue.enqueue("control.tidy", {})
    wakeups.valkey.cache_clear()
    assert Job.objects.get().status == "available"
    assert wakeups.valkey().llen("fast") == 0
    sweep.sweep()
    assert wakeups.valkey().llen("fast") >= 1


def test_a_worker_runs_what_it_is_woken_for() -> None:
    AgencyProfile.load()
    jobs = [queue.enqueue("control.tidy", {}, lane=lane) for lane in ("fast", "normal", "bulk")]
    with workers.worker():
        workers.until(
            lambda: (
                Job.objects.filter(pk__in=[j.pk for j in jobs], status="completed").count() == 3
            ),
            "all three",
        )
