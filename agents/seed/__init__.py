"""Fills an empty house with made-up history, to look at and to measure: `manage.py seed`."""

import datetime as dt
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import connections, transaction
from django.utils import timezone

from agency.models import Client
from agents.seed import around, outward, people, sales, stories
from jobs import depth


@dataclass(frozen=True)
class Scale:
    """How much of everything."""

    clients: int
    leads: int
    waiting: int
    jobs: int
    """All jobs, those of the leads' stories among them."""
    parked: int
    """Jobs that wait: scheduled far ahead, or held by a switch."""
    alerts: int
    open_alerts: int
    prospects: int
    """Those who became leads among them."""
    drafts: int
    """Cold mails that wait for a decision."""
    upcoming: int
    """Prospects in the middle of a sequence that runs."""
    deals: int
    """At most so many; there are as many as qualified leads allow."""


SCALES = {
    "small": Scale(3, 64, 12, 400, 30, 24, 3, 300, 5, 6, 26),
    "large": Scale(500, 100_000, 320, 1_000_000, 120_000, 2_000, 7, 100_000, 40, 60, 5_000),
}


def fill(scale: Scale, seed: str, user: User, say: Callable[[str], None]) -> None:
    """Fill the house in one transaction: with all of it, or after a failure nothing."""
    now = timezone.now()
    # A commit of its own: a new day locks the archive.
    around.archive_days(now)
    with transaction.atomic():
        write(scale, seed, user, now, say)
    depth.measure()
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)" if scale.leads > 1_000 else "ANALYZE")


def write(
    scale: Scale, seed: str, user: User, now: dt.datetime, say: Callable[[str], None]
) -> None:
    """Write the rows of a history that ends now, in the caller's transaction."""
    rng = random.Random(seed)  # noqa: S311 - the same seed, the same rows
    around.configs_of_the_fleet(now, user)
    made = people.clients(rng, scale.clients, Client.objects.count())
    clients = [client.pk for client in Client.objects.bulk_create(made)]
    say(f"{len(clients):,} clients")
    plan = stories.plan(rng, scale.leads, scale.waiting, now)
    player = stories.Player(rng, user, clients, now)
    # All before the first row is written: nobody has counted the rows yet, so queries are slow.
    say(f"{player.rehearse(plan)} different stories")
    pace = Pace(say, "leads, with all that came of them", scale.leads)
    player.play(plan, pace.at)
    started = time.monotonic()
    waiting = outward.write(rng, scale.prospects, scale.drafts, scale.upcoming, user)
    took = time.monotonic() - started
    say(f"{scale.prospects:,} prospects, {waiting} drafts to some of them, {took:.0f} s")
    sold = sales.write(rng, scale.deals, clients)
    say(f"{sold:,} deals, with their calls, proposals and payments")
    around.alerts(rng, now, scale.alerts, scale.open_alerts, user)
    say(f"{scale.alerts:,} alerts, {scale.open_alerts} of them open")
    count = around.jobs(rng, now, scale.jobs, scale.parked, clients)
    say(f"{count:,} jobs in all, {scale.parked:,} of them waiting")
    around.tallies(rng, now)


class Pace:
    """Says how far it is, at most every few seconds."""

    def __init__(self, say: Callable[[str], None], what: str, total: int) -> None:
        self.say, self.what, self.total = say, what, total
        self.started = self.said = time.monotonic()

    def at(self, count: int) -> None:
        now = time.monotonic()
        if count == self.total or now - self.said > 5:
            self.said = now
            self.say(f"{count:,} of {self.total:,} {self.what}, {now - self.started:.0f} s")
