"""What is filled in about a proposal: by whoever signs or declines it, and by the operator."""

from decimal import Decimal
from typing import Any

from django import forms

from billing.models import Package
from pipeline.selling import documents


class SignForm(forms.Form):
    """A typed name, agreed to, for exactly the document that was on the page."""

    prefix = None
    name = forms.CharField(
        max_length=200,
        min_length=2,
        label="Your full name",
        help_text="Typed here, it is your signature.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={
            "required": "Type your full name: it is your signature.",
            "min_length": "Type your full name: it is your signature.",
        },
    )
    email = forms.EmailField(
        label="Your e-mail address",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={
            "required": "Your e-mail address is missing.",
            "invalid": "This is no e-mail address.",
        },
    )
    consent = forms.BooleanField(
        label=documents.CONSENT,
        error_messages={"required": "Tick the box if you agree; without it nothing is signed."},
    )
    document_sha256 = forms.CharField(max_length=64, widget=forms.HiddenInput())

    def clean_name(self) -> str:
        """Return the name on one line."""
        return " ".join(str(self.cleaned_data["name"]).split())


class DeclineForm(forms.Form):
    """Why not."""

    reason = forms.CharField(
        max_length=300,
        required=False,
        label="Why not? (if you like)",
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"max_length": "Keep it under 300 characters."},
    )


class CheckForm(forms.Form):
    """A PDF to look at; it is not kept."""

    MOST_BYTES = 5_000_000
    file = forms.FileField(
        label="The signed PDF",
        widget=forms.FileInput(attrs={"accept": "application/pdf"}),
        error_messages={
            "required": "Choose the PDF first.",
            "empty": "This file is empty.",
        },
    )

    def clean_file(self) -> bytes:
        """Return the file's bytes, if it is not too large for a document of ours."""
        file = self.cleaned_data["file"]
        if file.size > self.MOST_BYTES:
            raise forms.ValidationError("This file is larger than any document of ours.")
        return bytes(file.read())


class OfferForm(forms.Form):
    """A version of a proposal, made by hand."""

    package = forms.ModelChoiceField(
        queryset=Package.objects.filter(active=True), to_field_name="slug", empty_label=None
    )
    setup_usd = forms.DecimalField(
        min_value=Decimal(0), max_digits=10, decimal_places=2, label="Setup, US dollars"
    )
    monthly_usd = forms.DecimalField(
        min_value=Decimal(0), max_digits=10, decimal_places=2, label="Each month, US dollars"
    )
    term_months = forms.IntegerField(min_value=1, max_value=60, label="Runs for, months")
    about = forms.CharField(
        max_length=1_500, label="What it is about", widget=forms.Textarea(attrs={"rows": 4})
    )
    scope = forms.CharField(
        label="What they get, a line each", widget=forms.Textarea(attrs={"rows": 6})
    )
    subject = forms.CharField(max_length=200, label="Subject of the mail")
    body = forms.CharField(
        max_length=5_000,
        label="The mail",
        help_text="The link to the proposal and your name are added.",
        widget=forms.Textarea(attrs={"rows": 8}),
    )

    def clean_scope(self) -> list[str]:
        """Return the lines."""
        lines = [" ".join(line.split()) for line in self.cleaned_data["scope"].splitlines()]
        found = [line for line in lines if line]
        if len(found) > 20:
            raise forms.ValidationError("At most 20 lines.")
        for line in found:
            if len(line) > 300:
                raise forms.ValidationError(f"Keep each line under 300 characters: “{line[:40]}…”")
        return found

    def clean(self) -> dict[str, Any]:
        """Refuse an offer of nothing."""
        found = super().clean() or {}
        if found.get("setup_usd") == 0 and found.get("monthly_usd") == 0:
            self.add_error("setup_usd", "Something must cost something.")
        return found
