"""Jobs in the admin: history, but for schedules and webhook addresses."""

from django.contrib import admin

from agency.admin import Audited, History
from jobs.models import (
    ArchivedJob,
    Delivery,
    DeliveryKey,
    Depth,
    Endpoint,
    Event,
    Hold,
    Job,
    Limit,
    OutgoingDelivery,
    OutgoingEndpoint,
    Schedule,
    Tally,
    Worker,
)


@admin.register(Job)
class JobAdmin(History[Job]):
    list_display = ("id", "kind", "lane", "status", "attempt", "run_at", "finished_at")
    list_filter = ("status", "lane")
    search_fields = ("kind", "unique_key", "correlation_id")
    ordering = ("-id",)


@admin.register(ArchivedJob)
class ArchivedJobAdmin(History[ArchivedJob]):
    list_display = ("id", "kind", "lane", "status", "attempt", "finished_at")
    list_filter = ("status", "lane")
    search_fields = ("id", "correlation_id")
    show_full_result_count = False
    ordering = ("-finished_at",)


@admin.register(Tally)
class TallyAdmin(History[Tally]):
    list_display = ("minute", "lane", "kind", "outcome", "count", "wait_seconds", "run_seconds")
    list_filter = ("lane", "outcome")
    ordering = ("-minute",)


@admin.register(Depth)
class DepthAdmin(History[Depth]):
    list_display = ("lane", "status", "count", "oldest_at", "measured_at")


@admin.register(Worker)
class WorkerAdmin(History[Worker]):
    list_display = ("name", "pid", "lanes", "beat_at", "lost_at", "stopped_at")
    ordering = ("-beat_at",)


@admin.register(Hold)
class HoldAdmin(History[Hold]):
    list_display = ("tag", "reason", "created_at")


@admin.register(Limit)
class LimitAdmin(Audited[Limit]):
    list_display = ("tag", "most")


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


@admin.register(OutgoingEndpoint)
class OutgoingEndpointAdmin(History[OutgoingEndpoint]):
    """Made and changed under Settings, where its secret is shown and rotated."""

    list_display = ("name", "url", "active", "failing_since", "created_at")
    exclude = ("secret", "old_secret")


@admin.register(OutgoingDelivery)
class OutgoingDeliveryAdmin(History[OutgoingDelivery]):
    list_display = ("created_at", "endpoint", "event", "status", "attempts", "response_code")
    list_filter = ("status",)
    list_select_related = ("endpoint",)
    ordering = ("-id",)
