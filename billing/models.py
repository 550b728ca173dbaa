"""The price book, contracts, subscriptions and payments. Money in US dollars."""

from decimal import Decimal
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from agency.ids import uuid7
from agency.models import Client

ZERO = MinValueValidator(Decimal(0))


class World(models.TextChoices):
    """Whether money moves in the real world or in the sandbox."""

    SANDBOX = "sandbox"
    REAL = "real"


class Package(models.Model):
    """One thing the agency sells: its price, and the bounds no proposal may leave by itself."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    summary = models.CharField(max_length=300, help_text="One sentence, as a proposal says it.")
    scope = ArrayField(
        models.CharField(max_length=300), help_text="What the client gets, a line each."
    )
    fits = ArrayField(
        models.CharField(max_length=60),
        default=list,
        blank=True,
        help_text="Words of a need that this package answers.",
    )
    setup_usd = models.DecimalField(max_digits=10, decimal_places=2, validators=[ZERO])
    monthly_usd = models.DecimalField(max_digits=10, decimal_places=2, validators=[ZERO])
    setup_floor_usd = models.DecimalField(
        max_digits=10, decimal_places=2, validators=[ZERO], help_text="Never under this."
    )
    monthly_floor_usd = models.DecimalField(
        max_digits=10, decimal_places=2, validators=[ZERO], help_text="Never under this."
    )
    setup_ceiling_usd = models.DecimalField(max_digits=10, decimal_places=2, validators=[ZERO])
    monthly_ceiling_usd = models.DecimalField(max_digits=10, decimal_places=2, validators=[ZERO])
    max_discount_percent = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        default=Decimal(10),
        validators=[ZERO, MaxValueValidator(Decimal(100))],
        help_text="More than this asks you.",
    )
    term_months = models.PositiveSmallIntegerField(default=12)
    active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["position", "name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(
                    setup_floor_usd__gte=0,
                    monthly_floor_usd__gte=0,
                    setup_usd__gte=F("setup_floor_usd"),
                    monthly_usd__gte=F("monthly_floor_usd"),
                    setup_ceiling_usd__gte=F("setup_usd"),
                    monthly_ceiling_usd__gte=F("monthly_usd"),
                ),
                name="billing_package_bounds",
            ),
            models.CheckConstraint(
                condition=Q(max_discount_percent__gte=0, max_discount_percent__lte=100),
                name="billing_package_discount",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Contract(models.Model):
    """What a client signed: by reference and hash, so that it is found and proven."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="contracts")
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="contracts")
    reference = models.UUIDField(unique=True, help_text="The proposal that was signed.")
    document_sha256 = models.CharField(max_length=64)
    signed_by = models.CharField(max_length=200)
    signed_at = models.DateTimeField(help_text="Wall time.")
    setup_usd = models.DecimalField(max_digits=12, decimal_places=2)
    monthly_usd = models.DecimalField(max_digits=12, decimal_places=2)
    term_months = models.PositiveSmallIntegerField()
    starts_at = models.DateTimeField(help_text="Business time.")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.package} for {self.client}"


class Subscription(models.Model):
    """What a client pays each month, from when on."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"
        CANCELLED = "cancelled"

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="subscriptions")
    contract = models.OneToOneField(Contract, on_delete=models.PROTECT, related_name="subscription")
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="subscriptions")
    status = models.CharField(max_length=9, choices=Status, default=Status.ACTIVE)
    monthly_usd = models.DecimalField(max_digits=12, decimal_places=2)
    period_starts_at = models.DateTimeField(help_text="Business time.")
    period_ends_at = models.DateTimeField(help_text="Business time.")
    started_at = models.DateTimeField(help_text="Business time.")
    ended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["client", "status"], name="billing_subscription_client"),
        ]

    def __str__(self) -> str:
        return f"{self.package}, {self.monthly_usd} USD a month"


class Payment(models.Model):
    """Money that is to come in, once, for one thing. Its id is the provider's idempotency key."""

    class Status(models.TextChoices):
        OPEN = "open", "Not paid yet"
        PAID = "paid", "Paid"
        FAILED = "failed", "Declined"
        EXPIRED = "expired", "The checkout expired"
        UNKNOWN = "unknown", "Nobody knows yet"

    id = models.UUIDField(primary_key=True, default=uuid7)
    world = models.CharField(max_length=7, choices=World)
    provider = models.CharField(max_length=10, help_text="stripe, sandbox or hand.")
    client = models.ForeignKey(
        Client, null=True, blank=True, on_delete=models.PROTECT, related_name="payments"
    )
    purpose = models.CharField(max_length=20, help_text="proposal, invoice, …")
    reference = models.UUIDField(help_text="Of what it is for, such as the proposal.")
    description = models.CharField(max_length=300)
    payer_email = models.EmailField(blank=True, default="")
    amount_usd = models.DecimalField(max_digits=12, decimal_places=2)
    currency = models.CharField(max_length=3, default="usd")
    status = models.CharField(max_length=8, choices=Status, default=Status.OPEN)
    checkout_id = models.CharField(max_length=120, blank=True, default="")
    checkout_url = models.URLField(max_length=2_000, blank=True, default="")
    intent_id = models.CharField(max_length=120, blank=True, default="")
    tries = models.PositiveSmallIntegerField(default=0, help_text="Checkouts made for it.")
    failure = models.CharField(max_length=300, blank=True, default="")
    paid_at = models.DateTimeField(null=True, blank=True, help_text="Wall time.")
    refunded_usd = models.DecimalField(
        max_digits=12, decimal_places=2, default=0, help_text="As the provider says."
    )
    asked_at = models.DateTimeField(
        null=True, blank=True, help_text="When the provider was last asked; wall time."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["purpose", "reference"], name="billing_payment_once"),
            models.UniqueConstraint(
                fields=["checkout_id"],
                condition=~Q(checkout_id=""),
                name="billing_payment_checkout_once",
            ),
            models.CheckConstraint(condition=Q(amount_usd__gt=0), name="billing_payment_amount"),
        ]
        indexes: ClassVar = [
            models.Index(
                F("asked_at").asc(nulls_first=True),
                condition=~Q(status="paid") & ~Q(checkout_id=""),
                name="billing_payment_ask",
            ),
            models.Index(
                fields=["intent_id"], condition=~Q(intent_id=""), name="billing_payment_intent"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_usd} USD, {self.description}"


class PaymentEvent(models.Model):
    """What a payment provider told us: verified, stored as it came and once, then worked."""

    provider = models.CharField(max_length=10)
    event_id = models.CharField(max_length=120)
    type = models.CharField(max_length=80)
    raw = models.BinaryField()
    happened_at = models.DateTimeField(help_text="As the provider says.")
    received_at = models.DateTimeField(auto_now_add=True)
    worked_at = models.DateTimeField(null=True, blank=True)
    result = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["provider", "event_id"], name="billing_paymentevent_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
