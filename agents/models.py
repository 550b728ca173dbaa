"""Runs of agents, step by step, and the immutable versions of their configuration."""

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models import Q

from agency.ids import uuid7
from agency.models import Client


class AgentConfig(models.Model):
    """One version of an agent's settings. A trigger forbids changing it."""

    agent = models.CharField(max_length=40)
    version = models.PositiveIntegerField()
    settings = models.JSONField()
    note = models.CharField(max_length=300, blank=True, default="")
    report = models.JSONField(default=dict, blank=True, help_text="Calibration of a retrained one.")
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-version"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["agent", "version"], name="agents_config_version"),
        ]

    def __str__(self) -> str:
        return f"{self.agent} v{self.version}"


class DeployedConfig(models.Model):
    """Which version an agent runs on now."""

    agent = models.CharField(max_length=40, primary_key=True)
    config = models.ForeignKey(AgentConfig, on_delete=models.PROTECT)
    deployed_by = models.CharField(max_length=150)
    deployed_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.config)


class Run(models.Model):
    """One agent looking at one subject, once."""

    class Status(models.TextChoices):
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"
        STOPPED = "stopped"
        ABANDONED = "abandoned"

    class Trigger(models.TextChoices):
        EVENT = "event"
        REVISION = "revision"
        MANUAL = "manual"
        REPLAY = "replay"

    id = models.UUIDField(primary_key=True, default=uuid7)
    agent = models.CharField(max_length=40)
    config = models.ForeignKey(AgentConfig, on_delete=models.PROTECT)
    trigger = models.CharField(max_length=8, choices=Trigger)
    event = models.CharField(max_length=80, blank=True, default="")
    note = models.TextField(blank=True, default="", help_text="The operator's, when sent back.")
    subject_type = models.CharField(max_length=80)
    subject_id = models.CharField(max_length=64)
    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.PROTECT)
    job_id = models.UUIDField(null=True, blank=True, db_index=True)
    correlation_id = models.UUIDField(db_index=True)
    replay_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT)
    from_step = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="A replay decided anew from this step on."
    )
    input = models.JSONField(default=dict, help_text="What the agent saw; replay starts from it.")
    proposals = models.JSONField(default=list, blank=True)
    path = models.JSONField(default=list, blank=True, help_text="How it decided, in plain words.")
    engine = models.CharField(max_length=60, blank=True, default="")
    engine_reason = models.CharField(max_length=200, blank=True, default="")
    status = models.CharField(max_length=9, choices=Status, default=Status.RUNNING)
    outcome = models.CharField(max_length=300, blank=True, default="")
    error = models.TextField(blank=True, default="")
    calls = models.PositiveIntegerField(default=0)
    tokens = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=12, decimal_places=6, default=Decimal(0))
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["agent", "-started_at"]),
            models.Index(fields=["agent", "-id"], name="agents_run_newest"),
            models.Index(fields=["agent", "status", "-id"], name="agents_run_by_status"),
            models.Index(fields=["subject_type", "subject_id", "-started_at"]),
            models.Index(fields=["id"], condition=Q(status="running"), name="agents_run_running"),
            # What a span of time cost and how it went, without looking at the rows.
            models.Index(
                fields=["started_at"],
                include=["agent", "client", "status", "cost_usd", "tokens", "calls"],
                name="agents_run_costs",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agent} {self.id}"


class Step(models.Model):
    """One named step of a run, with its time and what came of it."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    number = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=80)
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    result = models.JSONField(default=dict, blank=True)
    decided = models.JSONField(
        default=list, blank=True, help_text="[{value, engine}], for a replay from a later step."
    )
    error = models.TextField(blank=True, default="")

    class Meta:
        ordering: ClassVar = ["number"]

    def __str__(self) -> str:
        return self.name


class ModelCall(models.Model):
    """One call to a model: booked at its worst case before it is made, settled after."""

    class Status(models.TextChoices):
        RESERVED = "reserved"
        ANSWERED = "answered"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid7)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="model_calls")
    step = models.CharField(max_length=80, blank=True, default="")
    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.PROTECT)
    model = models.CharField(max_length=60)
    status = models.CharField(max_length=9, choices=Status, default=Status.RESERVED)
    reserved_usd = models.DecimalField(max_digits=12, decimal_places=6)
    usd = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cache_read_tokens = models.PositiveIntegerField(default=0)
    cache_write_tokens = models.PositiveIntegerField(default=0)
    latency_ms = models.PositiveIntegerField(default=0)
    request_id = models.CharField(max_length=80, blank=True, default="")
    stop_reason = models.CharField(max_length=40, blank=True, default="")
    error = models.TextField(blank=True, default="")
    started_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["started_at"]
        indexes: ClassVar = [
            models.Index(
                fields=["started_at"],
                include=["model", "usd", "input_tokens", "output_tokens", "cache_read_tokens"],
                name="agents_call_costs",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.status}"
