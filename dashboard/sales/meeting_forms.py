"""What the operator says about a call: how it went, when else, and when calls can be booked."""

import datetime as dt
from typing import Any, ClassVar

from django import forms
from django.utils import timezone

from pipeline.meetings import hours
from pipeline.models import BookingRules
from pipeline.selling import notes

DAYS = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}


class NoteForm(forms.Form):
    """What was said, typed or pasted."""

    text = forms.CharField(
        label="What was said",
        max_length=notes.MOST,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="Your notes, or the transcript as it is. Needs, objections and the next step are"
        " read out of it.",
        error_messages={
            "required": "Write or paste what was said.",
            "max_length": f"That is longer than {notes.MOST:,} characters; leave some out.",
        },
    )
    transcript = forms.BooleanField(label="It is a transcript", required=False)


class MoveForm(forms.Form):
    """When else: one of the free times, or any the operator gives."""

    starts_at = forms.CharField(label="A free time", required=False)
    other = forms.DateTimeField(
        label="Or another time",
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text="Your hours, notice and cap do not bind you.",
        error_messages={"invalid": "That is no time such as 2026-11-24 14:30."},
    )

    def clean_starts_at(self) -> dt.datetime | None:
        """Read the moment; nothing where none is chosen."""
        text = self.cleaned_data["starts_at"]
        if not text:
            return None
        try:
            found = dt.datetime.fromisoformat(text)
        except ValueError:
            raise forms.ValidationError("Choose one of the times.") from None
        return found if timezone.is_aware(found) else timezone.make_aware(found)

    def clean(self) -> dict[str, Any]:
        """Ask for a time."""
        cleaned = super().clean() or {}
        if not self.errors and not (cleaned.get("starts_at") or cleaned.get("other")):
            self.add_error("starts_at", "Choose a time, or give another.")
        return cleaned


class CancelForm(forms.Form):
    """Why it cannot be."""

    reason = forms.CharField(
        label="Why",
        max_length=200,
        required=False,
        help_text="They read it in the mail that tells them.",
    )


class RulesForm(forms.ModelForm[BookingRules]):
    """When calls can be booked: hours a day, and what stands around a call."""

    class Meta:
        model = BookingRules
        fields: ClassVar = [
            *("title", "location", "slot_minutes", "buffer_minutes"),
            *("notice_minutes", "daily_cap", "horizon_days"),
        ]
        labels: ClassVar = {
            "title": "What the call is called",
            "location": "Where",
            "slot_minutes": "A call takes, minutes",
            "buffer_minutes": "Free after each, minutes",
            "notice_minutes": "Notice, minutes",
            "daily_cap": "Calls a day at most",
            "horizon_days": "Days ahead",
        }
        help_texts: ClassVar = {
            "title": "Stands on the booking page and in the invitation.",
            "location": "A video link, or how you call.",
            "slot_minutes": "10 to 240.",
            "buffer_minutes": "0 to 240.",
            "notice_minutes": "From now to the first time that is offered; 240 are four hours.",
            "daily_cap": "1 to 50.",
            "horizon_days": "1 to 90.",
        }
        error_messages: ClassVar = {
            "title": {"required": "Say what the call is called."},
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kept = self.instance.hours if isinstance(self.instance.hours, dict) else {}
        for day, label in DAYS.items():
            self.fields[day] = forms.CharField(
                label=label,
                required=False,
                max_length=120,
                initial=written(kept.get(day) or []),
                widget=forms.TextInput(
                    attrs={"placeholder": "No calls", "spellcheck": "false", "autocomplete": "off"}
                ),
            )

    def days(self) -> list[Any]:
        """Return the fields of the days."""
        return [self[day] for day in DAYS]

    def clean(self) -> dict[str, Any]:
        """Read the hours of each day; what is wrong stands at its day."""
        cleaned = super().clean() or {}
        found: dict[str, list[list[str]]] = {}
        for day in DAYS:
            try:
                spans = spans_of(cleaned.get(day, ""))
                hours.read({day: spans})
            except ValueError as error:
                why = str(error).removeprefix(f"{day}: ")
                self.add_error(day, f"{why[:1].upper()}{why[1:]}; write it as 09:00-12:00.")
            else:
                if spans:
                    found[day] = spans
        if not self.errors and not found:
            self.add_error("mon", "Give at least one day hours, or nobody can book.")
        self.instance.hours = found
        return cleaned


def written(spans: object) -> str:
    """Return spans as a person writes them: `09:00-12:00, 13:00-17:00`."""
    found = spans if isinstance(spans, list) else []
    return ", ".join("-".join(map(str, one)) for one in found if isinstance(one, list))


def spans_of(text: str) -> list[list[str]]:
    """Return the spans somebody wrote. Raises ValueError."""
    found = []
    for part in text.replace("–", "-").replace(";", ",").split(","):
        if not part.strip():
            continue
        begins, dash, until = (one.strip() for one in part.partition("-"))
        if not dash:
            raise ValueError(f"“{part.strip()}” says no from and until")
        found.append([_time(begins), _time(until)])
    return sorted(found)


def _time(text: str) -> str:
    """Write `9` and `9:30` as `09:00` and `09:30`; what is no time stays as it is."""
    hour, colon, minute = text.partition(":")
    if hour.isdecimal() and len(hour) <= 2 and (minute.isdecimal() or not colon):
        return f"{int(hour):02}:{minute or '00'}"
    return text
