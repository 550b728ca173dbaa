"""Make the roles and tables, collect the static files, and see that there is an operator."""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import BaseCommand, call_command

from agency import roles


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        roles.prepare()
        call_command("migrate", interactive=False, verbosity=0)
        # Left-overs of an older version would be served for ever.
        call_command("collectstatic", interactive=False, verbosity=0, clear=True)
        if ensure_operator():
            self.stdout.write("Made the user operator; `manage.py changepassword operator`")


def ensure_operator() -> bool:
    """Return whether the operator's login had to be made. It has no password, only links."""
    user_model = get_user_model()
    user, made = user_model.objects.get_or_create(
        username="operator",
        defaults={"email": settings.OPERATOR_EMAIL, "is_staff": True, "is_superuser": True},
    )
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return made
