"""Keys of the API: issued once, kept as a hash, narrow in what they may do, revoked for good."""

import datetime as dt
import hashlib
import re
import secrets
from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from agency import audit, clock, live
from agency.models import ApiAnswer, ApiKey, AuditEntry, Client

SCOPES = {
    "prospects:read": "See prospects",
    "prospects:write": "Add, change and drop prospects",
    "leads:read": "See leads",
    "leads:write": "Add leads, set their score and outcome",
    "deals:read": "See deals",
    "meetings:read": "See calls",
    "clients:read": "See clients",
    "actions:read": "See what agents proposed and did",
    "approvals:write": "Approve, reject and send back what waits, in your name",
}
START = "cck_"
FORM = re.compile(rf"{START}[A-Za-z0-9_-]{{43}}")
SHOWN = 10
USED_EVERY = dt.timedelta(minutes=1)
ANSWERS_KEPT = dt.timedelta(hours=24)


class BadKey(ValueError):
    """A key cannot be made so; the message says why."""


def issue(
    name: str, scopes: Iterable[str], by: User, *, client: Client | None = None
) -> tuple[ApiKey, str]:
    """Make a key; return it and its secret, which is shown this once. Raises BadKey."""
    wanted = set(scopes)
    unknown = wanted - set(SCOPES)
    if unknown:
        raise BadKey(f"There is no scope “{min(unknown)}”.")
    if not wanted:
        raise BadKey("A key that may do nothing is of no use; choose what it may do.")
    secret = START + secrets.token_urlsafe(32)
    with transaction.atomic():
        key = ApiKey.objects.create(
            name=name,
            prefix=secret[:SHOWN],
            secret_hash=_hash(secret),
            scopes=[scope for scope in SCOPES if scope in wanted],
            client=client,
            created_by=by,
        )
        _record(key, "made", by.get_username(), {"scopes": key.scopes})
    return key, secret


def find(secret: str) -> ApiKey | None:
    """Return the key, unless it is unknown, revoked, or its maker may not come in any more."""
    if not FORM.fullmatch(secret):
        return None
    return (
        ApiKey.objects.select_related("created_by", "client")
        .filter(secret_hash=_hash(secret), revoked_at=None, created_by__is_active=True)
        .first()
    )


def note_use(key: ApiKey) -> None:
    """Remember that it was used, at most once a minute."""
    now = clock.wall()
    if key.last_used_at is None or key.last_used_at < now - USED_EVERY:
        older = Q(last_used_at=None) | Q(last_used_at__lt=now - USED_EVERY)
        ApiKey.objects.filter(older, pk=key.pk).update(last_used_at=now)


def revoke(key: ApiKey, *, by: User) -> bool:
    """End a key at once and for good; return False if it was revoked already."""
    name = by.get_username()
    with transaction.atomic():
        won = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(
            revoked_at=clock.wall(), revoked_by=name
        )
        if won:
            _record(key, "revoked", name, {})
    return won == 1


def forget_answers() -> int:
    """Delete the answers whose idempotency keys are over; return how many."""
    count, _ = ApiAnswer.objects.filter(created_at__lt=clock.wall() - ANSWERS_KEPT).delete()
    return count


def _record(key: ApiKey, verb: str, by: str, data: dict[str, object]) -> None:
    audit.record(
        f"api_key.{verb}",
        f"{by} {verb} the API key “{key.name}” ({key.prefix}…)",
        actor=by,
        actor_kind=AuditEntry.ActorKind.USER,
        obj=key,
        client=key.client,
        data=data,
    )
    live.broadcast("settings")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
