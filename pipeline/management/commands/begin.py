"""Make what a new house begins with: ideal customer, sources, sequence, mailbox, price book."""

from typing import Any

from django.core.management import BaseCommand

from billing import prices
from pipeline import starting


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        starting.ensure()
        prices.ensure()
