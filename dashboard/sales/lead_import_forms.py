"""The form a file of leads is chosen with."""

from django import forms

from agency.models import Client
from dashboard.finding.prospect_forms import FileField


class LeadImportForm(forms.Form):
    """A file of people who asked, whom, and whether they are answered."""

    file = FileField(help_text="CSV from a CRM, a form or this house; up to 30 MB.")
    client = forms.ModelChoiceField(
        Client.objects.order_by("name"),
        required=False,
        empty_label="Us",
        label="Whom they asked",
    )
    answers = forms.BooleanField(
        required=False,
        label="Let the Qualifier score and answer them",
        help_text="As if they had just asked. Without it they only stand in the pipeline.",
    )
