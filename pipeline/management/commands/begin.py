"""Make what a new house begins with: an ideal customer, its sources, a sequence, a mailbox."""

from typing import Any

from django.core.management import BaseCommand

from pipeline import starting


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        starting.ensure()
