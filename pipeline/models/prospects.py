"""Companies nobody has written to yet: who fits, where they are found, what is known of them."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from agency.ids import uuid7
from pipeline import search
from pipeline.models.imports import FileImport


def _words(help_text: str) -> "ArrayField[list[str], list[str]]":
    one = models.CharField(max_length=100)
    return ArrayField(one, default=list, blank=True, help_text=help_text)


class World(models.TextChoices):
    """Whether a row is of the real world or of the sandbox market; an effect stays in one."""

    SANDBOX = "sandbox"
    REAL = "real"


class IdealCustomer(models.Model):
    """Who the agency looks for (an ICP); Scout reads its sources as long as it is active."""

    name = models.CharField(max_length=120, unique=True)
    industries = _words("Such as plumbing, dental.")
    places = _words("Cities, regions or countries.")
    signals = _words("What makes it timely: hiring, funding, new location, bad reviews.")
    keywords = _words("Words of the problem you solve.")
    exclusions = _words("Whoever shows one of these is no fit.")
    min_employees = models.PositiveIntegerField(null=True, blank=True)
    max_employees = models.PositiveIntegerField(null=True, blank=True)
    min_fit = models.PositiveSmallIntegerField(
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="So many points of fit and more are researched and written to.",
    )
    timezone = models.CharField(
        max_length=64, default="America/Phoenix", help_text="Where nothing else says one."
    )
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Source(models.Model):
    """Where prospects of an ideal customer are found."""

    class Kind(models.TextChoices):
        FEED = "feed", "News feed (RSS, Atom)"
        LISTING = "listing", "Listing page"
        OVERPASS = "overpass", "OpenStreetMap (Overpass)"
        FILE = "file", "CSV file"
        MANUAL = "manual", "Added by hand"
        API = "api", "API"

    ideal_customer = models.ForeignKey(
        IdealCustomer, on_delete=models.PROTECT, related_name="sources"
    )
    kind = models.CharField(max_length=8, choices=Kind)
    name = models.CharField(max_length=120)
    url = models.URLField(max_length=500, blank=True, default="")
    query = models.TextField(
        blank=True, default="", help_text="Overpass: the query. Listing: a CSS selector of entries."
    )
    active = models.BooleanField(default=True)
    every_minutes = models.PositiveIntegerField(default=60, help_text="Business minutes.")
    next_read_at = models.DateTimeField(null=True, blank=True, help_text="Business time.")
    last_read_at = models.DateTimeField(null=True, blank=True, help_text="Business time.")
    last_error = models.TextField(blank=True, default="")
    failures = models.PositiveSmallIntegerField(default=0, help_text="In a row.")
    etag = models.CharField(max_length=200, blank=True, default="")
    last_modified = models.CharField(max_length=100, blank=True, default="")
    seen = models.PositiveIntegerField(default=0, help_text="Entries read, all times together.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["ideal_customer", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ideal_customer", "name"], name="pipeline_source_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Sighting(models.Model):
    """An entry of a source that Scout judged and passed over; it is not judged again."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="sightings")
    mark = models.CharField(max_length=64, help_text="SHA-256 of what tells the entry apart.")
    name = models.CharField(max_length=200)
    why = models.CharField(max_length=300)
    seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "mark"], name="pipeline_sighting_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Prospect(models.Model):
    """A company that may become a client, and has not asked."""

    class Status(models.TextChoices):
        NEW = "new", "New"
        RESEARCHED = "researched", "Researched"
        CONTACTED = "contacted", "Contacted"
        REPLIED = "replied", "Replied"
        LEAD = "lead", "Lead"
        DECLINED = "declined", "Declined"
        DROPPED = "dropped", "Dropped"

    OPEN = (Status.NEW, Status.RESEARCHED, Status.CONTACTED, Status.REPLIED)

    id = models.UUIDField(primary_key=True, default=uuid7)
    world = models.CharField(max_length=7, choices=World)
    name = models.CharField(max_length=200)
    domain = models.CharField(max_length=253, blank=True, default="", help_text="Registrable.")
    website = models.URLField(max_length=500, blank=True, default="")
    email = models.EmailField(blank=True, default="")
    phone = models.CharField(max_length=40, blank=True, default="", help_text="E.164.")
    linkedin = models.URLField(max_length=300, blank=True, default="")
    industry = models.CharField(max_length=100, blank=True, default="")
    place = models.CharField(max_length=120, blank=True, default="", help_text="City, region.")
    country = models.CharField(max_length=2, blank=True, default="", help_text="ISO 3166.")
    timezone = models.CharField(max_length=64, blank=True, default="")
    employees = models.PositiveIntegerField(null=True, blank=True)
    description = models.TextField(blank=True, default="")
    ideal_customer = models.ForeignKey(
        IdealCustomer, on_delete=models.PROTECT, related_name="prospects"
    )
    source = models.ForeignKey(
        Source, null=True, blank=True, on_delete=models.PROTECT, related_name="prospects"
    )
    brought_by = models.ForeignKey(
        "ProspectImport",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="prospects",
    )
    source_url = models.URLField(max_length=500, blank=True, default="")
    signals = models.JSONField(default=list, blank=True, help_text="[{name, quote, url}]")
    reason = models.CharField(max_length=300, blank=True, default="", help_text="Why it fits.")
    fit = models.PositiveSmallIntegerField(default=0, help_text="0 to 100.")
    status = models.CharField(max_length=10, choices=Status, default=Status.NEW)
    drop_reason = models.CharField(max_length=200, blank=True, default="")
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged"
    )
    announced_at = models.DateTimeField(
        null=True, blank=True, help_text="When `prospect.added` was told; imports wait their turn."
    )
    researched_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(fit__lte=100), name="pipeline_prospect_fit"),
        ]
        indexes: ClassVar = [
            models.Index(
                F("fit").desc(),
                F("id").desc(),
                condition=Q(merged_into=None),
                name="pipeline_prospect_by_fit",
            ),
            models.Index(
                F("status"),
                F("fit").desc(),
                F("id").desc(),
                condition=Q(merged_into=None),
                name="pipeline_prospect_stands",
            ),
            models.Index(fields=["domain"], name="pipeline_prospect_domain"),
            # What each ideal customer and source yields, without looking at the rows.
            models.Index(
                fields=["ideal_customer", "source", "status"],
                include=["fit"],
                condition=Q(merged_into=None),
                name="pipeline_prospect_yield",
            ),
            # Who was found since when, and what each of them yields, for the funnel.
            models.Index(
                fields=["created_at"],
                include=["ideal_customer", "source", "status"],
                condition=Q(merged_into=None),
                name="pipeline_prospect_found",
            ),
            models.Index(
                F("fit").desc(),
                F("id"),
                condition=Q(announced_at=None, status="new", merged_into=None),
                name="pipeline_prospect_unannounced",
            ),
            models.Index(
                fields=["researched_at"],
                condition=Q(status="researched", merged_into=None),
                name="pipeline_prospect_stale",
            ),
            models.Index(
                fields=["phone"],
                condition=Q(merged_into=None) & ~Q(phone=""),
                name="pipeline_prospect_phone",
            ),
            models.Index(
                search.COMPANY,
                include=["name"],  # Else Postgres works the key out again for each row.
                condition=Q(merged_into=None),
                name="pipeline_prospect_same_name",
            ),
            GinIndex(
                fields=["signals"], opclasses=["jsonb_path_ops"], name="pipeline_prospect_signals"
            ),
            GinIndex(search.PROSPECT, name="pipeline_prospect_words"),
        ]

    def __str__(self) -> str:
        return self.name


class ProspectKey(models.Model):
    """What tells a prospect from all others: its domain, phone, e-mail, or name and place.

    One look at this table finds a duplicate, however many prospects there are.
    """

    class Kind(models.TextChoices):
        DOMAIN = "domain"
        PHONE = "phone"
        EMAIL = "email"
        NAME = "name", "name and place"

    kind = models.CharField(max_length=6, choices=Kind)
    value = models.CharField(max_length=300)
    prospect = models.ForeignKey(Prospect, on_delete=models.CASCADE, related_name="keys")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "value"], name="pipeline_prospectkey_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


class Contact(models.Model):
    """A person, or a general address, at a prospect."""

    prospect = models.ForeignKey(Prospect, on_delete=models.CASCADE, related_name="contacts")
    name = models.CharField(max_length=200, blank=True, default="")
    role = models.CharField(max_length=120, blank=True, default="")
    email = models.EmailField(blank=True, default="")
    phone = models.CharField(max_length=40, blank=True, default="")
    linkedin = models.URLField(max_length=300, blank=True, default="")
    source_url = models.URLField(max_length=500, blank=True, default="")
    is_primary = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["prospect", "email"],
                condition=~Q(email=""),
                name="pipeline_contact_once",
            ),
            models.UniqueConstraint(
                fields=["prospect"],
                condition=Q(is_primary=True),
                name="pipeline_contact_one_primary",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["email"], name="pipeline_contact_email")]

    def __str__(self) -> str:
        return self.name or self.email


class Fact(models.Model):
    """One thing known of a prospect, with the words that say so and where they stand."""

    class Kind(models.TextChoices):
        SERVICE = "service", "What it does"
        SIGNAL = "signal", "Signal"
        PAIN = "pain", "Pain point"
        PERSON = "person", "Person"
        CONTACT = "contact", "Contact point"
        SIZE = "size", "Size"
        PLACE = "place", "Place"
        OTHER = "other", "Other"

    prospect = models.ForeignKey(Prospect, on_delete=models.CASCADE, related_name="facts")
    kind = models.CharField(max_length=8, choices=Kind)
    claim = models.CharField(max_length=300, help_text="In one sentence.")
    quote = models.TextField(help_text="Verbatim, found in the page.")
    url = models.URLField(max_length=500)
    seen_at = models.DateTimeField(help_text="When the page said so.")

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return self.claim


class ProspectImport(FileImport):
    """A file of prospects."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="imports")


class ProspectMerge(models.Model):
    """Two prospects found to be one company; what moved is kept, so that it can be undone."""

    kept = models.ForeignKey(Prospect, on_delete=models.PROTECT, related_name="merges")
    gone = models.ForeignKey(Prospect, on_delete=models.PROTECT, related_name="merged_away")
    moved = models.JSONField(default=dict, blank=True)
    by = models.CharField(max_length=150)
    merged_at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.gone} into {self.kept}"
