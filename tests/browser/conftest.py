"""A whole house to open in a real browser, over real HTTP, WebSocket, SMTP, worker, databases.

One Chromium serves all of these tests; each has a context, thus cookies and storage, of its own.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connections
from playwright.sync_api import Browser, ConsoleMessage, Page, StorageState, sync_playwright
from pytest_django import DjangoDbBlocker
from sesame.utils import get_query_string

from agency.models import AgencyProfile
from control import switches
from control.models import KillSwitch
from dashboard.house import setup
from tests import factories, mailserver, workers
from tests.browser.chromium import CHROMIUM, FLAGS, MISSING
from tests.conftest import FURNISHED, conninfo, copy_of, pointed_at

HERE = Path(__file__).parent
_running: list[Browser] = []

STOPS_IN_SECONDS = 10
WALKER, PASSWORD = "walker", "correct horse"
"""Who logs in to a furnished house by password."""


NOBODY: StorageState = {"cookies": [], "origins": []}
"""The cookies of somebody who is not logged in."""


@dataclass(frozen=True)
class Furnished:
    """A house whose pages all have something to show, to be looked at and left as it is."""

    url: str
    pages: dict[str, str]
    cookies: StorageState


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is here, in one line, where there is no browser."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.skipif(CHROMIUM is None, reason=MISSING))


@pytest.fixture(scope="package", autouse=True)
def chromium() -> Iterator[None]:
    """Launch the one browser."""
    if CHROMIUM is None:
        yield
        return
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright's own loop runs in this thread, which is no reason to refuse queries here.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        _running.append(launched)
        yield
        _running.remove(launched)
        launched.close()
        connections.close_all()


@pytest.fixture(scope="session")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Collect the static files once; return their data folder."""
    folder = tmp_path_factory.mktemp("static")
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"],
        env={**os.environ, "DATA_DIR": str(folder), "SECRET_KEY": settings.SECRET_KEY},
        check=True,
    )
    return folder


@contextmanager
def child(*command: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=STOPS_IN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def web(folder: Path, collected: Path, patch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the web server on the database Django points at now; yield its address."""
    port = mailserver.free_port()
    patch.setenv("PORT", str(port))
    patch.setenv("SANDBOX_SMTP_PORT", str(mailserver.free_port()))
    patch.setenv("DATA_DIR", str(folder))
    patch.setenv("SECRET_KEY", settings.SECRET_KEY)
    (folder / "static").symlink_to(collected / "static")
    url = f"http://127.0.0.1:{port}"
    serve = (
        *("uvicorn", "agency.asgi:application", "--port", str(port)),
        *("--log-level", "warning", "--timeout-graceful-shutdown", "1"),
    )
    with child("-m", *serve):
        yield url


@pytest.fixture
def house(
    committed: str, tmp_path: Path, collected: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Run web, worker and mailbox as `make run` does, with a database of its own; its address."""
    with web(tmp_path, collected, monkeypatch) as url:
        maildir, smtp = str(tmp_path / "mailbox"), os.environ["SANDBOX_SMTP_PORT"]
        mailbox = ("sandbox", "mailbox", "--port", smtp, "--maildir", maildir)
        with child("-m", *mailbox), workers.worker():
            workers.until(lambda: answers(f"{url}/readyz"), "the web server")
            yield url


@pytest.fixture(scope="package")
def furnished(
    chromium: None,
    django_db_setup: None,
    furnished_database: str,
    django_db_blocker: DjangoDbBlocker,
    collected: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Furnished]:
    """Run one house for all tests that only look; nothing works in it, so nothing changes."""
    before = str(settings.DATABASES["default"]["NAME"])
    suffix = f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_furnished"
    folder = tmp_path_factory.mktemp("furnished")
    with (
        pytest.MonkeyPatch.context() as patch,
        django_db_blocker.unblock(),
        copy_of(furnished_database, suffix),
    ):
        for alias, variable in (("default", "DATABASE_URL"), ("owner", "DATABASE_OWNER_URL")):
            patch.setenv(variable, conninfo(alias))
        pages = json.loads(FURNISHED.read_text())
        walker = factories.make_user(WALKER)
        # The tests' quick hash is not known to a server of its own.
        walker.password = PBKDF2PasswordHasher().encode(PASSWORD, "a salt of sixteen")
        walker.save()
        switches.release(KillSwitch.objects.get(), by="olivia", discard_backlog=False)
        link = login()
        with web(folder, collected, patch) as url, pointed_at(before):
            _await(url)
            context = _running[-1].new_context()
            context.new_page().goto(f"{url}/login/link/{link}")
            cookies = context.storage_state()
            context.close()
            yield Furnished(url, pages, cookies)


def _await(url: str) -> None:
    deadline = time.monotonic() + workers.PATIENCE_SECONDS
    while not answers(f"{url}/readyz"):
        assert time.monotonic() < deadline, "the web server never came"
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own server
            return bool(response.status == 200)
    except OSError:
        return False


@contextmanager
def browser(
    url: str,
    width: int = 1280,
    *,
    touch: bool = False,
    scripts: bool = True,
    expected: str = "(?!)",
    cookies: StorageState | None = None,
) -> Iterator[Page]:
    """Open a page, logged in anew or by `cookies`; fail on any error in its console but `expected`.

    `house` makes the login; a `furnished` house has its cookies.
    """
    complaints: list[str] = []
    context = _running[-1].new_context(
        viewport={"width": width, "height": 844},
        has_touch=touch,
        is_mobile=touch,
        java_script_enabled=scripts,
        storage_state=cookies,
    )
    page = context.new_page()

    def listen(said: ConsoleMessage) -> None:
        if said.type == "error" and not re.search(expected, said.text):
            complaints.append(said.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        if cookies is None:
            page.goto(f"{url}/login/link/{login()}")
        yield page
    finally:
        # A page that is closed complains of what it still waited for.
        page.remove_listener("console", listen)
        context.close()
        # Playwright's loop has connections of its own, which would outlive their database.
        connections.close_all()
    assert complaints == []


def login() -> str:
    """Return a link's query for a new operator of an agency that was set up already."""
    AgencyProfile.load()
    setup.close(by="tests")
    return str(get_query_string(factories.make_user(f"user{time.time_ns()}")))
