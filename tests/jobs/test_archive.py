"""The archive: ended jobs move whole, by day; what is kept stays; old days go."""

import datetime as dt

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from jobs import archive, queue
from jobs.models import ArchivedJob, Job, Worker
from tests import factories

pytestmark = pytest.mark.django_db


def partitions() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'jobs_archive'::regclass"
        )
        return {row[0] for row in cursor.fetchall()}


def test_an_ended_job_moves_with_everything_it_has() -> None:
    job = queue.enqueue("control.tidy", {"a": 1}, tags=["agent:scout"])
    factories.work_off()
    Job.objects.update(finished_at=timezone.now() - dt.timedelta(hours=2))
    before = Job.objects.values().get(pk=job.pk)
    archive.move_due()
    assert not Job.objects.filter(pk=job.pk).exists()
    after = ArchivedJob.objects.values().get(pk=job.pk)
    assert after.items() <= before.items()
    assert set(before) - set(after) == {"worker_id", "fence", "held_by"}


def test_what_is_fresh_waiting_or_under_a_unique_key_stays() -> None:
    fresh = queue.enqueue("control.tidy", {})
    once = queue.enqueue("control.tidy", {}, unique_key="once")
    factories.work_off()
    waiting = queue.enqueue("control.tidy", {})
    Job.objects.filter(pk=once.pk).update(finished_at=timezone.now() - dt.timedelta(days=6))
    archive.move_due()
    assert Job.objects.filter(pk__in=[fresh.pk, once.pk, waiting.pk]).count() == 3
    Job.objects.filter(pk=once.pk).update(finished_at=timezone.now() - dt.timedelta(days=8))
    archive.move_due()
    assert ArchivedJob.objects.get().pk == once.pk


@override_settings(JOBS_KEEP_SECONDS=0)
def test_more_than_a_slice_goes_on_in_another_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "SLICE", 4)
    monkeypatch.setattr(archive, "SLICES", 2)
    queue.enqueue_many("control.tidy", [{}] * 10)
    factories.work_off()
    queue.enqueue("jobs.archive", {}, priority=1)
    factories.work_off()
    assert ArchivedJob.objects.filter(kind="control.tidy").count() == 10


def test_each_day_has_a_partition_and_old_ones_are_dropped_whole() -> None:
    days = [0, 3, 40, 91, 400]
    queue.enqueue_many("control.tidy", [{}] * len(days))
    factories.work_off()
    now = timezone.now()
    for job, age in zip(Job.objects.order_by("pk"), days, strict=True):
        Job.objects.filter(pk=job.pk).update(finished_at=now - dt.timedelta(days=age, hours=2))
    archive.move_due()
    assert ArchivedJob.objects.count() == 5
    assert len(partitions()) == 5
    queue.enqueue("jobs.prune", {})
    factories.work_off()
    assert len(partitions()) == 3
    assert ArchivedJob.objects.count() == 3


def test_workers_gone_for_a_day_are_forgotten_but_not_one_that_holds_a_job() -> None:
    long_ago = timezone.now() - dt.timedelta(days=2)
    gone, holding, silent = (factories.make_holder().worker for _ in range(3))
    Worker.objects.update(beat_at=long_ago)
    Worker.objects.filter(pk__in=[gone.pk, holding.pk]).update(lost_at=long_ago)
    job = queue.enqueue("control.tidy", {})
    Job.objects.filter(pk=job.pk).update(status="running", worker=holding)
    queue.enqueue("jobs.prune", {})
    factories.work_off()
    left = set(Worker.objects.filter(beat_at=long_ago).values_list("pk", flat=True))
    assert left == {holding.pk, silent.pk}


@pytest.mark.parametrize("join", ["hashjoin", "mergejoin", "nestloop"])
def test_old_days_are_dropped_however_postgres_looks_for_them(join: str) -> None:
    with connection.cursor() as cursor:
        for other in {"hashjoin", "mergejoin", "nestloop"} - {join}:
            cursor.execute(f"SET LOCAL enable_{other} = off")
        cursor.execute("SET LOCAL enable_indexscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute("SELECT jobs_archive_prune(30)")
        assert cursor.fetchone() == (0,)
