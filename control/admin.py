"""Control in the admin: history. Decisions are made in the app, which knows what follows."""

from django.contrib import admin

from agency.admin import Audited, History
from control.models import (
    Action,
    Alert,
    AlertRepeat,
    AutonomyRule,
    Decision,
    KillSwitch,
    Notice,
    Override,
    Promotion,
    Takeover,
)


@admin.register(Action)
class ActionAdmin(History[Action]):
    list_display = ("created_at", "summary", "agent", "kind", "status", "stakes")
    list_filter = ("status", "kind", "agent")
    search_fields = ("summary", "subject_id", "correlation_id")
    ordering = ("-id",)


@admin.register(Decision)
class DecisionAdmin(History[Decision]):
    list_display = ("created_at", "verdict", "by", "action", "consumed_at", "voided_at")
    list_filter = ("verdict",)
    list_select_related = ("action",)
    ordering = ("-id",)


@admin.register(KillSwitch)
class KillSwitchAdmin(History[KillSwitch]):
    list_display = ("scope", "value", "reason", "engaged_by", "engaged_at", "released_at")
    list_filter = ("scope", "automatic")
    ordering = ("-id",)


@admin.register(Alert)
class AlertAdmin(History[Alert]):
    list_display = ("last_seen_at", "severity", "title", "count", "acknowledged_at")
    list_filter = ("severity",)
    search_fields = ("title", "dedupe_key")
    ordering = ("-id",)


@admin.register(AlertRepeat)
class AlertRepeatAdmin(History[AlertRepeat]):
    list_display = ("seen_at", "severity", "title", "times")
    ordering = ("-id",)


@admin.register(Notice)
class NoticeAdmin(History[Notice]):
    list_display = ("created_at", "channel", "status", "subject", "ended_at", "error")
    list_filter = ("channel", "status")
    ordering = ("-id",)


@admin.register(Override)
class OverrideAdmin(History[Override]):
    list_display = ("created_at", "subject_type", "subject_id", "field", "value", "by", "lifted_at")
    ordering = ("-id",)


@admin.register(AutonomyRule)
class AutonomyRuleAdmin(Audited[AutonomyRule]):
    list_display = ("agent", "client", "kind", "level", "reason")
    list_filter = ("level",)
    list_select_related = ("client",)


@admin.register(Takeover)
class TakeoverAdmin(History[Takeover]):
    list_display = ("taken_at", "subject_type", "subject_id", "by", "handed_back_at")
    ordering = ("-id",)


@admin.register(Promotion)
class PromotionAdmin(History[Promotion]):
    list_display = ("at", "agent", "kind", "by", "ended_at", "ended_by", "end_reason")
    ordering = ("-id",)
