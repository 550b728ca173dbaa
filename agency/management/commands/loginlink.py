"""Print an address that logs a user in, once, within the hour."""

from typing import Any

import sesame.utils
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", nargs="?", default="operator")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.stdout.write(login_link(options["username"]))
        except LookupError as error:
            raise CommandError(str(error)) from None


def login_link(username: str) -> str:
    """Return the one-time address. Raises LookupError when there is no such user."""
    user = get_user_model().objects.filter(username=username, is_active=True).first()
    if user is None:
        raise LookupError(f"there is no active user “{username}”")
    return f"{settings.PUBLIC_URL}/login/link/{sesame.utils.get_query_string(user)}"
