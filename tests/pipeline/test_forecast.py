"""What open deals are worth, when they close, and which of them stand still."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from agency import clock
from pipeline import deal_filters
from pipeline.deal_filters import Filter
from pipeline.models import Deal
from pipeline.selling import deals, forecast
from tests.factories import make_lead

pytestmark = pytest.mark.usefixtures("db")
DAY = dt.timedelta(days=1)


def make_deal(name: str = "Harbor Plumbing", **fields: Any) -> Deal:
    deal = deals.open_for(make_lead(company=name))
    wanted = {"setup_usd": Decimal(1000), "monthly_usd": Decimal(0)} | fields
    Deal.objects.filter(pk=deal.pk).update(**wanted)
    deal.refresh_from_db()
    return deal


def test_what_is_expected_is_value_times_chance() -> None:
    make_deal()
    make_deal(stage="proposed", probability=50, monthly_usd=Decimal(100))
    make_deal(stage="lost", closed_at=clock.now())
    read = forecast.read()
    assert (read.count, read.value, read.expected) == (2, Decimal(3200), Decimal(1300))
    assert [one.count for one in read.stages] == [1, 0, 1, 0, 0]
    assert sum(month.expected for month in read.months) == Decimal(1300)


def test_a_deal_closes_when_it_usually_does_or_after_its_next_step() -> None:
    now = clock.now()
    usual, later = make_deal(), make_deal(next_step_at=now + 60 * DAY)
    old = make_deal(stage_at=now - 90 * DAY)
    assert forecast.expected_close(usual) == usual.stage_at + 21 * DAY
    assert forecast.expected_close(later) == later.next_step_at
    assert abs(forecast.expected_close(old) - now) < DAY
    read = forecast.read()
    months = {month.starts_on: month.expected for month in read.months}
    for deal in (usual, later, old):
        assert months[forecast.month_of(forecast.expected_close(deal))] >= 200


def test_what_was_won_stands_in_its_month() -> None:
    make_deal(stage="won", closed_at=clock.now())
    assert forecast.read().this_month.won == Decimal(1000)
    assert forecast.read().this_month.together == Decimal(1000)


def test_no_deals_are_a_forecast_of_nothing() -> None:
    read = forecast.read()
    assert (read.count, read.value, read.expected) == (0, Decimal(0), Decimal(0))
    assert len(read.months) == forecast.BACK + 1 + forecast.AHEAD


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, ""),
        ({"stage": "held", "stage_at": -6}, "Has stood here for 6 days"),
        ({"stage": "held", "stage_at": -6, "next_step_at": 2}, ""),
        ({"next_step_at": -3}, "Its next step is 3 days late"),
        ({"stage": "lost", "stage_at": -90, "closed_at": -90}, ""),
    ],
)
def test_a_deal_that_stands_still_says_so(fields: dict[str, Any], why: str) -> None:
    now = clock.now()
    set_ = {k: now + v * DAY if k.endswith("_at") else v for k, v in fields.items()}
    deal = make_deal(**set_)
    assert forecast.why_at_risk(deal) == why
    assert list(forecast.at_risk()) == ([deal] if why else [])


def test_every_filter_narrows() -> None:
    make_deal("Small", setup_usd=Decimal(10))
    make_deal("Still", stage="held", stage_at=clock.now() - 9 * DAY)
    make_deal("Gone", stage="lost", lost_reason="price", closed_at=clock.now())
    for given, names in [
        ({}, {"Small", "Still", "Gone"}),
        ({"stage": ["open"]}, {"Small", "Still"}),
        ({"stage": ["held"]}, {"Still"}),
        ({"lost": ["price"]}, {"Gone"}),
        ({"risk": ["yes"]}, {"Still"}),
        ({"value_to": ["100"]}, {"Small"}),
        ({"value_from": ["101"]}, {"Still", "Gone"}),
        ({"package": ["77"]}, set()),
        ({"q": ["sti dana"]}, {"Still"}),
    ]:
        chosen, problem = Filter.parse(given)
        assert not problem
        for sort in deal_filters.SORTS:
            found = deal_filters.ordered(chosen.deals(), sort)
            assert {deal.name for deal in found} == names, given
        assert Filter.parse(chosen.fields()) == (chosen, "")


def test_what_makes_no_sense_is_left_out_and_said() -> None:
    chosen, problem = Filter.parse({"stage": ["x"], "value_from": ["1.5"], "package": ["\u0661"]})
    assert chosen == Filter()
    assert "There is no stage “x”." in problem
    assert "A value is a whole number of dollars." in problem
