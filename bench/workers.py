"""Worker processes, started as the supervisor starts them."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings

from agency import embedded
from agency.management.commands import run
from agency.supervisor import Child
from jobs.models import Worker

Condition = Callable[[], object]


def clock() -> list[Child]:
    """Return beat and the worker that sweeps: what else the product always runs."""
    return [child for child in run.children() if child.name in {"worker-clock", "beat"}]


def everybody(*, mailbox: bool = False) -> list[Child]:
    """Return all that `make run` runs but the market; a mailbox only where mail is sent."""
    if not mailbox:
        return run.children()
    port, folder = str(settings.SANDBOX_SMTP_PORT), str(settings.MAILBOX_DIR)
    takes_mail = ("-m", "sandbox", "mailbox", "--port", port, "--maildir", folder)
    return [*run.children(), run.python("mailbox", *takes_mail, pool=1)]


@contextmanager
def running(*children: Child) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run the product's own processes until the block ends; workers are ready when it begins."""
    before = set(Worker.objects.values_list("pk", flat=True))
    log = (settings.DATA_DIR / "children.log").open("ab")
    processes = [
        embedded.spawn(
            child.argv,
            death_signal=signal.SIGKILL,
            env={**os.environ, **child.env},
            cwd=settings.BASE_DIR,
            output=log,
        )
        for child in children
    ]
    try:
        wanted = sum(child.name.startswith("worker-") for child in children)
        while Worker.objects.exclude(pk__in=before).count() < wanted:
            if any(process.poll() is not None for process in processes):
                raise RuntimeError(f"a process ended at its start; see {log.name}")
            time.sleep(0.05)
        yield processes
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            embedded.stop(process)
        log.close()
