"""The Jobs page: how the queue does, what is in it, and many changed at once, after a look."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agency.models import Client as Customer
from control import switches
from dashboard.views import jobs as views
from jobs import claim, depth, operate, queue, tally
from jobs.filters import Filter
from jobs.models import Job, Limit
from jobs.operate import Verb
from tests import factories
from tests.dashboard.conftest import Htmx, text_of

MOST_QUERIES = 15
NONSENSE = ["x", "0", "-1", "%00", "'", "9" * 40, "\u0661", "💥", "\0", "a" * 3000]


def failed(error: str = "550 no mailbox 17", **fields: Any) -> Job:
    note = {"attempt": 5, "at": timezone.now().isoformat(), "error": error}
    job = queue.enqueue("control.tidy", {})
    wanted = {"status": "discarded", "errors": [note], "finished_at": timezone.now()}
    Job.objects.filter(pk=job.pk).update(**wanted | fields)
    return job


def status(job: Job) -> str:
    return Job.objects.values_list("status", flat=True).get(pk=job.pk)


@pytest.fixture
def busy(db: None) -> Job:
    """Have something of everything, with everything stopped, and return a job that failed."""
    factories.received()
    tally.flush()
    client = Customer.objects.create(name="Vale Dental", slug="vale-dental")
    queue.enqueue_many("control.tidy", ({} for _ in range(60)), client=client, tags=["agent:q"])
    queue.enqueue("control.tidy", {})
    claim.claim("fast", factories.make_holder(), short=True)
    Limit.objects.create(tag="lane:bulk", most=4)
    operate.start(Verb.CANCEL, Filter(lanes=("bulk",)), by="olivia", total=7)
    job = failed()
    failed("timed out", status="retryable")
    depth.measure()
    switches.engage("everything", reason="odd", by="olivia")
    return job


QUERIES = ["", "?status=available&lane=fast", "?kind=control.tidy", "?client=1&kind=control.tidy"]
CAUSE = "?status=discarded&kind=control.tidy&cause=%23+no+mailbox+%23"


@pytest.mark.parametrize("query", [*QUERIES, CAUSE, f"?q={uuid.UUID(int=7)}", "?status=x"])
def test_it_is_read_in_few_queries(query: str, busy: Job, browser: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        response = browser.get(reverse("job-list") + query)
    assert response.status_code == 200
    assert len(queries) <= MOST_QUERIES, "\n".join(q["sql"][:200] for q in queries)


def test_it_says_how_the_queue_does(busy: Job, browser: Client) -> None:
    body = text_of(browser.get(reverse("job-list")))
    assert "counts as of" in body
    assert ">60</a>" in body or ">61</a>" in body
    assert "of 4</span>" in body
    assert "Jobs ended in the fast lane, by minute" in body
    assert "Cancel jobs: lane bulk" in body
    assert "# no mailbox #" in body
    assert "Given up" in body and "Tried again" in body
    assert "At work" in body


def test_empty_it_says_so(browser: Client) -> None:
    body = text_of(browser.get(reverse("job-list")))
    assert 'class="empty"' in body
    assert "not counted yet" in body
    assert "Nothing has failed" in body


@pytest.mark.parametrize("partial", ["job-now", "job-table"])
def test_a_part_of_it_comes_alone(partial: str, busy: Job, htmx: Htmx) -> None:
    body = text_of(htmx.get(reverse("job-list"), partial))
    assert f'id="{partial}"' in body
    assert "<html" not in body


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_is_no_error(nonsense: str, browser: Client) -> None:
    names = ("status", "lane", "kind", "client", "q", "before", "cause", "tag", "since", "id")
    for name in names:
        response = browser.get(reverse("job-list"), {name: nonsense})
        assert response.status_code == 200, name
    assert browser.get(reverse("job-bulk"), {"verb": nonsense}).status_code == 302


def test_what_cannot_be_found_is_said(browser: Client) -> None:
    body = text_of(browser.get(reverse("job-list"), {"status": "waiting"}))
    assert "status: no “waiting”" in body


@pytest.mark.parametrize(
    "query", ["status=discarded", "kind=control.tidy&status=discarded", "q={pk}", "q={chain}"]
)
def test_it_finds_by_what_is_asked(query: str, browser: Client) -> None:
    job = failed()
    other = queue.enqueue("jobs.prune", {})
    job.refresh_from_db()
    asked = query.format(pk=job.pk, chain=job.correlation_id)
    rows = text_of(browser.get(f"{reverse('job-list')}?{asked}")).partition('id="job-table"')[2]
    assert str(job.pk) in rows
    assert str(other.pk) not in rows


def test_a_job_is_shown_with_its_chain(browser: Client) -> None:
    lead = factories.received()
    job = Job.objects.get(kind="agents.run")
    with CaptureQueriesContext(connection) as queries:
        body = text_of(browser.get(reverse("job-detail", args=[job.pk])))
    assert len(queries) <= MOST_QUERIES
    assert reverse("lead-detail", args=[lead.pk]) in body
    assert "lead.received" in body
    assert "/agents/runs/" in body and "/approvals/" in body


def test_what_went_wrong_says_when_as_everything_else_does(browser: Client) -> None:
    note = {"attempt": 1, "at": "2026-01-31T08:00:07.123456+00:00", "error": "timed out"}
    body = text_of(browser.get(reverse("job-detail", args=[failed(errors=[note]).pk])))
    assert "31 Jan, 08:00:07" in body


def test_limits_are_called_by_what_they_limit(browser: Client) -> None:
    Limit.objects.create(tag="client:*", most=2)
    body = text_of(browser.get(reverse("job-list")))
    assert "Bulk lane" in body and "Each client" in body


def test_an_archived_job_is_shown_too(browser: Client) -> None:
    job = queue.enqueue("control.tidy", {})
    long_ago = timezone.now() - dt.timedelta(days=9)
    Job.objects.update(status="completed", finished_at=long_ago)
    queue.enqueue("jobs.archive", {})
    factories.work_off()
    body = text_of(browser.get(reverse("job-detail", args=[job.pk])))
    assert "archived" in body
    assert browser.get(reverse("job-detail", args=[uuid.uuid4()])).status_code == 404


def test_one_job_is_retried_and_cancelled(browser: Client) -> None:
    job = failed()
    assert browser.get(reverse("job-retry", args=[job.pk])).status_code == 405
    assert Client().post(reverse("job-retry", args=[job.pk])).status_code == 302
    assert status(job) == "discarded"
    page = browser.post(reverse("job-retry", args=[job.pk]), follow=True)
    assert (status(job), "Retried: 1 job." in text_of(page)) == ("available", True)
    page = browser.post(reverse("job-cancel", args=[job.pk]), follow=True)
    assert (status(job), "Cancelled: 1 job." in text_of(page)) == ("cancelled", True)
    page = browser.post(reverse("job-cancel", args=[job.pk]), follow=True)
    assert "1 left as it was: cancelled already" in text_of(page)


def test_many_are_changed_after_a_look(browser: Client) -> None:
    jobs = [failed(f"550 no mailbox {number}") for number in range(3)]
    other = failed("timed out")
    given = {"verb": "retry", "status": "discarded", "cause": "# no mailbox #"}
    body = text_of(browser.get(reverse("job-bulk"), given))
    assert "Retry 3 jobs?" in body
    assert str(jobs[0].pk) in body and str(other.pk) not in body
    page = browser.post(reverse("job-bulk"), {**given, "count": "3"}, follow=True)
    assert "Retried: 3 jobs." in text_of(page)
    assert [status(job) for job in (*jobs, other)] == [*["available"] * 3, "discarded"]


def test_if_there_are_more_by_now_it_asks_again(browser: Client) -> None:
    jobs = [failed() for _ in range(5)]
    response = browser.post(
        reverse("job-bulk"), {"verb": "retry", "status": "discarded", "count": "3"}
    )
    assert response.status_code == 409
    assert "There are more by now" in text_of(response)
    assert {status(job) for job in jobs} == {"discarded"}


def test_discarding_needs_a_reason(browser: Client) -> None:
    job = queue.enqueue("control.tidy", {})
    given = {"verb": "discard", "kind": "control.tidy", "count": "1"}
    assert browser.post(reverse("job-bulk"), given).status_code == 422
    assert browser.post(reverse("job-bulk"), {**given, "reason": "by hand"}).status_code == 302
    assert status(job) == "discarded"


def test_very_many_are_changed_in_the_background(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "AT_ONCE", 10)
    later = timezone.now() + dt.timedelta(days=1)
    queue.enqueue_many("control.tidy", ({} for _ in range(11)), lane="bulk", run_at=later)
    given = {"verb": "cancel", "lane": "bulk", "count": "11"}
    page = browser.post(reverse("job-bulk"), given, follow=True)
    assert "11 jobs are being cancelled" in text_of(page)
    assert "0 of 11" in text_of(page)
    factories.work_off()
    assert Job.objects.filter(status="cancelled").count() == 11


def test_without_a_filter_nothing_is_changed_in_bulk(browser: Client) -> None:
    job = queue.enqueue("control.tidy", {})
    page = browser.post(reverse("job-bulk"), {"verb": "cancel", "count": "1"}, follow=True)
    assert "Narrow the list first" in text_of(page)
    assert status(job) == "available"


def test_limits_are_set_and_lifted(browser: Client) -> None:
    url = reverse("job-limit")
    assert browser.post(url, {"tag": "lane:bulk", "most": "4"}).status_code == 302
    assert browser.post(url, {"tag": "client:*", "most": "2"}).status_code == 302
    assert dict(Limit.objects.values_list("tag", "most")) == {"lane:bulk": 4, "client:*": 2}
    body = text_of(browser.get(reverse("job-list")))
    assert 'value="4"' in body and "client:*" in body
    assert browser.post(url, {"tag": "lane:bulk", "most": ""}).status_code == 302
    wrong = [("lane:slow", "1"), ("agent:nobody", "1"), ("bulk", "1"), ("lane:bulk", "-1")]
    for tag, most in wrong:
        assert browser.post(url, {"tag": tag, "most": most}).status_code == 422
    assert dict(Limit.objects.values_list("tag", "most")) == {"client:*": 2}


def test_a_great_backlog_that_is_discarded_is_seen_under_way(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switches, "AT_ONCE", 1)
    switches.engage("everything", reason="odd", by="olivia")
    queue.enqueue_many("control.tidy", ({} for _ in range(3)), tags=["agent:qualifier"])
    page = browser.post(reverse("resume"), {"backlog": "discard"}, follow=True)
    assert "3 jobs are being discarded" in text_of(page)
    body = text_of(browser.get(reverse("job-list")))
    assert "Cancel jobs: tag * (everything was released)" in body
    assert "0 of 3" in body
    factories.work_off()
    assert Job.objects.filter(status="cancelled").count() == 3
