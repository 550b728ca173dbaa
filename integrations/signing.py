"""DKIM (RFC 6376): keys, what DNS must say of them, and the signature of a message."""

import base64
from dataclasses import dataclass, field
from email import message_from_bytes

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from integrations.errors import ServiceError

BITS = 2048
# The pair of RFC 8058 must be covered, or mail providers show no button.
SIGNED = (
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "reply-to",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "list-unsubscribe",
    "list-unsubscribe-post",
)
# Signed once more than there are, so that nobody can add a second one on the way.
SEALED = ("from", "to", "subject", "reply-to", "list-unsubscribe", "list-unsubscribe-post")


@dataclass(frozen=True)
class Key:
    """What a domain signs with; the private key in PEM."""

    domain: str
    selector: str
    private_key: str = field(repr=False)


def generate() -> tuple[str, str]:
    """Return a new private key in PEM and its public key in base64, as the DNS record holds it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem.decode(), base64.b64encode(public).decode()


def record(public_key: str) -> str:
    """Return the TXT record that lets others check the signature."""
    return f"v=DKIM1; k=rsa; p={public_key}"


def sign(data: bytes, key: Key) -> bytes:
    """Return the message with its signature on top. Raises ServiceError."""
    import dkim

    present = {name.lower() for name in message_from_bytes(data).keys()}  # noqa: SIM118
    covered = [name for name in SIGNED if name in present]
    try:
        signature = dkim.sign(
            data,
            key.selector.encode(),
            key.domain.encode(),
            key.private_key.encode(),
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[name.encode() for name in (*covered, *SEALED)],
        )
    except (dkim.DKIMException, ValueError) as error:
        raise ServiceError(
            f"the mail cannot be signed for {key.domain}: {error}", permanent=True
        ) from error
    return bytes(signature) + data
