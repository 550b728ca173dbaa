"""Deals: what a lead may become, worth how much, how likely, and what comes next."""

from decimal import Decimal
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, Q, Value, When

from agency.ids import uuid7
from agency.models import Client
from billing.models import Package
from pipeline.models.leads import Lead
from pipeline.models.prospects import Prospect

MONTHS = 12
"""A deal is worth its setup and so many months."""


class DealStage(models.TextChoices):
    """Where a deal stands, as the board shows it, in order."""

    BOOKED = "booked", "Call booked"
    HELD = "held", "Call held"
    PROPOSED = "proposed", "Proposal out"
    NEGOTIATING = "negotiating", "Negotiating"
    SIGNED = "signed", "Signed"
    WON = "won", "Won"
    LOST = "lost", "Lost"


PROBABILITY = {
    DealStage.BOOKED: 20,
    DealStage.HELD: 40,
    DealStage.PROPOSED: 60,
    DealStage.NEGOTIATING: 70,
    DealStage.SIGNED: 90,
    DealStage.WON: 100,
    DealStage.LOST: 0,
}
"""Percent, unless somebody set a deal's own."""


class Deal(models.Model):
    """A sale under way with one company. Times are business time."""

    class Lost(models.TextChoices):
        PRICE = "price", "Too expensive"
        TIMING = "timing", "Not now"
        COMPETITOR = "competitor", "Took somebody else"
        NO_NEED = "no_need", "No need"
        NO_ANSWER = "no_answer", "No answer any more"
        NO_SHOW = "no_show", "Never came to the call"
        NOT_A_FIT = "not_a_fit", "Not a fit"
        OTHER = "other", "Something else"

    OPEN = (
        DealStage.BOOKED,
        DealStage.HELD,
        DealStage.PROPOSED,
        DealStage.NEGOTIATING,
        DealStage.SIGNED,
    )

    id = models.UUIDField(primary_key=True, default=uuid7)
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, related_name="deals")
    prospect = models.ForeignKey(
        Prospect, null=True, blank=True, on_delete=models.PROTECT, related_name="deals"
    )
    client = models.ForeignKey(
        Client,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="deals",
        help_text="What it became when it was won.",
    )
    name = models.CharField(max_length=200, help_text="The company.")
    stage = models.CharField(max_length=11, choices=DealStage, default=DealStage.BOOKED)
    stage_at = models.DateTimeField(help_text="Since when it stands there.")
    probability = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text="Percent; empty is what the stage says.",
    )
    package = models.ForeignKey(
        Package, null=True, blank=True, on_delete=models.PROTECT, related_name="deals"
    )
    setup_usd = models.DecimalField(max_digits=12, decimal_places=2, default=Decimal(0))
    monthly_usd = models.DecimalField(max_digits=12, decimal_places=2, default=Decimal(0))
    value_usd = models.GeneratedField(
        expression=models.F("setup_usd") + models.F("monthly_usd") * MONTHS,
        output_field=models.DecimalField(max_digits=14, decimal_places=2),
        db_persist=True,
    )
    chance = models.GeneratedField(
        expression=Case(
            When(stage=DealStage.WON, then=Value(100)),
            When(stage=DealStage.LOST, then=Value(0)),
            When(probability__isnull=False, then=models.F("probability")),
            *(When(stage=stage, then=Value(percent)) for stage, percent in PROBABILITY.items()),
            default=Value(0),
            output_field=models.PositiveSmallIntegerField(),
        ),
        output_field=models.PositiveSmallIntegerField(),
        db_persist=True,
    )
    next_step = models.CharField(max_length=200, blank=True, default="")
    next_step_at = models.DateTimeField(null=True, blank=True)
    lost_reason = models.CharField(max_length=10, choices=Lost, blank=True, default="")
    lost_note = models.CharField(max_length=300, blank=True, default="")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True, help_text="Won or lost.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["lead"],
                condition=~Q(stage__in=["won", "lost"]),
                name="pipeline_deal_one_open",
            ),
            models.CheckConstraint(
                condition=Q(stage__in=["won", "lost"], closed_at__isnull=False)
                | (~Q(stage__in=["won", "lost"]) & Q(closed_at=None)),
                name="pipeline_deal_closed_at",
            ),
            models.CheckConstraint(
                condition=Q(setup_usd__gte=0, monthly_usd__gte=0), name="pipeline_deal_worth"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["stage", "-stage_at", "-id"],
                include=["value_usd", "chance"],
                name="pipeline_deal_stage",
            ),
            models.Index(fields=["client"], name="pipeline_deal_client"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        """Whether it is neither won nor lost."""
        return self.stage in self.OPEN


class DealNote(models.Model):
    """What was said: notes of a call, typed or a pasted transcript, and what was read out of them.

    The text is data from outside: it gives nobody orders.
    """

    class Kind(models.TextChoices):
        TYPED = "typed"
        TRANSCRIPT = "transcript"

    deal = models.ForeignKey(Deal, on_delete=models.PROTECT, related_name="notes")
    meeting = models.ForeignKey(
        "Meeting", null=True, blank=True, on_delete=models.PROTECT, related_name="notes"
    )
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.TYPED)
    text = models.TextField(max_length=50_000)
    by = models.CharField(max_length=150, help_text="Who wrote it, or webhook:meetings.")
    needs = models.JSONField(default=list, blank=True, help_text="[{text, quote}]")
    objections = models.JSONField(default=list, blank=True, help_text="[{text, quote}]")
    next_step = models.CharField(max_length=200, blank=True, default="")
    read_at = models.DateTimeField(null=True, blank=True, help_text="When it was read out of it.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"Notes on {self.deal}"
