"""The daily digest: once a local day, with what is open, what waits and the last seal."""

import datetime as dt

import pytest
from django.utils import timezone

from agency import seals
from agency.models import AgencyProfile
from control import alerts, digest
from control.models import Notice
from jobs import queue
from jobs.models import Job
from tests import factories
from tests.mailserver import Inbox

pytestmark = pytest.mark.django_db


def at(day: int, hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 3, day, hour, minute, tzinfo=dt.UTC)


def test_it_comes_once_a_local_day_at_eight(inbox: Inbox) -> None:
    AgencyProfile.load()
    AgencyProfile.objects.update(timezone="America/Phoenix")  # UTC-7
    assert not digest.queue_digest(at(3, 14, 59))
    assert digest.queue_digest(at(3, 15))
    assert not digest.queue_digest(at(3, 15, 1))
    assert not digest.queue_digest(at(4, 6))  # still the 3rd there
    assert not digest.queue_digest(at(4, 7))  # the 4th, midnight
    assert digest.queue_digest(at(4, 20))  # late, after a pause of the house
    factories.work_off(ahead=True)
    assert len(inbox.messages) == 2


def test_it_says_what_is_open_what_waits_and_what_gave_up(inbox: Inbox) -> None:
    factories.received()
    for number in range(20):
        alerts.raise_alert(str(number), f"Trouble {number}", severity="warning")
    alerts.raise_alert("grave", "Real trouble", severity="critical")
    alerts.raise_alert("grave", "Real trouble", severity="critical")
    job = queue.enqueue("control.tidy", {})
    now = timezone.now()
    Job.objects.filter(pk=job.pk).update(status="discarded", finished_at=now)
    assert digest.queue_digest(now.replace(hour=12))
    notice = Notice.objects.get(key__startswith="digest:")
    assert "21 alerts, 1 approval" in notice.subject
    lines = notice.text.splitlines()
    assert lines[1] == "- [critical] Real trouble × 2"
    assert len([line for line in lines if line.startswith("- ")]) == digest.LISTED + 1
    assert "Approvals that wait for you: 1" in lines
    assert "Jobs that gave up in 24 hours: control.tidy × 1" in lines


def test_it_carries_the_last_seal_out_of_the_house(inbox: Inbox) -> None:
    alerts.raise_alert("a", "Trouble")
    assert digest.queue_digest(at(3, 12))
    assert "nothing sealed yet" in Notice.objects.get(key="digest:2026-03-03").text
    seals.seal()
    head = seals.head()
    assert head is not None
    assert digest.queue_digest(at(4, 12))
    assert head.hash in Notice.objects.get(key="digest:2026-03-04").text


def test_the_clock_looks_each_minute(inbox: Inbox) -> None:
    queue.enqueue("control.daily_digest", {})
    factories.work_off(ahead=True)
    due = timezone.now().hour >= digest.LOCAL_HOUR
    assert len(inbox.messages) == int(due)
