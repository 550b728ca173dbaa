"""What an agent did in a time range is counted, undone newest first, and reported."""

import datetime as dt

import pytest
from django.utils import timezone

from agency.models import AuditEntry
from control import undo_range
from control.models import Action
from jobs.models import Job
from pipeline.models import Lead
from tests import factories

pytestmark = pytest.mark.django_db

HOUR = dt.timedelta(hours=1)


def hour() -> tuple[dt.datetime, dt.datetime]:
    return timezone.now() - HOUR, timezone.now()


def undone(since: dt.datetime, until: dt.datetime) -> undo_range.Order:
    job = undo_range.start("qualifier", since, until, by=factories.make_user())
    factories.work_off()
    order = undo_range.report(job.pk)
    assert order is not None
    return order


def test_the_preview_counts_by_kind_and_changes_nothing() -> None:
    for number in range(3):
        factories.received(name=f"Lead {number}")
    (share,) = undo_range.preview("qualifier", *hour())
    assert (share.kind, share.count, share.outward) == ("qualify_lead", 3, False)
    assert Action.objects.filter(status="done").count() == 3


def test_all_in_the_range_is_undone_and_nothing_else() -> None:
    old = factories.received(name="Old")
    Action.objects.filter(subject_id=str(old.pk)).update(finished_at=timezone.now() - 2 * HOUR)
    for number in range(3):
        factories.received(name=f"Lead {number}")

    order = undone(*hour())

    assert (order.total, order.undone, order.failed) == (3, {"qualify_lead": 3}, 0)
    assert order.finished
    scored = Lead.objects.exclude(score=None)
    assert [lead.name for lead in scored] == ["Old"]
    assert "3 actions of Qualifier" in AuditEntry.objects.get(verb="undo.finished").sentence


def test_what_cannot_be_undone_is_named_with_why() -> None:
    factories.received()
    Action.objects.filter(kind="reply_to_lead").update(status="done", finished_at=timezone.now())
    order = undone(*hour())
    assert (order.undone, order.failed) == ({"qualify_lead": 1}, 1)
    assert "write to correct it" in order.left[0].why


def test_doing_it_twice_undoes_nothing_twice() -> None:
    factories.received()
    since, until = hour()
    assert undone(since, until).undone == {"qualify_lead": 1}
    Job.objects.filter(kind=undo_range.KIND).update(status="available", finished_at=None)
    factories.work_off()
    assert Action.objects.filter(status="undone").count() == 1
    assert undo_range.preview("qualifier", since, until) == []


def test_there_is_no_report_of_another_job() -> None:
    factories.received()
    job = Job.objects.filter(kind="agents.run").latest("pk")
    assert undo_range.report(job.pk) is None
