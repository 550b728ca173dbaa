"""A payment is begun once, paid once, and told of in any order, however often."""

import datetime as dt
import json
import random
import threading
import time
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client as Browser

from agency.models import AuditEntry
from billing import asking, payments, provider_events
from billing.models import Payment, PaymentEvent
from control.models import Alert
from integrations import payments as provider
from integrations.errors import ServiceError
from jobs import queue
from jobs.models import Event, Job
from sandbox.checkout import telling
from tests import checkout, factories
from tests.checkout import DECLINED, Counter

HOOK = "/hooks/stripe/"
REFERENCE = uuid.UUID(int=7)


def begin(**fields: Any) -> Payment:
    wanted: dict[str, Any] = {
        "purpose": "proposal",
        "reference": REFERENCE,
        "amount_usd": Decimal("2100.00"),
        "description": "Website lead autopilot: setup and the first month",
        "payer_email": "dana@harborplumbing.example",
        "world": "sandbox",
        "return_url": "http://testserver/p/token/",
    }
    return payments.begin(**wanted | fields)


def post(body: bytes, signature: str) -> int:
    answer = Browser().post(
        HOOK, body, content_type="application/json", headers={"Stripe-Signature": signature}
    )
    return answer.status_code


def tell(counter: Counter) -> None:
    """Post everything there is to tell, and work it."""
    for body, signature in counter.events():
        assert post(body, signature) == 200
    factories.work_off()


def emitted(name: str) -> int:
    return Event.objects.filter(name=name).count()


def test_a_payment_is_paid_on_its_page_and_told_by_webhook(db: None, counter: Counter) -> None:
    payment = begin()
    assert (payment.provider, payment.status, payment.tries) == ("sandbox", "open", 1)
    status, where, _ = counter.pay(payment.checkout_url)
    assert (status, where) == (303, "http://testserver/p/token/")
    tell(counter)
    payment.refresh_from_db()
    assert payment.status == Payment.Status.PAID
    assert payment.paid_at is not None and payment.intent_id.startswith("pi_")
    assert emitted("payment.succeeded") == 1
    assert PaymentEvent.objects.filter(worked_at=None).count() == 0


def test_whoever_begins_again_gets_the_same_page(db: None, counter: Counter) -> None:
    first, second = begin(), begin()
    assert first.pk == second.pk
    assert first.checkout_url == second.checkout_url
    assert Payment.objects.count() == 1


def test_two_at_once_have_one_page(committed: str, counter: Counter) -> None:
    together = threading.Barrier(4)
    urls: list[str] = []

    def start() -> None:
        together.wait()
        urls.append(begin().checkout_url)
        connection.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(urls) == 4 and len(set(urls)) == 1 and urls[0]
    made = counter.till.rows.execute("SELECT count(*) FROM thing").fetchone()[0]
    assert made == 1


def test_after_a_crash_before_the_answer_was_kept_it_is_the_same_page(
    db: None, counter: Counter
) -> None:
    payment = begin()
    Payment.objects.update(checkout_id="", checkout_url="")
    again = begin()
    assert again.checkout_id == payment.checkout_id
    assert again.tries == 1


def test_a_declined_card_can_be_followed_by_a_good_one(db: None, counter: Counter) -> None:
    payment = begin()
    status, _, page = counter.pay(payment.checkout_url, DECLINED)
    assert status == 422 and "Your card was declined." in page
    tell(counter)
    payment.refresh_from_db()
    assert (payment.status, payment.failure) == ("failed", "Your card was declined.")
    assert emitted("payment.failed") == 1
    again = begin()
    assert (again.status, again.checkout_url) == ("open", payment.checkout_url)
    counter.pay(again.checkout_url)
    tell(counter)
    again.refresh_from_db()
    assert (again.status, again.failure) == ("paid", "")


def test_events_twice_and_in_any_order_pay_once(db: None, counter: Counter) -> None:
    payment = begin()
    counter.pay(payment.checkout_url, DECLINED)
    counter.pay(payment.checkout_url)
    events = counter.events() * 2
    random.Random(4).shuffle(events)
    for body, signature in events:
        assert post(body, signature) == 200
        factories.work_off()
    payment.refresh_from_db()
    assert payment.status == Payment.Status.PAID
    assert emitted("payment.succeeded") == 1
    assert PaymentEvent.objects.count() == 4


@pytest.mark.parametrize("order", [1, -1])
def test_a_decline_told_after_the_payment_changes_nothing(
    db: None, counter: Counter, order: int
) -> None:
    payment = begin()
    counter.pay(payment.checkout_url, DECLINED)
    counter.pay(payment.checkout_url)
    for body, signature in counter.events()[::order]:
        post(body, signature)
        factories.work_off()
    payment.refresh_from_db()
    assert payment.status == Payment.Status.PAID


def test_an_event_of_another_signature_is_refused_and_kept_nowhere(
    db: None, counter: Counter
) -> None:
    payment = begin()
    counter.pay(payment.checkout_url)
    body, signature = counter.events()[-1]
    assert post(body.replace(b"2026", b"2027"), signature) == 400
    assert post(body, signature.replace("v1=", "v1=00")) == 400
    assert post(body, "") == 400
    assert post(b"\xff\xfe", signature) == 400
    assert not PaymentEvent.objects.exists()
    payment.refresh_from_db()
    assert payment.status == Payment.Status.OPEN


def test_an_old_signature_is_refused(db: None, counter: Counter) -> None:
    counter.pay(begin().checkout_url)
    body, _ = counter.events()[-1]
    old = telling.signature(body, settings.SANDBOX_CHECKOUT_KEY, 1_700_000_000)
    assert post(body, old) == 400


def test_the_hook_takes_posts_only_and_no_large_ones(db: None) -> None:
    assert Browser().get(HOOK).status_code == 405
    assert post(b"x" * (provider.LONGEST_BODY + 1), "t=1,v1=1") == 413


def test_the_event_that_was_lost_is_asked_for(db: None, counter: Counter) -> None:
    payment = begin()
    counter.pay(payment.checkout_url)
    ask()
    payment.refresh_from_db()
    assert payment.status == Payment.Status.OPEN  # not a minute old yet
    long_ago(payment)
    ask()
    payment.refresh_from_db()
    assert payment.status == Payment.Status.PAID
    tell(counter)
    assert emitted("payment.succeeded") == 1


def test_a_page_that_ran_out_is_followed_by_another(db: None, counter: Counter) -> None:
    payment = begin()
    first = payment.checkout_id
    counter.till.expire(first)
    again = begin()
    assert again.checkout_id != first
    assert (again.tries, again.status) == (2, "open")
    tell(counter)  # that the first one ran out
    again.refresh_from_db()
    assert again.status == Payment.Status.OPEN


def test_a_checkout_nobody_knows_any_more_is_followed_by_another(
    db: None, counter: Counter
) -> None:
    payment = begin()
    counter.till.rows.execute("DELETE FROM thing")
    again = begin()
    assert again.checkout_id != payment.checkout_id


@pytest.mark.parametrize(
    "change", [{"amount_total": 100}, {"currency": "eur"}, {"amount_total": None}]
)
def test_another_amount_pays_nothing_and_alerts(
    db: None, counter: Counter, change: dict[str, Any]
) -> None:
    payment = begin()
    event = {
        "id": "evt_1",
        "type": "checkout.session.completed",
        "created": 1_790_000_000,
        "data": {
            "object": {
                "object": "checkout.session",
                "id": payment.checkout_id,
                "amount_total": 210_000,
                "currency": "usd",
                "payment_status": "paid",
                "payment_intent": "pi_1",
                "metadata": {"payment": str(payment.pk)},
            }
            | change
        },
    }
    sign_and_post(event)
    payment.refresh_from_db()
    assert payment.status == Payment.Status.UNKNOWN
    assert Alert.objects.get().severity == Alert.Severity.CRITICAL
    assert emitted("payment.succeeded") == 0
    assert begin().status == Payment.Status.UNKNOWN  # nobody is asked to pay again


def test_an_event_about_nobodys_payment_is_kept_and_said(db: None, counter: Counter) -> None:
    event = {
        "id": "evt_2",
        "type": "payment_intent.succeeded",
        "created": 1_790_000_000,
        "data": {"object": {"object": "payment_intent", "id": "pi_other", "amount_received": 5}},
    }
    sign_and_post(event)
    assert PaymentEvent.objects.get().result == "No payment of ours"
    assert "nobody here asked for" in Alert.objects.get().title


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"id":1}', b'{"data":{"object":[]}}', b"null"])
def test_what_is_signed_and_no_event_is_refused(db: None, body: bytes) -> None:
    signature = telling.signature(body, settings.SANDBOX_CHECKOUT_KEY, int(time.time()))
    assert post(body, signature) == 400


def test_marked_paid_by_hand_its_page_is_closed(db: None, counter: Counter) -> None:
    payment = begin()
    assert payments.mark_paid(payment, by="olivia")
    assert not payments.mark_paid(payment, by="olivia")
    factories.work_off()
    assert counter.till.session(payment.checkout_id)["status"] == "expired"
    assert emitted("payment.succeeded") == 1


def test_money_that_came_twice_is_said(db: None, counter: Counter) -> None:
    payment = begin()
    payments.mark_paid(payment, by="olivia")
    counter.pay(payment.checkout_url)
    tell(counter)
    assert "Paid twice" in Alert.objects.get().title
    assert emitted("payment.succeeded") == 1


def test_money_given_back_is_noted(db: None, counter: Counter) -> None:
    payment = begin()
    counter.pay(payment.checkout_url)
    tell(counter)
    payment.refresh_from_db()
    for _ in range(2):
        provider.refund(payment.intent_id, Decimal(100), "once")
    tell(counter)
    payment.refresh_from_db()
    assert payment.refunded_usd == Decimal(100)
    assert payment.status == Payment.Status.PAID
    assert emitted("payment.refunded") == 1


def test_nobody_at_the_checkout_is_a_clear_error_and_can_be_tried_again(
    db: None, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SANDBOX_WEB_PORT", 1)
    with pytest.raises(ServiceError) as caught:
        begin()
    assert not caught.value.permanent
    assert Payment.objects.get().status == Payment.Status.OPEN
    with checkout.running(tmp_path) as counter:
        monkeypatch.setattr(settings, "SANDBOX_WEB_PORT", counter.port)
        assert begin().checkout_url


def test_a_real_payment_is_not_begun_in_the_sandbox(db: None, counter: Counter) -> None:
    with pytest.raises(payments.WrongWorld):
        begin(world="real")
    assert not Payment.objects.exists()


def test_the_amount_of_a_payment_stays(db: None, counter: Counter) -> None:
    begin()
    with pytest.raises(payments.OtherAmount):
        begin(amount_usd=Decimal(1))


def test_with_real_mail_and_no_key_it_is_paid_by_hand(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "EMAIL_URL", "smtp://mail.example")
    payment = begin(world="real", payer_email="dana@harbor.com")
    assert (payment.provider, payment.checkout_url) == ("hand", "")
    assert "bank transfer" in payments.how(payment)
    assert "by hand" in Alert.objects.get().title
    assert payments.mark_paid(payment, by="olivia")
    entry = AuditEntry.objects.get(verb="payment.marked_paid")
    assert entry.actor == "olivia"


@pytest.mark.parametrize(
    ("key", "mail", "name", "words"),
    [
        ("", "", "sandbox", "no money moves"),
        ("", "smtp://mail.example", "hand", "by hand"),
        ("sk_test_0123456789", "", "stripe", "test mode"),
        ("sk_live_0123456789", "smtp://mail.example", "stripe", "Stripe"),
        ("sk_live_0123456789", "", "hand", "needs real mail"),
        ("rk_test_0123456789", "smtp://mail.example", "hand", "only a live"),
    ],
)
def test_key_and_mail_are_of_one_world(
    monkeypatch: pytest.MonkeyPatch, key: str, mail: str, name: str, words: str
) -> None:
    monkeypatch.setattr(settings, "STRIPE_SECRET_KEY", key)
    monkeypatch.setattr(settings, "EMAIL_URL", mail)
    found = provider.provider()
    assert found.name == name and words in found.words


def sign_and_post(event: dict[str, Any]) -> None:
    body = json.dumps(event).encode()
    signature = telling.signature(body, settings.SANDBOX_CHECKOUT_KEY, int(time.time()))
    assert post(body, signature) == 200
    factories.work_off()


def long_ago(payment: Payment) -> None:
    Payment.objects.filter(pk=payment.pk).update(
        created_at=payment.created_at - dt.timedelta(minutes=2), asked_at=None
    )


def ask() -> None:
    queue.enqueue(asking.ASK, {})
    factories.work_off()
    assert not Job.objects.filter(kind=asking.ASK, status=Job.Status.DISCARDED).exists()


def test_an_event_is_worked_once_however_often_it_comes(db: None, counter: Counter) -> None:
    counter.pay(begin().checkout_url)
    body, signature = counter.events()[-1]
    assert provider_events.take_in(body, signature)
    factories.work_off()
    assert not provider_events.take_in(body, signature)
    assert Job.objects.filter(kind=provider_events.WORK).count() == 1


def test_whoever_leaves_the_page_unpaid_comes_back_elsewhere(db: None, counter: Counter) -> None:
    payment = begin(cancel_url="http://testserver/p/token/unpaid/")
    _, _, page = counter.visit(payment.checkout_url)
    assert 'href="http://testserver/p/token/unpaid/"' in page


def test_a_page_nobody_kept_that_was_asked_for_in_other_words_is_made_anew(
    db: None, counter: Counter
) -> None:
    first = begin()
    Payment.objects.update(checkout_id="", checkout_url="")
    again = begin(return_url="http://elsewhere/p/token/")
    assert again.checkout_id not in {"", first.checkout_id}
    assert again.tries == 2
