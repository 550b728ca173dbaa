"""Payments as the operator sees them: what is to come, what came, and what went wrong."""

import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from billing.models import Payment, PaymentEvent
from tests.dashboard.conftest import text_of

LIST = "/payments/"


def make_payment(**fields: Any) -> Payment:
    wanted: dict[str, Any] = {
        "world": "sandbox",
        "provider": "sandbox",
        "purpose": "proposal",
        "reference": uuid.uuid4(),
        "description": "Website lead autopilot: setup and the first month",
        "payer_email": "dana@harborplumbing.example",
        "amount_usd": Decimal("2100.00"),
        "checkout_id": f"cs_test_{uuid.uuid4().hex}",
    }
    return Payment.objects.create(**wanted | fields)


def test_without_payments_it_says_when_one_begins(browser: Client) -> None:
    assert "A payment begins when somebody has signed" in text_of(browser.get(LIST))


def test_each_says_what_for_how_much_and_how_it_stands(browser: Client) -> None:
    make_payment(status="failed", failure="Your card was declined.")
    text = text_of(browser.get(LIST))
    assert "$2,100.00" in text and "Declined" in text and "Your card was declined." in text
    assert "no money moves" in text


def test_they_are_filtered_by_state(browser: Client) -> None:
    make_payment(description="Declined one", status="failed")
    make_payment(description="Open one")
    make_payment(description="Paid one", status="paid", paid_at=timezone.now())
    for wanted, shown in (("open", "Open"), ("trouble", "Declined"), ("paid", "Paid")):
        text = text_of(browser.get(f"{LIST}?status={wanted}"))
        assert [name for name in ("Open", "Declined", "Paid") if f"{name} one" in text] == [shown]


def test_money_that_was_seen_is_noted_once(browser: Client) -> None:
    payment = make_payment(checkout_id="")
    url = reverse("payment-paid", args=[payment.pk])
    assert browser.post(url).status_code == 302
    payment.refresh_from_db()
    assert payment.status == Payment.Status.PAID
    again = browser.post(url, headers={"HX-Request": "true"})
    assert "It was paid already." in text_of(again)
    assert "by hand" in text_of(browser.get(LIST))


def test_a_provider_that_does_not_answer_is_said(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SANDBOX_WEB_PORT", 1)
    payment = make_payment()
    answer = browser.post(reverse("payment-ask", args=[payment.pk]), headers={"HX-Request": "true"})
    assert "Not known" in text_of(answer)


def test_events_about_strangers_are_shown(browser: Client) -> None:
    PaymentEvent.objects.create(
        provider="stripe",
        event_id="evt_other",
        type="charge.succeeded",
        raw=b"{}",
        happened_at=timezone.now(),
        result="No payment of ours",
    )
    assert "evt_other" in text_of(browser.get(LIST))


def test_wrong_methods_and_strangers_are_refused(browser: Client) -> None:
    payment = make_payment()
    for name in ("payment-paid", "payment-ask"):
        url = reverse(name, args=[payment.pk])
        assert browser.get(url).status_code == 405
        assert "/login/" in Client().post(url)["Location"]
        assert browser.post(reverse(name, args=[uuid.uuid4()])).status_code == 404
    assert browser.post(LIST).status_code == 405
    assert "/login/" in Client().get(LIST)["Location"]


def test_more_payments_are_not_more_queries(
    browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(60):
        make_payment()
    page = browser.get(LIST)
    assert "Older" in text_of(page)
    with django_assert_max_num_queries(15):
        part = browser.get(LIST, headers={"HX-Request": "true", "HX-Target": "payment-table"})
    assert "<html" not in part.content.decode()


def test_the_settings_say_who_takes_the_money(browser: Client) -> None:
    text = text_of(browser.get("/settings/"))
    assert "The sandbox checkout: test cards, no money moves" in text
