"""The price book: bounds, discounts and which package answers what."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency.models import AuditEntry
from billing import prices
from billing.models import Package

BOOK = Package(**prices.STARTING[1], max_discount_percent=Decimal(10))


def test_the_list_price_asks_nobody() -> None:
    assert prices.objection(BOOK, BOOK.setup_usd, BOOK.monthly_usd) == ""


@pytest.mark.parametrize(
    ("setup", "monthly", "why"),
    [
        ("1199.99", "600", "Setup $1,199.99 is under the floor of $1,200"),
        ("1500", "499.99", "Monthly $499.99 is under the floor of $500"),
        ("2500.01", "600", "Setup $2,500.01 is over the ceiling of $2,500"),
        ("1500", "901", "Monthly $901 is over the ceiling of $900"),
        ("1500", "539", "A discount of 10.17 % is more than the 10 % allowed"),
    ],
)
def test_what_leaves_the_bounds_says_which_and_why(setup: str, monthly: str, why: str) -> None:
    assert prices.objection(BOOK, Decimal(setup), Decimal(monthly)) == why


money = st.decimals(0, 10_000, places=2)


@given(setup=money, monthly=money)
def test_nothing_under_a_floor_or_over_the_discount_passes(
    setup: Decimal, monthly: Decimal
) -> None:
    if prices.objection(BOOK, setup, monthly) == "":
        assert BOOK.setup_floor_usd <= setup <= BOOK.setup_ceiling_usd
        assert BOOK.monthly_floor_usd <= monthly <= BOOK.monthly_ceiling_usd
        assert prices.discount(BOOK, setup, monthly) <= 10


def test_a_package_that_is_not_sold_any_more_asks() -> None:
    old = Package(**prices.STARTING[0] | {"active": False})
    assert "not for sale" in prices.objection(old, old.setup_usd, old.monthly_usd)


def test_a_new_house_has_three_packages_once(db: None) -> None:
    prices.ensure()
    prices.ensure()
    assert Package.objects.count() == 3


def test_the_package_is_the_one_whose_words_the_need_has(db: None) -> None:
    prices.ensure()
    assert prices.suggest(["We miss half our calls"]).slug == "missed-call-text-back"
    assert prices.suggest(["the web form", "slow follow up"]).slug == "website-lead-autopilot"
    assert prices.suggest(["a receptionist", "reviews"]).slug == "full-front-desk"
    assert prices.suggest([]).slug == "missed-call-text-back"


def test_an_empty_price_book_says_so(db: None) -> None:
    with pytest.raises(prices.NoPackage):
        prices.suggest(["anything"])


def test_a_change_stands_in_the_trail_with_both_values(db: None) -> None:
    prices.ensure()
    package = Package.objects.get(slug="full-front-desk")
    package.monthly_usd = Decimal(1600)
    prices.save(package, by="olivia")
    entry = AuditEntry.objects.get(verb="package.changed")
    assert entry.data == {"changed": {"monthly_usd": ["1500.00", "1600.00"]}}
    prices.save(package, by="olivia")
    assert AuditEntry.objects.filter(verb="package.changed").count() == 1
