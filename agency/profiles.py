"""Changing who the agency is and how far it runs alone, in the trail field by field."""

from typing import Any

from django.db import transaction

from agency import audit, live
from agency.models import AgencyProfile, AuditEntry

SAMPLE_FIELDS = ("name", "sender_email", "postal_address")
"""While any of these is the sample's, mail would go out under a made-up sender."""


def save(changes: dict[str, Any], *, by: str) -> AgencyProfile:
    """Write these fields of the profile; what others wrote meanwhile stays."""
    with transaction.atomic():
        profile = AgencyProfile.objects.select_for_update().get(pk=AgencyProfile.load().pk)
        diff = {
            name: {"from": getattr(profile, name), "to": value}
            for name, value in changes.items()
            if getattr(profile, name) != value
        }
        for name, value in changes.items():
            setattr(profile, name, value)
        profile.is_sample = profile.is_sample and bool(sample_left(profile))
        profile.save(update_fields=[*changes, "is_sample", "updated_at"])
        if diff:
            _record("profile.saved", f"{by} saved the agency’s profile", profile, diff, by)
    return profile


def set_phase(phase: int, *, by: str) -> AgencyProfile:
    """Set how far the agency runs by itself."""
    with transaction.atomic():
        profile = AgencyProfile.objects.select_for_update().get(pk=AgencyProfile.load().pk)
        before, profile.phase = profile.phase, phase
        profile.save(update_fields=["phase", "updated_at"])
        if before != phase:
            words = f"{by} moved the agency from phase {before} to phase {phase}"
            _record("profile.phase_set", words, profile, {"from": before, "to": phase}, by)
    return profile


def sample_left(profile: AgencyProfile) -> list[str]:
    """Return the fields that still are the sample's, of those that must be the agency's own."""
    return [name for name in SAMPLE_FIELDS if is_sample_value(profile, name)]


def is_sample_value(profile: AgencyProfile, name: str) -> bool:
    """Whether a field of the profile still is what the sample has."""
    return bool(getattr(profile, name) == getattr(AgencyProfile(), name))


def _record(
    verb: str, sentence: str, profile: AgencyProfile, data: dict[str, Any], by: str
) -> None:
    kind = AuditEntry.ActorKind.USER
    audit.record(verb, sentence, actor=by, actor_kind=kind, obj=profile, data=data)
    live.broadcast("settings", "status")
