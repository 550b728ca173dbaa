"""One prospect's page: what is known and from where, what was written, what is done by hand."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from control.models import Override
from pipeline.models import Contact, Enrollment, Prospect, Suppression
from tests.dashboard.conftest import Htmx, text_of
from tests.outreach import enroll, make_prospect, make_reply, make_sequence, sent
from tests.people import drafted


def address(prospect: Prospect, name: str = "prospect-detail") -> str:
    return reverse(name, args=[prospect.pk])


def test_each_fact_has_its_quote_and_its_page_beside_it(browser: Client) -> None:
    one = make_prospect()
    one.facts.create(
        kind="person",
        claim="Dana owns it.",
        quote="Founded by Dana <b>Reyes</b>",
        url="https://harborplumbing.example/about",
        seen_at=timezone.now(),
    )
    page = text_of(browser.get(address(one)))
    assert "Founded by Dana &lt;b&gt;Reyes&lt;/b&gt;" in page
    assert 'href="https://harborplumbing.example/about"' in page


def test_an_address_that_would_run_as_a_script_is_no_link(browser: Client) -> None:
    one = make_prospect(source_url="javascript:alert(1)", signals=[
        {"name": "hiring", "quote": "q", "url": "javascript:alert(2)"}
    ])  # fmt: skip
    assert "javascript:" not in text_of(browser.get(address(one)))


def test_it_shows_the_way_through_the_sequence_and_what_was_answered(browser: Client) -> None:
    one, sequence = make_prospect(), make_sequence()
    enrollment = enroll(one, sequence, 1)
    sent(enrollment, sequence.steps.get(position=0), replied_at=timezone.now())
    make_reply(one)
    page = text_of(browser.get(address(one)))
    assert 'data-state="done"' in page
    assert 'data-state="next"' in page
    assert "answered" in page
    assert one.mails.get().text.split("\n")[0] in page


def test_a_draft_to_it_says_how_it_fits_and_leads_here_and_looking_locks_nothing(
    browser: Client,
) -> None:
    action = drafted()
    one = Prospect.objects.get(pk=action.subject_id)
    with CaptureQueriesContext(connection) as queries:
        page = text_of(browser.get(reverse("approval-detail", args=[action.pk])))
    assert f'href="{address(one)}"' in page
    assert f"Fit <b>{one.fit}</b> of 100" in page
    assert not any("FOR UPDATE" in query["sql"] for query in queries)


def test_one_that_was_merged_away_leads_to_the_other(browser: Client) -> None:
    kept = make_prospect("Kept")
    gone = make_prospect("Gone", merged_into=kept)
    assert browser.get(address(gone)).headers["Location"] == address(kept)


def test_the_live_part_comes_alone(htmx: Htmx) -> None:
    body = htmx.get(address(make_prospect()), "prospect-body").content.decode()
    assert "<html" not in body


def test_a_field_set_by_hand_stays_until_it_is_given_back(browser: Client) -> None:
    one = make_prospect(fit=40)
    data = {"name": "fit", "value": "90", "reason": "I know them"}
    page = text_of(browser.post(address(one, "prospect-set"), data, follow=True))
    assert "set fit to <b>90</b>. “I know them”" in page
    one.refresh_from_db()
    assert one.fit == 90
    browser.post(address(one, "prospect-lift"), {"name": "fit"})
    assert Override.objects.get().lifted_at is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [("fit", "101"), ("fit", "x"), ("timezone", "Mars"), ("name", ""), ("status", "lead")],
)
def test_nonsense_is_not_set(name: str, value: str, browser: Client) -> None:
    one = make_prospect()
    data = {"name": name, "value": value, "reason": "Because"}
    assert browser.post(address(one, "prospect-set"), data).status_code == 422
    assert not Override.objects.exists()


def test_a_person_is_added_and_written_to(browser: Client) -> None:
    one = make_prospect()
    data = {"name": "Sam", "email": "Sam@harborplumbing.example"}
    browser.post(address(one, "contact-add"), data)
    sam = Contact.objects.get(email="sam@harborplumbing.example")
    assert not sam.is_primary
    browser.post(reverse("contact-choose", args=[one.pk, sam.pk]))
    assert one.contacts.get(is_primary=True) == sam
    again = browser.post(address(one, "contact-add"), data)
    assert again.status_code == 422
    assert "That address is there already." in text_of(again)
    assert browser.post(address(one, "contact-add"), {}).status_code == 422


def test_it_is_put_into_a_sequence_stopped_and_let_go_on(browser: Client) -> None:
    one, sequence = make_prospect(), make_sequence()
    browser.post(address(one, "prospect-enroll"), {"sequence": sequence.pk})
    browser.post(address(one, "prospect-stop"))
    assert Enrollment.objects.get().stop_reason == "operator"
    browser.post(address(one, "prospect-resume"))
    assert Enrollment.objects.get().status == "active"
    page = browser.post(address(one, "prospect-enroll"), {"sequence": sequence.pk}, follow=True)
    assert "is in a sequence already" in text_of(page)


def test_it_is_dropped_and_suppressed_with_a_reason_only(browser: Client) -> None:
    one = make_prospect()
    assert browser.post(address(one, "prospect-drop"), {}).status_code == 422
    assert browser.post(address(one, "prospect-suppress"), {}).status_code == 422
    browser.post(address(one, "prospect-drop"), {"reason": "Closed"})
    browser.post(address(one, "prospect-suppress"), {"reason": "Rude"})
    one.refresh_from_db()
    assert (one.status, one.drop_reason) == ("dropped", "Closed")
    assert Suppression.objects.get().value == "harborplumbing.example"


@pytest.mark.parametrize(
    "name",
    [
        *("prospect-research", "prospect-drop", "prospect-suppress", "prospect-enroll"),
        *("prospect-stop", "prospect-resume", "prospect-set", "prospect-lift", "contact-add"),
        *("keep-apart",),
    ],
)
def test_it_is_changed_by_post_only_by_whoever_is_logged_in(
    name: str, browser: Client, client: Client
) -> None:
    url = address(make_prospect(), name)
    assert browser.get(url).status_code == 405
    browser.logout()
    assert client.post(url).status_code == 302


@pytest.mark.parametrize(
    "name", ["prospect-detail", "prospect-merge", "prospect-drop", "prospect-stop"]
)
def test_one_that_does_not_exist_is_not_found(name: str, browser: Client) -> None:
    url = reverse(name, args=[uuid.uuid4()])
    response: Any = browser.get(url) if name in ("prospect-detail", "prospect-merge") else None
    response = response or browser.post(url, {"reason": ""})
    assert response.status_code == 404
