"""The pipeline in the admin: most is changed in the app, and only read here."""

from typing import ClassVar
from urllib.parse import urlsplit

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from agency.admin import Audited, History
from pipeline.mail import sender_domains
from pipeline.models import (
    Attachment,
    BookingRules,
    BusyTime,
    Contact,
    Deal,
    DealNote,
    Enrollment,
    Fact,
    HandTask,
    IdealCustomer,
    InboundMail,
    Lead,
    LeadImport,
    Mailbox,
    Meeting,
    Proposal,
    Prospect,
    ProspectImport,
    ProspectKey,
    ProspectMerge,
    SavedFilter,
    SenderDomain,
    Sequence,
    SequenceStep,
    Sighting,
    Signature,
    Source,
    Suppression,
    Thread,
    Touch,
    Variant,
)

SECRET = ("smtp_url", "imap_url")


@admin.register(Lead)
class LeadAdmin(Audited[Lead]):
    """Contact details can be put right here; score, status and outcome are set in the app."""

    list_display = ("received_at", "name", "company", "email", "score", "status", "outcome")
    list_filter = ("status", "outcome")
    search_fields = ("name", "company", "email")
    ordering = ("-id",)
    readonly_fields = (
        "client",
        "source",
        "delivery_id",
        "brought_by",
        "subject",
        "message",
        "status",
        "score",
        "score_parts",
        "score_reason",
        "outcome",
        "received_at",
        "scored_at",
        "drafted_at",
        "answered_at",
        "flagged_at",
        "closed_at",
        "stage",
        "staged_at",
    )

    def has_add_permission(self, request: object) -> bool:
        """Refuse: leads come in by webhook, reply or call."""
        return False

    def has_delete_permission(self, request: object, obj: Lead | None = None) -> bool:
        """Refuse: runs, actions and the audit trail point at it."""
        return False


@admin.register(Suppression)
class SuppressionAdmin(Audited[Suppression]):
    list_display = ("scope", "value", "reason", "created_at")
    list_filter = ("scope",)
    search_fields = ("value",)


@admin.register(SavedFilter)
class SavedFilterAdmin(Audited[SavedFilter]):
    list_display = ("name", "user", "query", "created_at")
    search_fields = ("name",)


@admin.register(IdealCustomer, Source, Sequence, SequenceStep, Variant, Contact)
class SetUpAdmin(Audited[IdealCustomer]):
    """What the operator sets up in the app and may put right here."""


@admin.register(Prospect)
class ProspectAdmin(History[Prospect]):
    list_display = ("name", "domain", "fit", "status", "created_at")
    list_filter = ("status", "world")
    search_fields = ("name", "domain")


@admin.register(
    Fact, ProspectKey, ProspectMerge, Enrollment, Touch, HandTask, Thread,
    Attachment, Sighting, BookingRules, BusyTime, Deal, DealNote, Meeting, Proposal,
)  # fmt: skip
class TrailAdmin(History[Fact]):
    """What the house wrote down."""


@admin.register(InboundMail)
class InboundMailAdmin(History[InboundMail]):
    list_display = ("received_at", "from_email", "subject", "kind", "label", "status")
    list_filter = ("kind", "label", "status")
    exclude = ("raw",)


@admin.register(LeadImport, ProspectImport)
class ImportAdmin(History[ProspectImport]):
    list_display = ("created_at", "filename", "status", "added", "by")
    list_filter = ("status",)
    exclude = ("content",)


@admin.register(Signature)
class SignatureAdmin(History[Signature]):
    list_display = ("signed_at", "name", "email", "address", "pdf_sha256")
    exclude = ("pdf",)


@admin.register(SenderDomain)
class SenderDomainAdmin(History[SenderDomain]):
    list_display = ("domain", "dkim_selector", "checked_at")
    exclude = ("dkim_private_key",)


class MailboxForm(forms.ModelForm[Mailbox]):
    """An address to send from. What its servers' addresses hold is never shown again."""

    class Meta:
        model = Mailbox
        fields = (
            *("name", "from_name", "from_email", "smtp_url", "imap_url"),
            *("ramp_start", "ramp_growth", "daily_cap", "active"),
        )
        widgets: ClassVar = {
            name: forms.PasswordInput(attrs={"autocomplete": "off"}) for name in SECRET
        }
        help_texts: ClassVar = {
            "smtp_url": "smtps://user:password@host. Empty: as it is, at first EMAIL_URL.",
            "imap_url": "imaps://user:password@host. Empty: as it is.",
        }

    def clean_from_email(self) -> str:
        """Keep it as mail is compared: in lower case."""
        return str(self.cleaned_data["from_email"]).lower()

    def clean_smtp_url(self) -> str | None:
        """Keep what is there unless another is given."""
        return self._kept("smtp_url", "smtp")

    def clean_imap_url(self) -> str | None:
        """Keep what is there unless another is given."""
        return self._kept("imap_url", "imap")

    def _kept(self, name: str, scheme: str) -> str | None:
        given: str = self.cleaned_data[name] or ""
        if not given:
            return getattr(self.instance, name) or None
        parts = urlsplit(given)
        if parts.scheme not in {scheme, f"{scheme}s"} or not parts.hostname:
            raise forms.ValidationError(f"It is {scheme}s://user:password@host.")
        return given


@admin.register(Mailbox)
class MailboxAdmin(Audited[Mailbox]):
    """Mailboxes are added, paused and given their servers here; its domain gets a DKIM key."""

    form = MailboxForm
    list_display = ("from_email", "domain", "daily_cap", "active")

    def save_model(
        self, request: HttpRequest, obj: Mailbox, form: forms.ModelForm[Mailbox], change: bool
    ) -> None:
        """Save it with the domain its address is of."""
        domain = obj.from_email.rpartition("@")[2]
        obj.domain = sender_domains.add(domain, by=request.user.get_username())
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: Mailbox | None = None) -> bool:
        """Refuse: what it sent points at it. It can be paused."""
        return False
