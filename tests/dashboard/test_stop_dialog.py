"""Stop everything: what it reaches is said before, why it is stopped after, and how it goes on."""

from django.test import Client
from django.urls import reverse

from agents import fleet
from control.models import KillSwitch
from tests.dashboard.conftest import Htmx, text_of
from tests.factories import make_lead, receive


def engaged() -> bool:
    return KillSwitch.objects.filter(scope="everything", released_at=None).exists()


def test_it_lists_what_it_reaches_as_a_page_and_as_a_dialog(browser: Client, htmx: Htmx) -> None:
    receive(make_lead())
    for response in (browser.get("/stop/"), htmx.get("/stop/", "dialog")):
        body = text_of(response)
        assert f"<b>{len(fleet.all_agents())}</b> agents" in body
        assert "<b>1</b> job waiting" in body
    assert "<html" not in body


def test_it_needs_a_reason(browser: Client) -> None:
    assert browser.post(reverse("stop-now"), {"reason": " "}).status_code == 422
    assert not engaged()


def test_while_stopped_every_page_says_so(browser: Client) -> None:
    browser.post(reverse("stop-now"), {"reason": "Something is odd"})
    assert engaged()
    page = text_of(browser.get("/leads/"))
    assert "Everything is stopped" in page
    assert "Something is odd" in page
    assert "olivia" in page
    assert browser.post(reverse("stop-now"), {"reason": "again"}).status_code == 302


def test_where_nothing_waited_there_is_nothing_to_choose(browser: Client) -> None:
    browser.post(reverse("stop-now"), {"reason": "Odd"})
    page = text_of(browser.get("/stop/"))
    assert "No job waited meanwhile." in page
    assert "Discard them" not in page
    browser.post(reverse("resume"), {"backlog": "run"})
    assert not engaged()


def test_it_goes_on_with_or_without_what_waited(browser: Client, htmx: Htmx) -> None:
    receive(make_lead())
    browser.post(reverse("stop-now"), {"reason": "Odd"})
    assert "1 job waited meanwhile" in text_of(htmx.get("/stop/", "dialog"))
    assert browser.post(reverse("resume"), {"backlog": "maybe"}).status_code == 422
    response = htmx.post(reverse("resume"), "dialog", {"backlog": "discard"})
    assert "1 job discarded" in text_of(response)
    assert "live:status" in response["HX-Trigger"]
    assert not engaged()
    assert browser.post(reverse("resume"), {"backlog": "run"}, follow=True).status_code == 200


def test_it_is_posted_by_the_operator(browser: Client) -> None:
    for name in ("stop-now", "resume"):
        assert browser.get(reverse(name)).status_code == 405
        assert Client().post(reverse(name), {"reason": "x"}).status_code == 302
    assert not engaged()
