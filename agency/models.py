"""The tenant, the agency's own profile, and the audit trail."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from agency.zones import validate_timezone


class Client(models.Model):
    """A client of the agency: the tenant. Every cost, automation and conversation carries it."""

    class Status(models.TextChoices):
        ONBOARDING = "onboarding"
        ACTIVE = "active"
        SUSPENDED = "suspended"
        FORMER = "former"

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=80, unique=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.ONBOARDING)
    timezone = models.CharField(max_length=64, default="UTC", validators=[validate_timezone])
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


def sample_icp() -> dict[str, list[str]]:
    """Return the sample ideal customer: home services and dentists in Arizona."""
    return {
        "industries": ["plumbing", "hvac", "roofing", "electrical", "dental", "home services"],
        "places": ["Arizona", "Tucson", "Phoenix"],
        "keywords": ["missed calls", "miss calls", "booking", "reviews", "follow up", "no-shows"],
        "exclusions": ["marketing agency", "recruiter", "crypto"],
    }


class AgencyProfile(models.Model):
    """Who the agency is and how far the operator lets it run by itself. One row."""

    class Phase(models.IntegerChoices):
        FOUNDATION = 1, "1 · Foundation: everything outward asks you"
        SALES = 2, "2 · AI sales: outreach, qualifying and booking run; you close"
        DELIVERY = 3, "3 · AI delivery: onboarding, deploys and monitoring run too"
        AUTONOMOUS = 4, "4 · Autonomous: closing, pricing and support run inside limits"

    name = models.CharField(max_length=200, default="Northwind Automations")
    sender_name = models.CharField(max_length=200, default="Alex Moreno")
    sender_email = models.EmailField(default="alex@northwind.example")
    reply_to = models.EmailField(blank=True, default="")
    postal_address = models.CharField(max_length=300, default="41 Mill Street, Tucson AZ 85701")
    website = models.URLField(blank=True, default="https://northwind.example")
    booking_url = models.URLField(
        blank=True,
        default="",
        help_text="Where calls are booked instead of on this app's own page; empty: there.",
    )
    timezone = models.CharField(max_length=64, default="UTC", validators=[validate_timezone])
    operator_email = models.EmailField(default="operator@northwind.example")
    phase = models.PositiveSmallIntegerField(choices=Phase, default=Phase.FOUNDATION)
    undo_send_seconds = models.PositiveSmallIntegerField(
        default=10, validators=[MinValueValidator(0), MaxValueValidator(300)]
    )
    icp = models.JSONField(default=sample_icp, blank=True)
    is_sample = models.BooleanField(
        default=True, help_text="Still the sample data: fine for the sandbox, refused by real mail."
    )
    setup_done = ArrayField(
        models.CharField(max_length=20),
        default=list,
        blank=True,
        help_text="The steps of the first run that were saved.",
    )
    setup_closed_at = models.DateTimeField(
        null=True, blank=True, help_text="The first run was finished or skipped."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(id=1), name="agency_profile_one_row"),
            models.CheckConstraint(
                condition=models.Q(phase__gte=1, phase__lte=4), name="agency_profile_phase"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def load(cls) -> "AgencyProfile":
        """Return the one row, made with sample values on first use."""
        profile, _ = cls.objects.get_or_create(
            id=1, defaults={"operator_email": settings.OPERATOR_EMAIL}
        )
        return profile


class LastLook(models.Model):
    """When an operator last opened the overview, and since when it tells what happened."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="last_look"
    )
    at = models.DateTimeField(help_text="The last time it was opened.")
    since = models.DateTimeField(help_text="The last time it was opened before an absence.")

    def __str__(self) -> str:
        return f"{self.user} since {self.since:%Y-%m-%d %H:%M}"


class ApiKey(models.Model):
    """What a program shows to use the API; only its hash is kept. What it does its maker did."""

    name = models.CharField(max_length=60)
    prefix = models.CharField(max_length=16, help_text="How it begins, to tell it from others.")
    secret_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256; hex.")
    scopes = ArrayField(models.CharField(max_length=40))
    client = models.ForeignKey(
        Client,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        help_text="It sees this client’s records only; empty: everything.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_keys"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(
        null=True, blank=True, help_text="To the minute, more or less."
    )
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=150, blank=True, default="")

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return self.name


class ApiAnswer(models.Model):
    """What was answered under an Idempotency-Key; the same again within 24 hours gets it again."""

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE)
    idempotency_key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    status = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "API answer"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["key", "idempotency_key"], name="agency_apianswer_once"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="agency_apianswer_age")]

    def __str__(self) -> str:
        return self.idempotency_key


class AuditEntry(models.Model):
    """One thing that happened, in a sentence and in full. A trigger forbids changing it."""

    class ActorKind(models.TextChoices):
        USER = "user"
        AGENT = "agent"
        SYSTEM = "system"

    at = models.DateTimeField(auto_now_add=True)
    actor = models.CharField(max_length=150)
    actor_kind = models.CharField(max_length=8, choices=ActorKind)
    verb = models.CharField(max_length=80)
    object_type = models.CharField(max_length=80, blank=True, default="")
    object_id = models.CharField(max_length=64, blank=True, default="")
    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.PROTECT)
    correlation_id = models.UUIDField(null=True, blank=True)
    sentence = models.TextField()
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes: ClassVar = [
            models.Index(fields=["object_type", "object_id", "id"]),
            models.Index(fields=["correlation_id"]),
            models.Index(fields=["at", "id"], name="agency_auditentry_day"),
            models.Index(
                fields=["id"],
                condition=models.Q(actor_kind="user"),
                name="agency_auditentry_people",
            ),
        ]

    def __str__(self) -> str:
        return self.sentence


class AuditUnsealed(models.Model):
    """The id of an entry that waits for its seal. A trigger puts it here with the entry."""

    entry = models.BigIntegerField(primary_key=True)

    class Meta:
        verbose_name = "unsealed audit entry"
        verbose_name_plural = "unsealed audit entries"

    def __str__(self) -> str:
        return f"entry {self.entry}"


class AuditSeal(models.Model):
    """One link of the chain over the trail; a trigger forbids changing it. See agency/seals.py.

    Without foreign keys: a seal outlives whatever was done to its entry.
    """

    seq = models.BigIntegerField(primary_key=True)
    entry = models.BigIntegerField(unique=True)
    prev = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.seq} {self.hash}"
