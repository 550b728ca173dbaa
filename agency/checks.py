"""What Django should warn about when it starts."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register


@register()
def app_and_owner_are_two_roles(**kwargs: Any) -> list[CheckMessage]:
    """Row-level security and append-only tables do not bind the role that owns the tables."""
    if settings.APP_ROLE != settings.OWNER_ROLE:
        return []
    return [
        Warning(
            f"The app works as {settings.APP_ROLE}, the Postgres role that owns its tables.",
            hint="Give DATABASE_URL a role of its own and put the owner in DATABASE_OWNER_URL.",
            id="agency.W001",
        )
    ]
