"""What the operator fills in about outreach. Forms check and clean; services act."""

from typing import Any

from django import forms

from pipeline.mail import suppression_list
from pipeline.models import IdealCustomer, InboundMail, SequenceStep, Suppression
from pipeline.writing import sequences, wording


class SequenceForm(forms.Form):
    """A name, whom it is for, and its hours."""

    name = forms.CharField(max_length=120)
    ideal_customer = forms.ModelChoiceField(
        IdealCustomer.objects.all(),
        required=False,
        label="For",
        empty_label="All that have none of their own",
    )
    send_from = forms.IntegerField(
        min_value=8, max_value=17, initial=8, label="Mails go out from", help_text="Their time."
    )
    send_until = forms.IntegerField(
        min_value=9, max_value=18, initial=18, label="until", help_text="8 to 18 at the widest."
    )

    def clean(self) -> dict[str, Any]:
        """Refuse hours that end before they begin."""
        cleaned = super().clean() or {}
        start, end = cleaned.get("send_from"), cleaned.get("send_until")
        if start is not None and end is not None and end <= start:
            self.add_error("send_until", "This is not after the start.")
        return cleaned


class NewSequenceForm(forms.Form):
    """A name to begin with."""

    name = forms.CharField(max_length=120)


class StepForm(forms.Form):
    """What is done, and on which day."""

    day = forms.IntegerField(min_value=0, max_value=sequences.MOST_DAYS)
    channel = forms.ChoiceField(choices=SequenceStep.Channel.choices)


class DayForm(forms.Form):
    """Another day of a step."""

    day = forms.IntegerField(min_value=0, max_value=sequences.MOST_DAYS)


class WordingForm(forms.Form):
    """One wording of a step; its placeholders are checked."""

    name = forms.CharField(max_length=40, help_text="Yours alone; nobody else sees it.")
    subject = forms.CharField(max_length=150)
    body = forms.CharField(
        max_length=2_000, widget=forms.Textarea(attrs={"rows": 12}), label="Text", strip=False
    )

    def __init__(self, step: SequenceStep, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.step = step
        if step.channel != SequenceStep.Channel.EMAIL:
            del self.fields["subject"]

    def clean(self) -> dict[str, Any]:
        """Refuse what could not go out as it is written."""
        cleaned = super().clean() or {}
        cleaned.setdefault("subject", "")
        cleaned["body"] = cleaned.get("body", "").replace("\r\n", "\n").strip()
        found = wording.problems(self.step.channel, cleaned["subject"], cleaned["body"])
        for name, problem in found.items():
            if name not in self.errors:
                self.add_error(name, problem)
        return cleaned


class LabelForm(forms.Form):
    """What a reply means, and why."""

    label = forms.ChoiceField(choices=InboundMail.Label.choices)
    reason = forms.CharField(max_length=200)


class SuppressionForm(forms.Form):
    """Whom nobody writes to any more."""

    scope = forms.ChoiceField(choices=Suppression.Scope.choices, label="What")
    value = forms.CharField(max_length=254)
    reason = forms.CharField(max_length=200, label="Why")

    def clean(self) -> dict[str, Any]:
        """Check the value for what it is meant to be."""
        cleaned = super().clean() or {}
        if cleaned.get("scope") and cleaned.get("value"):
            try:
                cleaned["value"] = suppression_list.cleaned(cleaned["scope"], cleaned["value"])
            except suppression_list.Refused as reason:
                self.add_error("value", str(reason))
        return cleaned


class ImportForm(forms.Form):
    """A pasted list, and where it is from."""

    lines = forms.CharField(
        max_length=1_000_000,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
        label="Addresses and domains, one a line",
        help_text="Of a line with commas or tabs the first column is read.",
    )
    reason = forms.CharField(max_length=200, label="Where the list is from")
