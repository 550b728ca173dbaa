"""Run everything under one supervisor until Ctrl-C."""

import importlib
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, call_command
from django.db import connections

from agency import clock, embedded, supervisor
from agency.management.commands.loginlink import login_link
from agency.models import AgencyProfile
from agency.supervisor import Child, Supervisor

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, interrupt)
        with supervisor.hold(settings.DATA_DIR):
            self.supervise()

    def supervise(self) -> None:
        supervisor.require_free_port("PORT", settings.HOST, settings.PORT)
        if not settings.EMAIL_URL:
            for name in ("SANDBOX_SMTP_PORT", "SANDBOX_WEB_PORT"):
                supervisor.require_free_port(name, "127.0.0.1", getattr(settings, name))
        supervisor.end_left_overs(settings.DATA_DIR)
        house = Supervisor(settings.DATA_DIR, settings.BASE_DIR, self.say)
        try:
            self.say("Starting; the first time takes some seconds longer")
            for server in servers():
                house.start(Child.from_server(server))
            call_command("prepare", stdout=self.stdout)
            call_command("begin")
            for child in (*children(), *outside()):
                house.start(child)
            self.watch(house)
        except KeyboardInterrupt:
            self.say("Stopping")
        finally:
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            house.stop()
        self.say("Stopped")

    def watch(self, house: Supervisor) -> None:
        host = settings.HOST if settings.HOST not in {"0.0.0.0", "::"} else "127.0.0.1"  # noqa: S104
        started = time.monotonic()
        patience = 60.0
        while not supervisor.answers(host, settings.PORT, "/readyz"):
            house.tick(0.1)
            if time.monotonic() - started > patience:
                self.say("The web server does not answer yet; waiting on")
                patience *= 2
        for line in greeting_lines():
            self.say(line)
        connections.close_all()
        while True:
            house.tick(1)

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def servers() -> list[embedded.Server]:
    found = []
    if settings.EMBEDDED_POSTGRES:
        found.append(embedded.postgres(settings.DATA_DIR))
    if settings.EMBEDDED_VALKEY:
        found.append(embedded.valkey(settings.DATA_DIR))
    return found


def children() -> list[Child]:
    host, port = settings.HOST, str(settings.PORT)
    return [
        python(
            "web",
            *("-m", "uvicorn", "agency.asgi:application", "--host", host, "--port", port),
            *("--lifespan", "off", "--no-access-log", "--log-level", "warning"),
            # A live part would be compressed anew for each socket that gets it.
            *("--ws-per-message-deflate", "false"),
            *("--timeout-graceful-shutdown", "5"),
            pool=20,
        ),
        worker("worker-clock", "sweep", threads=2),
        worker("worker-fast", "fast", threads=8),
        worker("worker-normal", "normal", threads=16),
        worker("worker-bulk", "bulk", threads=8),
        python("beat", "-m", "celery", "-q", "-A", "agency.celery", "beat", pool=1),
    ]


def outside() -> list[Child]:
    """Return who plays the world outside: the market, unless mail reaches the real one."""
    if settings.EMAIL_URL:
        return []
    market = python(
        "market",
        *("-m", "sandbox", "market", "--maildir", str(settings.MAILBOX_DIR)),
        *("--smtp-port", str(settings.SANDBOX_SMTP_PORT)),
        *("--web-port", str(settings.SANDBOX_WEB_PORT)),
        *("--app-url", settings.PUBLIC_URL, "--lead-form", lead_form()),
        *("--meetings-hook", hook("meetings", "recorder")),
        *("--epoch", str(AgencyProfile.load().created_at.timestamp())),
        *("--speed", f"{clock.speed():g}", "--seed", str(settings.SANDBOX_SEED)),
        pool=1,
    )
    # Not an argument: every user of this machine may read those.
    market.env["MAILGUN_SIGNING_KEY"] = settings.MAILGUN_SIGNING_KEY
    if not settings.STRIPE_SECRET_KEY:
        market.env["SANDBOX_CHECKOUT_KEY"] = settings.SANDBOX_CHECKOUT_KEY
    return [market]


def worker(name: str, queues: str, *, threads: int) -> Child:
    return python(
        name,
        # As root in a container or in CI that is how it is.
        *("-W", "ignore:You're running the worker with superuser privileges"),
        *("-m", "celery", "-q", "-A", "agency.celery", "worker", "-P", "threads"),
        *("-Q", queues, "-c", str(threads), "-n", f"{name}@%h"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        # Its lease, its switches and its wake-ups need a connection beside the jobs' own.
        pool=threads + 8,
    )


def python(name: str, *arguments: str, pool: int) -> Child:
    env = {
        "DATA_DIR": str(settings.DATA_DIR),
        "DB_POOL_SIZE": str(pool),
        "PYTHONUNBUFFERED": "1",
    }
    return Child(name, (sys.executable, *arguments), env=env)


def greeting_lines() -> list[str]:
    """Return what the operator needs first: where to go, and how to make a lead appear."""
    link = login_link("operator")
    lines = [
        "",
        f"  Command Center   {settings.PUBLIC_URL}",
        f"  Log in once      {link}",
        f"  Data             {relative(settings.DATA_DIR)}",
    ]
    if not settings.EMAIL_URL:
        seed, day = settings.SANDBOX_SEED, f"{86_400 / clock.speed():g} s"
        lines += [
            f"  Outside          A simulated market (seed {seed}, a business day in {day});"
            " nobody real is contacted",
        ]
    address = lead_form()
    lines += [
        f"  A lead's webhook {address}",
        f"  Make one appear  curl {address} -H 'Content-Type: application/json' -d"
        """ '{"name":"Dana Reyes","email":"dana@harborplumbing.example","""
        """"phone":"+15205550142","company":"Harbor Plumbing","message":"We are plumbers in"""
        """ Tucson and miss half our calls. What would it cost to start next month? Our"""
        """ budget is 1,000 USD a month."}'""",
    ]
    return [*lines, "  Stop             Ctrl-C", ""]


def lead_form() -> str:
    """Return where the agency's own web form posts to."""
    return hook("leads", "website")


def hook(purpose: str, name: str) -> str:
    """Return an address outsiders post to."""
    # By name: the layers below jobs do not import it.
    endpoints = importlib.import_module("jobs.endpoints")
    return str(endpoints.url(endpoints.ensure(purpose, name)))


def relative(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
