"""Proposals for the operator: how one went, versions side by side, the next one by hand."""

import uuid
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from control import switches
from control.models import Action
from pipeline.models import Proposal
from pipeline.selling import deals, proposals
from tests import offers
from tests.dashboard.conftest import text_of
from tests.factories import work_off
from tests.mailserver import Inbox

pytestmark = pytest.mark.usefixtures("db")


def filled(**fields: str) -> dict[str, str]:
    package = offers.make_package()
    wanted = {
        "package": package.slug,
        "setup_usd": "500",
        "monthly_usd": "250",
        "term_months": "12",
        "about": "Missed calls get a text back.",
        "scope": "A text back\n\n  A weekly   report \n",
        "subject": "Our proposal",
        "body": "Hi Dana,\n\nhere it is.",
    }
    return wanted | fields


def test_it_shows_what_happened_and_what_a_version_changed(browser: Client) -> None:
    first = offers.make_sent()
    proposals.seen(first)
    second = offers.make_sent(first.deal, setup_usd=Decimal(450), monthly_usd=Decimal(225))
    text = text_of(browser.get(reverse("proposal-detail", args=[second.pk])))
    assert "Against version 1" in text
    assert "$500" in text and "$450" in text
    assert "First opened" in text_of(browser.get(reverse("proposal-detail", args=[first.pk])))


def test_signed_it_has_its_hashes_and_its_pdf(browser: Client) -> None:
    proposal = offers.make_sent()
    address = reverse("proposal-pdf", args=[proposal.pk])
    assert browser.get(address).status_code == 404
    signature = offers.sign(proposal)
    text = text_of(browser.get(reverse("proposal-detail", args=[proposal.pk])))
    assert signature.pdf_sha256 in text
    assert "Not paid yet" in text
    assert browser.get(address).content == signature.pdf
    assert browser.get(reverse("proposal-detail", args=[uuid.uuid4()])).status_code == 404


def test_one_by_hand_goes_out_after_the_undo_window(browser: Client, inbox: Inbox) -> None:
    deal = offers.make_deal()
    form = text_of(browser.get(reverse("proposal-new", args=[deal.pk])))
    assert "Website lead autopilot" in form or "Price book" in form
    response = browser.post(reverse("proposal-new", args=[deal.pk]), filled())
    assert response["Location"] == reverse("deal-detail", args=[deal.pk])
    work_off(ahead=True)
    proposal = Proposal.objects.get()
    assert proposal.document["scope"] == ["A text back", "A weekly report"]
    assert (proposal.status, len(inbox.letters)) == ("sent", 1)
    again = text_of(browser.get(reverse("proposal-new", args=[deal.pk])))
    assert "Write version 2" in again
    browser.post(reverse("proposal-new", args=[deal.pk]), filled(monthly_usd="240"))
    assert Action.objects.filter(kind="negotiate").count() == 1


def test_out_of_bounds_it_asks_first(browser: Client) -> None:
    address = reverse("proposal-new", args=[offers.make_deal().pk])
    response = browser.post(address, filled(setup_usd="100"))
    assert response.status_code == 422
    assert "under the floor" in text_of(response)
    assert not Action.objects.exists()
    assert browser.post(address, filled(setup_usd="100", sure="on")).status_code == 302
    assert "out of bounds" in Action.objects.get().reason


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"setup_usd": "-1"}, "greater than or equal to 0"),
        ({"setup_usd": "0", "monthly_usd": "0"}, "Something must cost something"),
        ({"scope": "x" * 301}, "under 300 characters"),
        ({"scope": "\n".join("x" * 21)}, "At most 20 lines"),
        ({"subject": ""}, "This field is required"),
        ({"package": "nothing"}, "Select a valid choice"),
        ({"term_months": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_said(fields: dict[str, str], said: str, browser: Client) -> None:
    deal = offers.make_deal()
    response = browser.post(reverse("proposal-new", args=[deal.pk]), filled(**fields))
    assert response.status_code == 422
    assert said in text_of(response)
    assert not Action.objects.exists()


def test_a_switch_and_a_closed_deal_stop_it(browser: Client) -> None:
    deal = offers.make_deal()
    address = reverse("proposal-new", args=[deal.pk])
    switch = switches.engage("channel", "email", reason="wrong prices", by="olivia")
    response = browser.post(address, filled())
    assert (response.status_code, "wrong prices" in text_of(response)) == (409, True)
    switches.release(switch, by="olivia")
    deals.lose(deal, "timing", by="olivia")
    assert browser.post(address, filled()).status_code == 409
    assert "closed" in text_of(browser.get(address))
    assert not Action.objects.exists()


def test_nobody_else_sees_them(client: Client) -> None:
    proposal = offers.make_sent()
    for address in (
        reverse("proposal-detail", args=[proposal.pk]),
        reverse("proposal-pdf", args=[proposal.pk]),
        reverse("proposal-new", args=[proposal.deal_id]),
    ):
        assert client.get(address).status_code == 302
