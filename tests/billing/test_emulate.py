"""Checkout against npm's emulate 0.12.2, where EMULATE is its script and NODE a Node of 24 or more.

It takes prices only by their id and names no amounts, and its events have no ids; so what is tried
is how a page stands, and that its signatures are Stripe's.
"""

import os
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe
from django.conf import settings

from billing import payments
from billing.models import Payment
from integrations import payments as provider
from integrations.errors import ServiceError
from integrations.payments import BadEvent

SCRIPT, NODE = os.environ.get("EMULATE", ""), os.environ.get("NODE", "node")
KEY, SECRET = "sk_test_0123456789abcdef", "whsec_only_the_two_of_them_know"

pytestmark = pytest.mark.skipif(not SCRIPT, reason="EMULATE is not set")

Told = list[tuple[bytes, str]]


@pytest.fixture(scope="module")
def told() -> Told:
    return []


@pytest.fixture(scope="module")
def server(told: Told, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run emulate, which tells a receiver of these tests what happened."""
    receiver = ThreadingHTTPServer(("127.0.0.1", 0), _receiver(told))
    threading.Thread(target=receiver.serve_forever, args=[0.05], daemon=True).start()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    seed = _seed(tmp_path_factory.mktemp("emulate"), receiver.server_address[1])
    command = [NODE, SCRIPT, "start", "-s", "stripe", "-p", str(port), "--seed", str(seed)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=seed.parent
    )
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        receiver.shutdown()
        receiver.server_close()


def _seed(folder: Path, port: int) -> Path:
    file = folder / "seed.yml"
    file.write_text(
        "stripe:\n"
        "  products: [{id: prod_1, name: Website lead autopilot}]\n"
        "  prices: [{id: price_1, product_name: Website lead autopilot, currency: usd,"
        " unit_amount: 210000}]\n"
        f"  webhooks: [{{url: 'http://127.0.0.1:{port}/', events: ['*'], secret: {SECRET}}}]\n"
    )
    return file


def _receiver(told: Told) -> type[BaseHTTPRequestHandler]:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append((body, self.headers["Stripe-Signature"]))
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
    raise AssertionError("emulate does not answer")


@pytest.fixture
def session_id(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the id of a page to pay on, made by the SDK; the app asks emulate."""
    monkeypatch.setattr(settings, "STRIPE_SECRET_KEY", KEY)
    monkeypatch.setattr(settings, "STRIPE_WEBHOOK_SECRET", SECRET)
    monkeypatch.setattr(settings, "STRIPE_API_BASE", server)
    with requests.Session() as connection:
        client = stripe.StripeClient(
            KEY,
            base_addresses={"api": server},
            http_client=stripe.RequestsClient(session=connection),
        )
        price = client.v1.prices.list().data[0].id
        params: Any = {
            "mode": "payment",
            "line_items": [{"price": price, "quantity": 1}],
            "success_url": "http://testserver/p/token/",
            "metadata": {"payment": "ours"},
        }
        yield client.v1.checkout.sessions.create(params).id


def pay(server: str, session_id: str) -> None:
    requests.post(
        f"{server}/checkout/{session_id}/complete", allow_redirects=False, timeout=10
    ).raise_for_status()


def test_a_page_is_open_then_paid(server: str, session_id: str) -> None:
    found = provider.retrieve(session_id)
    assert (found.status, found.paid, found.payment_id) == ("open", False, "ours")
    assert found.url.endswith(f"/checkout/{session_id}")
    pay(server, session_id)
    found = provider.retrieve(session_id)
    assert (found.status, found.paid) == ("complete", True)


def test_a_page_is_closed_once(session_id: str) -> None:
    assert provider.expire(session_id).status == "expired"
    with pytest.raises(ServiceError) as caught:
        provider.expire(session_id)
    assert caught.value.permanent


def test_a_page_that_is_not_there_is_said_so(session_id: str) -> None:
    with pytest.raises(provider.NoSuchCheckout):
        provider.retrieve("cs_nothing")


def test_its_signature_is_stripes_and_its_events_have_no_id(
    server: str, session_id: str, told: Told
) -> None:
    pay(server, session_id)
    body, signature = next(event for event in told if session_id.encode() in event[0])
    with pytest.raises(BadEvent, match="no event"):
        provider.read_event(body, signature)
    with pytest.raises(BadEvent, match="signature"):
        provider.read_event(body + b" ", signature)


def test_what_is_paid_without_an_amount_is_not_counted(
    db: None, server: str, session_id: str
) -> None:
    payment = Payment.objects.create(
        world="sandbox",
        provider="stripe",
        purpose="proposal",
        reference=uuid.uuid4(),
        description="Setup and the first month",
        amount_usd=Decimal("2100.00"),
        checkout_id=session_id,
    )
    pay(server, session_id)
    assert payments.refresh(payment).status == Payment.Status.UNKNOWN
