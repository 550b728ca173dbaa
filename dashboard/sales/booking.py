"""What the booking pages show and take: days with their free times, and who comes."""

import datetime as dt
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db import transaction
from django.utils import timezone

from agency import audit, live
from agency.models import AgencyProfile
from dashboard.house.profile_forms import zones
from integrations import mail
from jobs import events
from pipeline import intake
from pipeline.meetings import booking
from pipeline.meetings.availability import Slot
from pipeline.meetings.booking import Guest
from pipeline.models import Lead, Meeting

SOURCE = "booking"
NO_TIME = "Choose one of the times."


@dataclass(frozen=True)
class Time:
    """A slot as its guest reads it, and the operator's clock beside it where that differs."""

    value: str
    shown: str
    theirs: str


@dataclass(frozen=True)
class Day:
    """A day in the guest's zone with its free times."""

    date: dt.date
    times: list[Time]


def zone_of(*names: str) -> ZoneInfo:
    """Return the first of these that is a time zone."""
    known = zones()
    return ZoneInfo(next((name for name in names if name in known), "UTC"))


def days(slots: list[Slot], zone: ZoneInfo, theirs: ZoneInfo) -> list[Day]:
    """Return the free times day by day, as the guest's clock shows them."""
    found: dict[dt.date, list[Time]] = {}
    for slot in slots:
        local, other = slot.starts_at.astimezone(zone), slot.starts_at.astimezone(theirs)
        beside = "" if local.utcoffset() == other.utcoffset() else _beside(local, other)
        time = Time(f"{slot.starts_at:%Y-%m-%dT%H:%M:%SZ}", f"{local:%H:%M}", beside)
        found.setdefault(local.date(), []).append(time)
    return [Day(date, times) for date, times in found.items()]


def _beside(local: dt.datetime, other: dt.datetime) -> str:
    day = f"{other:%a} " if other.date() != local.date() else ""
    return f"{day}{other:%H:%M}"


class TimeForm(forms.Form):
    """A time that was chosen."""

    starts_at = forms.CharField(
        max_length=40, error_messages={"required": NO_TIME}, widget=forms.HiddenInput
    )

    def clean_starts_at(self) -> dt.datetime:
        """Return the moment, UTC."""
        try:
            found = dt.datetime.fromisoformat(self.cleaned_data["starts_at"])
            return found.astimezone(dt.UTC) if found.tzinfo else found.replace(tzinfo=dt.UTC)
        except (ValueError, OverflowError):
            raise forms.ValidationError(NO_TIME) from None


class BookingForm(TimeForm):
    """Who comes to the call, and when it is."""

    name = forms.CharField(
        max_length=200,
        label="Your name",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": "Say who you are."},
    )
    email = forms.EmailField(
        max_length=254,
        label="E-mail",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        help_text="The invitation goes there.",
        error_messages={"required": "Give the address the invitation goes to."},
    )
    phone = forms.CharField(
        max_length=40,
        required=False,
        label="Phone, if you like",
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )
    company = forms.CharField(
        max_length=200,
        required=False,
        label="Company, if you like",
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    note = forms.CharField(
        max_length=2_000,
        required=False,
        label="What shall we talk about?",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    timezone = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, lead: Lead | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields(["starts_at", "name", "email", "company", "phone", "note", "timezone"])
        if lead is not None:
            del self.fields["company"]

    def clean_name(self) -> str:
        """Return the name on one line."""
        return _line(self.cleaned_data["name"])

    def clean_company(self) -> str:
        """Return the company on one line."""
        return _line(self.cleaned_data["company"])

    def clean_phone(self) -> str:
        """Return the number, if it looks like one."""
        text = _line(self.cleaned_data["phone"])
        if text and sum(c.isdigit() for c in text) < intake.MIN_PHONE_DIGITS:
            raise forms.ValidationError("That is no phone number.")
        return text

    def clean_note(self) -> str:
        """Return the note without control characters."""
        return intake.CONTROL.sub("", self.cleaned_data["note"].replace("\r\n", "\n"))

    def clean_email(self) -> str:
        """Return an address an invitation can be sent to."""
        email: str = self.cleaned_data["email"]
        if not mail.can_reach(email):
            raise forms.ValidationError("No mail can be sent to that address.")
        return email

    def guest(self) -> Guest:
        """Return who comes."""
        data = self.cleaned_data
        zone = zone_of(data["timezone"], AgencyProfile.load().timezone).key
        return Guest(data["name"], data["email"], data["phone"], zone, data["note"])


def lead_of(guest: Guest, company: str) -> Lead:
    """Return the open lead of somebody who books without a link of theirs, or a new one.

    One with a call ahead is left alone: whoever types an address is not known to own it, and is
    told nothing about it. In the caller's transaction.
    """
    known = Lead.objects.filter(
        email__iexact=guest.email, client=None, outcome=Lead.Outcome.OPEN
    ).order_by("-received_at")
    found = known.first()
    if found is not None and booking.upcoming(found) is None:
        return found
    lead = Lead.objects.create(
        source=SOURCE,
        name=guest.name,
        email=guest.email,
        phone=guest.phone,
        company=company,
        message=guest.note,
        timezone=guest.timezone,
        received_at=timezone.now(),
    )
    audit.record(
        "lead.received", f"{lead} booked a call on the booking page", actor=SOURCE, obj=lead
    )
    events.emit("lead.received", subject=lead)
    live.broadcast("leads", f"lead:{lead.pk}")
    return lead


def book_anybody(form: BookingForm) -> Meeting:
    """Book for somebody who came without a link. Raises NotOffered; then there is no lead."""
    guest = form.guest()
    with transaction.atomic():
        lead = lead_of(guest, form.cleaned_data["company"])
        starts_at = form.cleaned_data["starts_at"]
        return booking.book(lead, starts_at, guest=guest, by=booking.GUEST)


def _line(text: str) -> str:
    return " ".join(intake.CONTROL.sub("", text).split())
