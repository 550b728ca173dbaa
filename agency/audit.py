"""The audit trail: what happened, who did it, in a sentence a person can read."""

import uuid
from typing import Any

from django.db import models

from agency import live
from agency.models import AuditEntry, Client


def record(
    verb: str,
    sentence: str,
    *,
    actor: str,
    actor_kind: str = AuditEntry.ActorKind.SYSTEM,
    obj: models.Model | None = None,
    client: Client | None = None,
    correlation_id: uuid.UUID | None = None,
    data: dict[str, Any] | None = None,
) -> AuditEntry:
    """Append one entry in the caller's transaction: a change and its trail commit together.

    `verb` is `noun.past_tense` ("action.approved"); `sentence` reads on its own.
    """
    entry = AuditEntry.objects.create(
        verb=verb,
        sentence=sentence,
        actor=actor,
        actor_kind=actor_kind,
        object_type=obj._meta.label_lower if obj is not None else "",
        object_id=str(obj.pk) if obj is not None else "",
        client=client,
        correlation_id=correlation_id,
        data=data or {},
    )
    live.broadcast("activity")
    return entry
