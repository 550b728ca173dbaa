"""The back door: every row can be looked at; history cannot be changed, changes are audited."""

from typing import TypeVar

from django.contrib import admin
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest

from agency import audit
from agency.models import (
    AgencyProfile,
    ApiAnswer,
    ApiKey,
    AuditEntry,
    AuditSeal,
    AuditUnsealed,
    Client,
    LastLook,
)

M = TypeVar("M", bound=models.Model)

PER_PAGE = 50


class History(admin.ModelAdmin[M]):
    """Rows that were written once and are only read here."""

    list_per_page = PER_PAGE
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Refuse."""
        return False


class Audited(admin.ModelAdmin[M]):
    """Rows a person may change here; each change stands in the audit trail."""

    list_per_page = PER_PAGE
    show_full_result_count = False

    def save_model(self, request: HttpRequest, obj: M, form: ModelForm[M], change: bool) -> None:
        """Save, and record what changed. The admin saves in a transaction of its own."""
        super().save_model(request, obj, form, change)
        self._record(request, obj, "changed" if change else "made", form.changed_data)

    def delete_model(self, request: HttpRequest, obj: M) -> None:
        """Record, then delete."""
        self._record(request, obj, "deleted", [])
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[M]) -> None:
        """Delete one by one, so that each is recorded."""
        for obj in queryset:
            self.delete_model(request, obj)

    def _record(self, request: HttpRequest, obj: M, did: str, fields: list[str]) -> None:
        by = request.user.get_username()
        what = f" ({', '.join(fields)})" if fields else ""
        audit.record(
            f"{obj._meta.model_name}.{did}_in_admin",
            f"{by} {did} {obj._meta.verbose_name} “{obj}” in the admin{what}",
            actor=by,
            actor_kind=AuditEntry.ActorKind.USER,
            obj=obj,
            data={"fields": fields},
        )


@admin.register(Client)
class ClientAdmin(Audited[Client]):
    list_display = ("name", "status", "timezone", "created_at")
    list_filter = ("status",)
    search_fields = ("name", "slug")


@admin.register(AgencyProfile)
class AgencyProfileAdmin(Audited[AgencyProfile]):
    list_display = ("name", "phase", "timezone", "is_sample")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: there is one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AgencyProfile | None = None) -> bool:
        """Refuse: there is one."""
        return False


@admin.register(AuditEntry)
class AuditEntryAdmin(History[AuditEntry]):
    list_display = ("at", "actor", "verb", "sentence")
    list_filter = ("actor_kind",)
    search_fields = ("sentence", "verb", "object_id")
    ordering = ("-id",)
    list_select_related = ("client",)


@admin.register(AuditSeal)
class AuditSealAdmin(History[AuditSeal]):
    list_display = ("seq", "entry", "hash")
    ordering = ("-seq",)


@admin.register(AuditUnsealed)
class AuditUnsealedAdmin(History[AuditUnsealed]):
    list_display = ("entry",)
    ordering = ("-entry",)


@admin.register(LastLook)
class LastLookAdmin(History[LastLook]):
    list_display = ("user", "at", "since")
    list_select_related = ("user",)


@admin.register(ApiKey)
class ApiKeyAdmin(History[ApiKey]):
    """Made and revoked under Settings."""

    list_display = ("name", "prefix", "created_by", "last_used_at", "revoked_at")
    list_select_related = ("created_by",)
    exclude = ("secret_hash",)


@admin.register(ApiAnswer)
class ApiAnswerAdmin(History[ApiAnswer]):
    list_display = ("created_at", "key", "idempotency_key", "status")
    list_select_related = ("key",)
    ordering = ("-created_at",)
