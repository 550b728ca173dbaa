"""Mail that came in, kept as it came, and the conversations it belongs to."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from agency.ids import uuid7
from pipeline.models.leads import Lead
from pipeline.models.outreach import Mailbox, Touch
from pipeline.models.prospects import Prospect


class Thread(models.Model):
    """One conversation by mail with a person."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    subject = models.CharField(max_length=300, blank=True, default="")
    address = models.CharField(max_length=254, db_index=True, help_text="Theirs, lower case.")
    prospect = models.ForeignKey(
        Prospect, null=True, blank=True, on_delete=models.PROTECT, related_name="threads"
    )
    lead = models.ForeignKey(
        Lead, null=True, blank=True, on_delete=models.PROTECT, related_name="threads"
    )
    unread = models.BooleanField(default=True)
    last_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["-last_at", "-id"], name="pipeline_thread_latest"),
            models.Index(
                fields=["-last_at"], condition=Q(unread=True), name="pipeline_thread_unread"
            ),
        ]

    def __str__(self) -> str:
        return self.subject or self.address


class InboundMail(models.Model):
    """A mail that came in. Stored raw and once before it is looked at; it is data, no orders."""

    class Kind(models.TextChoices):
        REPLY = "reply"
        AUTO_REPLY = "auto_reply", "automatic reply"
        BOUNCE = "bounce"
        COMPLAINT = "complaint"
        OTHER = "other", "not about anything we sent"

    class Label(models.TextChoices):
        INTERESTED = "interested", "Interested"
        QUESTION = "question", "Question"
        LATER = "later", "Later"
        REFERRAL = "referral", "Referral"
        NOT_INTERESTED = "not_interested", "Not interested"
        UNSUBSCRIBE = "unsubscribe", "Unsubscribe"
        OUT_OF_OFFICE = "out_of_office", "Out of office"
        BOUNCE = "bounce", "Bounce"

    class Status(models.TextChoices):
        STORED = "stored"
        READ = "read"
        SORTED = "sorted"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7)
    key = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the raw message.")
    via = models.CharField(max_length=80, help_text="webhook:mailgun, imap:alex@…")
    mailbox = models.ForeignKey(
        Mailbox, null=True, blank=True, on_delete=models.SET_NULL, related_name="received"
    )
    raw = models.BinaryField()
    received_at = models.DateTimeField()
    message_id = models.CharField(max_length=300, blank=True, default="", db_index=True)
    in_reply_to = models.CharField(max_length=300, blank=True, default="")
    references = ArrayField(models.CharField(max_length=300), default=list, blank=True)
    from_name = models.CharField(max_length=200, blank=True, default="")
    from_email = models.CharField(max_length=254, blank=True, default="", help_text="Lower case.")
    to_email = models.CharField(max_length=254, blank=True, default="")
    subject = models.CharField(max_length=300, blank=True, default="")
    text = models.TextField(blank=True, default="", help_text="Without quotes and signature.")
    full_text = models.TextField(blank=True, default="")
    kind = models.CharField(max_length=10, choices=Kind, blank=True, default="")
    label = models.CharField(max_length=14, choices=Label, blank=True, default="")
    label_reason = models.CharField(max_length=300, blank=True, default="")
    status = models.CharField(max_length=6, choices=Status, default=Status.STORED)
    error = models.TextField(blank=True, default="")
    thread = models.ForeignKey(
        Thread, null=True, blank=True, on_delete=models.PROTECT, related_name="mails"
    )
    touch = models.ForeignKey(
        Touch, null=True, blank=True, on_delete=models.SET_NULL, related_name="answers"
    )
    prospect = models.ForeignKey(
        Prospect, null=True, blank=True, on_delete=models.PROTECT, related_name="mails"
    )
    lead = models.ForeignKey(
        Lead, null=True, blank=True, on_delete=models.PROTECT, related_name="mails"
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["prospect", "received_at"],
                condition=Q(status="read"),
                name="pipeline_mail_to_sort",
            ),
        ]

    def __str__(self) -> str:
        return self.subject or self.from_email


class Attachment(models.Model):
    """A file that came with a mail: kept, never opened here."""

    mail = models.ForeignKey(InboundMail, on_delete=models.CASCADE, related_name="attachments")
    filename = models.CharField(max_length=200, blank=True, default="")
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField(help_text="Bytes.")
    content = models.BinaryField()

    def __str__(self) -> str:
        return self.filename or self.content_type
