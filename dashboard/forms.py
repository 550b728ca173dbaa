"""What the operator fills in. Forms check and clean; services act."""

import datetime as dt
import json
from typing import Any, ClassVar

from django import forms
from django.utils import timezone

from agency.models import AgencyProfile
from agency.zones import validate_timezone
from agents import fleet
from control import kinds
from control.models import Alert, KillSwitch
from pipeline.models import Lead

REASON = {"rows": 3, "placeholder": "In a few words; it is shown wherever this has an effect."}
SNOOZES = [("1h", "1 hour"), ("tomorrow", "Tomorrow, 9:00")]
REJECTIONS = ["Wrong facts", "Wrong tone", "Not a fit", "Handled already"]


class StopForm(forms.Form):
    """Why everything is to stop."""

    reason = forms.CharField(
        max_length=500, widget=forms.Textarea(attrs=REASON | {"autofocus": True}), label="Why"
    )


class ResumeForm(forms.Form):
    """What becomes of the work that waited."""

    backlog = forms.ChoiceField(choices=[("run", "Run it"), ("discard", "Discard it")])


class SwitchForm(forms.Form):
    """Stop a part of the house."""

    scope = forms.ChoiceField(
        choices=[
            (KillSwitch.Scope.AGENT, "An agent"),
            (KillSwitch.Scope.CHANNEL, "A channel"),
            (KillSwitch.Scope.KIND, "A kind of action"),
            (KillSwitch.Scope.CLIENT, "A client"),
        ],
        label="Stop",
    )
    value = forms.CharField(
        max_length=100,
        label="Which",
        help_text="qualifier, email, reply_to_lead, a client’s number",
    )
    reason = forms.CharField(max_length=500, label="Why")

    def clean(self) -> dict[str, Any]:
        """Refuse a name that nothing has: such a switch would stop nothing."""
        cleaned = super().clean() or {}
        scope, value = cleaned.get("scope"), cleaned.get("value", "").strip().lower()
        known: list[str] | None = None
        if scope == KillSwitch.Scope.AGENT:
            known = sorted(fleet.all_agents())
        elif scope == KillSwitch.Scope.KIND:
            known = kinds.names()
        elif scope == KillSwitch.Scope.CHANNEL:
            known = sorted({kinds.get(name).channel for name in kinds.names()} - {""})
        elif scope == KillSwitch.Scope.CLIENT and value and not value.isdecimal():
            self.add_error("value", "A client is named by its number.")
        if known is not None and value and value not in known:
            self.add_error(
                "value", f"There is no “{value}”; there is {', '.join(known) or 'none'}."
            )
        cleaned["value"] = value
        return cleaned


class ReasonForm(forms.Form):
    """A reason, nothing else."""

    reason = forms.CharField(max_length=500, label="Why")


class RejectForm(forms.Form):
    """A quick reason, some words, or both."""

    quick = forms.ChoiceField(
        choices=[(reason, reason) for reason in REJECTIONS], required=False, label="Reason"
    )
    text = forms.CharField(max_length=1000, required=False, label="In your words")

    def clean(self) -> dict[str, Any]:
        """Join both into one reason; one of them is needed."""
        cleaned = super().clean() or {}
        parts = [cleaned.get("quick"), (cleaned.get("text") or "").strip()]
        cleaned["reason"] = ": ".join(part for part in parts if part)
        if not cleaned["reason"]:
            self.add_error("text", "Say why, or pick a reason.")
        return cleaned


class NoteForm(forms.Form):
    """What the agent should do differently."""

    note = forms.CharField(max_length=2000, label="Note")


class SnoozeForm(forms.Form):
    """Until when an action should stay out of sight."""

    until = forms.ChoiceField(choices=SNOOZES)

    def moment(self) -> dt.datetime:
        """Return the chosen moment, counted from now in the operator's zone."""
        if self.cleaned_data["until"] == "1h":
            return timezone.now() + dt.timedelta(hours=1)
        tomorrow = timezone.localtime() + dt.timedelta(days=1)
        return tomorrow.replace(hour=9, minute=0, second=0, microsecond=0)


class AcknowledgeAllForm(forms.Form):
    """Which alerts are closed together: those the page showed, and no others."""

    severity = forms.ChoiceField(choices=[("", "All"), *Alert.Severity.choices], required=False)
    upto = forms.DateTimeField()
    count = forms.IntegerField(min_value=1)


class LimitForm(forms.Form):
    """How many long jobs of a tag run at once; empty is any number."""

    tag = forms.CharField(
        max_length=120, label="What", help_text="client:7, client:* for each, agent:qualifier, …"
    )
    most = forms.IntegerField(min_value=0, required=False, label="At once")

    def clean_tag(self) -> str:
        """Refuse an agent that does not exist: such a limit would limit nothing."""
        tag: str = self.cleaned_data["tag"].strip().lower()
        scope, _, value = tag.partition(":")
        if scope == "agent" and value not in {"*", *fleet.all_agents()}:
            raise forms.ValidationError(f"There is no agent “{value}”.")
        if scope == "client" and value != "*" and not value.isdecimal():
            raise forms.ValidationError("A client is named by its number.")
        return tag


class OverrideForm(forms.Form):
    """The operator's own word on a lead's score and status."""

    score = forms.IntegerField(min_value=0, max_value=100)
    status = forms.ChoiceField(choices=[c for c in Lead.Status.choices if c[0] != Lead.Status.NEW])
    reason = forms.CharField(max_length=500, label="Why")


class OutcomeForm(forms.Form):
    """How it ended with a lead."""

    outcome = forms.ChoiceField(choices=Lead.Outcome.choices)


class ConfigForm(forms.Form):
    """New settings of an agent, as JSON, and what they are for."""

    settings = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false", "class": "copy"}),
        label="Settings",
    )
    note = forms.CharField(max_length=300, label="What changes, and why")

    def clean_settings(self) -> dict[str, Any]:
        """Parse the settings; whether they fit the agent is its own schema's word."""
        return _json_object(self.cleaned_data["settings"])


class ReplayForm(forms.Form):
    """The input of a replay, as JSON."""

    facts = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false", "class": "copy"}),
        label="Input",
    )

    def clean_facts(self) -> dict[str, Any]:
        """Parse the input; whether it fits is the agent's own schema's word."""
        return _json_object(self.cleaned_data["facts"])


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise forms.ValidationError(
            f"No valid JSON at line {error.lineno}, column {error.colno}: {error.msg}."
        ) from error
    except RecursionError as error:
        raise forms.ValidationError("Nested too deep.") from error
    if not isinstance(found, dict):
        raise forms.ValidationError("Must be an object: {…}.")
    return found


class ProfileForm(forms.ModelForm[AgencyProfile]):
    """Who the agency is. Lists are written one a line."""

    industries = forms.CharField(required=False, help_text="One a line.")
    sizes = forms.CharField(required=False, help_text="One a line: 1-10, 11-50, …")
    places = forms.CharField(required=False, help_text="One a line.")
    keywords = forms.CharField(required=False, help_text="Words that speak for a fit. One a line.")
    exclusions = forms.CharField(required=False, help_text="Words that rule one out. One a line.")

    LISTS: ClassVar = ("industries", "sizes", "places", "keywords", "exclusions")

    class Meta:
        model = AgencyProfile
        fields: ClassVar = [
            "name",
            "website",
            "sender_name",
            "sender_email",
            "reply_to",
            "postal_address",
            "booking_url",
            "operator_email",
            "timezone",
            "undo_send_seconds",
        ]
        labels: ClassVar = {
            "name": "Agency",
            "sender_name": "Sender’s name",
            "sender_email": "Sender’s address",
            "reply_to": "Replies go to",
            "booking_url": "Booking link",
            "operator_email": "Your address",
            "timezone": "Your time zone",
            "undo_send_seconds": "Undo-send, seconds",
        }
        help_texts: ClassVar = {
            "reply_to": "Empty: to the sender’s address.",
            "postal_address": "Stands under every mail; the law wants it there.",
            "booking_url": "Goes into answers to qualified leads.",
            "operator_email": "Alerts and reports go here.",
            "timezone": "As in America/Phoenix.",
            "undo_send_seconds": "How long an approved mail can be called back.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.LISTS:
            self.fields[name].widget = forms.Textarea(attrs={"rows": 3})
            self.initial.setdefault(name, "\n".join(self.instance.icp.get(name, [])))
        for name in ("name", "sender_name", "sender_email", "operator_email", "timezone"):
            self.fields[name].required = True

    def clean_timezone(self) -> str:
        """Refuse what is no time zone."""
        name: str = self.cleaned_data["timezone"]
        validate_timezone(name)
        return name

    def ideal_customer(self) -> dict[str, list[str]]:
        """Return the lists, one entry a line, without blanks."""
        return {
            name: [line.strip() for line in self.cleaned_data[name].splitlines() if line.strip()]
            for name in self.LISTS
        }


class PhaseForm(forms.Form):
    """How far the agency runs by itself."""

    phase = forms.TypedChoiceField(choices=AgencyProfile.Phase.choices, coerce=int)
