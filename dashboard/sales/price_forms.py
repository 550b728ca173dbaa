"""What the operator fills in about a package: what is sold, for how much, within which bounds."""

from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.utils.text import slugify

from billing.models import Package
from dashboard.house.profile_forms import Words

LONGEST_LINE, MOST_LINES = 300, 20
MOST_MONTHS = 120

FEES = (("setup", "setup"), ("monthly", "monthly price"))


class Lines(forms.CharField):
    """A list of sentences, one a line; a comma is part of one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 6}), **kwargs)

    def clean(self, value: Any) -> list[str]:
        """Return the lines that say something. Raises ValidationError, naming one."""
        text: str = super().clean(value)
        found = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
        for line in found:
            if len(line) > LONGEST_LINE:
                raise forms.ValidationError(
                    f"“{line[:30]}…” is too long; a line has at most {LONGEST_LINE} letters."
                )
        if len(found) > MOST_LINES:
            raise forms.ValidationError(f"That is over {MOST_LINES} lines; keep what matters.")
        return found

    def prepare_value(self, value: Any) -> Any:
        """Write a list as text, one sentence a line."""
        return "\n".join(value) if isinstance(value, list) else value


class PackageForm(forms.ModelForm[Package]):
    """One thing the agency sells."""

    scope = Lines(
        label="What they get",
        help_text="One thing a line; a proposal lists them.",
        error_messages={"required": "Say what they get, at least one thing."},
    )
    fits = Words(
        label="Words of the need",
        help_text="What they say when this is what they need: missed calls, front desk.",
    )

    class Meta:
        model = Package
        fields: ClassVar = [
            *("name", "summary", "scope", "fits"),
            *("setup_usd", "setup_floor_usd", "setup_ceiling_usd"),
            *("monthly_usd", "monthly_floor_usd", "monthly_ceiling_usd"),
            *("max_discount_percent", "term_months", "position"),
        ]
        labels: ClassVar = {
            "summary": "In one sentence",
            "setup_usd": "Setup, USD",
            "setup_floor_usd": "Setup, never under",
            "setup_ceiling_usd": "Setup, never over",
            "monthly_usd": "Monthly, USD",
            "monthly_floor_usd": "Monthly, never under",
            "monthly_ceiling_usd": "Monthly, never over",
            "max_discount_percent": "Discount without asking, %",
            "term_months": "Term, months",
            "position": "Place in the list",
        }
        help_texts: ClassVar = {
            "summary": "As a proposal says it.",
            "max_discount_percent": "More than this asks you, whoever offers it.",
            "position": "The smallest first.",
            "setup_floor_usd": "",
            "monthly_floor_usd": "",
        }
        widgets: ClassVar = {"summary": forms.Textarea(attrs={"rows": 2})}
        error_messages: ClassVar = {
            "name": {"required": "Give it a name."},
            "summary": {"required": "Say in one sentence what it is."},
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("setup_usd", "monthly_usd"):
            self.fields[name].widget.attrs["min"] = 0
        self.fields["term_months"].widget.attrs |= {"min": 1, "max": MOST_MONTHS}

    def clean_name(self) -> str:
        """Refuse a name that leaves nothing to find it by, or that another package has."""
        name: str = self.cleaned_data["name"]
        if self.instance.pk:
            return name
        slug = slugify(name)[:60].strip("-")
        if not slug:
            raise forms.ValidationError("A name needs letters or digits.")
        if slug == "new":
            raise forms.ValidationError("New is what the page to add one is called.")
        if Package.objects.filter(slug=slug).exists():
            raise forms.ValidationError("There is a package of this name already.")
        self.instance.slug = slug
        return name

    def clean_term_months(self) -> int:
        """Refuse a contract over nothing, or over a lifetime."""
        months: int = self.cleaned_data["term_months"]
        if not 1 <= months <= MOST_MONTHS:
            raise forms.ValidationError(f"From 1 to {MOST_MONTHS} months.")
        return months

    def clean(self) -> dict[str, Any]:
        """Refuse a list price outside its own bounds."""
        cleaned = super().clean() or {}
        for fee, words in FEES:
            price, floor, ceiling = (
                cleaned.get(f"{fee}{end}") for end in ("_usd", "_floor_usd", "_ceiling_usd")
            )
            if price is None:
                continue
            if floor is not None and floor > price:
                self.add_error(f"{fee}_floor_usd", f"That is over the {words} itself.")
            if ceiling is not None and ceiling < price:
                self.add_error(f"{fee}_ceiling_usd", f"That is under the {words} itself.")
        if not self.errors and cleaned["setup_usd"] + cleaned["monthly_usd"] == Decimal(0):
            self.add_error("setup_usd", "Something must cost something.")
        return cleaned
