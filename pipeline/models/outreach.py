"""Writing to people who have not asked: who sends, in which steps, to whom never."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from encrypted_fields.fields import EncryptedCharField, EncryptedTextField

from agency.ids import uuid7
from pipeline.models.prospects import Contact, IdealCustomer, Prospect


class SenderDomain(models.Model):
    """A domain mail is sent from: its DKIM key, and what its DNS says."""

    domain = models.CharField(max_length=253, unique=True)
    dkim_selector = models.CharField(max_length=63, default="cc1")
    dkim_private_key = EncryptedTextField(help_text="PEM.")
    dkim_public_key = models.TextField(help_text="Base64, as the DNS record holds it.")
    checks = models.JSONField(
        default=dict, blank=True, help_text="{spf|dkim|dmarc: {ok, says, fix}}"
    )
    checked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.domain


class Mailbox(models.Model):
    """An address cold mail is sent from, warmed up slowly: 20 a day, 20 % more each day."""

    name = models.CharField(max_length=120)
    from_name = models.CharField(max_length=200)
    from_email = models.EmailField(unique=True)
    domain = models.ForeignKey(SenderDomain, on_delete=models.PROTECT, related_name="mailboxes")
    # The field keeps an empty text as NULL.
    smtp_url = EncryptedCharField(
        max_length=500, blank=True, null=True, help_text="Empty: EMAIL_URL."
    )
    imap_url = EncryptedCharField(
        max_length=500, blank=True, null=True, help_text="imaps://user:password@host"
    )
    imap_uid = models.PositiveBigIntegerField(default=0, help_text="The last message read.")
    imap_validity = models.PositiveBigIntegerField(default=0, help_text="UIDVALIDITY.")
    imap_error = models.TextField(blank=True, default="")
    imap_read_at = models.DateTimeField(null=True, blank=True)
    ramp_start = models.PositiveIntegerField(default=20, help_text="Mails on the first day.")
    ramp_growth = models.PositiveSmallIntegerField(default=20, help_text="Percent a day.")
    daily_cap = models.PositiveIntegerField(default=200, help_text="Mails a day once warm.")
    started_on = models.DateField(null=True, blank=True, help_text="The day it first sent.")
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["from_email"]
        verbose_name_plural = "mailboxes"

    def __str__(self) -> str:
        return self.from_email


class Sequence(models.Model):
    """The steps in which a prospect is written to."""

    name = models.CharField(max_length=120, unique=True)
    ideal_customer = models.ForeignKey(
        IdealCustomer,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="sequences",
        help_text="Empty: for all that have none of their own.",
    )
    send_from = models.PositiveSmallIntegerField(default=8, help_text="Hour, their time.")
    send_until = models.PositiveSmallIntegerField(default=18, help_text="Hour, their time.")
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            # Cold mail goes out from 8 to 18 in the recipient's zone: a sequence only narrows it.
            models.CheckConstraint(
                condition=Q(send_from__gte=8, send_until__lte=18)
                & Q(send_from__lt=models.F("send_until")),
                name="pipeline_sequence_hours",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SequenceStep(models.Model):
    """One step: what is done so many days after the first."""

    class Channel(models.TextChoices):
        EMAIL = "email", "E-mail"
        LINKEDIN = "linkedin", "LinkedIn note, by hand"
        CALL = "call", "Call, by hand"

    sequence = models.ForeignKey(Sequence, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    day = models.PositiveSmallIntegerField(help_text="Days after the first step.")
    channel = models.CharField(max_length=8, choices=Channel)

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["sequence", "position"],
                deferrable=models.Deferrable.DEFERRED,
                name="pipeline_step_once",
            ),
        ]

    def __str__(self) -> str:
        return f"day {self.day}: {self.get_channel_display()}"


class Variant(models.Model):
    """One wording of a step. Which one is used is chosen by how often it was replied to."""

    step = models.ForeignKey(SequenceStep, on_delete=models.CASCADE, related_name="variants")
    name = models.CharField(max_length=40)
    subject = models.CharField(max_length=150, blank=True, default="")
    body = models.TextField(help_text="With {first_name}, {company}, {fact}, {pain}, …")
    active = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return self.name


class Enrollment(models.Model):
    """A person on their way through a sequence. Any answer of theirs stops it."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        FINISHED = "finished"
        STOPPED = "stopped"

    class Stop(models.TextChoices):
        REPLY = "reply", "They replied"
        BOUNCE = "bounce", "The mail came back"
        UNSUBSCRIBE = "unsubscribe", "They unsubscribed"
        BOOKING = "booking", "They booked"
        COMPLAINT = "complaint", "They complained"
        SUPPRESSED = "suppressed", "Suppressed"
        REJECTED = "rejected", "You rejected a step"
        OPERATOR = "operator", "You stopped it"
        DROPPED = "dropped", "The prospect was dropped"

    id = models.UUIDField(primary_key=True, default=uuid7)
    prospect = models.ForeignKey(Prospect, on_delete=models.PROTECT, related_name="enrollments")
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="enrollments")
    sequence = models.ForeignKey(Sequence, on_delete=models.PROTECT, related_name="enrollments")
    mailbox = models.ForeignKey(
        Mailbox, null=True, blank=True, on_delete=models.PROTECT, related_name="enrollments"
    )
    status = models.CharField(max_length=8, choices=Status, default=Status.ACTIVE)
    stop_reason = models.CharField(max_length=11, choices=Stop, blank=True, default="")
    position = models.PositiveSmallIntegerField(default=0, help_text="Of the next step.")
    due_at = models.DateTimeField(help_text="When it falls due, business time.")
    announced_at = models.DateTimeField(
        null=True, blank=True, help_text="When `step.due` was told of it, wall time."
    )
    started_at = models.DateTimeField(help_text="Business time; days count from here.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["prospect"],
                condition=Q(status="active"),
                name="pipeline_enrollment_one_active",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"],
                condition=Q(status="active", announced_at=None),
                name="pipeline_enrollment_due",
            ),
            models.Index(fields=["sequence", "status"], name="pipeline_enrollment_funnel"),
        ]

    def __str__(self) -> str:
        return f"{self.contact} in {self.sequence}"


class Touch(models.Model):
    """One message that went out to a prospect, and what came of it. Times are business time."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    prospect = models.ForeignKey(Prospect, on_delete=models.PROTECT, related_name="touches")
    contact = models.ForeignKey(Contact, null=True, on_delete=models.SET_NULL, related_name="+")
    enrollment = models.ForeignKey(
        Enrollment, null=True, blank=True, on_delete=models.PROTECT, related_name="touches"
    )
    position = models.PositiveSmallIntegerField(default=0)
    channel = models.CharField(max_length=8, choices=SequenceStep.Channel)
    variant = models.ForeignKey(
        Variant, null=True, blank=True, on_delete=models.SET_NULL, related_name="touches"
    )
    mailbox = models.ForeignKey(
        Mailbox, null=True, blank=True, on_delete=models.PROTECT, related_name="touches"
    )
    action_id = models.UUIDField(null=True, blank=True, unique=True)
    message_id = models.CharField(max_length=300, blank=True, default="", db_index=True)
    to_address = models.CharField(max_length=254, blank=True, default="", help_text="Lower case.")
    subject = models.CharField(max_length=300, blank=True, default="")
    sent_at = models.DateTimeField()
    replied_at = models.DateTimeField(null=True, blank=True)
    bounced_at = models.DateTimeField(null=True, blank=True)
    complained_at = models.DateTimeField(null=True, blank=True)
    unsubscribed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "touches"
        indexes: ClassVar = [
            models.Index(fields=["to_address", "-sent_at"], name="pipeline_touch_to"),
            models.Index(fields=["mailbox", "-sent_at"], name="pipeline_touch_mailbox"),
            models.Index(fields=["-sent_at"], name="pipeline_touch_sent"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} to {self.to_address or self.prospect}"


class HandTask(models.Model):
    """What the operator does by hand: a LinkedIn note with its text ready, a call."""

    prospect = models.ForeignKey(Prospect, on_delete=models.PROTECT, related_name="tasks")
    contact = models.ForeignKey(Contact, null=True, on_delete=models.SET_NULL, related_name="+")
    enrollment = models.ForeignKey(
        Enrollment, null=True, blank=True, on_delete=models.PROTECT, related_name="tasks"
    )
    position = models.PositiveSmallIntegerField(default=0)
    channel = models.CharField(max_length=8, choices=SequenceStep.Channel)
    action_id = models.UUIDField(null=True, blank=True, unique=True)
    text = models.TextField()
    url = models.URLField(max_length=500, blank=True, default="")
    due_at = models.DateTimeField(help_text="Business time.")
    done_at = models.DateTimeField(null=True, blank=True)
    skipped_at = models.DateTimeField(null=True, blank=True)
    by = models.CharField(max_length=150, blank=True, default="")
    note = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"],
                condition=Q(done_at=None, skipped_at=None),
                name="pipeline_handtask_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()}: {self.prospect}"


class Suppression(models.Model):
    """Whom nobody writes cold mail to; replies only if the person wrote since."""

    class Scope(models.TextChoices):
        ADDRESS = "address"
        DOMAIN = "domain"
        COMPANY = "company"
        KEYWORD = "keyword"

    scope = models.CharField(max_length=8, choices=Scope)
    value = models.CharField(max_length=254, help_text="Lower case.")
    reason = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["scope", "value"], name="pipeline_suppression_once"),
        ]
        indexes: ClassVar = [models.Index(Lower("value"), name="pipeline_suppression_lower")]

    def __str__(self) -> str:
        return self.value
