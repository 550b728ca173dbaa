"""What the operator fills in. Forms check and clean; services act."""

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any, ClassVar, cast

from django import forms
from django.utils import timezone

from agency.models import Client
from agents import fleet
from control import kinds, phases
from control.models import Alert, KillSwitch
from pipeline.models import Lead

REASON = {"rows": 3, "placeholder": "In a few words; it is shown wherever this has an effect."}
SNOOZES = [("1h", "1 hour"), ("tomorrow", "Tomorrow, 9:00")]
MOST_CLIENTS = 500
DELAYS = [
    ("1h", "1 hour"),
    ("afternoon", "This afternoon, 14:00"),
    ("tomorrow", "Tomorrow, 9:00"),
    ("monday", "Monday, 9:00"),
]
AFTERNOON, MORNING = 14, 9
REJECTIONS = ["Wrong facts", "Wrong tone", "Not a fit", "Too long", "Bad timing", "Handled already"]
NOTES = [
    "Shorter",
    "Warmer",
    "More concrete",
    "Answer their question first",
    "Offer two times",
    "No sales talk",
]


class StopForm(forms.Form):
    """Why everything is to stop."""

    reason = forms.CharField(
        max_length=500, widget=forms.Textarea(attrs=REASON | {"autofocus": True}), label="Why"
    )


class ResumeForm(forms.Form):
    """What becomes of the work that waited."""

    backlog = forms.ChoiceField(choices=[("run", "Run it"), ("discard", "Discard it")])


def stoppable() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield what a switch can stop, by kind: its tag and its name."""
    scope = KillSwitch.Scope
    agents = sorted(fleet.all_agents())
    yield "An agent", [(f"{scope.AGENT}:{name}", name.capitalize()) for name in agents]
    known = [kinds.get(name) for name in kinds.names()]
    channels = sorted({kind.channel for kind in known} - {""} | {"webhook"})
    yield "A channel", [(f"{scope.CHANNEL}:{name}", name.capitalize()) for name in channels]
    yield "A kind of action", [(f"{scope.KIND}:{kind.name}", kind.label) for kind in known]
    clients = Client.objects.values_list("pk", "name")[:MOST_CLIENTS]
    if clients:
        yield "A client", [(f"{scope.CLIENT}:{pk}", name) for pk, name in clients]


class SwitchForm(forms.Form):
    """Stop a part of the house."""

    what = forms.ChoiceField(
        label="Stop",
        error_messages={
            "required": "Choose what to stop.",
            "invalid_choice": "There is no “%(value)s”; a switch for it would stop nothing.",
        },
    )
    reason = forms.CharField(
        max_length=500, label="Why", help_text="It is shown wherever this has an effect."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer what there is now; clients are read once."""
        super().__init__(*args, **kwargs)
        what = cast(forms.ChoiceField, self.fields["what"])
        what.choices = [("", "Choose"), *stoppable()]

    def scope(self) -> tuple[str, str]:
        """Return the scope of the switch and its value."""
        scope, _, value = self.cleaned_data["what"].partition(":")
        return scope, value


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
    """What the agent should do differently: a quick note, some words, or both."""

    quick = forms.ChoiceField(choices=[(note, note) for note in NOTES], required=False)
    note = forms.CharField(max_length=2000, required=False, label="Note")

    def clean(self) -> dict[str, Any]:
        """Join both into one note; one of them is needed."""
        cleaned = super().clean() or {}
        parts = [cleaned.get("quick"), (cleaned.get("note") or "").strip()]
        cleaned["note"] = ". ".join(part for part in parts if part)
        if not cleaned["note"]:
            self.add_error("note", "Say what should be different, or pick a note.")
        return cleaned


class SnoozeForm(forms.Form):
    """Until when an alert should stay out of sight."""

    until = forms.ChoiceField(choices=SNOOZES)

    def moment(self) -> dt.datetime:
        """Return the chosen moment, counted from now in the operator's zone."""
        return delayed_until(self.cleaned_data["until"])


class DelayForm(forms.Form):
    """Until when an action should stay out of sight."""

    until = forms.ChoiceField(choices=[*DELAYS, ("at", "At")])
    at = forms.DateTimeField(required=False)

    def clean(self) -> dict[str, Any]:
        """Refuse a moment that is not ahead."""
        cleaned = super().clean() or {}
        if cleaned.get("until") == "at" and not cleaned.get("at"):
            if "at" not in self.errors:
                self.add_error("at", "Say until when.")
        elif "until" in cleaned and self.moment() <= timezone.now():
            self.add_error("until", "That is over already; pick a later time.")
        return cleaned

    def moment(self) -> dt.datetime:
        """Return the chosen moment, in the operator's zone."""
        until = self.cleaned_data["until"]
        if until == "at":
            at: dt.datetime = self.cleaned_data["at"]
            return at
        return delayed_until(until)


def delayed_until(until: str) -> dt.datetime:
    """Return when a choice of the snooze sheet ends, counted from now in the operator's zone."""
    if until == "1h":
        return timezone.now() + dt.timedelta(hours=1)
    today = timezone.localtime()
    days = {"afternoon": 0, "tomorrow": 1, "monday": 7 - today.weekday()}[until]
    hour = AFTERNOON if until == "afternoon" else MORNING
    day = today.date() + dt.timedelta(days=days)
    return timezone.make_aware(dt.datetime.combine(day, dt.time(hour)))


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


class TightenForm(forms.Form):
    """Have a kind of action ask, or forbid it."""

    level = forms.ChoiceField(choices=[("ask", "Ask me"), ("forbid", "Forbid")])
    reason = forms.CharField(max_length=200, label="Why")


class ClientRuleForm(TightenForm):
    """Tighten it for one client: what one agent does, or all; of one kind, or any."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer the fleet and the kinds there are now."""
        super().__init__(*args, **kwargs)
        agents = [(name, name.capitalize()) for name in sorted(fleet.all_agents())]
        every = [("", "Every agent"), *agents]
        self.fields["agent"] = forms.ChoiceField(choices=every, required=False)
        labels = [(kind.name, kind.label) for kind in phases.ordered()]
        self.fields["kind"] = forms.ChoiceField(
            choices=[("", "Anything"), *labels], required=False, label="Kind of action"
        )


class RangeForm(forms.Form):
    """From when to when; `last` counts back from now."""

    QUICK: ClassVar = [("1", "Last hour"), ("24", "Last 24 hours"), ("168", "Last 7 days")]

    last = forms.ChoiceField(choices=QUICK, required=False)
    since = forms.DateTimeField(required=False, label="From")
    until = forms.DateTimeField(required=False, label="Up to", help_text="Empty: until now.")

    def clean(self) -> dict[str, Any]:
        """Ask for one of the two, in order."""
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if not self.errors and not since and not cleaned.get("last"):
            self.add_error("since", "Say from when on.")
        if since and until and until <= since:
            self.add_error("until", "This is before the start.")
        return cleaned

    def span(self) -> tuple[dt.datetime, dt.datetime]:
        """Return the moments it means."""
        until = self.cleaned_data["until"] or timezone.now()
        hours = self.cleaned_data["last"]
        since = self.cleaned_data["since"] or until - dt.timedelta(hours=int(hours))
        return since, until


class FromStepForm(forms.Form):
    """From which step on a replay decides anew; empty is from the start."""

    from_step = forms.IntegerField(min_value=1, max_value=1_000, required=False)


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
    except (RecursionError, ValueError) as error:
        raise forms.ValidationError("Nested too deep, or a number is too long.") from error
    if not isinstance(found, dict):
        raise forms.ValidationError("Must be an object: {…}.")
    return found
