"""The agency's profile, in the parts that the settings and the first run ask for."""

import functools
import re
import zoneinfo
from typing import Any, ClassVar

from django import forms

from agency.models import AgencyProfile, sample_icp
from agency.profiles import is_sample_value
from agency.zones import validate_timezone

MOST_ENTRIES = 60
LONGEST_ENTRY = 60
NOT_AN_ADDRESS = "That is no e-mail address; it looks like alex@example.com."


@functools.cache
def zones() -> list[str]:
    """Return the time zones a person would look for."""
    odd = ("Etc/", "SystemV/", "posix/", "right/")
    known = zoneinfo.available_timezones()
    return sorted(n for n in known if ("/" in n and not n.startswith(odd)) or n == "UTC")


class ProfileForm(forms.ModelForm[AgencyProfile]):
    """A part of the profile. `fresh` leaves out what still is the sample's: it becomes the hint."""

    REQUIRED: ClassVar = {
        "name": "Say what your agency is called; it stands in every mail.",
        "sender_name": "Say whom the mails come from.",
        "sender_email": "Give the address the mails come from.",
        "postal_address": "Give a postal address; it stands under every mail, as the law wants.",
        "operator_email": "Give the address that alerts and reports go to.",
        "timezone": "Name your time zone, such as America/Phoenix.",
    }

    class Meta:
        model = AgencyProfile
        fields: ClassVar[list[str]] = []
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
            "name": "Stands in every mail and above the rail.",
            "sender_name": "As the recipient reads it.",
            "reply_to": "Empty: to the sender’s address.",
            "postal_address": "Stands under every mail; the law wants it there.",
            "booking_url": "Where leads book a call. Empty: on this app’s own page.",
            "operator_email": "Alerts and reports go here.",
            "timezone": "Every time you read here is in it.",
            "undo_send_seconds": "How long an approved mail can be called back, 0 to 300.",
        }
        widgets: ClassVar = {
            "timezone": forms.TextInput(
                attrs={"list": "zones", "autocomplete": "off", "spellcheck": "false"}
            ),
        }

    def __init__(self, *args: Any, fresh: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if name in self.REQUIRED:
                field.required = True
                field.error_messages["required"] = self.REQUIRED[name]
            if isinstance(field, forms.EmailField):
                field.error_messages["invalid"] = NOT_AN_ADDRESS
            if fresh and name in self.REQUIRED and is_sample_value(self.instance, name):
                field.widget.attrs["placeholder"] = self.initial[name]
                self.initial[name] = ""

    def clean_timezone(self) -> str:
        """Refuse what is no time zone."""
        name: str = self.cleaned_data["timezone"]
        validate_timezone(name)
        return name

    def clean_postal_address(self) -> str:
        """Refuse what a letter would not reach."""
        text: str = self.cleaned_data["postal_address"]
        if len(re.findall(r"\w+", text)) < 3:
            raise forms.ValidationError(
                f"“{text}” is no postal address: give street or box, town and postcode."
            )
        return text

    def changes(self) -> dict[str, Any]:
        """Return what was filled in, by field."""
        return {name: self.cleaned_data[name] for name in self.fields}


class AgencyForm(ProfileForm):
    """Who the agency is, and where its operator is reached."""

    class Meta(ProfileForm.Meta):
        fields: ClassVar = ["name", "website", "operator_email", "timezone"]


class SendingForm(ProfileForm):
    """Whom mails come from, and what stands in them."""

    class Meta(ProfileForm.Meta):
        fields: ClassVar = [
            "sender_name",
            "sender_email",
            "reply_to",
            "postal_address",
            "booking_url",
            "undo_send_seconds",
        ]


class SenderForm(ProfileForm):
    """First run: the agency and its sender."""

    class Meta(ProfileForm.Meta):
        fields: ClassVar = ["name", "sender_name", "sender_email"]


class PlaceForm(ProfileForm):
    """First run: the postal address and the clock."""

    class Meta(ProfileForm.Meta):
        fields: ClassVar = ["postal_address", "timezone"]


class Words(forms.CharField):
    """A list of words or phrases: one a line, or with commas between them."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 2, "data-chips": "", "spellcheck": "false"})
        super().__init__(required=False, widget=widget, **kwargs)

    def clean(self, value: Any) -> list[str]:
        """Return the entries without blanks and repeats. Raises ValidationError, naming one."""
        text: str = super().clean(value)
        once: dict[str, str] = {}
        for part in re.split(r"[,;\n]", text):
            once.setdefault(part.strip().casefold(), " ".join(part.split()))
        found = [entry for entry in once.values() if entry]
        for entry in found:
            if len(entry) > LONGEST_ENTRY:
                raise forms.ValidationError(
                    f"“{entry[:30]}…” is too long; an entry has at most {LONGEST_ENTRY} letters."
                )
        if len(found) > MOST_ENTRIES:
            raise forms.ValidationError(f"That is over {MOST_ENTRIES} entries; keep what matters.")
        return found

    def prepare_value(self, value: Any) -> Any:
        """Write a list as text, one entry a line."""
        return "\n".join(value) if isinstance(value, list) else value


class CustomerForm(forms.Form):
    """Whom the agency looks for; the first run does not ask for sizes yet."""

    industries = Words(help_text="What they do: plumbing, dental.")
    places = Words(help_text="Where they are: Arizona, Tucson.")
    sizes = Words(help_text="How many people: 1-10, 11-50.")
    keywords = Words(help_text="Words in a message that speak for a fit: missed calls.")
    exclusions = Words(help_text="Words that rule one out: recruiter.")

    def __init__(self, data: Any = None, *, icp: dict[str, list[str]], fresh: bool = False) -> None:
        blank = fresh and icp == sample_icp()
        super().__init__(data, initial={} if blank else icp)
        self.icp = {} if blank else icp
        if fresh:
            del self.fields["sizes"]

    def clean(self) -> dict[str, Any]:
        """Ask for something to score by."""
        cleaned = super().clean() or {}
        asked = ("industries", "places", "keywords")
        if not self.errors and not any(cleaned.get(name) for name in asked):
            self.add_error(
                "industries", "Name an industry, a place or a keyword; leads are scored by them."
            )
        return cleaned

    def changes(self) -> dict[str, Any]:
        """Return the profile's field with the lists."""
        return {"icp": {"sizes": [], **self.icp, **self.cleaned_data}}


class PhaseForm(forms.Form):
    """How far the agency runs by itself."""

    phase = forms.TypedChoiceField(
        choices=AgencyProfile.Phase.choices,
        coerce=int,
        error_messages={
            "required": "Choose a phase from 1 to 4.",
            "invalid_choice": "There is no phase “%(value)s”; choose one from 1 to 4.",
        },
    )
