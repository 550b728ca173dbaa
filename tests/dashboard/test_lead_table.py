"""The pipeline's table: found, sorted, kept, changed together, taken along."""

import csv
import datetime as dt
import io

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agency.models import AuditEntry
from dashboard import web
from dashboard.sales import csv_file, lead_table
from jobs.models import Job
from pipeline import filters
from pipeline.filters import Filter
from pipeline.models import Lead, SavedFilter
from tests.dashboard.conftest import text_of
from tests.factories import make_lead, make_user, received

TABLE = "/pipeline/table/"
BULK = "/pipeline/table/bulk/"


def names(filter_: Filter, sort: str = filters.NEWEST, after: str = "") -> list[str]:
    return [row.lead.name for row in lead_table.read(filter_, sort, after).rows]


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("sort", filters.SORTS)
def test_pages_follow_each_other_in_every_order(sort: str) -> None:
    at = timezone.now()
    for number in range(web.PAGE_SIZE * 2 + 5):
        make_lead(
            name=f"Lead {number}",
            score=number % 7 * 10 or None,
            received_at=at - dt.timedelta(minutes=number % 9),
        )
    seen: list[str] = []
    after = ""
    while True:
        page = lead_table.read(Filter(), sort, after)
        seen += [row.lead.name for row in page.rows]
        after = page.after
        if not after:
            break
    assert len(seen) == len(set(seen)) == Lead.objects.count()
    expected = filters.ordered(Lead.objects.all(), sort).values_list("name", flat=True)
    assert seen == list(expected)


@pytest.mark.usefixtures("db")
def test_every_filter_narrows() -> None:
    old = timezone.now() - dt.timedelta(days=20)
    make_lead(name="Old", received_at=old, score=10, source="reply")
    make_lead(name="Hot", score=90)
    make_lead(name="Won", outcome="won", score=50)
    for given, found in [
        ({"stage": ["won"]}, ["Won"]),
        ({"source": ["reply"]}, ["Old"]),
        ({"score_from": ["60"]}, ["Hot"]),
        ({"score_to": ["20"]}, ["Old"]),
        ({"age": ["7d"]}, ["Won", "Hot"]),
        ({"client": ["own"]}, ["Won", "Hot", "Old"]),
        ({"client": ["12345"]}, []),
        ({"q": ["hot"]}, ["Hot"]),
    ]:
        chosen, problem = Filter.parse(given)
        assert not problem
        assert names(chosen) == found, given
        assert Filter.parse(chosen.fields()) == (chosen, "")


def test_what_makes_no_sense_is_left_out_and_said(browser: Client) -> None:
    make_lead()
    page = text_of(browser.get(TABLE, {"stage": "x", "score_from": "900", "age": "7d"}))
    assert "There is no stage “x”." in page
    assert "A score is a whole number from 0 to 100." in page
    assert "Dana Reyes" in page


def test_a_filter_is_kept_found_again_and_removed(browser: Client) -> None:
    make_lead()
    data = {"name": "Hot ones", "score_from": "70", "sort": "score"}
    page = text_of(browser.post(reverse("filter-save"), data, follow=True))
    assert 'href="?score_from=70&amp;sort=score" aria-current="true"' in page
    kept = SavedFilter.objects.get()
    other = SavedFilter.objects.create(user=make_user("oscar"), name="Not yours", query="")
    assert browser.post(reverse("filter-delete", args=[other.pk])).status_code == 404
    browser.post(reverse("filter-delete", args=[kept.pk]))
    assert list(SavedFilter.objects.all()) == [other]


def test_a_filter_without_a_name_is_not_kept(browser: Client) -> None:
    page = text_of(browser.post(reverse("filter-save"), {"name": " \0"}, follow=True))
    assert "A filter needs a name." in page


def test_many_are_changed_after_a_look_and_taken_back(browser: Client) -> None:
    for number in range(4):
        make_lead(name=f"Lead {number}", score=number * 30)
    preview = text_of(browser.get(BULK, {"verb": "lost", "score_to": "60"}))
    assert "Mark lost: 3 leads?" in preview
    assert not Lead.objects.filter(outcome="lost").exists()
    data = {"verb": "lost", "score_to": "60", "count": "3"}
    page = browser.post(BULK, data, follow=True)
    assert Lead.objects.filter(outcome="lost").count() == 3
    (undo,) = {part for part in page.content.decode().split('"') if part.endswith("/undo/")}
    browser.post(undo)
    assert not Lead.objects.filter(outcome="lost").exists()


def test_only_the_chosen_are_changed(browser: Client) -> None:
    leads = [make_lead(name=f"Lead {n}") for n in range(3)]
    browser.post(BULK, {"verb": "won", "count": "1", "id": [str(leads[1].pk)]})
    assert list(Lead.objects.filter(outcome="won")) == [leads[1]]


def test_more_than_were_shown_are_not_changed(browser: Client) -> None:
    for number in range(3):
        make_lead(name=f"Lead {number}")
    response = browser.post(BULK, {"verb": "won", "count": "2"})
    assert response.status_code == 409
    assert not Lead.objects.filter(outcome="won").exists()


def test_they_are_scored_again(browser: Client) -> None:
    received()
    browser.post(BULK, {"verb": "rescore", "count": "1"})
    job = Job.objects.filter(kind="agents.run", lane="bulk").get()
    assert job.payload["trigger"] == "manual"


@pytest.mark.parametrize("verb", ["", "x", "delete"])
def test_an_unknown_verb_does_nothing(verb: str, browser: Client) -> None:
    make_lead()
    assert "Say what to do with them." in text_of(
        browser.post(BULK, {"verb": verb, "count": "1"}, follow=True)
    )


def test_the_export_holds_them_all_and_no_formula(browser: Client) -> None:
    make_lead(name="=HYPERLINK(1)", company="+1", email="@x", subject="-2", phone="\t3")
    make_lead(name='Mae "M", Lin', message="")
    for number in range(csv_file.CHUNK // 500):
        make_lead(name=f"Lead {number}")
    response = browser.post(reverse("pipeline-export"))
    text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == Lead.objects.count()
    cells = [cell for row in rows for cell in row.values()]
    assert not any(cell.startswith(csv_file.RISKY) for cell in cells)
    assert 'Mae "M", Lin' in cells
    assert "'=HYPERLINK(1)" in cells
    assert AuditEntry.objects.get(verb="lead.exported").data == {"filter": ""}
    assert browser.get(reverse("pipeline-export")).status_code == 405
