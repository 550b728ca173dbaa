"""When the operator can be booked, as they set it by hand."""

from django.contrib.auth.models import User
from django.db import transaction

from agency import audit, live
from agency.models import AuditEntry
from pipeline.models import BookingRules

FIELDS = (
    *("title", "hours", "slot_minutes", "buffer_minutes", "notice_minutes"),
    *("daily_cap", "horizon_days", "location"),
)


def save(wanted: BookingRules, *, by: User) -> list[str]:
    """Keep what was filled in and return which fields changed; calls that are booked stay."""
    with transaction.atomic():
        BookingRules.load()
        rules = BookingRules.objects.select_for_update().get(pk=1)
        before = {name: getattr(rules, name) for name in FIELDS}
        after = {name: getattr(wanted, name) for name in FIELDS}
        changed = [name for name in FIELDS if before[name] != after[name]]
        if not changed:
            return []
        for name in changed:
            setattr(rules, name, after[name])
        rules.save(update_fields=[*changed, "updated_at"])
        name = by.get_username()
        audit.record(
            "booking.changed",
            f"{name} changed when calls can be booked",
            actor=name,
            actor_kind=AuditEntry.ActorKind.USER,
            obj=rules,
            data={one: {"from": before[one], "to": after[one]} for one in changed},
        )
        live.broadcast("meetings")
    return changed
