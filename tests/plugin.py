"""Gives each test run a Postgres and a Valkey of its own, before Django reads its settings."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest

from agency import embedded

# What a developer's own environment must not bring into a test.
OWN = (
    *("ALERT_ESCALATION_EMAIL", "ALERT_WEBHOOK_URL"),
    *(
        "ALLOWED_HOSTS",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_BASE_URL",
        "CALDAV_URL",
        "DB_POOL_SIZE",
        "DEBUG",
    ),
    *(
        "EMAIL_URL",
        "HOST",
        "JOBS_KEEP_SECONDS",
        "JOBS_LEASE_SECONDS",
        "OPERATOR_EMAIL",
        "PORT",
        "PUBLIC_URL",
    ),
    *("LEAD_HOOK_RATE", "MAILBOX_DIR", "MAILGUN_SIGNING_KEY", "METRICS_TOKEN", "SECRET_KEY"),
    *("SANDBOX_SEED", "SANDBOX_SMTP_PORT", "SANDBOX_WEB_PORT"),
    *("STRIPE_API_BASE", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"),
)

_servers: list[subprocess.Popen[bytes]] = []
_data_dir: Path | None = None


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None]:
    """Run before pytest-django, which reads the settings in the same hook."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        _start()
    else:
        _take_own_valkey_database(int(worker.removeprefix("gw")) + 1)
    return (yield)


def pytest_unconfigure() -> None:
    for server in reversed(_servers):
        # Nothing here is worth a checkpoint.
        embedded.stop(server, signal.SIGQUIT)
    _servers.clear()
    if _data_dir:
        shutil.rmtree(_data_dir, ignore_errors=True)


def _start() -> None:
    global _data_dir
    for name in OWN:
        os.environ.pop(name, None)
    folder = _fastest_folder()
    _remove_left_overs(folder)
    _data_dir = Path(tempfile.mkdtemp(prefix=f"agency-test-{os.getpid()}-", dir=folder))
    (_data_dir / "static").mkdir()
    os.environ["ENV_FILE"] = os.devnull
    os.environ["DATA_DIR"] = str(_data_dir)
    os.environ["TEST_RUN"] = secrets.token_hex(4)
    os.environ["BUSINESS_SPEED"] = "1"
    if not os.environ.get("DATABASE_URL"):
        with (_data_dir / "postgres.log").open("wb") as log:
            server = embedded.postgres(_data_dir, durable=False)
            _servers.append(embedded.start(server, output=log))
    if not os.environ.get("REDIS_URL"):
        with (_data_dir / "valkey.log").open("wb") as log:
            _servers.append(embedded.start(embedded.valkey(_data_dir), output=log))
        os.environ["REDIS_URL"] = embedded.valkey_url(_data_dir)


def _take_own_valkey_database(number: int) -> None:
    url = os.environ["REDIS_URL"]
    if url.startswith("unix://"):
        os.environ["REDIS_URL"] = f"{url.partition('?')[0]}?db={number}"
    else:
        scheme, _, rest = url.partition("://")
        os.environ["REDIS_URL"] = f"{scheme}://{rest.partition('/')[0]}/{number}"


def _fastest_folder() -> Path:
    """Return memory where there is enough: copying a database is 300 small files."""
    memory = Path("/dev/shm")  # noqa: S108
    if memory.is_dir() and os.access(memory, os.W_OK):
        found = os.statvfs(memory)
        if found.f_bavail * found.f_frsize > 2 * 1024**3:
            return memory
    return Path(tempfile.gettempdir())


def _remove_left_overs(folder: Path) -> None:
    """Remove what killed test runs have left in memory."""
    for left in folder.glob("agency-test-*-*"):
        if not psutil.pid_exists(int(left.name.split("-")[2])):
            shutil.rmtree(left, ignore_errors=True)
