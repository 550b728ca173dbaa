"""The Postgres jobs queue: jobs, workers and their leases, holds, limits, events, deliveries."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from encrypted_fields.fields import EncryptedCharField

from agency.ids import uuid7
from agency.models import Client


class Lane(models.TextChoices):
    """FAST: inbound and people waiting. NORMAL: agents at work. BULK: whatever may wait."""

    FAST = "fast"
    NORMAL = "normal"
    BULK = "bulk"


class Worker(models.Model):
    """A process that runs jobs. Its one heartbeat row leases everything it holds."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    name = models.CharField(max_length=200)
    pid = models.IntegerField()
    lanes = ArrayField(models.CharField(max_length=16))
    threads = models.PositiveSmallIntegerField(default=1)
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()
    lost_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class Job(models.Model):
    """One unit of durable work. States and words as in Oban."""

    class Status(models.TextChoices):
        SCHEDULED = "scheduled"
        AVAILABLE = "available"
        RUNNING = "running"
        RETRYABLE = "retryable"
        HELD = "held"
        COMPLETED = "completed"
        DISCARDED = "discarded"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid7)
    kind = models.CharField(max_length=80)
    payload = models.JSONField(default=dict)
    client = models.ForeignKey(
        Client, null=True, blank=True, on_delete=models.PROTECT, db_index=False
    )
    flow = models.BigIntegerField(
        default=0,
        help_text="What takes turns: a client's id, 0 for the house; untagged jobs: -id-1.",
    )
    subject_type = models.CharField(max_length=80, blank=True, default="")
    subject_id = models.CharField(max_length=64, blank=True, default="")
    tags = ArrayField(
        models.CharField(max_length=120),
        default=list,
        help_text="What a kill switch can reach it by: agent:qualifier, channel:email, …",
    )
    lane = models.CharField(max_length=8, choices=Lane, default=Lane.NORMAL)
    short = models.BooleanField(
        default=False, help_text="Touches the database only, so it runs in a batch."
    )
    priority = models.SmallIntegerField(
        default=100, help_text="Smaller runs first, among the jobs of its flow."
    )
    run_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status, default=Status.AVAILABLE)
    attempt = models.SmallIntegerField(default=0)
    max_attempts = models.SmallIntegerField(default=5)
    worker = models.ForeignKey(
        Worker,
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
    )
    fence = models.BigIntegerField(default=0, help_text="Grows with every claim; stale ones lose.")
    unique_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 - NULLs are not equal
    correlation_id = models.UUIDField(default=uuid7)
    parent_id = models.UUIDField(null=True, blank=True)
    held_by = models.CharField(max_length=120, blank=True, default="")
    errors = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["unique_key"],
                condition=Q(unique_key__isnull=False),
                name="jobs_job_unique_key",
            ),
        ]
        # Each partial: a job is in few of them at a time, and no index holds a lease or a time
        # that changes while it runs.
        indexes: ClassVar = [
            models.Index(
                fields=["lane", "short", "flow", "priority", "id"],
                condition=Q(status="available"),
                name="jobs_job_claim",
            ),
            models.Index(
                fields=["run_at"],
                condition=Q(status__in=["scheduled", "retryable"]),
                name="jobs_job_due",
            ),
            models.Index(fields=["id"], condition=Q(status="running"), name="jobs_job_running"),
            models.Index(
                fields=["held_by", "priority", "id"],
                condition=Q(status="held"),
                name="jobs_job_held",
            ),
            models.Index(
                fields=["finished_at"],
                condition=Q(status="completed", unique_key=None),
                name="jobs_job_finished",
            ),
            models.Index(
                fields=["finished_at"],
                condition=Q(status="completed", unique_key__isnull=False),
                name="jobs_job_finished_once",
            ),
            models.Index(
                fields=["finished_at"],
                condition=Q(status__in=["discarded", "cancelled"]),
                name="jobs_job_given_up",
            ),
            models.Index(
                fields=["finished_at"],
                condition=Q(status="discarded"),
                name="jobs_job_discarded",
            ),
            models.Index(fields=["correlation_id"], name="jobs_job_correlation"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class ArchivedJob(models.Model):
    """A job that ended a while ago, moved out of the hot table. Partitioned by day; read only."""

    id = models.UUIDField(primary_key=True)
    kind = models.CharField(max_length=80)
    payload = models.JSONField()
    client = models.ForeignKey(
        Client, null=True, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    flow = models.BigIntegerField()
    subject_type = models.CharField(max_length=80)
    subject_id = models.CharField(max_length=64)
    tags = ArrayField(models.CharField(max_length=120))
    lane = models.CharField(max_length=8, choices=Lane)
    short = models.BooleanField()
    priority = models.SmallIntegerField()
    run_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Job.Status)
    attempt = models.SmallIntegerField()
    max_attempts = models.SmallIntegerField()
    unique_key = models.CharField(max_length=200, null=True)  # noqa: DJ001 - as in Job
    correlation_id = models.UUIDField()
    parent_id = models.UUIDField(null=True)
    errors = models.JSONField()
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "jobs_archive"

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Limit(models.Model):
    """At most so many long jobs of a tag run at once, over all workers.

    Tags: `lane:bulk`, `client:7`, `agent:scout`; `client:*` and `agent:*` for each that has none of
    its own. Short jobs do not count: they are over at once.
    """

    tag = models.CharField(max_length=120, primary_key=True)
    most = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(tag__endswith=":*", most=0),
                name="jobs_limit_none_is_a_switch",
                violation_error_message="To let none of them run, stop them.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tag} ≤ {self.most}"


class Tally(models.Model):
    """How many jobs ended how in a minute, as each worker reports every few seconds.

    `minute` NULL sums up what was pruned, so that totals only grow. A killed worker's last seconds
    are missing here; the jobs' own rows are the truth.
    """

    class Outcome(models.TextChoices):
        COMPLETED = "completed"
        RETRIED = "retried"
        DISCARDED = "discarded"
        HELD = "held"
        LOST = "lost"

    minute = models.DateTimeField(null=True)
    lane = models.CharField(max_length=8, choices=Lane)
    kind = models.CharField(max_length=80)
    outcome = models.CharField(max_length=10, choices=Outcome)
    count = models.BigIntegerField()
    wait_seconds = models.FloatField(help_text="Sum over the jobs, from due to started.")
    run_seconds = models.FloatField(help_text="Sum over the jobs.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["minute", "lane", "kind", "outcome"],
                nulls_distinct=False,
                name="jobs_tally_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.kind} {self.outcome}"


class Depth(models.Model):
    """How many jobs of a lane are in a status, as the sweep counted them a moment ago."""

    lane = models.CharField(max_length=8, choices=Lane)
    status = models.CharField(max_length=10, choices=Job.Status)
    count = models.BigIntegerField()
    oldest_at = models.DateTimeField(null=True, help_text="See jobs.depth.measure.")
    measured_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["lane", "status"], name="jobs_depth_once"),
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.lane} {self.status}"


class Hold(models.Model):
    """A tag that must not be claimed now; written by control, read by the claim. `*` is all."""

    tag = models.CharField(max_length=120, primary_key=True)
    reason = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.tag


class Schedule(models.Model):
    """Enqueue `kind` every so many seconds."""

    name = models.CharField(max_length=80, primary_key=True)
    kind = models.CharField(max_length=80)
    payload = models.JSONField(default=dict)
    every_seconds = models.PositiveIntegerField()
    next_run_at = models.DateTimeField()
    last_job_id = models.UUIDField(
        null=True, blank=True, editable=False, help_text="While it waits or runs, none is added."
    )
    enabled = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class Event(models.Model):
    """Something that happened, by name, with the jobs it woke in the same transaction."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    name = models.CharField(max_length=80, db_index=True)
    subject_type = models.CharField(max_length=80)
    subject_id = models.CharField(max_length=64)
    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.PROTECT)
    correlation_id = models.UUIDField(db_index=True)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Endpoint(models.Model):
    """An address outsiders post to. The token in the address is looked up by its hash."""

    name = models.SlugField(max_length=60)
    purpose = models.CharField(max_length=40, help_text="What arrives here: leads, …")
    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.PROTECT)
    token_hash = models.CharField(max_length=64, unique=True)
    token = EncryptedCharField(max_length=64)
    secret = EncryptedCharField(max_length=120, help_text="Standard Webhooks signing secret.")
    require_signature = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["purpose", "name"], name="jobs_endpoint_name"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose}/{self.name}"


class Delivery(models.Model):
    """One inbound webhook, raw, as it came. Accepted ones have a job; rejected ones a reason."""

    class Status(models.TextChoices):
        ACCEPTED = "accepted"
        REJECTED = "rejected"

    id = models.UUIDField(primary_key=True, default=uuid7)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="deliveries")
    received_at = models.DateTimeField()
    content_type = models.CharField(max_length=200, blank=True, default="")
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    body_hash = models.CharField(max_length=64)
    status = models.CharField(max_length=8, choices=Status)
    problem = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        indexes: ClassVar = [models.Index(fields=["endpoint", "-received_at"])]

    def __str__(self) -> str:
        return str(self.id)


class DeliveryKey(models.Model):
    """Which delivery an idempotency key, or else a body's hash, stands for; for 24 hours."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE)
    key = models.CharField(max_length=300)
    body_hash = models.CharField(max_length=64)
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE)
    expires_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["endpoint", "key"], name="jobs_deliverykey_once"),
        ]

    def __str__(self) -> str:
        return self.key


class OutgoingEndpoint(models.Model):
    """An address of somebody else's that events are posted to, signed (Standard Webhooks)."""

    name = models.CharField(max_length=60, unique=True)
    url = models.CharField(max_length=500)
    events = ArrayField(
        models.CharField(max_length=80), help_text="Names, lead.* for all of a noun, or *."
    )
    client = models.ForeignKey(
        Client,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        help_text="Only what happens for this client; empty: everything.",
    )
    secret = EncryptedCharField(max_length=120)
    old_secret = EncryptedCharField(max_length=120, null=True, blank=True)
    old_secret_until = models.DateTimeField(
        null=True, blank=True, help_text="Until then the old one signs as well."
    )
    active = models.BooleanField(default=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    off_reason = models.CharField(
        max_length=200, blank=True, default="", help_text="Why the house switched it off."
    )
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class OutgoingDelivery(models.Model):
    """One event on its way to one endpoint. Its body is kept as it is sent, try after try."""

    class Status(models.TextChoices):
        PENDING = "pending", "On its way"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Given up"
        DROPPED = "dropped", "Switched off meanwhile"

    id = models.UUIDField(primary_key=True, default=uuid7)
    endpoint = models.ForeignKey(
        OutgoingEndpoint, on_delete=models.CASCADE, related_name="deliveries"
    )
    event = models.CharField(max_length=80)
    body = models.TextField()
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    round = models.PositiveSmallIntegerField(
        default=0, help_text="Grows when it is sent again by hand; older tries then end."
    )
    next_at = models.DateTimeField(null=True, blank=True)
    response_code = models.PositiveSmallIntegerField(null=True, blank=True)
    response_start = models.CharField(max_length=500, blank=True, default="")
    error = models.CharField(max_length=500, blank=True, default="")
    took_ms = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "outgoing deliveries"
        indexes: ClassVar = [
            models.Index(fields=["endpoint", "-id"], name="jobs_outgoing_log"),
            models.Index(fields=["finished_at"], name="jobs_outgoing_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.id}"

    @property
    def webhook_id(self) -> str:
        """Return what its receiver tells it from others by, the same at each try."""
        return f"msg_{self.pk.hex}"
