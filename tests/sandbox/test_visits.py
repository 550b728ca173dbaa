"""What somebody does on the agency's pages, with a browser that knows no scripts."""

import random
from collections.abc import Iterator

import pytest

from sandbox.market import pages
from sandbox.market.post import Never, NotNow
from sandbox.market.visits import Browser
from tests.sandbox import agency as agencies
from tests.sandbox.agency import Agency
from tests.sandbox.answering import WORLD

COMPANY = WORLD.companies[0]
WHO = pages.guest(COMPANY, COMPANY.owner)


@pytest.fixture
def agency() -> Iterator[Agency]:
    with agencies.serving() as found:
        yield found


@pytest.fixture
def browser(agency: Agency) -> Browser:
    return Browser(agency.url)


def test_a_call_is_booked_on_one_of_the_first_days_and_taken_down(
    agency: Agency, browser: Browser
) -> None:
    found = pages.book(browser, f"{agency.url}/book/token/", WHO, random.Random(1))
    (sent,) = agency.sent("/book/")
    assert (sent["name"], sent["email"]) == (COMPANY.owner.name, COMPANY.owner.email)
    assert agency.times().index(sent["starts_at"]) < 6
    assert (found.uid, found.sequence, found.cancelled) == ("call-1@agency", 0, False)
    assert found.ends - found.starts == 30 * 60
    assert found.page == f"{agency.url}/meetings/m1/"
    assert any("timezone=America%2FPhoenix" in path for path in agency.seen)


def test_who_has_a_call_keeps_it(agency: Agency, browser: Browser) -> None:
    first = pages.book(browser, f"{agency.url}/book/token/", WHO, random.Random(1))
    again = pages.book(browser, f"{agency.url}/book/token/", WHO, random.Random(2))
    assert (again, len(agency.sent("/book/"))) == (first, 1)


def test_a_time_that_was_taken_meanwhile_is_tried_elsewhere(
    agency: Agency, browser: Browser
) -> None:
    agency.is_full = True
    with pytest.raises(NotNow, match="422"):
        pages.book(browser, f"{agency.url}/book/token/", WHO, random.Random(1))
    agency.is_full = False
    assert pages.book(browser, f"{agency.url}/book/token/", WHO, random.Random(1)).uid


def test_a_call_is_moved_and_cancelled(agency: Agency, browser: Browser) -> None:
    booked = pages.book(browser, f"{agency.url}/book/token/", WHO, random.Random(1))
    moved = pages.move(browser, booked.page, WHO, random.Random(2))
    assert moved.sequence == 1
    assert agency.sent("/meetings/")[0]["do"] == "move"
    pages.cancel(browser, booked.page, "Something came up.")
    assert agency.sent("/meetings/")[1] == {"do": "cancel"}


def test_a_proposal_is_signed_and_paid(agency: Agency, browser: Browser) -> None:
    assert pages.sign(browser, f"{agency.url}/p/token/", WHO, pages.GOOD_CARD) == "paid"
    (signed,) = agency.sent("/p/")
    assert signed == {
        **{"name": COMPANY.owner.name, "email": COMPANY.owner.email},
        **{"consent": "on", "document_sha256": "ab12", "do": "sign"},
    }
    assert pages.sign(browser, f"{agency.url}/p/token/", WHO, pages.GOOD_CARD) == "closed"


def test_a_card_that_is_declined_is_tried_again_later(agency: Agency, browser: Browser) -> None:
    link = f"{agency.url}/p/token/"
    assert pages.sign(browser, link, WHO, pages.DECLINED_CARD) == "refused"
    assert pages.sign(browser, link, WHO, pages.GOOD_CARD) == "paid"
    assert agency.cards == [pages.DECLINED_CARD, pages.GOOD_CARD]
    assert len(agency.sent("/p/")) == 1


def test_a_proposal_is_declined_with_a_reason(agency: Agency, browser: Browser) -> None:
    assert pages.decline(browser, f"{agency.url}/p/token/", "Too much.")
    assert agency.sent("/p/") == [{"reason": "Too much.", "do": "decline"}]
    assert not pages.decline(browser, f"{agency.url}/p/token/", "Too much.")


def test_an_older_version_leads_to_the_newer_one(agency: Agency, browser: Browser) -> None:
    agency.state = "replaced"
    assert pages.sign(browser, f"{agency.url}/p/older/", WHO, pages.GOOD_CARD) == "paid"
    assert agency.sent("/p/newer/")


def test_a_proposal_that_is_on_its_way_is_waited_for(agency: Agency, browser: Browser) -> None:
    agency.state = ""
    with pytest.raises(NotNow, match="no proposal yet"):
        pages.look(browser, f"{agency.url}/p/token/")


@pytest.mark.parametrize("link", ["http://elsewhere.example/book/", "{app}/away"])
def test_a_browser_goes_nowhere_else(agency: Agency, browser: Browser, link: str) -> None:
    with pytest.raises(Never, match="not the app’s"):
        browser.open(link.format(app=agency.url))


def test_what_is_down_is_tried_again_and_what_is_gone_is_not(
    agency: Agency, browser: Browser
) -> None:
    with pytest.raises(NotNow, match="503"):
        browser.open(f"{agency.url}/down")
    with pytest.raises(Never, match="404"):
        pages.look(browser, f"{agency.url}/gone")
    with pytest.raises(NotNow, match="cannot be reached"):
        Browser("http://127.0.0.1:1").open("http://127.0.0.1:1/")
