"""What the operator fills in about prospects: whom to look for, where, and what becomes of them."""

from typing import Any, ClassVar

from django import forms

from agency.zones import validate_timezone
from dashboard.house.profile_forms import Words
from integrations import web
from pipeline import by_hand
from pipeline.finding import candidates
from pipeline.finding.sources.file import MOST_BYTES
from pipeline.models import Contact, IdealCustomer, Sequence, Source
from pipeline.targets import READ_BY_SCOUT

ZONE = {"list": "zones", "autocomplete": "off", "spellcheck": "false"}
CODE = {"rows": 4, "spellcheck": "false", "class": "copy"}


class DropForm(forms.Form):
    """Why they are dropped or not to be written to."""

    reason = forms.CharField(
        max_length=200,
        label="Why",
        help_text="It stands on each of them, and agents read it.",
        error_messages={"required": "Say why, in a few words."},
    )


class SuppressForm(DropForm):
    """Why nobody writes to them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = "It stands beside the address on the suppression list."


class EnrollForm(forms.Form):
    """Into which sequence."""

    sequence = forms.ModelChoiceField(
        Sequence.objects.filter(active=True),
        empty_label=None,
        error_messages={
            "required": "Choose a sequence; an active one is needed.",
            "invalid_choice": "There is no such active sequence.",
        },
    )


BULK_FORMS: dict[str, type[forms.Form]] = {
    "drop": DropForm,
    "suppress": SuppressForm,
    "enroll": EnrollForm,
}


class IdealCustomerForm(forms.ModelForm[IdealCustomer]):
    """Whom the agency looks for."""

    industries = Words(help_text="What they do: plumbing, dental.")
    places = Words(help_text="Cities, regions or countries: Tucson, Arizona.")
    signals = Words(help_text="What makes it timely: hiring, new location, bad reviews.")
    keywords = Words(help_text="Words of the problem you solve: missed calls.")
    exclusions = Words(help_text="Whoever shows one of these is no fit: franchise.")

    class Meta:
        model = IdealCustomer
        fields: ClassVar = [
            *("name", "industries", "places", "signals", "keywords", "exclusions"),
            *("min_employees", "max_employees", "min_fit", "timezone"),
        ]
        labels: ClassVar = {
            "min_employees": "Employees, from",
            "max_employees": "to",
            "min_fit": "Least fit",
            "timezone": "Time zone",
        }
        help_texts: ClassVar = {
            "name": "What you call them: Home services in Arizona.",
            "min_employees": "Empty: any.",
            "max_employees": "Empty: any.",
            "min_fit": "So many points of 100 and more are written to.",
            "timezone": "Theirs, where nothing else says one: mail goes out by it.",
        }
        widgets: ClassVar = {"timezone": forms.TextInput(attrs=ZONE)}
        error_messages: ClassVar = {
            "name": {
                "required": "Give it a name.",
                "unique": "There is one of this name already.",
            },
        }

    def clean_timezone(self) -> str:
        """Refuse what is no time zone."""
        name: str = self.cleaned_data["timezone"]
        validate_timezone(name)
        return name

    def clean(self) -> dict[str, Any]:
        """Ask for something to find them by, and for sizes that make sense."""
        cleaned = super().clean() or {}
        asked = ("industries", "places", "keywords")
        if not self.errors and not any(cleaned.get(name) for name in asked):
            self.add_error("industries", "Name an industry, a place or a keyword to find them by.")
        low, high = cleaned.get("min_employees"), cleaned.get("max_employees")
        if low is not None and high is not None and low > high:
            self.add_error("max_employees", "That is less than the least.")
        return cleaned


class SourceForm(forms.ModelForm[Source]):
    """Where prospects are found, read again and again."""

    class Meta:
        model = Source
        fields: ClassVar = ["kind", "name", "url", "query", "every_minutes"]
        labels: ClassVar = {
            "url": "Address",
            "query": "Query or selector",
            "every_minutes": "Read every … minutes",
        }
        help_texts: ClassVar = {
            "name": "What you call it: Tucson business directory.",
            "url": "Of the feed, the page, or the Overpass service.",
            "query": "Overpass: the query. Listing page: a CSS selector of its entries, or empty.",
            "every_minutes": "At least 15; robots.txt and a polite rate are kept in any case.",
        }
        widgets: ClassVar = {"query": forms.Textarea(attrs=CODE)}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"] = forms.ChoiceField(
            choices=[(kind.value, kind.label) for kind in READ_BY_SCOUT]
        )
        self.fields["every_minutes"].widget.attrs["min"] = 15

    def clean_url(self) -> str:
        """Refuse what Scout would never read."""
        url: str = self.cleaned_data["url"]
        if web.is_never_read(web.host_of(url)):
            raise forms.ValidationError("LinkedIn is never read; import an export of yours as CSV.")
        return url

    def clean_every_minutes(self) -> int:
        """Refuse what would be rude."""
        minutes: int = self.cleaned_data["every_minutes"]
        if minutes < 15:
            raise forms.ValidationError("At least 15 minutes.")
        return minutes

    def clean(self) -> dict[str, Any]:
        """Ask for what this kind needs."""
        cleaned = super().clean() or {}
        if not cleaned.get("url") and "url" not in self.errors:
            self.add_error("url", "Give the address it is read from.")
        if cleaned.get("kind") == Source.Kind.OVERPASS and not cleaned.get("query"):
            self.add_error("query", "Overpass needs a query.")
        name, customer = cleaned.get("name"), self.instance.ideal_customer_id
        same = Source.objects.filter(ideal_customer=customer, name=name).exclude(
            pk=self.instance.pk
        )
        if name and same.exists():
            self.add_error("name", "There is one of this name already.")
        return cleaned


class ContactForm(forms.ModelForm[Contact]):
    """A person at a prospect, added by hand."""

    class Meta:
        model = Contact
        fields: ClassVar = ["name", "role", "email", "phone", "linkedin"]
        labels: ClassVar = {"email": "E-mail", "linkedin": "LinkedIn"}

    def clean(self) -> dict[str, Any]:
        """Ask for something to reach them by; an address is theirs once."""
        cleaned = super().clean() or {}
        cleaned["email"] = (cleaned.get("email") or "").lower()
        reach = ("name", "email", "phone", "linkedin")
        if not self.errors and not any(cleaned.get(name) for name in reach):
            self.add_error("name", "Give a name or a way to reach them.")
        known = Contact.objects.filter(prospect=self.instance.prospect_id, email=cleaned["email"])
        if cleaned["email"] and known.exists():
            self.add_error("email", "That address is there already.")
        return cleaned


class FieldForm(forms.Form):
    """One field set by hand, and why."""

    name = forms.ChoiceField(choices=list(by_hand.SETTABLE.items()), label="What")
    value = forms.CharField(max_length=2000, required=False)
    reason = forms.CharField(
        max_length=500, label="Why", error_messages={"required": "Say why, in a few words."}
    )

    def clean(self) -> dict[str, Any]:
        """Read the value as the field has it."""
        cleaned = super().clean() or {}
        name, value = cleaned.get("name"), (cleaned.get("value") or "").strip()
        cleaned["value"] = value
        if name in ("fit", "employees"):
            most = 100 if name == "fit" else 1_000_000
            if not (value.isascii() and value.isdecimal() and int(value[:9]) <= most):
                self.add_error("value", f"A whole number from 0 to {most:,}.")
            else:
                cleaned["value"] = int(value)
        elif name == "name" and not value:
            self.add_error("value", "A company needs a name.")
        elif name == "timezone":
            try:
                validate_timezone(value)
            except forms.ValidationError as error:
                self.add_error("value", error)
        return cleaned


class ProspectForm(forms.Form):
    """A company added by hand; `candidate` is it as a source would say it."""

    ideal_customer = forms.ModelChoiceField(
        IdealCustomer.objects.order_by("-active", "name"), empty_label=None, label="Fits"
    )
    name = forms.CharField(
        max_length=200, label="Company", error_messages={"required": "Give its name."}
    )
    website = forms.CharField(max_length=500, required=False, help_text="harborplumbing.com")
    email = forms.CharField(max_length=254, required=False, label="E-mail")
    phone = forms.CharField(max_length=40, required=False)
    industry = forms.CharField(max_length=100, required=False)
    place = forms.CharField(max_length=120, required=False, help_text="Tucson, AZ")
    person_name = forms.CharField(max_length=200, required=False, label="Person")
    person_role = forms.CharField(max_length=120, required=False, label="Their role")
    person_email = forms.CharField(max_length=254, required=False, label="Their e-mail")

    def clean(self) -> dict[str, Any]:
        """Read it as a source is read; what is no good stands at its field."""
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        candidate, problems = candidates.read(cleaned)
        for name, why in problems.items():
            self.add_error(name if name in self.fields else None, f"{why[:1].upper()}{why[1:]}.")
        cleaned["candidate"] = candidate
        return cleaned


class FileField(forms.FileField):
    """A file of rows; what is too large is refused before it is read."""

    widget = forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv"})
    default_error_messages: ClassVar = {
        "required": "Choose a file.",
        "empty": "The file is empty.",
    }

    def clean(self, data: Any, initial: Any = None) -> Any:
        """Return the file."""
        uploaded = super().clean(data, initial)
        if uploaded.size > MOST_BYTES:
            raise forms.ValidationError("Larger than 30 MB; cut it into parts.")
        return uploaded


class ImportForm(forms.Form):
    """A file of companies, and whom they are measured against."""

    ideal_customer = forms.ModelChoiceField(
        IdealCustomer.objects.order_by("-active", "name"), empty_label=None, label="Fit for"
    )
    file = FileField(
        help_text="CSV from a spreadsheet, a directory, LinkedIn or Sales Navigator; up to 30 MB."
    )
