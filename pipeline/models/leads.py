"""Leads and the stages they go through."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Cast, Coalesce

from agency.ids import uuid7
from agency.models import Client
from control.models import Action
from pipeline import search
from pipeline.models.imports import FileImport

FEW = 2_000


class Stage(models.TextChoices):
    """Where a lead stands, as the board shows it."""

    NEW = "new", "New"
    DRAFT = "draft", "Draft waits for you"
    ANSWERED = "answered", "Answered"
    LOOK = "look", "Needs a look"
    WON = "won", "Won"
    LOST = "lost", "Lost"


class LeadQuerySet(models.QuerySet["Lead"]):
    """Leads by where they stand.

    `Lead.stage` is what the lead's own columns say, kept by Postgres. Whether a draft waits is
    asked of the actions, so that no decision about one can leave the board wrong.
    """

    def at(self, stage: str) -> "LeadQuerySet":
        """Return the leads that stand there now."""
        if stage == Stage.DRAFT:
            return self.filter(self.with_draft())
        found = self.filter(stage=stage)
        return found if stage == Stage.WON else found.exclude(self.with_draft())

    def staged(self) -> "LeadQuerySet":
        """Annotate `now`, the stage with its draft counted in."""
        case = Case(When(self.with_draft(), then=Value(Stage.DRAFT)), default=F("stage"))
        return self.annotate(now=case)

    def with_draft(self) -> Q:
        """Match the open leads whose outward action is not settled: it waits, leaves, is in doubt.

        One the operator flagged, won or lost stands where they put it.
        """
        open_ = Action.objects.filter(
            subject_type="pipeline.lead", outward=True, status__in=Action.UNSETTLED
        )
        leads = open_.annotate(lead=Cast("subject_id", models.UUIDField())).values("lead")
        return Q(outcome="open", flagged_at=None, pk__in=leads)

    def worded(self, text: str) -> "LeadQuerySet":
        """Return the leads in which every word of `text` begins some word.

        Asks at once: few are named by key, so that Postgres does not walk all leads in order to
        find them.
        """
        found = search.matching(self, text, search.TEXT)
        few = list(
            search.matching(Lead.objects.all(), text, search.TEXT)[: FEW + 1].values_list("pk")
        )
        return found if len(few) > FEW else self.filter(pk__in=[pk for (pk,) in few])


def _stage() -> Case:
    return Case(
        When(outcome="won", then=Value("won")),
        When(outcome="lost", then=Value("lost")),
        When(flagged_at__isnull=False, then=Value("look")),
        When(status="disqualified", then=Value("lost")),
        When(answered_at__isnull=False, then=Value("answered")),
        When(status="new", then=Value("new")),
        default=Value("look"),
        output_field=models.CharField(max_length=8),
    )


def _staged_at() -> Case:
    """Since when it stands there; the order of the cases is that of `_stage`."""
    return Case(
        When(
            ~Q(outcome="open"),
            then=Coalesce("closed_at", "answered_at", "scored_at", "received_at"),
        ),
        When(flagged_at__isnull=False, then=F("flagged_at")),
        When(status="disqualified", then=Coalesce("answered_at", "scored_at", "received_at")),
        When(answered_at__isnull=False, then=F("answered_at")),
        When(status="new", then=F("received_at")),
        default=Coalesce("scored_at", "received_at"),
        output_field=models.DateTimeField(),
    )


class LeadImport(FileImport):
    """A file of leads: people who asked elsewhere, or before."""

    client = models.ForeignKey(
        Client,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        help_text="Empty: the agency's own.",
    )
    answers = models.BooleanField(
        default=False, help_text="The Qualifier takes them as if they had just asked."
    )


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
    brought_by = models.ForeignKey(
        LeadImport, null=True, blank=True, on_delete=models.SET_NULL, related_name="leads"
    )
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
    unbooked_at = models.DateTimeField(
        null=True, blank=True, help_text="Told last that it was answered and has not booked."
    )
    flagged_at = models.DateTimeField(
        null=True, blank=True, help_text="The operator wants to look at it again."
    )
    closed_at = models.DateTimeField(null=True, blank=True, help_text="Won or lost.")
    created_at = models.DateTimeField(auto_now_add=True)
    stage = models.GeneratedField(
        expression=_stage(), output_field=models.CharField(max_length=8), db_persist=True
    )
    staged_at = models.GeneratedField(
        expression=_staged_at(), output_field=models.DateTimeField(), db_persist=True
    )

    objects = LeadQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(score__isnull=True) | models.Q(score__lte=100),
                name="pipeline_lead_score",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["status", "-received_at"]),
            models.Index(
                fields=["-received_at", "id"],
                include=[
                    *("client", "status", "outcome"),
                    *("scored_at", "drafted_at", "answered_at", "closed_at"),
                ],
                name="pipeline_lead_received",
            ),
            models.Index(fields=["email"]),
            models.Index(fields=["client", "-received_at"], name="pipeline_lead_client"),
            models.Index(
                fields=["stage", "-staged_at", "-id"],
                include=["outcome", "flagged_at", "received_at"],
                name="pipeline_lead_stage",
            ),
            models.Index(
                F("score").desc(nulls_last=True), F("id").desc(), name="pipeline_lead_by_score"
            ),
            models.Index(fields=["staged_at", "id"]),
            models.Index(
                fields=["answered_at"],
                condition=Q(unbooked_at=None, status="qualified", outcome="open"),
                name="pipeline_lead_unbooked",
            ),
            GinIndex(search.WORDS, name="pipeline_lead_words"),
            GinIndex(search.TEXT, name="pipeline_lead_text"),
        ]

    def __str__(self) -> str:
        return self.name or self.company or self.email or self.phone or str(self.id)

    @property
    def standing(self) -> Stage:
        """Where a lead of `staged` leads stands, a waiting draft counted in."""
        return Stage(self.__dict__["now"])


class SavedFilter(models.Model):
    """A filter of one of the pipeline's tables under a name, one person's own."""

    class Page(models.TextChoices):
        LEADS = "leads"
        DEALS = "deals"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    page = models.CharField(max_length=8, choices=Page, default=Page.LEADS)
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=500, blank=True, help_text="As in the page's address.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "page", "name"], name="pipeline_savedfilter_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name
