"""Jobs to measure with."""

from django.db import connection

from jobs import registry
from jobs.lease import Lease
from jobs.models import Job, Lane


@registry.register("bench.noop", lane=Lane.NORMAL, short=True)
def noop(job: Job, lease: Lease) -> None:
    """Do nothing."""


@registry.register("bench.chore", lane=Lane.BULK)
def chore(job: Job, lease: Lease) -> None:
    """Do a little that is not short: as much waiting as a quick call to another service."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.02)")
