"""Stripe's SDK, and what comes by webhook, against a Stripe that nobody here wrote: localstripe.

It has payments, declines, refunds and signed webhooks, and no Checkout; so the payments are made
here as Checkout makes them, with our id in their metadata.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
import stripe
from django.conf import settings
from django.test import Client as Browser

from billing.models import Payment, PaymentEvent
from integrations import payments as provider
from integrations.errors import ServiceError
from jobs.models import Event
from tests import factories
from tests.workers import until

KEY = "sk_test_0123456789abcdef"
SECRET = "whsec_only_the_two_of_them_know"
DECLINED = "4000000000000341"
"""It is declined when it is charged; this stand-in declines others before."""


@dataclass
class Stripe:
    """The server, and what it has told us: each event's type, body and signature."""

    url: str
    session: requests.Session
    told: list[tuple[str, bytes, str]] = field(default_factory=list)

    @property
    def client(self) -> stripe.StripeClient:
        http = stripe.RequestsClient(session=self.session)
        return stripe.StripeClient(KEY, base_addresses={"api": self.url}, http_client=http)

    def pay(self, payment: Payment, card: str, amount: int | None = None) -> None:
        """Take a payment by card, as Checkout does."""
        method = self.client.v1.payment_methods.create(
            {
                "type": "card",
                "card": {"number": card, "exp_month": 12, "exp_year": 2040, "cvc": "123"},
            }
        )
        params: Any = {
            "amount": amount or provider.cents(payment.amount_usd),
            "currency": "usd",
            "payment_method": method.id,
            "confirm": True,
            "metadata": {"payment": str(payment.pk)},
        }
        self.client.v1.payment_intents.create(params)

    def wait_for(self, kind: str, payment: Payment) -> tuple[bytes, str]:
        """Return the body and the signature of an event about a payment once it has come."""

        def found() -> list[tuple[bytes, str]]:
            about = str(payment.pk).encode()
            return [(body, sig) for name, body, sig in self.told if name == kind and about in body]

        until(found, f"{kind} is told")
        return found()[0]


@pytest.fixture(scope="module")
def server() -> Iterator[Stripe]:
    """Run localstripe, which tells a receiver of these tests what happened."""
    pytest.importorskip("localstripe")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    session = requests.Session()
    found = Stripe(f"http://127.0.0.1:{port}", session)
    receiver = ThreadingHTTPServer(("127.0.0.1", 0), _receiver(found))
    threading.Thread(target=receiver.serve_forever, args=[0.05], daemon=True).start()
    process = subprocess.Popen(
        [sys.executable, "-m", "localstripe.server", "--port", str(port), "--from-scratch"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"]},
    )
    try:
        _wait_for(port)
        _configure(found, receiver.server_address[1])
        yield found
    finally:
        process.kill()
        process.wait()
        receiver.shutdown()
        receiver.server_close()
        session.close()


def _receiver(found: Stripe) -> type[BaseHTTPRequestHandler]:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.told.append((json.loads(body)["type"], body, self.headers["Stripe-Signature"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Receiver


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("localstripe does not answer")


@pytest.fixture
def localstripe(server: Stripe, monkeypatch: pytest.MonkeyPatch) -> Stripe:
    """Have the app ask localstripe, and believe it."""
    monkeypatch.setattr(settings, "STRIPE_SECRET_KEY", KEY)
    monkeypatch.setattr(settings, "STRIPE_WEBHOOK_SECRET", SECRET)
    monkeypatch.setattr(settings, "STRIPE_API_BASE", server.url)
    return server


def _configure(found: Stripe, port: int) -> None:
    told = {"url": f"http://127.0.0.1:{port}/", "secret": SECRET}
    address = f"{found.url}/_config/webhooks/ours"
    found.session.post(address, json=told, timeout=10).raise_for_status()


@pytest.fixture
def payment(db: None) -> Payment:
    return Payment.objects.create(
        world="sandbox",
        provider="stripe",
        purpose="proposal",
        reference=uuid.uuid4(),
        description="Setup and the first month",
        amount_usd=Decimal("2100.00"),
    )


def post(event: tuple[bytes, str]) -> int:
    body, signature = event
    answer = Browser().post(
        "/hooks/stripe/",
        body,
        content_type="application/json",
        headers={"Stripe-Signature": signature},
    )
    factories.work_off()
    return answer.status_code


def succeeded() -> int:
    return Event.objects.filter(name="payment.succeeded").count()


def test_paid_declined_twice_and_out_of_order(localstripe: Stripe, payment: Payment) -> None:
    with pytest.raises(stripe.CardError):
        localstripe.pay(payment, DECLINED)
    localstripe.pay(payment, "4242424242424242")
    declined = localstripe.wait_for("payment_intent.payment_failed", payment)
    paid = localstripe.wait_for("payment_intent.succeeded", payment)
    for event in (paid, declined, paid, declined):
        assert post(event) == 200
    payment.refresh_from_db()
    assert payment.status == Payment.Status.PAID
    assert succeeded() == 1
    assert PaymentEvent.objects.count() == 2


def test_a_decline_is_noted_with_what_the_card_said(localstripe: Stripe, payment: Payment) -> None:
    with pytest.raises(stripe.CardError):
        localstripe.pay(payment, DECLINED)
    assert post(localstripe.wait_for("payment_intent.payment_failed", payment)) == 200
    payment.refresh_from_db()
    assert payment.status == Payment.Status.FAILED
    assert payment.failure == "Your card was declined."


def test_a_changed_body_and_a_wrong_secret_are_refused(
    localstripe: Stripe, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    localstripe.pay(payment, "4242424242424242")
    body, signature = localstripe.wait_for("payment_intent.succeeded", payment)
    assert post((body.replace(b"210000", b"210001"), signature)) == 400
    monkeypatch.setattr(settings, "STRIPE_WEBHOOK_SECRET", "whsec_another_one")
    assert post((body, signature)) == 400
    monkeypatch.setattr(settings, "STRIPE_WEBHOOK_SECRET", "")
    assert post((body, signature)) == 400
    assert succeeded() == 0


def test_a_payment_of_another_amount_is_not_counted(localstripe: Stripe, payment: Payment) -> None:
    localstripe.pay(payment, "4242424242424242", amount=100)
    assert post(localstripe.wait_for("payment_intent.succeeded", payment)) == 200
    payment.refresh_from_db()
    assert payment.status == Payment.Status.UNKNOWN
    assert succeeded() == 0


def test_money_is_given_back(localstripe: Stripe, payment: Payment) -> None:
    localstripe.pay(payment, "4242424242424242")
    post(localstripe.wait_for("payment_intent.succeeded", payment))
    payment.refresh_from_db()
    assert provider.refund(payment.intent_id, Decimal(100), "once").startswith("re_")


def test_what_it_does_not_know_is_a_permanent_error(localstripe: Stripe, payment: Payment) -> None:
    with pytest.raises(ServiceError) as caught:
        provider.retrieve("cs_test_1")
    assert caught.value.permanent
