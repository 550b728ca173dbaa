"""Payments by Stripe Checkout, or by the sandbox checkout, which speaks the same API.

Stripe asks for the card, on its own page; here are only the asking, the looking and what it tells
us by webhook. A key and the mail must be of one world: a live key goes with real mail, a test key
with the sandbox. Otherwise payments are taken by hand.
"""

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from django.conf import settings

from integrations import mail
from integrations.errors import ServiceError

if TYPE_CHECKING:
    import stripe

Name = Literal["stripe", "sandbox", "hand"]

CONNECT_SECONDS, REPLY_SECONDS = 5.0, 15.0
TOLERANCE_SECONDS = 300
LONGEST_BODY = 256 * 1024
CURRENCY = "usd"


class BadEvent(Exception):
    """It is not signed by the provider, not of now, or no event at all."""


class NoSuchCheckout(ServiceError):
    """The provider knows no such checkout, and it can never be paid."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class OtherOrder(ServiceError):
    """This try was made with other words or addresses before; its page went to nobody."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


@dataclass(frozen=True)
class Provider:
    """Who takes the money, and that in words."""

    name: Name
    words: str


@dataclass(frozen=True)
class Order:
    """What is to be paid. The same payment and attempt are the same checkout, however often."""

    payment_id: str
    attempt: int
    amount_usd: Decimal
    description: str
    payer_email: str
    return_url: str
    cancel_url: str


@dataclass(frozen=True)
class Checkout:
    """A page to pay on, and how it stands. `amount` is in cents."""

    id: str
    url: str
    status: str
    paid: bool
    amount: int | None = None
    currency: str = ""
    intent_id: str = ""
    payment_id: str = ""


@dataclass(frozen=True)
class ProviderEvent:
    """What the provider says happened. Amounts are in cents; what it left out is empty or None."""

    id: str
    type: str
    at: dt.datetime
    payment_id: str = ""
    checkout_id: str = ""
    intent_id: str = ""
    amount: int | None = None
    refunded: int | None = None
    currency: str = ""
    paid: bool = False
    failure: str = ""


def provider() -> Provider:
    """Return who takes the money now."""
    key, world = settings.STRIPE_SECRET_KEY, mail.world()
    if not key and world == "sandbox":
        return Provider("sandbox", "The sandbox checkout: test cards, no money moves")
    if not key:
        return Provider("hand", "None: payments are taken by hand")
    live = "_live_" in key
    if live and world == "sandbox":
        return Provider("hand", "Off: a live Stripe key needs real mail (EMAIL_URL) beside it")
    if not live and world == "real":
        return Provider("hand", "Off: with real mail only a live Stripe key takes payments")
    if not settings.STRIPE_WEBHOOK_SECRET:
        return Provider(
            "stripe", f"{_stripe(live)}; STRIPE_WEBHOOK_SECRET is not set, so it is asked"
        )
    return Provider("stripe", _stripe(live))


def _stripe(live: bool) -> str:
    return "Stripe" if live else "Stripe in test mode: no money moves"


def create_checkout(order: Order) -> Checkout:
    """Return the page to pay an order on. Asked again after a crash it is the same page.

    Raises ServiceError, and of those OtherOrder where that try was another one.
    """
    line: Any = {
        "quantity": 1,
        "price_data": {
            "currency": CURRENCY,
            "unit_amount": cents(order.amount_usd),
            "product_data": {"name": order.description[:250]},
        },
    }
    metadata = {"payment": order.payment_id}
    params: Any = {
        "mode": "payment",
        "line_items": [line],
        "client_reference_id": order.payment_id,
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata, "description": order.description[:250]},
        "success_url": order.return_url,
        "cancel_url": order.cancel_url,
    }
    if order.payer_email:
        params["customer_email"] = order.payer_email
    key = f"checkout:{order.payment_id}:{order.attempt}"
    with _asking() as client:
        return _checkout(client.v1.checkout.sessions.create(params, {"idempotency_key": key}))


def retrieve(checkout_id: str) -> Checkout:
    """Ask how a checkout stands. Raises ServiceError."""
    with _asking() as client:
        return _checkout(client.v1.checkout.sessions.retrieve(checkout_id))


def expire(checkout_id: str) -> Checkout:
    """See to it that a checkout can no longer be paid. Raises ServiceError."""
    with _asking() as client:
        return _checkout(client.v1.checkout.sessions.expire(checkout_id))


def refund(intent_id: str, amount_usd: Decimal, key: str) -> str:
    """Give money back, once for each `key`; return the refund's id. Raises ServiceError."""
    params: Any = {"payment_intent": intent_id, "amount": cents(amount_usd)}
    with _asking() as client:
        return client.v1.refunds.create(params, {"idempotency_key": f"refund:{key}"}).id


def read_event(payload: bytes, header: str) -> ProviderEvent:
    """Check the signature of what was posted and read it. Raises BadEvent."""
    import stripe

    secret = webhook_secret()
    if not secret:
        raise BadEvent("no secret to check it with: STRIPE_WEBHOOK_SECRET is not set")
    try:
        stripe.WebhookSignature.verify_header(payload, header, secret, TOLERANCE_SECONDS)
    except (stripe.SignatureVerificationError, UnicodeDecodeError) as error:
        raise BadEvent(f"the signature is not the provider’s: {error}"[:300]) from None
    return parse_event(payload)


def parse_event(payload: bytes) -> ProviderEvent:
    """Read an event that was verified when it came in. Raises BadEvent."""
    try:
        event = json.loads(payload)
        found = event["data"]["object"]
        at = dt.datetime.fromtimestamp(int(event["created"]), dt.UTC)
        head: dict[str, Any] = {
            "id": str(event["id"])[:120],
            "type": str(event["type"])[:80],
            "at": at,
        }
        return ProviderEvent(**head, **_facts(found))
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise BadEvent(f"no event of the provider’s: {error!r}"[:300]) from None


def webhook_secret() -> str:
    """Return what the provider signs its webhooks with; empty where nothing is believed."""
    name = provider().name
    if name == "sandbox":
        return f"whsec_{settings.SANDBOX_CHECKOUT_KEY}"
    return str(settings.STRIPE_WEBHOOK_SECRET) if name == "stripe" else ""


def cents(amount_usd: Decimal) -> int:
    """Return dollars as cents. Raises ValueError for a part of a cent."""
    found = amount_usd * 100
    if found != found.to_integral_value():
        raise ValueError(f"{amount_usd} USD has a part of a cent")
    return int(found)


def _facts(found: dict[str, Any]) -> dict[str, Any]:
    """Return what matters of the object of an event: a session, an intent or a charge."""
    kind = found.get("object")
    metadata = found.get("metadata") or {}
    facts = {
        "payment_id": _text(metadata.get("payment")),
        "currency": _text(found.get("currency")).lower(),
    }
    if kind == "checkout.session":
        return facts | {
            "payment_id": facts["payment_id"] or _text(found.get("client_reference_id")),
            "checkout_id": _text(found.get("id")),
            "intent_id": _id(found.get("payment_intent")),
            "amount": _whole(found.get("amount_total")),
            "paid": found.get("payment_status") == "paid",
        }
    if kind == "payment_intent":
        error = found.get("last_payment_error") or {}
        return facts | {
            "intent_id": _text(found.get("id")),
            "amount": _whole(found.get("amount_received", found.get("amount"))),
            "paid": found.get("status") == "succeeded",
            "failure": _text(error.get("message"))[:300],
        }
    if kind == "charge":
        return facts | {
            "intent_id": _id(found.get("payment_intent")),
            "amount": _whole(found.get("amount")),
            "refunded": _whole(found.get("amount_refunded")),
            "paid": bool(found.get("paid")),
            "failure": _text(found.get("failure_message"))[:300],
        }
    return facts


def _text(value: Any) -> str:
    return value[:255].replace("\0", "") if isinstance(value, str) else ""


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _id(value: Any) -> str:
    """Return the id of what may be given whole or by its id."""
    return _text(value.get("id")) if isinstance(value, dict) else _text(value)


def _checkout(session: "stripe.checkout.Session") -> Checkout:
    # A field that is missing raises on the SDK's object, and not in a dict.
    found = session.to_dict()
    facts = _facts(found)
    return Checkout(
        id=facts["checkout_id"],
        url=_url(found.get("url")),
        status=_text(found.get("status")),
        paid=facts["paid"],
        amount=facts["amount"],
        currency=facts["currency"],
        intent_id=facts["intent_id"],
        payment_id=facts["payment_id"],
    )


def _url(value: Any) -> str:
    url = value if isinstance(value, str) else ""
    if url and not url.startswith(("https://", "http://")):
        raise ServiceError("the payment provider’s page has no web address", permanent=True)
    return url


@contextmanager
def _asking() -> Iterator["stripe.StripeClient"]:
    """Yield a client of the provider; turn what goes wrong into a ServiceError.

    Every call here may be repeated: those that change something carry a key.
    """
    import stripe

    found = provider()
    if found.name == "hand":
        raise ServiceError(f"no payment provider: {found.words}", permanent=True)
    http = _http(found.name)
    try:
        if found.name == "sandbox":
            key = f"sk_test_{settings.SANDBOX_CHECKOUT_KEY}"
            base = f"http://127.0.0.1:{settings.SANDBOX_WEB_PORT}"
        else:
            key, base = settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE
        yield stripe.StripeClient(
            key, base_addresses={"api": base}, max_network_retries=1, http_client=http
        )
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise ServiceError(_told(error), permanent=False) from error
    except stripe.IdempotencyError as error:
        if error.http_status == 409:  # the same is being made right now
            raise ServiceError(_told(error), permanent=False) from error
        raise OtherOrder(_told(error)) from error
    except stripe.InvalidRequestError as error:
        if error.code == "resource_missing" and error.http_status == 404:
            raise NoSuchCheckout(_told(error)) from error
        raise ServiceError(_told(error), permanent=True) from error
    except stripe.StripeError as error:
        status = error.http_status or 500
        raise ServiceError(_told(error), permanent=400 <= status < 500 and status != 409) from error
    finally:
        http.close()  # type: ignore[no-untyped-call]


def _http(name: Name) -> "stripe.HTTPClient":
    """Return how the provider is asked: with a timeout, and the sandbox never through a proxy."""
    import requests
    import stripe

    session = requests.Session()
    session.trust_env = name != "sandbox"
    timeout = (CONNECT_SECONDS, REPLY_SECONDS)
    return stripe.RequestsClient(timeout=timeout, session=session)


def _told(error: "stripe.StripeError") -> str:
    words = " ".join((error.user_message or str(error)).split())
    return f"the payment provider said: {words}"[:300]
