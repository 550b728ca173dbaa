"""The prospects' table: found, sorted, changed together after a look, and taken back."""

import pytest
from django.test import Client
from django.urls import reverse

from agency.models import AuditEntry
from dashboard import web
from dashboard.finding import prospects
from pipeline import by_hand, prospect_filters
from pipeline.models import Enrollment, Prospect, Suppression
from pipeline.prospect_filters import Filter
from tests.dashboard.conftest import text_of
from tests.factories import make_user
from tests.outreach import enroll, make_prospect, make_sequence

TABLE = "/prospects/"
BULK = "/prospects/bulk/"


def names(chosen: Filter, sort: str = prospect_filters.FIT) -> list[str]:
    return [row.name for row in prospects.read(chosen, sort, "").rows]


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("sort", prospect_filters.SORTS)
def test_pages_follow_each_other_in_every_order(sort: str) -> None:
    customer = make_prospect("First").ideal_customer
    Prospect.objects.bulk_create(
        Prospect(world="sandbox", name=f"P{n}", ideal_customer=customer, fit=n % 7 * 10)
        for n in range(web.PAGE_SIZE * 2 + 5)
    )
    seen: list[str] = []
    after = ""
    while True:
        page = prospects.read(Filter(), sort, after)
        seen += [row.name for row in page.rows]
        after = page.after
        if not after:
            break
    everybody = prospect_filters.ordered(Prospect.objects.all(), sort)
    assert seen == list(everybody.values_list("name", flat=True))


@pytest.mark.usefixtures("db")
def test_every_filter_narrows() -> None:
    hot = make_prospect("Hot Roofing", fit=95, place="Mesa, AZ", signals=[{"name": "hiring"}])
    make_prospect("Cold Plumbing", fit=20, status="dropped", world="real")
    gone = make_prospect("Gone Plumbing", merged_into=hot)
    for given, found in [
        ({"status": ["dropped"]}, ["Cold Plumbing"]),
        ({"customer": [str(hot.ideal_customer_id)]}, ["Hot Roofing", "Cold Plumbing"]),
        ({"customer": ["12345"]}, []),
        ({"source": ["12345"]}, []),
        ({"fit_from": ["60"]}, ["Hot Roofing"]),
        ({"fit_to": ["60"]}, ["Cold Plumbing"]),
        ({"signal": ["hiring"]}, ["Hot Roofing"]),
        ({"world": ["real"]}, ["Cold Plumbing"]),
        ({"q": ["mesa roof"]}, ["Hot Roofing"]),
        ({"id": [str(gone.pk)]}, []),
    ]:
        chosen, problem = Filter.parse(given)
        assert not problem
        assert names(chosen) == found, given
        assert Filter.parse(chosen.fields()) == (chosen, "")


def test_what_makes_no_sense_is_left_out_and_said(browser: Client) -> None:
    make_prospect()
    page = text_of(browser.get(TABLE, {"status": "x", "fit_from": "900", "source": "\u0661"}))
    assert "There is no status “x”." in page
    assert "Fit is a whole number from 0 to 100." in page
    assert "A source is named by its number." in page
    assert "Harbor Plumbing" in page


def test_many_are_dropped_after_a_look_and_taken_back(browser: Client) -> None:
    for number in range(3):
        make_prospect(f"Shop {number}", fit=number * 40)
    enroll(Prospect.objects.get(name="Shop 0"), make_sequence())
    preview = text_of(browser.get(BULK, {"verb": "drop", "fit_to": "50"}))
    assert "Drop: 2 prospects?" in preview
    assert not Prospect.objects.filter(status="dropped").exists()
    data = {"verb": "drop", "fit_to": "50", "count": "2", "reason": "Too small"}
    page = browser.post(BULK, data, follow=True)
    assert set(Prospect.objects.filter(status="dropped").values_list("drop_reason", flat=True)) == {
        "Too small"
    }
    assert Enrollment.objects.get().stop_reason == "dropped"
    (undo,) = {part for part in page.content.decode().split('"') if part.endswith("/undo/")}
    browser.post(undo)
    assert set(Prospect.objects.values_list("status", "drop_reason")) == {("researched", "")}


def test_without_a_reason_nobody_is_dropped(browser: Client) -> None:
    make_prospect()
    response = browser.post(BULK, {"verb": "drop", "count": "1", "reason": " "})
    assert response.status_code == 422
    assert "Say why" in text_of(response)
    assert not Prospect.objects.filter(status="dropped").exists()


def test_more_than_were_shown_are_not_changed(browser: Client) -> None:
    make_prospect("One")
    make_prospect("Two")
    response = browser.post(BULK, {"verb": "drop", "count": "1", "reason": "No"})
    assert response.status_code == 409
    assert not Prospect.objects.filter(status="dropped").exists()


def test_only_the_chosen_are_enrolled_and_who_cannot_be_is_named(browser: Client) -> None:
    sequence = make_sequence()
    well, other = make_prospect("Well"), make_prospect("Other")
    mute = make_prospect("Mute")
    mute.contacts.all().delete()
    data = {"verb": "enroll", "count": "2", "id": [str(well.pk), str(mute.pk)]}
    page = text_of(browser.post(BULK, data | {"sequence": sequence.pk}, follow=True))
    assert "Added: 1 prospect. Left out, among others: Mute has no address." in page
    assert [one.prospect for one in Enrollment.objects.all()] == [well]
    assert not other.enrollments.exists()


def test_they_are_never_written_to_again_until_that_is_taken_back(browser: Client) -> None:
    one = make_prospect("Well")
    one.contacts.create(email="dana@elsewhere.example")
    enroll(one, make_sequence())
    data = {"verb": "suppress", "count": "1", "reason": "A rival"}
    browser.post(BULK, data)
    assert set(Suppression.objects.values_list("scope", "value")) == {
        ("domain", "well.example"),
        ("address", "dana@elsewhere.example"),
    }
    assert Enrollment.objects.get().stop_reason == "suppressed"
    change = AuditEntry.objects.get(verb="prospect.suppressed").correlation_id
    assert change is not None
    by_hand.undo(change, by=make_user("otto"))
    assert not Suppression.objects.exists()
    page = browser.post(reverse("prospect-undo", args=[change]), follow=True)
    assert "It was changed again since." in text_of(page)


@pytest.mark.parametrize("verb", ["", "x", "delete"])
def test_an_unknown_verb_does_nothing(verb: str, browser: Client) -> None:
    make_prospect()
    assert "Say what to do with them." in text_of(
        browser.post(BULK, {"verb": verb, "count": "1"}, follow=True)
    )


def test_the_palette_finds_it_by_name_and_place(browser: Client) -> None:
    one = make_prospect("Saguaro Roofing", place="Bisbee, AZ")
    for words in ("sagu", "bisbee", str(one.pk)[:23]):
        assert reverse("prospect-detail", args=[one.pk]) in text_of(
            browser.get(reverse("find"), {"q": words})
        )


def test_one_is_added_by_hand_and_only_once(browser: Client) -> None:
    customer = make_prospect("Other").ideal_customer
    data = {
        "ideal_customer": customer.pk,
        "name": "Desert Cooling",
        "website": "desertcooling.example",
        "phone": "520 555 0142",
    }
    page = text_of(browser.post(reverse("prospect-create"), data, follow=True))
    assert "Desert Cooling is added" in page
    page = text_of(browser.post(reverse("prospect-create"), data, follow=True))
    assert "It is there already" in page
    assert Prospect.objects.filter(name="Desert Cooling").count() == 1


def test_what_is_wrong_stands_at_its_field(browser: Client) -> None:
    customer = make_prospect().ideal_customer
    data = {"ideal_customer": customer.pk, "name": "X", "phone": "call us"}
    response = browser.post(reverse("prospect-create"), data)
    assert response.status_code == 422
    assert "is no phone number" in text_of(response)
