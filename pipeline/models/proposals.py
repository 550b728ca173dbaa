"""Proposals: versions of an offer, what was seen and signed, each by the hash of its document."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from agency.ids import uuid7
from billing.models import Package
from pipeline.models.deals import Deal
from pipeline.models.prospects import World


class Proposal(models.Model):
    """One version of an offer. `document` is frozen once it is sent; its hash says so."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        SENT = "sent", "Sent"
        SIGNED = "signed", "Signed"
        PAID = "paid", "Signed and paid"
        DECLINED = "declined", "Declined"
        SUPERSEDED = "superseded", "Replaced by a newer version"
        EXPIRED = "expired", "Expired"

    id = models.UUIDField(primary_key=True, default=uuid7)
    world = models.CharField(max_length=7, choices=World)
    deal = models.ForeignKey(Deal, on_delete=models.PROTECT, related_name="proposals")
    version = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="proposals")
    setup_usd = models.DecimalField(max_digits=12, decimal_places=2)
    monthly_usd = models.DecimalField(max_digits=12, decimal_places=2)
    discount_percent = models.DecimalField(max_digits=5, decimal_places=2, default=0)
    term_months = models.PositiveSmallIntegerField(default=12)
    document = models.JSONField(
        help_text="Parties, title, summary, scope, price and terms, as they are signed."
    )
    document_sha256 = models.CharField(
        max_length=64, help_text="Of the document as canonical JSON; hex."
    )
    action_id = models.UUIDField(null=True, blank=True, unique=True)
    valid_until = models.DateTimeField(help_text="Business time.")
    sent_at = models.DateTimeField(null=True, blank=True, help_text="Business time.")
    first_seen_at = models.DateTimeField(null=True, blank=True, help_text="Business time.")
    last_seen_at = models.DateTimeField(null=True, blank=True, help_text="Business time.")
    seen_count = models.PositiveIntegerField(default=0)
    followed_up = models.PositiveSmallIntegerField(default=0, help_text="So many follow-ups went.")
    fell_due = models.PositiveSmallIntegerField(
        default=0, help_text="So many follow-ups fell due, gone or not."
    )
    followed_up_at = models.DateTimeField(null=True, blank=True, help_text="Business time.")
    declined_at = models.DateTimeField(null=True, blank=True)
    decline_reason = models.CharField(max_length=300, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["deal", "-version"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["deal", "version"], name="pipeline_proposal_version_once"
            ),
            models.UniqueConstraint(
                fields=["deal"],
                condition=Q(status__in=["sent", "signed", "paid"]),
                name="pipeline_proposal_one_in_force",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["sent_at"], condition=Q(status="sent"), name="pipeline_proposal_out"
            ),
        ]

    def __str__(self) -> str:
        return f"Proposal {self.version} for {self.deal}"


class Signature(models.Model):
    """Who signed what, when and from where, with the PDF as it was made. A trigger keeps it."""

    proposal = models.OneToOneField(Proposal, on_delete=models.PROTECT, related_name="signature")
    name = models.CharField(max_length=200, help_text="As typed.")
    email = models.EmailField()
    consent = models.CharField(max_length=500, help_text="The sentence that was agreed to.")
    address = models.GenericIPAddressField(help_text="Where it was signed from.")
    user_agent = models.CharField(max_length=300, blank=True, default="")
    document_sha256 = models.CharField(max_length=64, help_text="Of what was on the page; hex.")
    signed_at = models.DateTimeField(help_text="Wall time.")
    pdf = models.BinaryField()
    pdf_sha256 = models.CharField(max_length=64, db_index=True, help_text="Hex.")

    def __str__(self) -> str:
        return f"{self.name}, {self.signed_at:%Y-%m-%d %H:%M}"
