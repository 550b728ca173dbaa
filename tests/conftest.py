"""The database and the Valkey of a test: real ones, used as the role the app has."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
import pytest
import redis
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg import sql
from pytest_django import DjangoDbBlocker

from agency import roles
from control import kinds, switches
from integrations.web import manners
from tests import mailserver, radicale, webserver

ALIASES = ("default", "owner")
FURNISHED = settings.DATA_DIR / "furnished.json"
"""The addresses of a furnished house's pages, for the worker that did not furnish it."""

_numbers = count(1)


def pytest_configure() -> None:
    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """End the thread that watches the switches before its database goes away."""
    switches.watch.stop()


@pytest.fixture(scope="session")
def template_database(django_db_blocker: DjangoDbBlocker) -> str:
    """Return the name of the migrated database that every other one is a copy of."""

    def migrate(name: str, admin: psycopg.Connection) -> None:
        roles.ensure_roles(admin)
        roles.ensure_database(admin, name)
        with roles.connect_admin(name) as inside:
            roles.ensure_grants(inside)
        with pointed_at(name):
            call_command("migrate", interactive=False, verbosity=0)

    return _once("template", migrate, django_db_blocker)


@pytest.fixture(scope="session")
def furnished_database(template_database: str, django_db_blocker: DjangoDbBlocker) -> str:
    """Return the name of a database in which every page has something to show."""

    def furnish(name: str, admin: psycopg.Connection) -> None:
        from tests.dashboard.test_pages import furnish

        _copy(admin, template_database, name)
        with pointed_at(name):
            FURNISHED.write_text(json.dumps(furnish()))

    return _once("furnished", furnish, django_db_blocker)


@pytest.fixture(scope="module")
def furnished(
    django_db_setup: None, furnished_database: str, django_db_blocker: DjangoDbBlocker
) -> Iterator[dict[str, str]]:
    """Return the address of every page, in a furnished database for all tests of a module."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with django_db_blocker.unblock(), copy_of(furnished_database, f"{worker}_pages"):
        yield json.loads(FURNISHED.read_text())


@pytest.fixture
def addresses(furnished: dict[str, str], db: None) -> dict[str, str]:
    """Return the address of every page, with something to show; what a test does is undone."""
    return furnished


def _once(
    suffix: str, make: Callable[[str, psycopg.Connection], None], blocker: DjangoDbBlocker
) -> str:
    """Make a database for the whole run; return its name."""
    name = f"test_{os.environ['TEST_RUN']}_{suffix}"
    with roles.connect_admin() as admin, blocker.unblock():
        # One worker makes it, the others wait here.
        admin.execute("SELECT pg_advisory_lock(hashtext(%s))", [suffix])
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            unfinished = f"{name}_unfinished"
            make(unfinished, admin)
            switches.watch.stop()  # it would go on looking where nobody may look any more
            admin.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    sql.Identifier(unfinished), sql.Identifier(name)
                )
            )
    return name


@pytest.fixture(scope="session")
def django_db_setup(template_database: str) -> Iterator[None]:
    """Give this worker its copy; what a `db` test does there is rolled back."""
    with copy_of(template_database, os.environ.get("PYTEST_XDIST_WORKER", "main")):
        yield


@pytest.fixture
def committed(
    django_db_setup: None,
    template_database: str,
    django_db_blocker: DjangoDbBlocker,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """Give a test that commits a database of its own, and return its name.

    Instead of `db`, not beside it. Threads and child processes see it too.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with (
        django_db_blocker.unblock(),
        copy_of(template_database, f"{worker}_{next(_numbers)}") as name,
    ):
        for alias, variable in (("default", "DATABASE_URL"), ("owner", "DATABASE_OWNER_URL")):
            monkeypatch.setenv(variable, conninfo(alias))
        yield name


@pytest.fixture(autouse=True)
def turn(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let a test marked `alone` have the machine: it waits for the others, and they for it."""
    folder = settings.DATA_DIR
    alone = request.node.get_closest_marker("alone") is not None
    with (folder / "door").open("w") as door, (folder / "room").open("w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield


@pytest.fixture(autouse=True)
def empty_valkey(_valkey: "redis.Redis") -> None:
    """No test sees another's wake-ups."""
    _valkey.flushdb()


@pytest.fixture(scope="session")
def _valkey() -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[mailserver.Inbox]:
    """Return the inbox that takes the sandbox's mail, in this process and its children."""
    with mailserver.running() as found:
        monkeypatch.setattr(settings, "SANDBOX_SMTP_PORT", found.port)
        monkeypatch.setenv("SANDBOX_SMTP_PORT", str(found.port))
        yield found


@pytest.fixture
def market(monkeypatch: pytest.MonkeyPatch) -> Iterator[webserver.Web]:
    """Return the web server every `.example` name leads to; hosts are not left alone for long."""
    for world in manners.PAUSE_SECONDS:
        monkeypatch.setitem(manners.PAUSE_SECONDS, world, 0.001)
    with webserver.running() as found:
        monkeypatch.setattr(settings, "SANDBOX_WEB_PORT", found.port)
        monkeypatch.setenv("SANDBOX_WEB_PORT", str(found.port))
        yield found


@pytest.fixture(scope="session")
def _radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with radicale.running(tmp_path_factory.mktemp("radicale")) as found:
        yield found


@pytest.fixture
def caldav(_radicale: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[radicale.Server]:
    """Return a real CalDAV server with an empty calendar, which is the operator's."""
    with radicale.calendar(_radicale) as found:
        monkeypatch.setattr(settings, "CALDAV_URL", found.url)
        yield found


@contextmanager
def copy_of(template: str, suffix: str) -> Iterator[str]:
    name = f"test_{os.environ['TEST_RUN']}_{suffix}"
    with roles.connect_admin() as admin:
        _copy(admin, template, name)
        try:
            with pointed_at(name):
                yield name
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _copy(admin: psycopg.Connection, template: str, name: str) -> None:
    admin.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
            sql.Identifier(name), sql.Identifier(template), sql.Identifier(settings.OWNER_ROLE)
        )
    )
    with roles.connect_admin(name) as inside:
        # A copy has the template's tables, not its right to connect.
        roles.ensure_grants(inside)


@contextmanager
def pointed_at(name: str) -> Iterator[None]:
    """Let Django's connections, in every thread, lead to this database for a while."""
    before = {alias: settings.DATABASES[alias]["NAME"] for alias in ALIASES}
    _point(dict.fromkeys(ALIASES, name))
    try:
        yield
    finally:
        _point(before)


def _point(names: dict[str, str]) -> None:
    for alias, name in names.items():
        connection = connections[alias]
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
        # The same dict for all threads' connections of this alias.
        connection.settings_dict["NAME"] = name
        settings.DATABASES[alias]["NAME"] = name


def conninfo(alias: str) -> str:
    """Return the connection as a URL, for a child process."""
    found = connections[alias].settings_dict
    return psycopg.conninfo.make_conninfo(
        host=found["HOST"],
        port=found["PORT"] or None,
        user=found["USER"],
        password=found["PASSWORD"] or None,
        dbname=found["NAME"],
    )


@pytest.fixture
def replies_may_be_earned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let phase 1 have something outward to earn, as a later phase has."""
    monkeypatch.setattr(type(kinds.get("reply_to_lead")), "may_from_phase", 1)
