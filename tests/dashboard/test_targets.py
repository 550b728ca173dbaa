"""Ideal customers and their sources: described, paused, read, and what they yield."""

from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from agency import clock
from dashboard.finding import targets
from jobs.models import Event
from pipeline.models import IdealCustomer, Source
from tests.dashboard.conftest import text_of
from tests.factories import make_run
from tests.outreach import make_prospect

LIST = "/ideal-customers/"
CUSTOMER = {
    "name": "Dentists",
    "industries": "dental\northodontics",
    "places": "Tucson, Mesa",
    "signals": "hiring",
    "min_fit": "55",
    "timezone": "America/Phoenix",
}
FEED = {
    "kind": "feed",
    "name": "News",
    "url": "https://news.market.example/feed.xml",
    "every_minutes": "60",
}


def make_source(**fields: object) -> Source:
    customer, _ = IdealCustomer.objects.get_or_create(name="Trades in Arizona")
    return Source.objects.create(ideal_customer=customer, **(FEED | fields))


def test_one_is_described_and_changed(browser: Client) -> None:
    browser.post(reverse("ideal-create"), CUSTOMER)
    customer = IdealCustomer.objects.get()
    assert customer.industries == ["dental", "orthodontics"]
    assert customer.places == ["Tucson", "Mesa"]
    url = reverse("ideal-edit", args=[customer.pk])
    browser.post(url, CUSTOMER | {"min_fit": "70", "keywords": "missed calls"})
    customer.refresh_from_db()
    assert (customer.min_fit, customer.keywords) == (70, ["missed calls"])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"name": ""}, "Give it a name."),
        ({"timezone": "Mars"}, "is no time zone"),
        ({"industries": "", "places": ""}, "Name an industry, a place or a keyword"),
        ({"min_employees": "9", "max_employees": "3"}, "That is less than the least."),
        ({"min_fit": "101"}, "100"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_saved(
    changed: dict[str, str], says: str, browser: Client
) -> None:
    response = browser.post(reverse("ideal-create"), CUSTOMER | changed)
    assert response.status_code == 422
    assert says in text_of(response)
    assert not IdealCustomer.objects.exists()


def test_a_pause_is_taken_back_by_its_toast(browser: Client) -> None:
    source = make_source()
    for kind, row in (("ideal", source.ideal_customer), ("source", source)):
        page = text_of(browser.post(reverse(f"{kind}-pause", args=[row.pk]), follow=True))
        row.refresh_from_db()
        assert not row.active
        back = reverse(f"{kind}-resume", args=[row.pk])
        assert f'hx-post="{back}"' in page
        browser.post(back)
        row.refresh_from_db()
        assert row.active


def test_a_new_source_is_due_at_once(browser: Client) -> None:
    customer = make_source(name="Other").ideal_customer
    url = reverse("source-create", args=[customer.pk])
    browser.post(url, FEED)
    source = Source.objects.get(name="News")
    assert source.next_read_at is not None
    assert source.next_read_at <= clock.now()
    assert "There is one of this name already." in text_of(browser.post(url, FEED))


@pytest.mark.parametrize(
    "changed",
    [
        {"url": ""},
        {"url": "javascript:x"},
        {"url": "https://www.linkedin.com/company/harbor"},
        {"kind": "overpass"},
        {"kind": "manual"},
        {"every_minutes": "1"},
    ],
)
def test_a_source_that_could_not_be_read_is_refused(
    changed: dict[str, str], browser: Client
) -> None:
    customer = make_source(name="Other").ideal_customer
    response = browser.post(reverse("source-create", args=[customer.pk]), FEED | changed)
    assert response.status_code == 422
    assert Source.objects.count() == 1


def test_a_source_is_read_now_if_it_is_one_that_is_read(browser: Client) -> None:
    feed, file = make_source(), make_source(name="A file", kind="file", url="")
    browser.post(reverse("source-read", args=[feed.pk]))
    page = browser.post(reverse("source-read", args=[file.pk]), follow=True)
    assert "is not read" in text_of(page)
    event = Event.objects.get(name="source.due")
    assert event.subject_id == str(feed.pk)


def test_each_source_shows_what_it_yielded_and_cost(browser: Client) -> None:
    source = make_source(seen=40)
    customer = source.ideal_customer
    for number, status in enumerate(["new", "researched", "contacted", "replied", "lead", "lead"]):
        make_prospect(f"Shop {number}", source=source, status=status, fit=number * 20)
    make_prospect("By hand", status="declined")
    make_run("0.30", agent="scout", subject_type="pipeline.source", subject_id=str(source.pk))
    (target,) = targets.targets()
    (row,) = target.rows
    found = row.found
    assert (found.added, found.fit, found.leads) == (6, 3, 2)
    assert (found.usd, found.each) == (Decimal("0.30"), Decimal("0.05"))
    total = target.found
    assert (total.added, total.researched, total.contacted, total.replied) == (7, 6, 5, 4)
    page = text_of(browser.get(LIST))
    assert "$0.05" in page
    assert f'href="/prospects/?customer={customer.pk}"' in page


def test_the_last_error_stands_at_its_source(browser: Client) -> None:
    make_source(last_error="The page did not answer.", failures=3)
    assert "The page did not answer. (3 times in a row)" in text_of(browser.get(LIST))


@pytest.mark.parametrize("name", ["ideal-pause", "source-pause", "source-read", "source-resume"])
def test_it_is_changed_by_post_only_by_whoever_is_logged_in(name: str, browser: Client) -> None:
    source = make_source()
    key = source.ideal_customer_id if name == "ideal-pause" else source.pk
    url = reverse(name, args=[key])
    assert browser.get(url).status_code == 405
    browser.logout()
    assert browser.post(url).headers["Location"].startswith("/login/")
