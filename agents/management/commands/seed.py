"""Fill an empty house with made-up leads, prospects, mails, runs, decisions, jobs and alerts."""

import time
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import BaseCommand, CommandError, CommandParser

from agency.models import AgencyProfile, Client
from agents import seed
from agents.models import Run
from integrations import llm, mail, notify
from pipeline.models import Lead

WAY_OUT = (
    "What was seeded stays: entries of the audit trail cannot be removed. Seed a data folder of its"
    " own (DATA_DIR=…) and delete that when you are done."
)


class Command(BaseCommand):
    help = f"{__doc__} {WAY_OUT}"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--scale", choices=list(seed.SCALES), default="small")
        parser.add_argument("--seed", default="1", help="the same gives the same rows")
        parser.add_argument("--add", action="store_true", help="beside the rows there are")

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_beside_the_real()
        count = Lead.objects.count()
        if not options["add"] and (count or Client.objects.exists() or Run.objects.exists()):
            raise CommandError(f"There are rows already; --add adds to them. {WAY_OUT}")
        user = get_user_model().objects.filter(is_superuser=True).order_by("pk").first()
        if user is None:
            raise CommandError("There is no operator yet: run `manage.py prepare` first")
        started = time.monotonic()
        chosen = f"{options['seed']}:{count}"
        seed.fill(seed.SCALES[options["scale"]], chosen, user, self.say)
        self.say(f"Done in {time.monotonic() - started:.0f} s. {WAY_OUT}")

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def refuse_beside_the_real() -> None:
    """Raise CommandError where anything real is configured."""
    real = {
        "EMAIL_URL": mail.world() != "sandbox",
        "ANTHROPIC_API_KEY": llm.is_configured(),
        "ALERT_WEBHOOK_URL": notify.is_configured(),
    }
    for name, is_set in real.items():
        if is_set:
            raise CommandError(f"{name} is set: made-up rows never stand beside a real channel")
    if not AgencyProfile.load().is_sample:
        raise CommandError("The profile is your own: made-up rows belong to the sample agency only")
