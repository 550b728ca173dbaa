"""Reads and checks a posted webhook: its headers, its idempotency keys, its signature."""

from collections.abc import Mapping

from standardwebhooks import Webhook, WebhookVerificationError

from jobs import bodies
from jobs.bodies import FieldError, Refused
from jobs.intake import Arrival
from jobs.models import Endpoint

MAX_KEY = 255
SIGNATURE_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
KEPT_HEADERS = ("user-agent", "origin", "referer", "idempotency-key", *SIGNATURE_HEADERS)


def read(method: str, headers: Mapping[str, str], body: bytes) -> Arrival:
    """Return the request, its headers' names in lower case. Raises Refused (400, 405, 415)."""
    if method != "POST":
        raise Refused(405, "Only POST is understood here.", headers={"Allow": "POST"})
    encoding = headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise Refused(
            415,
            f"Content-Encoding “{bodies.shown(encoding)}” is not accepted; send the body as it is.",
            FieldError("Content-Encoding", "must be left out"),
        )
    keys = _keys(headers)
    if not body:
        raise Refused(400, "The body is empty.")
    content_type = headers.get("content-type", "")
    bodies.media_type(content_type)
    kept = {name: bodies.shown(headers[name], 500) for name in KEPT_HEADERS if name in headers}
    return Arrival(content_type, body, kept, keys)


def _keys(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the idempotency keys by the header that gives them. Raises Refused (400).

    A signed delivery is also known by its webhook-id, so that a copy of it stays a copy under
    whatever Idempotency-Key, which is not signed.
    """
    keys = {}
    for header, prefix in (("Idempotency-Key", "key"), ("webhook-id", "id")):
        if header.lower() not in headers:
            continue
        key = headers[header.lower()].strip()
        if not key or len(key) > MAX_KEY or not (key.isascii() and key.isprintable()):
            reason = f"must be 1 to {MAX_KEY} printable ASCII characters"
            raise Refused(400, f"{header} {reason}.", FieldError(header, reason))
        keys[header] = f"{prefix}:{key}"
    return keys


def check_signature(endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> None:
    """Raise Refused (401) unless it is signed rightly, or neither signed nor has to be."""
    given = {name: headers[name] for name in SIGNATURE_HEADERS if name in headers}
    if not given and not endpoint.require_signature:
        return
    for name in SIGNATURE_HEADERS:
        if not given.get(name):
            raise Refused(
                401,
                f"The signature is incomplete: {name} is missing.",
                FieldError(name, "is missing; sign as Standard Webhooks 1.0 says"),
                headers={"WWW-Authenticate": "StandardWebhooks"},
            )
    try:
        Webhook(endpoint.secret).verify(body, given, json_parse=False)
    except (WebhookVerificationError, ValueError, OverflowError) as error:
        header, reason = "webhook-signature", "does not match the body and the endpoint's secret"
        if "timestamp" in str(error) or "Invalid Signature Headers" in str(error):
            header = "webhook-timestamp"
            reason = "must be the time of sending, in Unix seconds, at most 5 minutes off"
        raise Refused(
            401,
            f"The signature is refused: {header} {reason}.",
            FieldError(header, reason),
            headers={"WWW-Authenticate": "StandardWebhooks"},
        ) from None
