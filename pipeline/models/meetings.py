"""Calls in the calendar: when they can be, when they are, and what is busy otherwise."""

from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Func, Q

from agency.ids import uuid7
from pipeline.models.deals import Deal
from pipeline.models.leads import Lead
from pipeline.models.prospects import World


def usual_hours() -> dict[str, list[list[str]]]:
    """Return nine to five, Monday to Friday."""
    return {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}


class BookingRules(models.Model):
    """When the operator can be booked. One row; hours are in the agency's time zone."""

    title = models.CharField(max_length=120, default="Discovery call")
    hours = models.JSONField(
        default=usual_hours, help_text="Day to spans: {mon: [[09:00, 12:00], [13:00, 17:00]]}."
    )
    slot_minutes = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(10), MaxValueValidator(240)]
    )
    buffer_minutes = models.PositiveSmallIntegerField(
        default=10, validators=[MaxValueValidator(240)], help_text="Free between two calls."
    )
    notice_minutes = models.PositiveIntegerField(
        default=240, validators=[MaxValueValidator(20_160)], help_text="From now to the first slot."
    )
    daily_cap = models.PositiveSmallIntegerField(
        default=6, validators=[MinValueValidator(1), MaxValueValidator(50)]
    )
    horizon_days = models.PositiveSmallIntegerField(
        default=14, validators=[MinValueValidator(1), MaxValueValidator(90)]
    )
    location = models.CharField(
        max_length=300, default="A phone call: I call you", help_text="A video link or how."
    )
    busy_synced_at = models.DateTimeField(null=True, blank=True, help_text="Wall time.")
    busy_error = models.TextField(blank=True, default="")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "booking rules"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="pipeline_bookingrules_one_row"),
        ]

    def __str__(self) -> str:
        return self.title

    @classmethod
    def load(cls) -> "BookingRules":
        """Return the one row, made with usual values on first use."""
        rules, _ = cls.objects.get_or_create(id=1)
        return rules


class Meeting(models.Model):
    """A call with a lead. Times are business time; two that stand never overlap."""

    class Status(models.TextChoices):
        BOOKED = "booked", "Booked"
        HELD = "held", "Held"
        MISSED = "missed", "Missed"
        CANCELLED = "cancelled", "Cancelled"

    class Calendar(models.TextChoices):
        """Whether the operator's calendar has it as it is here."""

        NONE = "none", "No calendar is connected"
        DUE = "due", "On its way to the calendar"
        SYNCED = "synced", "In the calendar"
        CLASH = "clash", "The calendar is busy then"
        FAILED = "failed", "The calendar refused it"

    id = models.UUIDField(primary_key=True, default=uuid7)
    world = models.CharField(max_length=7, choices=World)
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, related_name="meetings")
    deal = models.ForeignKey(
        Deal, null=True, blank=True, on_delete=models.PROTECT, related_name="meetings"
    )
    title = models.CharField(max_length=120)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    blocked_until = models.DateTimeField(help_text="Its end and the buffer after it.")
    location = models.CharField(max_length=300, blank=True, default="")
    guest_name = models.CharField(max_length=200, blank=True, default="")
    guest_email = models.EmailField()
    guest_phone = models.CharField(max_length=40, blank=True, default="")
    guest_timezone = models.CharField(max_length=64)
    guest_note = models.TextField(blank=True, default="", max_length=2_000)
    booked_by = models.CharField(max_length=150, help_text="guest, a user, or an agent.")
    status = models.CharField(max_length=9, choices=Status, default=Status.BOOKED)
    uid = models.CharField(max_length=120, unique=True, help_text="iCalendar UID.")
    revision = models.PositiveIntegerField(default=0, help_text="iCalendar SEQUENCE.")
    moved_count = models.PositiveSmallIntegerField(default=0)
    cancelled_by = models.CharField(max_length=150, blank=True, default="")
    cancel_reason = models.CharField(max_length=300, blank=True, default="")
    closed_at = models.DateTimeField(
        null=True, blank=True, help_text="Held, missed or cancelled at, business time."
    )
    reminded_day_at = models.DateTimeField(null=True, blank=True)
    reminded_hour_at = models.DateTimeField(null=True, blank=True)
    recovered_at = models.DateTimeField(null=True, blank=True, help_text="When it was.")
    brief = models.JSONField(default=dict, blank=True, help_text="{who, why, ask: [], facts: []}")
    brief_at = models.DateTimeField(null=True, blank=True)
    calendar = models.CharField(max_length=6, choices=Calendar, default=Calendar.NONE)
    calendar_href = models.CharField(max_length=500, blank=True, default="")
    calendar_etag = models.CharField(max_length=200, blank=True, default="")
    calendar_error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            ExclusionConstraint(
                name="pipeline_meeting_no_overlap",
                expressions=[
                    (
                        Func(
                            F("starts_at"),
                            F("blocked_until"),
                            RangeBoundary(),
                            function="TSTZRANGE",
                            output_field=DateTimeRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=~Q(status="cancelled"),
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at"), blocked_until__gte=F("ends_at")),
                name="pipeline_meeting_times",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["starts_at"], name="pipeline_meeting_starts"),
            models.Index(fields=["lead", "-starts_at"], name="pipeline_meeting_lead"),
            models.Index(
                fields=["starts_at"], condition=Q(status="booked"), name="pipeline_meeting_ahead"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} with {self.guest_name or self.guest_email}"


class BusyTime(models.Model):
    """A time at which the operator's calendar is busy with something else, as last read."""

    uid = models.CharField(max_length=300)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["starts_at", "ends_at"], name="pipeline_busytime_span"),
        ]

    def __str__(self) -> str:
        return f"busy {self.starts_at:%Y-%m-%d %H:%M}"
