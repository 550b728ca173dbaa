"""A person's word on a field: kept, winning over agents, and a training example."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db import models, transaction
from django.utils import timezone

from agency import audit
from agency.models import AuditEntry, Client
from control.models import Override


def override(
    subject: models.Model,
    changes: dict[str, Any],
    *,
    by: User,
    reason: str,
    client: Client | None = None,
) -> None:
    """Set `changes` on `subject` by hand; an earlier override of a field is lifted."""
    label = subject._meta.label_lower
    with transaction.atomic():
        now = type(subject)._default_manager.select_for_update(of=("self",)).get(pk=subject.pk)
        for field, value in changes.items():
            was = getattr(now, field)
            Override.objects.filter(
                subject_type=label, subject_id=str(subject.pk), field=field, lifted_at=None
            ).update(lifted_at=timezone.now())
            Override.objects.create(
                subject_type=label,
                subject_id=str(subject.pk),
                field=field,
                was=_kept(was),
                value=_kept(value),
                by=by.get_username(),
                reason=reason,
                created_at=timezone.now(),
            )
            setattr(subject, field, value)
        subject.save(update_fields=list(changes))
        kept = {field: _kept(value) for field, value in changes.items()}
        what = ", ".join(f"{field} to {value}" for field, value in kept.items())
        audit.record(
            f"{subject._meta.model_name}.overridden",
            f"{by.get_username()} set {what} of {subject}: {reason}",
            actor=by.get_username(),
            actor_kind=AuditEntry.ActorKind.USER,
            obj=subject,
            client=client,
            data=kept,
        )


def _kept(value: Any) -> Any:
    """Return a value as JSON holds it: money and moments as text, a row by its key."""
    if isinstance(value, models.Model):
        return value.pk
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def fields(subject: models.Model) -> dict[str, Override]:
    """Return the overrides in force, by field."""
    rows = Override.objects.filter(
        subject_type=subject._meta.label_lower, subject_id=str(subject.pk), lifted_at=None
    )
    return {row.field: row for row in rows}


def lift(subject: models.Model, field: str, *, by: User) -> bool:
    """Let agents decide `field` again; return False if no override was in force."""
    with transaction.atomic():
        lifted = Override.objects.filter(
            subject_type=subject._meta.label_lower,
            subject_id=str(subject.pk),
            field=field,
            lifted_at=None,
        ).update(lifted_at=timezone.now())
        if lifted:
            audit.record(
                f"{subject._meta.model_name}.override_lifted",
                f"{by.get_username()} lets agents decide {field} of {subject} again",
                actor=by.get_username(),
                actor_kind=AuditEntry.ActorKind.USER,
                obj=subject,
            )
    return lifted == 1
