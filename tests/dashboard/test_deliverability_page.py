"""Deliverability: rates and their stop, DNS, mailboxes, and the suppression list."""

import pytest
from django.test import Client
from django.urls import reverse

from control import switches
from control.models import KillSwitch
from pipeline.mail import deliverability, suppressions
from pipeline.models import Suppression
from tests.dashboard.conftest import Htmx, text_of
from tests.outreach import enroll, make_mailbox, make_prospect, make_sequence, sent

LIST = "suppression-list"


def test_what_dns_lacks_stands_there_to_copy(browser: Client, db: None) -> None:
    make_mailbox()
    text = text_of(browser.get(reverse("deliverability")))
    assert "There is no record." in text
    assert ">_dmarc.mail.northwind.example</span>" in text
    assert ">v=DMARC1; p=none</span>" in text
    assert "0 of 20" in text


def test_rates_stand_beside_their_limits(browser: Client, db: None) -> None:
    sequence = make_sequence()
    touch = sent(enroll(make_prospect(), sequence), sequence.steps.get(position=0))
    touch.bounced_at = touch.sent_at
    touch.save()
    text = text_of(browser.get(reverse("deliverability")))
    assert '100 % <span class="muted">of at most 3.0 %' in text


def test_stopped_cold_mail_goes_on_by_hand(browser: Client, db: None) -> None:
    switches.engage(
        KillSwitch.Scope.KIND,
        deliverability.STOPPED,
        reason="9 of the last 100 bounced",
        by="the house",
        automatic=True,
    )
    page = browser.get(reverse("deliverability"))
    assert "Cold mail is stopped by itself" in text_of(page)
    browser.post(reverse("sending-resume"), {"backlog": "run"})
    assert KillSwitch.objects.get().released_by == "olivia"
    again = browser.post(reverse("sending-resume"), follow=True)
    assert "Cold mail is not stopped" in text_of(again)


def test_somebody_is_suppressed_and_let_go_and_put_back(browser: Client, db: None) -> None:
    data = {"scope": "address", "value": "Dana@Harbor.example", "reason": "Asked by phone"}
    browser.post(reverse("suppression-add"), data)
    row = Suppression.objects.get(value="dana@harbor.example")
    response = browser.post(reverse("suppression-remove", args=[row.pk]), follow=True)
    assert not Suppression.objects.exists()
    text = response.content.decode()
    undo = text[text.index("/deliverability/suppressed/") :].split('"')[0]
    assert "undo" in text
    entry = text.split("/undo/")[0].rsplit("/", 1)[1]
    browser.post(reverse("suppression-undo", args=[entry]))
    back = Suppression.objects.get()
    assert (back.reason, back.created_at) == ("Asked by phone", row.created_at)
    assert undo


@pytest.mark.parametrize(
    ("scope", "value"), [("address", "no address"), ("domain", "com"), ("keyword", "a")]
)
def test_what_would_stop_nobody_or_everybody_is_refused(
    scope: str, value: str, browser: Client
) -> None:
    data = {"scope": scope, "value": value, "reason": "Why"}
    assert browser.post(reverse("suppression-add"), data).status_code == 422
    assert not Suppression.objects.exists()


def test_a_pasted_list_is_taken_and_says_what_it_could_not_read(browser: Client) -> None:
    suppressions.add("domain", "rival.example", reason="a rival")
    lines = "dana@harbor.example,Dana\r\n@rival.example\n<bob@vale.example>\nnonsense here\n"
    data = {"lines": lines, "reason": "From the old tool"}
    text = text_of(browser.post(reverse("suppression-import"), data))
    assert "2 added, 1 were there already; 1 line is neither" in text
    assert set(Suppression.objects.values_list("scope", "value")) == {
        ("address", "dana@harbor.example"),
        ("address", "bob@vale.example"),
        ("domain", "rival.example"),
    }


def test_the_list_is_searched_and_exported(browser: Client, htmx: Htmx, db: None) -> None:
    suppressions.add("domain", "rival.example", reason="=1+1")
    suppressions.add("company", "vale dental", reason="a client")
    found = htmx.get(f"{reverse(LIST)}?q=rival", "suppression-table").content.decode()
    assert found.count("data-row") == 1
    exported = browser.get(reverse("suppression-export"))
    text = b"".join(exported.streaming_content).decode()  # type: ignore[attr-defined]
    assert "domain,rival.example,'=1+1," in text
    assert exported["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("sending-resume", []),
        ("domains-check", []),
        ("suppression-add", []),
        ("suppression-import", []),
        ("suppression-remove", [1]),
        ("suppression-undo", [1]),
    ],
)
def test_changes_are_posted_and_need_a_login(name: str, args: list[int], browser: Client) -> None:
    url = reverse(name, args=args)
    assert browser.get(url).status_code == 405
    browser.logout()
    assert browser.post(url).status_code == 302
