"""The price book: packages are described, changed, taken out and sold again."""

from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from agency.models import AuditEntry
from billing import prices
from billing.models import Package
from tests.dashboard.conftest import text_of

LIST = "/prices/"
CARE = {
    "name": "Care plan",
    "summary": "We look after it.",
    "scope": "A check each week, in writing\n\nA call each month",
    "fits": "maintenance, care",
    "setup_usd": "300",
    "setup_floor_usd": "200",
    "setup_ceiling_usd": "400",
    "monthly_usd": "99.50",
    "monthly_floor_usd": "90",
    "monthly_ceiling_usd": "120",
    "max_discount_percent": "5",
    "term_months": "6",
    "position": "4",
}


def test_an_empty_price_book_leads_to_a_first_package(browser: Client) -> None:
    page = browser.get(LIST).content.decode()
    assert "Nothing is for sale yet." in page
    assert reverse("price-create") in page


def test_a_package_is_added_and_changed(browser: Client) -> None:
    assert browser.get(reverse("price-create")).status_code == 200
    browser.post(reverse("price-create"), CARE)
    package = Package.objects.get()
    assert package.slug == "care-plan"
    assert package.scope == ["A check each week, in writing", "A call each month"]
    assert package.fits == ["maintenance", "care"]
    url = reverse("price-edit", args=[package.slug])
    assert "A check each week, in writing\nA call each month" in browser.get(url).content.decode()
    browser.post(url, CARE | {"monthly_usd": "100", "name": "Care"})
    package.refresh_from_db()
    assert (package.name, package.slug, package.monthly_usd) == ("Care", "care-plan", Decimal(100))
    verbs = AuditEntry.objects.filter(verb__startswith="package.").values_list("verb", flat=True)
    assert sorted(verbs) == ["package.added", "package.changed"]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"name": ""}, "Give it a name."),
        ({"name": "???"}, "A name needs letters or digits."),
        ({"name": "New"}, "New is what the page to add one is called."),
        ({"scope": " \n "}, "Say what they get, at least one thing."),
        ({"scope": "x" * 301}, "a line has at most 300 letters"),
        ({"setup_floor_usd": "301"}, "That is over the setup itself."),
        ({"monthly_ceiling_usd": "99"}, "That is under the monthly price itself."),
        ({"monthly_usd": "-1"}, "greater than or equal to 0"),
        ({"max_discount_percent": "101"}, "less than or equal to 100"),
        ({"term_months": "0"}, "From 1 to 120 months."),
        ({"setup_usd": "1e12"}, "digits"),
        (
            {
                "setup_usd": "0",
                "setup_floor_usd": "0",
                "monthly_usd": "0",
                "monthly_floor_usd": "0",
            },
            "Something must cost something.",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_saved(
    browser: Client, changed: dict[str, str], says: str
) -> None:
    answer = browser.post(reverse("price-create"), CARE | changed)
    assert answer.status_code == 422
    assert says in text_of(answer)
    assert not Package.objects.exists()


def test_two_packages_of_one_name_are_refused(browser: Client) -> None:
    browser.post(reverse("price-create"), CARE)
    answer = browser.post(reverse("price-create"), CARE)
    assert answer.status_code == 422
    assert "There is a package of this name already." in text_of(answer)


def test_one_is_no_longer_sold_and_sold_again(browser: Client) -> None:
    prices.ensure()
    package = Package.objects.get(slug="full-front-desk")
    assert browser.post(reverse("price-retire", args=[package.slug])).status_code == 302
    package.refresh_from_db()
    assert not package.active
    assert "not sold" in browser.get(LIST).content.decode()
    answer = browser.post(
        reverse("price-sell", args=[package.slug]), headers={"HX-Request": "true"}
    )
    assert "is sold again" in text_of(answer)
    package.refresh_from_db()
    assert package.active


def test_the_list_is_a_part_of_its_page_for_htmx(browser: Client) -> None:
    prices.ensure()
    answer = browser.get(LIST, headers={"HX-Request": "true", "HX-Target": "price-rows"})
    assert "<html" not in answer.content.decode()
    assert "$1,200 – $2,500" in text_of(answer)


def test_wrong_methods_and_strangers_are_refused(browser: Client) -> None:
    prices.ensure()
    assert browser.post(LIST).status_code == 405
    assert browser.get(reverse("price-retire", args=["full-front-desk"])).status_code == 405
    assert browser.get(reverse("price-edit", args=["nothing"])).status_code == 404
    stranger = Client()
    for url in (LIST, reverse("price-create"), reverse("price-edit", args=["full-front-desk"])):
        assert stranger.get(url).status_code == 302
        assert "/login/" in stranger.get(url)["Location"]


def test_more_packages_are_not_more_queries(
    browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        fields = prices.STARTING[0] | {"slug": f"p{number}", "name": f"P {number}"}
        Package.objects.create(**fields)
    browser.get(LIST)
    with django_assert_max_num_queries(15):
        browser.get(LIST)
