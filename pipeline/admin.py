"""Leads and suppressions in the admin."""

from django.contrib import admin

from agency.admin import Audited
from pipeline.models import Lead, SavedFilter, Suppression


@admin.register(Lead)
class LeadAdmin(Audited[Lead]):
    """Contact details can be put right here; score, status and outcome are set in the app."""

    list_display = ("received_at", "name", "company", "email", "score", "status", "outcome")
    list_filter = ("status", "outcome")
    search_fields = ("name", "company", "email")
    ordering = ("-id",)
    readonly_fields = (
        "client",
        "source",
        "delivery_id",
        "subject",
        "message",
        "status",
        "score",
        "score_parts",
        "score_reason",
        "outcome",
        "received_at",
        "scored_at",
        "drafted_at",
        "answered_at",
        "flagged_at",
        "closed_at",
        "stage",
        "staged_at",
    )

    def has_add_permission(self, request: object) -> bool:
        """Refuse: leads come in by webhook, reply or call."""
        return False

    def has_delete_permission(self, request: object, obj: Lead | None = None) -> bool:
        """Refuse: runs, actions and the audit trail point at it."""
        return False


@admin.register(Suppression)
class SuppressionAdmin(Audited[Suppression]):
    list_display = ("scope", "value", "reason", "created_at")
    list_filter = ("scope",)
    search_fields = ("value",)


@admin.register(SavedFilter)
class SavedFilterAdmin(Audited[SavedFilter]):
    list_display = ("name", "user", "query", "created_at")
    search_fields = ("name",)
