"""The addresses outsiders post to: made, found by the token in them, rotated, switched off."""

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable

from django.conf import settings
from django.db import IntegrityError, transaction

from agency import audit, live
from agency.models import AuditEntry
from jobs.models import Endpoint

PURPOSES = ("leads", "prospects", "meetings")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
SYSTEM = AuditEntry.ActorKind.SYSTEM


class EndpointError(Exception):
    """The message says in one line what is wrong with the purpose or the name."""


def create(
    purpose: str,
    name: str,
    *,
    require_signature: bool = False,
    actor: str = "manage.py",
    actor_kind: str = SYSTEM,
) -> Endpoint:
    """Make an endpoint with a fresh address and secret. Raises EndpointError."""
    _check_purpose(purpose)
    _check_name(name)
    token = _new_token()
    try:
        with transaction.atomic():
            endpoint = Endpoint.objects.create(
                purpose=purpose,
                name=name,
                token=token,
                token_hash=_hash(token),
                secret=_new_secret(),
                require_signature=require_signature,
            )
            _record(endpoint, "created", actor, actor_kind)
    except IntegrityError:
        raise EndpointError(
            f"there is a {purpose} endpoint “{name}” already; rotate it for a new address"
        ) from None
    return endpoint


def ensure(purpose: str, name: str) -> Endpoint:
    """Return the endpoint, made if it is missing. Raises EndpointError."""
    try:
        return get(purpose, name)
    except EndpointError:
        try:
            return create(purpose, name, actor="setup")
        except EndpointError:
            return get(purpose, name)  # somebody else was first, or the name itself is wrong


def get(purpose: str, name: str) -> Endpoint:
    """Return the endpoint of that name. Raises EndpointError."""
    _check_purpose(purpose)
    try:
        return Endpoint.objects.get(purpose=purpose, name=name)
    except Endpoint.DoesNotExist:
        raise EndpointError(
            f"there is no {purpose} endpoint “{name}”; make it with"
            f" `manage.py webhook create {purpose} --name {name}`"
        ) from None


FIND = """
SELECT id, name, purpose, client_id, token_hash, require_signature, enabled, created_at
FROM jobs_endpoint WHERE purpose = %s AND token_hash = ANY(%s) AND enabled
"""


def find(purpose: str, tokens: Iterable[str]) -> dict[str, Endpoint]:
    """Return the enabled endpoints that the tokens open, by token.

    A token and a secret are left in the database until somebody reads them.
    """
    hashes = {_hash(token): token for token in tokens if TOKEN.fullmatch(token)}
    if not hashes:
        return {}
    # Written out, because the ORM takes three times as long to write it.
    found = Endpoint.objects.raw(FIND, [purpose, list(hashes)])
    return {hashes[endpoint.token_hash]: endpoint for endpoint in found}


def address(purpose: str, name: str) -> str:
    """Return the URL to post to. Whoever knows it can post. Raises EndpointError."""
    return url(get(purpose, name))


def url(endpoint: Endpoint) -> str:
    """Return the URL to post to. Whoever knows it can post."""
    return f"{settings.PUBLIC_URL}/hooks/{endpoint.purpose}/{endpoint.token}"


def rotate(endpoint: Endpoint, *, actor: str = "manage.py", actor_kind: str = SYSTEM) -> Endpoint:
    """Give the endpoint a new address and secret; the old ones stop at once."""
    endpoint.token = _new_token()
    endpoint.token_hash = _hash(endpoint.token)
    endpoint.secret = _new_secret()
    with transaction.atomic():
        endpoint.save(update_fields=["token", "token_hash", "secret"])
        _record(endpoint, "rotated", actor, actor_kind)
    return endpoint


def disable(endpoint: Endpoint, *, actor: str = "manage.py", actor_kind: str = SYSTEM) -> bool:
    """Stop taking anything in at this address; return False if it was off already."""
    return _switch(endpoint, False, "disabled", actor, actor_kind)


def enable(endpoint: Endpoint, *, actor: str = "manage.py", actor_kind: str = SYSTEM) -> bool:
    """Take deliveries in again, same address; return False if it was on already."""
    return _switch(endpoint, True, "enabled", actor, actor_kind)


def _switch(endpoint: Endpoint, enabled: bool, verb: str, actor: str, actor_kind: str) -> bool:
    with transaction.atomic():
        switched = Endpoint.objects.filter(pk=endpoint.pk, enabled=not enabled)
        won = switched.update(enabled=enabled) == 1
        if won:
            _record(endpoint, verb, actor, actor_kind)
    endpoint.enabled = enabled
    return won


def _record(endpoint: Endpoint, verb: str, actor: str, actor_kind: str) -> None:
    audit.record(
        f"endpoint.{verb}",
        f"The webhook address “{endpoint.name}” for {endpoint.purpose} was {verb}",
        actor=actor,
        actor_kind=actor_kind,
        obj=endpoint,
        client=endpoint.client,
    )
    live.broadcast("settings")


def _check_purpose(purpose: str) -> None:
    if purpose not in PURPOSES:
        raise EndpointError(f"unknown purpose “{purpose}”; known: {', '.join(PURPOSES)}")


def _check_name(name: str) -> None:
    limit = Endpoint._meta.get_field("name").max_length or 0
    if len(name) > limit or not NAME.fullmatch(name):
        raise EndpointError(
            f"“{name}” is no name for an endpoint;"
            f" use up to {limit} letters, digits, hyphens and underscores"
        )


def _new_token() -> str:
    return secrets.token_urlsafe(24)


def _new_secret() -> str:
    """Return a signing secret as Standard Webhooks writes it: whsec_ and 24 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
