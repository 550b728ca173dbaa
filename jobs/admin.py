"""Jobs in the admin: history, but for schedules and webhook addresses."""

from django.contrib import admin

from agency.admin import Audited, History
from jobs.models import Delivery, DeliveryKey, Endpoint, Event, Hold, Job, Schedule, Worker


@admin.register(Job)
class JobAdmin(History[Job]):
    list_display = ("id", "kind", "lane", "status", "attempt", "run_at", "finished_at")
    list_filter = ("status", "lane")
    search_fields = ("kind", "unique_key", "correlation_id")
    ordering = ("-id",)


@admin.register(Worker)
class WorkerAdmin(History[Worker]):
    list_display = ("name", "pid", "lanes", "beat_at", "lost_at", "stopped_at")
    ordering = ("-beat_at",)


@admin.register(Hold)
class HoldAdmin(History[Hold]):
    list_display = ("tag", "reason", "created_at")


@admin.register(Schedule)
class ScheduleAdmin(Audited[Schedule]):
    list_display = ("name", "kind", "every_seconds", "next_run_at", "enabled")


@admin.register(Event)
class EventAdmin(History[Event]):
    list_display = ("created_at", "name", "subject_type", "subject_id")
    list_filter = ("name",)
    search_fields = ("subject_id", "correlation_id")
    ordering = ("-id",)


@admin.register(Endpoint)
class EndpointAdmin(Audited[Endpoint]):
    """The token and the secret are made by the house and changed by rotating."""

    list_display = ("name", "purpose", "enabled", "require_signature", "created_at")
    exclude = ("token", "token_hash", "secret")

    def has_add_permission(self, request: object) -> bool:
        """Refuse: `manage.py webhook create` makes one with its token."""
        return False


@admin.register(Delivery)
class DeliveryAdmin(History[Delivery]):
    list_display = ("received_at", "endpoint", "status", "content_type")
    list_filter = ("status",)
    list_select_related = ("endpoint",)
    ordering = ("-id",)


@admin.register(DeliveryKey)
class DeliveryKeyAdmin(History[DeliveryKey]):
    list_display = ("key", "endpoint", "delivery", "expires_at")
    list_select_related = ("endpoint", "delivery")
