"""What keeps a fleet safe: actions, decisions about them, switches, alerts, overrides, rules."""

from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Case, Q, When
from django.utils import timezone

from agency.ids import uuid7
from agency.models import Client


class Level(models.TextChoices):
    """What policy says of an action, from lax to strict."""

    AUTO = "auto"
    ASK = "ask"
    FORBID = "forbid"


class Action(models.Model):
    """One effect an agent proposes. Only through one of these is the world or a record touched."""

    class Status(models.TextChoices):
        PROPOSED = "proposed"
        WAITING = "waiting"
        APPROVED = "approved"
        REJECTED = "rejected"
        REVISE = "revise"
        EXPIRED = "expired"
        HELD = "held"
        EXECUTING = "executing"
        DONE = "done"
        FAILED = "failed"
        UNKNOWN = "unknown"
        UNDONE = "undone"

    UNSETTLED = (Status.WAITING, Status.HELD, Status.APPROVED, Status.EXECUTING, Status.UNKNOWN)

    class Stakes(models.TextChoices):
        LOW = "low"
        MEDIUM = "medium"
        HIGH = "high"

    id = models.UUIDField(primary_key=True, default=uuid7)
    kind = models.CharField(max_length=60)
    params = models.JSONField()
    rendered = models.JSONField(
        default=dict, blank=True, help_text="A message exactly as it goes out; hashed with params."
    )
    content_hash = models.CharField(max_length=64, help_text="SHA-256 of what is approved.")
    agent = models.CharField(max_length=40)
    run_id = models.UUIDField(null=True, blank=True, db_index=True)
    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.PROTECT)
    subject_type = models.CharField(max_length=80, blank=True, default="")
    subject_id = models.CharField(max_length=64, blank=True, default="")
    correlation_id = models.UUIDField(db_index=True)
    summary = models.CharField(max_length=300)
    reason = models.TextField(help_text="Why the agent proposes it.")
    evidence = models.JSONField(default=list, blank=True, help_text="[{claim, quote, source, at}]")
    engine = models.CharField(max_length=60, blank=True, default="")
    cost_usd = models.DecimalField(max_digits=12, decimal_places=6, default=Decimal(0))
    stakes = models.CharField(max_length=6, choices=Stakes)
    outward = models.BooleanField(default=False)
    channel = models.CharField(max_length=20, blank=True, default="")
    status = models.CharField(max_length=9, choices=Status, default=Status.PROPOSED)
    level = models.CharField(max_length=6, choices=Level, default=Level.ASK)
    policy = models.JSONField(default=list, blank=True, help_text="[{step, level, reason}]")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    snoozed_until = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True, help_text="End of the undo window.")
    decided_at = models.DateTimeField(null=True, blank=True)
    effect_started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    effect = models.JSONField(default=dict, blank=True)
    before = models.JSONField(default=dict, blank=True, help_text="What undo puts back.")
    error = models.TextField(blank=True, default="")

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["created_at"],
                condition=Q(status__in=["waiting", "unknown", "held"]),
                name="control_action_open",
            ),
            models.Index(fields=["subject_type", "subject_id", "created_at"]),
            models.Index(
                fields=["subject_type", "subject_id"],
                condition=Q(
                    outward=True, status__in=["waiting", "held", "approved", "executing", "unknown"]
                ),
                name="control_action_unsettled",
            ),
            models.Index(fields=["agent", "kind", "-created_at"]),
            models.Index(
                fields=["agent", "-created_at"],
                condition=~Q(level="auto"),
                name="control_action_asked",
            ),
            models.Index(
                fields=["agent", "-finished_at"],
                condition=Q(status="done"),
                name="control_action_done",
            ),
            # What a span of time did and cost, by kind or client, without looking at the rows.
            models.Index(
                fields=["created_at"],
                include=["kind", "client", "status", "cost_usd"],
                name="control_action_costs",
            ),
            # What can still be called back: every page asks.
            models.Index(
                fields=["not_before"],
                condition=Q(status="approved", outward=True),
                name="control_action_leaving",
            ),
        ]

    def __str__(self) -> str:
        return self.summary

    def advance(self, old: str, new: str, **fields: object) -> bool:
        """Compare-and-swap the status; return False if somebody else got there first."""
        won = Action.objects.filter(pk=self.pk, status=old).update(status=new, **fields) == 1
        if won:
            self.status = new
            for name, value in fields.items():
                setattr(self, name, value)
        return won


class Decision(models.Model):
    """What a person, or policy, decided about an action. An approval is used once or never."""

    class Verdict(models.TextChoices):
        APPROVE = "approve"
        EDIT = "edit"
        REJECT = "reject"
        SEND_BACK = "send_back"
        SNOOZE = "snooze"
        TAKE_OVER = "take_over"
        RECALL = "recall"
        REOPEN = "reopen"
        CONFIRM_SENT = "confirm_sent"
        SEND_AGAIN = "send_again"
        UNDO = "undo"

    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=12, choices=Verdict)
    content_hash = models.CharField(max_length=64)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT
    )
    by = models.CharField(
        max_length=150, help_text="The user's name, or the policy that let it run."
    )
    note = models.TextField(blank=True, default="")
    diff = models.JSONField(default=dict, blank=True, help_text="{field: {from, to}}")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    consumed_at = models.DateTimeField(null=True, blank=True)
    voided_at = models.DateTimeField(null=True, blank=True)
    seconds = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="How long the operator looked before deciding."
    )

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [
            models.Index(
                fields=["created_at"],
                include=["seconds"],
                condition=Q(seconds__isnull=False),
                name="control_decision_looked",
            ),
            models.Index(fields=["user", "-id"], name="control_decision_latest"),
            models.Index(
                fields=["created_at"],
                include=["action", "verdict", "voided_at"],
                condition=Q(user__isnull=False),
                name="control_decision_by_person",
            ),
            models.Index(
                fields=["created_at"],
                include=["action"],
                condition=Q(verdict="edit"),
                name="control_decision_edits",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["action"],
                condition=Q(verdict="approve", consumed_at=None, voided_at=None),
                name="control_decision_one_live_approval",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.by}"


class KillSwitch(models.Model):
    """Engaged: nothing in its scope is claimed, asked of a model, or let out of the house."""

    class Scope(models.TextChoices):
        EVERYTHING = "everything"
        AGENT = "agent"
        CLIENT = "client"
        AUTOMATION = "automation"
        CHANNEL = "channel"
        KIND = "kind"

    scope = models.CharField(max_length=10, choices=Scope)
    value = models.CharField(max_length=100, blank=True, default="")
    reason = models.TextField()
    automatic = models.BooleanField(default=False)
    engaged_by = models.CharField(max_length=150)
    engaged_at = models.DateTimeField()
    released_by = models.CharField(max_length=150, blank=True, default="")
    released_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "kill switches"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["scope", "value"],
                condition=Q(released_at=None),
                name="control_killswitch_one_engaged",
            ),
            models.CheckConstraint(
                condition=Q(scope="everything", value="") | (~Q(scope="everything") & ~Q(value="")),
                name="control_killswitch_value",
            ),
        ]

    def __str__(self) -> str:
        return self.tag

    @property
    def tag(self) -> str:
        """The tag jobs and actions carry: `*`, `agent:qualifier`, `channel:email`, …"""
        return "*" if self.scope == self.Scope.EVERYTHING else f"{self.scope}:{self.value}"


class AlertQuerySet(models.QuerySet["Alert"]):
    """Alerts by where they stand."""

    def unacknowledged(self) -> "AlertQuerySet":
        """Open ones, put off or not."""
        return self.filter(acknowledged_at=None)

    def in_sight(self) -> "AlertQuerySet":
        """Open ones that are not put off."""
        return self.unacknowledged().exclude(snoozed_until__gt=timezone.now())

    def put_off(self) -> "AlertQuerySet":
        """Open ones out of sight until their time comes."""
        return self.unacknowledged().filter(snoozed_until__gt=timezone.now())

    def gravest_first(self) -> "AlertQuerySet":
        """The gravest first, among them the latest."""
        ranks = [When(severity=name, then=rank) for rank, name in enumerate(GRAVITY)]
        return self.order_by(Case(*ranks).desc(), "-last_seen_at", "-pk")


class Alert(models.Model):
    """Something the operator should know, once, with a count of how often it happened again."""

    class Severity(models.TextChoices):
        INFO = "info"
        WARNING = "warning"
        CRITICAL = "critical"

    id = models.UUIDField(primary_key=True, default=uuid7)
    dedupe_key = models.CharField(max_length=200)
    severity = models.CharField(max_length=8, choices=Severity)
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True, default="")
    url = models.CharField(max_length=300, blank=True, default="")
    count = models.PositiveIntegerField(default=1)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True, default="")
    snoozed_until = models.DateTimeField(null=True, blank=True)
    next_notify_at = models.DateTimeField(
        null=True, blank=True, help_text="When the operator is told again; never if empty."
    )
    notified_count = models.PositiveIntegerField(
        default=0, help_text="How often the operator was told."
    )
    count_when_told = models.PositiveIntegerField(default=0)
    escalated_at = models.DateTimeField(null=True, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["dedupe_key"],
                condition=Q(acknowledged_at=None),
                name="control_alert_one_open",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["next_notify_at"],
                condition=Q(acknowledged_at=None, next_notify_at__isnull=False),
                name="control_alert_due",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_snoozed(self) -> bool:
        """Whether it is out of sight until its time comes."""
        return self.snoozed_until is not None and self.snoozed_until > timezone.now()


GRAVITY = (Alert.Severity.INFO, Alert.Severity.WARNING, Alert.Severity.CRITICAL)


class AlertRepeat(models.Model):
    """An alert raised again while its row was busy: counted a little later, so nobody waits."""

    dedupe_key = models.CharField(max_length=200)
    severity = models.CharField(max_length=8, choices=Alert.Severity)
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True, default="")
    url = models.CharField(max_length=300, blank=True, default="")
    times = models.PositiveIntegerField(default=1)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.title} × {self.times}"


class Notice(models.Model):
    """One message of the house to its operator over one channel, sent at most once."""

    class Channel(models.TextChoices):
        MAIL = "mail", "Mail"
        WEBHOOK = "webhook", "Webhook"
        ESCALATION = "escalation", "Escalation mail"

    class Status(models.TextChoices):
        QUEUED = "queued"
        SENDING = "sending"
        SENT = "sent"
        UNKNOWN = "unknown", "may have arrived"
        FAILED = "failed"
        DROPPED = "dropped", "no longer needed"

    key = models.CharField(max_length=120, unique=True, help_text="What it must be only once for.")
    alert = models.ForeignKey(
        Alert, null=True, blank=True, on_delete=models.CASCADE, related_name="notices"
    )
    channel = models.CharField(max_length=10, choices=Channel)
    status = models.CharField(max_length=7, choices=Status, default=Status.QUEUED)
    subject = models.CharField(max_length=300)
    text = models.TextField()
    url = models.CharField(max_length=300, blank=True, default="")
    error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["channel", "-ended_at"], name="control_notice_latest"),
            models.Index(fields=["created_at"], name="control_notice_recent"),
        ]

    def __str__(self) -> str:
        return self.subject

    def advance(self, old: str, new: str, **fields: object) -> bool:
        """Compare-and-swap the status; return False if somebody else got there first."""
        return Notice.objects.filter(pk=self.pk, status=old).update(status=new, **fields) == 1


class Override(models.Model):
    """A person's word on one field of one record: it wins over later proposals of agents."""

    subject_type = models.CharField(max_length=80)
    subject_id = models.CharField(max_length=64)
    field = models.CharField(max_length=60)
    was = models.JSONField(null=True)
    value = models.JSONField(null=True)
    by = models.CharField(max_length=150)
    reason = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subject_type", "subject_id", "field"],
                condition=Q(lifted_at=None),
                name="control_override_one_per_field",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.field} = {self.value}"


class Takeover(models.Model):
    """A record the operator handles by hand: no agent touches it until it is handed back."""

    subject_type = models.CharField(max_length=80)
    subject_id = models.CharField(max_length=64)
    by = models.CharField(max_length=150)
    taken_at = models.DateTimeField()
    handed_back_by = models.CharField(max_length=150, blank=True, default="")
    handed_back_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subject_type", "subject_id"],
                condition=Q(handed_back_at=None),
                name="control_takeover_one_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.by} handles it by hand"


class AutonomyRule(models.Model):
    """Tightens what a phase allows, for an agent, a client, an action kind, or a mix of them."""

    agent = models.CharField(max_length=40, blank=True, default="")
    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.CASCADE)
    kind = models.CharField(max_length=60, blank=True, default="")
    level = models.CharField(max_length=6, choices=Level)
    reason = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.reason


class Promotion(models.Model):
    """A kind of action an agent earned to do by itself ahead of the phase, as a person decided."""

    agent = models.CharField(max_length=40)
    kind = models.CharField(max_length=60)
    by = models.CharField(max_length=150)
    at = models.DateTimeField()
    evidence = models.JSONField(help_text="{unedited, decided, lower_bound, phase} at that time.")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=150, blank=True, default="")
    end_reason = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["agent", "kind"],
                condition=Q(ended_at=None),
                name="control_promotion_one_active",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["agent", "kind", "-at"], name="control_promotion_history"),
        ]

    def __str__(self) -> str:
        return f"{self.agent} {self.kind}"
