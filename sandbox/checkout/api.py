"""Stripe's API, as far as the app uses it: checkout sessions and refunds, over HTTP."""

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from sandbox.checkout import page
from sandbox.checkout.till import Refused, Thing, Till
from sandbox.market.sites import Answer, plain

HOSTS = frozenset({"127.0.0.1", "localhost"})
"""The sites of the market have names; this is what the bare port answers to."""

SESSIONS = "/v1/checkout/sessions"
METADATA = re.compile(r"(payment_intent_data\[metadata\]|metadata)\[([^\]]{1,40})\]")


@dataclass(frozen=True)
class Checkout:
    """The API and its page. The app proves itself with `key`, which also signs its webhooks."""

    till: Till
    key: str = field(repr=False)

    def respond(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request for the checkout."""
        path = urlsplit(target).path
        try:
            if path.startswith("/v1/"):
                return self._api(method, path, headers, body)
            found = re.fullmatch(r"/c/pay/(cs_test_[0-9a-f]+)", path)
            if found:
                return page.respond(self.till, found[1], method, _fields(body))
        except Refused as refused:
            if path.startswith("/v1/"):
                return _json(refused.body, refused.status)
            return page.gone()
        return plain("There is nothing here.\n", 404)

    def _api(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if not hmac.compare_digest(
            headers.get("authorization", "").encode(), f"Bearer sk_test_{self.key}".encode()
        ):
            return _json({"error": {"type": "invalid_request_error", "message": "Wrong key."}}, 401)
        fields = _fields(body)
        key = headers.get("idempotency-key", "")
        found = re.fullmatch(rf"{SESSIONS}/(\w+)(/expire)?", path)
        if method == "GET" and found and not found[2]:
            return _json(self.till.session(found[1]))
        if method == "POST" and found and found[2]:
            return _json(self.till.expire(found[1]))
        if method == "POST" and path == SESSIONS:
            base = f"http://{headers.get('host', '127.0.0.1')}"
            wanted = session(fields)
            status, done = self.till.once(key, fields, lambda: self.till.open_session(wanted, base))
            return _json(done, status)
        if method == "POST" and path == "/v1/refunds":
            amount = _whole(fields, "amount") if "amount" in fields else None
            status, done = self.till.once(
                key, fields, lambda: self.till.refund(fields.get("payment_intent", ""), amount)
            )
            return _json(done, status)
        raise Refused(404, f"Unrecognized request URL ({method}: {path}).")


def session(fields: Mapping[str, str]) -> Thing:
    """Read what a session is asked for with. Raises Refused."""
    if fields.get("mode") != "payment":
        raise Refused(400, "Only mode=payment is played here.", param="mode")
    for name in ("success_url", "cancel_url"):
        if not fields.get(name, "").startswith(("http://", "https://")):
            raise Refused(400, "Not a valid URL", code="url_invalid", param=name)
    lines: list[Thing] = []
    total, currency = 0, ""
    while f"line_items[{len(lines)}][quantity]" in fields:
        stem = f"line_items[{len(lines)}]"
        price = f"{stem}[price_data]"
        quantity, amount = (
            _whole(fields, f"{stem}[quantity]"),
            _whole(fields, f"{price}[unit_amount]"),
        )
        currency = fields.get(f"{price}[currency]", "").lower()
        name = fields.get(f"{price}[product_data][name]", "")
        if not name or not re.fullmatch("[a-z]{3}", currency):
            raise Refused(400, "A line needs a name and a currency.", param=price)
        total += quantity * amount
        lines.append({"name": name, "quantity": quantity, "amount": amount})
    if not total:
        raise Refused(400, "There is nothing to pay.", param="line_items")
    return {
        "amount_subtotal": total,
        "amount_total": total,
        "cancel_url": fields["cancel_url"],
        "client_reference_id": fields.get("client_reference_id"),
        "currency": currency,
        "customer_email": fields.get("customer_email"),
        "lines": lines,
        "metadata": _metadata(fields, "metadata"),
        "payment_intent_data": {
            "description": fields.get("payment_intent_data[description]"),
            "metadata": _metadata(fields, "payment_intent_data[metadata]"),
        },
        "success_url": fields["success_url"],
    }


def _metadata(fields: Mapping[str, str], of: str) -> dict[str, str]:
    found = ((METADATA.fullmatch(name), value) for name, value in fields.items())
    return {match[2]: value[:500] for match, value in found if match and match[1] == of}


def _whole(fields: Mapping[str, str], name: str) -> int:
    text = fields.get(name, "")
    if not re.fullmatch("[0-9]{1,9}", text):
        raise Refused(400, f"Invalid integer: {text[:20]}", param=name)
    return int(text)


def _fields(body: bytes) -> dict[str, str]:
    return dict(
        parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=200)
    )


def _json(found: Thing, status: int = 200) -> Answer:
    return Answer(status, "application/json", json.dumps(found).encode())
