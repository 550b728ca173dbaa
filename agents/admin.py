"""Runs and configurations in the admin: history. Versions are made and deployed in the app."""

from django.contrib import admin

from agency.admin import History
from agents.models import AgentConfig, DeployedConfig, ModelCall, Run, Step


@admin.register(Run)
class RunAdmin(History[Run]):
    list_display = ("started_at", "agent", "outcome", "engine", "status", "cost_usd")
    list_filter = ("agent", "status", "trigger")
    search_fields = ("subject_id", "correlation_id")
    ordering = ("-id",)


@admin.register(Step)
class StepAdmin(History[Step]):
    list_display = ("started_at", "run", "number", "name", "duration_ms")
    list_select_related = ("run",)
    ordering = ("-id",)


@admin.register(ModelCall)
class ModelCallAdmin(History[ModelCall]):
    list_display = ("started_at", "model", "status", "input_tokens", "output_tokens", "usd")
    list_filter = ("status", "model")
    search_fields = ("request_id",)
    ordering = ("-id",)


@admin.register(AgentConfig)
class AgentConfigAdmin(History[AgentConfig]):
    list_display = ("agent", "version", "note", "created_by", "created_at")
    list_filter = ("agent",)


@admin.register(DeployedConfig)
class DeployedConfigAdmin(History[DeployedConfig]):
    list_display = ("agent", "config", "deployed_by", "deployed_at")
    list_select_related = ("config",)
