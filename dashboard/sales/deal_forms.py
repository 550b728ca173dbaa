"""What the operator fills in about a deal."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django import forms

from pipeline.models import Deal, DealNote, DealStage
from pipeline.selling import notes

MOST_USD = Decimal("99999999.99")
MONEY: dict[str, Any] = {
    "min_value": Decimal(0),
    "max_value": MOST_USD,
    "max_digits": 10,
    "decimal_places": 2,
    "error_messages": {
        "required": "Say how much; 0 if nothing.",
        "invalid": "Enter an amount in dollars, such as 1500.",
        "min_value": "An amount is not under zero.",
    },
}
LOCAL = "%Y-%m-%dT%H:%M"


class DealForm(forms.Form):
    """What a deal is worth, how likely it is and what comes next, set by hand."""

    setup_usd = forms.DecimalField(label="Setup, $", **MONEY)
    monthly_usd = forms.DecimalField(label="Monthly, $", **MONEY)
    probability = forms.IntegerField(
        label="Chance, %",
        required=False,
        min_value=0,
        max_value=100,
        help_text="Empty: what its stage says.",
        error_messages={
            "invalid": "A chance is a whole number from 0 to 100.",
            "min_value": "A chance is a whole number from 0 to 100.",
            "max_value": "A chance is a whole number from 0 to 100.",
        },
    )
    next_step = forms.CharField(label="Next step", required=False, max_length=200)
    next_step_at = forms.DateTimeField(
        label="Until",
        required=False,
        input_formats=[LOCAL, "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL),
        error_messages={"invalid": "Enter a day and a time."},
    )
    reason = forms.CharField(
        label="Why",
        max_length=500,
        help_text="Agents learn from it.",
        error_messages={"required": "Say why, in a few words."},
    )

    @classmethod
    def of(cls, deal: Deal) -> "DealForm":
        """Return the form as the deal stands."""
        names = [name for name in cls.base_fields if name != "reason"]
        return cls(initial={name: getattr(deal, name) for name in names})

    def changes(self, deal: Deal) -> dict[str, Any]:
        """Return what differs from the deal; a time that was shown to the minute is the same."""
        found = {}
        for name, value in self.cleaned_data.items():
            was = None if name == "reason" else getattr(deal, name)
            if isinstance(was, dt.datetime):
                was = was.replace(second=0, microsecond=0)
            if name != "reason" and value != was:
                found[name] = value
        return found


class DealNoteForm(forms.Form):
    """What was said: typed, or a transcript that was pasted."""

    text = forms.CharField(
        label="What was said",
        max_length=notes.MOST,
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": "Notes, or a pasted transcript"}),
        error_messages={
            "required": "There is nothing in it.",
            "max_length": f"It is longer than {notes.MOST:,} characters.",
        },
    )
    transcript = forms.BooleanField(required=False, label="It is a transcript")

    @property
    def kind(self) -> DealNote.Kind:
        """Whether it was typed or pasted."""
        pasted = self.cleaned_data["transcript"]
        return DealNote.Kind.TRANSCRIPT if pasted else DealNote.Kind.TYPED


class DealMoveForm(forms.Form):
    """Where to; who loses a deal says why."""

    to = forms.ChoiceField(choices=DealStage.choices)
    reason = forms.ChoiceField(choices=Deal.Lost.choices, required=False)
    note = forms.CharField(max_length=300, required=False)
    sure = forms.BooleanField(required=False)
