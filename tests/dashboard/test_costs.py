"""Costs: what was spent, from the rows of runs and calls, by the operator's days."""

import datetime as dt
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from agency.models import AgencyProfile
from dashboard.house import costs
from dashboard.house.status import start_of_today
from tests.dashboard.conftest import Htmx, text_of
from tests.factories import make_client, make_run, received

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def test_periods_are_compared_with_as_many_days_before() -> None:
    make_run("1.00")
    make_run("2.00", ago=3 * DAY)
    make_run("4.00", ago=9 * DAY)
    make_run("8.00", ago=40 * DAY)
    make_run("16.00", ago=70 * DAY)
    today, week, month = costs.Book().periods()
    assert (today.now.usd, today.before.usd) == (Decimal(1), Decimal(0))
    assert (week.now.usd, week.before.usd) == (Decimal(3), Decimal(4))
    assert (month.now.usd, month.before.usd) == (Decimal(7), Decimal(8))


def test_the_period_before_ends_at_the_same_time_of_day() -> None:
    moment = dt.timedelta(minutes=1)
    make_run("1.00", ago=7 * DAY - moment)
    make_run("2.00", ago=7 * DAY + moment)
    assert costs.Book().periods()[1].before.usd == Decimal(2)


def test_days_are_the_operators() -> None:
    profile = AgencyProfile.load()
    profile.timezone = "Pacific/Kiritimati"
    profile.save()
    with timezone.override(profile.timezone):
        today = start_of_today()
        make_run("1.00", ago=timezone.now() - today)
        make_run("2.00", ago=timezone.now() - today + dt.timedelta(seconds=1))
        assert costs.Book().periods()[0].now.usd == Decimal(1)


def test_what_rules_decided_is_counted_and_costs_nothing(browser: Client) -> None:
    make_run("0.50")
    make_run()
    page = text_of(browser.get("/costs/"))
    assert "Rules decided 1 of 2 runs, at no cost." in page
    assert "$0.50 in 30 days" in page


def test_without_a_model_it_says_that_nothing_was_paid(browser: Client) -> None:
    received()
    page = text_of(browser.get("/costs/"))
    assert "One run in 30 days cost nothing: no model was asked, rules decided." in page
    assert "$0.00" in page


def test_it_is_broken_down_by_client_model_and_kind(browser: Client) -> None:
    received()
    make_run("0.75", client=make_client("Vale Dental"))
    make_run("0.25")
    by_client = text_of(browser.get("/costs/?by=client"))
    assert "Vale Dental" in by_client
    assert "The agency itself" in by_client
    by_model = text_of(browser.get("/costs/?by=model"))
    assert "claude-haiku-4-5" in by_model
    assert "2,000" in by_model
    assert "Cost of one" in text_of(browser.get("/costs/?by=kind"))


def test_a_breakdown_comes_alone(htmx: Htmx) -> None:
    make_run("0.75")
    body = htmx.get("/costs/?by=model", "cost-table").content.decode()
    assert "claude-haiku-4-5" in body
    assert 'id="cost-body"' not in body


def test_the_area_has_every_agent_and_day(browser: Client) -> None:
    make_run("0.75")
    make_run("0.25", agent="scout", ago=2 * DAY)
    page = text_of(browser.get("/costs/"))
    assert 'data-kind="stacked"' in page
    assert "Scout" in page
    assert page.count('<th scope="row"') == costs.DAYS


def test_the_sum_of_agents_is_the_month() -> None:
    make_run("0.75")
    make_run("0.25", agent="scout", ago=29 * DAY)
    make_run("9.00", agent="scout", ago=31 * DAY)
    book = costs.Book()
    assert costs.total(book.by_agent()) == book.periods()[-1].now


@pytest.mark.parametrize(
    ("change", "words"),
    [(-0.5, "50 % less"), (0.49, "49 % more"), (12.0, "13 times as much")],
)
def test_a_change_is_said_as_a_person_would(change: float, words: str) -> None:
    assert costs.compared(change) == words
