"""Print what each phase makes of each kind of action; with --write, put it into the docs."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandParser

from control import phases

PAGE = Path(settings.BASE_DIR) / "docs" / "AUTONOMY.md"


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["write"]:
            PAGE.write_text(phases.with_table(PAGE.read_text()))
        else:
            self.stdout.write(phases.table())
