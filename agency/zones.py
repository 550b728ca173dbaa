"""Time zone names."""

import zoneinfo

from django.core.exceptions import ValidationError


def validate_timezone(name: str) -> None:
    """Raise ValidationError unless `name` is an IANA time zone."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(f"“{name}” is no time zone; use a name such as America/Phoenix.")
