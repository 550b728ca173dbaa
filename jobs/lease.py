"""Leases: a worker's one heartbeat row holds all its jobs; a fencing token refuses late writes."""

import os
import socket
import threading
import time
import uuid
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from agency.ids import uuid7
from jobs.models import Job, Worker

SAFE_SHARE = 0.7
"""A holder stops trusting its lease after this share of it, before others may take it over."""


class LeaseLost(Exception):
    """This job may belong to another worker by now; nothing more may be done for it here."""


class Held(Exception):
    """A kill switch reaches this job; it waits until the switch is released."""

    def __init__(self, tag: str) -> None:
        super().__init__(f"held by {tag}")
        self.tag = tag


@dataclass
class Holder:
    """One registered worker identity. Once lost it is never trusted again."""

    worker: Worker
    renewed: float
    lost: threading.Event = field(default_factory=threading.Event)
    in_hand: set[tuple[uuid.UUID, int]] = field(default_factory=set)

    @classmethod
    def register(cls, lanes: list[str], threads: int = 1) -> "Holder":
        """Insert the worker's row; its lease starts now."""
        before = time.monotonic()
        now = timezone.now()
        worker = Worker.objects.create(
            id=uuid7(),
            name=f"{socket.gethostname()}:{os.getpid()}",
            pid=os.getpid(),
            lanes=lanes,
            threads=threads,
            started_at=now,
            beat_at=Now(),
        )
        holder = cls(worker, before)
        holder.beat()
        return holder

    def beat(self) -> bool:
        """Renew the lease; return False, and stay lost, if it was taken away meanwhile.

        The row's time is the database's; the local one is read before asking, so that the holder's
        own deadline always falls before the database's.
        """
        before = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE jobs_worker SET beat_at = clock_timestamp()"
                " WHERE id = %s AND lost_at IS NULL AND stopped_at IS NULL",
                [self.worker.pk],
            )
            alive = bool(cursor.rowcount == 1)
        if alive:
            self.renewed = before
        else:
            self.lost.set()
        return alive

    def is_safe(self) -> bool:
        """Whether nobody can have taken this holder's jobs over, by its own monotonic clock."""
        age = time.monotonic() - self.renewed
        return not self.lost.is_set() and age < settings.JOBS_LEASE_SECONDS * SAFE_SHARE

    def stop(self) -> None:
        """Say goodbye; whatever is still running here is taken over at once."""
        self.lost.set()
        Worker.objects.filter(pk=self.worker.pk).update(stopped_at=timezone.now())


class Lease:
    """A claimed job in the hands of one holder."""

    def __init__(self, job: Job, holder: Holder) -> None:
        self.job = job
        self.holder = holder
        self.finished = False

    def check(self) -> None:
        """Raise LeaseLost unless this job is surely still ours; called before each effect."""
        if not self.holder.is_safe():
            raise LeaseLost(f"{self.job} outlived its lease")

    def check_row(self) -> None:
        """Raise LeaseLost unless the database agrees; locks the job's row in this transaction."""
        self.check()
        mine = Job.objects.select_for_update().filter(
            pk=self.job.pk, status=Job.Status.RUNNING, fence=self.job.fence
        )
        if not mine.exists():
            raise LeaseLost(f"{self.job} was taken over")

    def complete(self) -> None:
        """Mark the job completed, in the caller's transaction if there is one. Raises LeaseLost."""
        self.settle(Job.Status.COMPLETED, finished_at=timezone.now())

    def settle(self, status: str, **fields: object) -> None:
        """Leave `running` for `status` if this fence still holds it. Raises LeaseLost."""
        won = Job.objects.filter(
            pk=self.job.pk, status=Job.Status.RUNNING, fence=self.job.fence
        ).update(status=status, worker=None, **fields)
        if won != 1:
            raise LeaseLost(f"{self.job} was taken over")
        self.finished = True
