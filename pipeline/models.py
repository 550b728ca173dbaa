"""Leads and the addresses nobody writes to."""

from typing import ClassVar

from django.db import models

from agency.ids import uuid7
from agency.models import Client


class Lead(models.Model):
    """Somebody who asked. Scored by the Qualifier, answered after approval."""

    class Status(models.TextChoices):
        NEW = "new"
        QUALIFIED = "qualified"
        REVIEW = "review"
        DISQUALIFIED = "disqualified"

    class Outcome(models.TextChoices):
        OPEN = "open"
        WON = "won"
        LOST = "lost"

    id = models.UUIDField(primary_key=True, default=uuid7)
    client = models.ForeignKey(
        Client,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        help_text="Empty: the agency's own.",
    )
    source = models.CharField(max_length=80, help_text="webhook:website, reply, call, …")
    delivery_id = models.UUIDField(null=True, blank=True, unique=True)
    name = models.CharField(max_length=200, blank=True, default="")
    email = models.EmailField(blank=True, default="")
    phone = models.CharField(max_length=40, blank=True, default="")
    company = models.CharField(max_length=200, blank=True, default="")
    website = models.URLField(max_length=500, blank=True, default="")
    subject = models.CharField(max_length=300, blank=True, default="")
    message = models.TextField(blank=True, default="")
    fields = models.JSONField(default=dict, blank=True, help_text="Whatever else was sent.")
    timezone = models.CharField(max_length=64, blank=True, default="")
    status = models.CharField(max_length=14, choices=Status, default=Status.NEW)
    score = models.PositiveSmallIntegerField(null=True, blank=True)
    score_parts = models.JSONField(
        default=list, blank=True, help_text="[{dimension, signal, points, max, why, quote}]"
    )
    score_reason = models.TextField(blank=True, default="")
    outcome = models.CharField(max_length=6, choices=Outcome, default=Outcome.OPEN)
    received_at = models.DateTimeField()
    scored_at = models.DateTimeField(null=True, blank=True)
    drafted_at = models.DateTimeField(null=True, blank=True, help_text="An answer first waited.")
    answered_at = models.DateTimeField(null=True, blank=True, help_text="An answer first went out.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(score__isnull=True) | models.Q(score__lte=100),
                name="pipeline_lead_score",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["status", "-received_at"]),
            models.Index(fields=["-received_at", "id"]),
            models.Index(fields=["email"]),
        ]

    def __str__(self) -> str:
        return self.name or self.company or self.email or str(self.id)


class Suppression(models.Model):
    """An address or domain nobody writes cold mail to; replies only if the person wrote since."""

    class Scope(models.TextChoices):
        ADDRESS = "address"
        DOMAIN = "domain"

    scope = models.CharField(max_length=8, choices=Scope)
    value = models.CharField(max_length=254)
    reason = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["scope", "value"], name="pipeline_suppression_once"),
        ]

    def __str__(self) -> str:
        return self.value
