"""The counts a page shows: what waits where, and for how long the next in turn has waited."""

import datetime as dt

import pytest
from django.utils import timezone

from jobs import claim, depth, queue
from jobs.models import Depth, Job
from tests import factories

pytestmark = pytest.mark.django_db


def test_lanes_are_counted_by_status_with_the_oldest_in_turn() -> None:
    long_ago = timezone.now() - dt.timedelta(minutes=5)
    queue.enqueue_many("control.tidy", [{}] * 3)
    old = queue.enqueue("control.tidy", {}, tags=["agent:scout"], priority=1)
    Job.objects.filter(pk=old.pk).update(run_at=long_ago)
    queue.enqueue("control.tidy", {}, lane="bulk", run_at=timezone.now() + dt.timedelta(hours=1))
    claim.claim("fast", factories.make_holder(), short=True)
    depth.measure()
    counts = {(row.lane, row.status): row.count for row in Depth.objects.all()}
    assert sum(counts.values()) == 5
    assert counts["bulk", "scheduled"] == 1
    assert counts["fast", "running"] == 1
    oldest = Depth.objects.get(lane="fast", status="available").oldest_at
    assert oldest == long_ago or Job.objects.get(pk=old.pk).status == "running"


def test_an_empty_lane_shows_nothing_waiting() -> None:
    queue.enqueue("control.tidy", {})
    depth.measure()
    factories.work_off()
    depth.measure()
    found = Depth.objects.order_by("lane").values_list("lane", "status", "count")
    assert list(found) == [(lane, "available", 0) for lane in ("bulk", "fast", "normal")]
