"""The app cannot do more than an app should, and the tenant sees nothing that was not granted."""

from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection, connections, transaction
from psycopg import sql

from agency import roles


def one(query: str, alias: str = "default") -> Any:
    with connections[alias].cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()


@pytest.mark.django_db
def test_the_app_is_an_ordinary_role() -> None:
    assert one(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
        " WHERE rolname = current_user"
    ) == ("agency_app", False, False, False, False)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "DROP TABLE auth_user",
        "TRUNCATE auth_user CASCADE",
        "ALTER TABLE auth_user DISABLE TRIGGER ALL",
        "SET ROLE agency_owner",
    ],
)
def test_the_app_may_not(statement: str) -> None:
    with (
        pytest.raises(DatabaseError, match=r"permission denied|must be owner"),
        transaction.atomic(),
    ):
        connection.cursor().execute(statement)


@pytest.mark.django_db
def test_the_tenant_sees_nothing_that_was_not_granted() -> None:
    with transaction.atomic():
        connection.cursor().execute("SET LOCAL ROLE agency_tenant")
        assert one("SELECT current_user") == ("agency_tenant",)
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            one("SELECT * FROM auth_user")


@pytest.mark.django_db
def test_the_app_is_not_the_tenant_until_it_says_so() -> None:
    assert one(
        "SELECT pg_has_role('agency_app', 'agency_tenant', 'USAGE'),"
        " pg_has_role('agency_app', 'agency_tenant', 'SET')"
    ) == (False, True)


@pytest.mark.django_db
def test_a_transaction_left_open_is_ended() -> None:
    assert one("SHOW idle_in_transaction_session_timeout") == ("1min",)


def test_preparing_again_changes_nothing(committed: str) -> None:
    roles.prepare()
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE fresh (id bigint GENERATED ALWAYS AS IDENTITY)")
        cursor.execute("REVOKE UPDATE ON fresh FROM agency_app")
    with roles.connect_admin(committed) as admin:
        roles.ensure_roles(admin)
        roles.ensure_database(admin, committed)
        roles.ensure_grants(admin)
    connection.cursor().execute("INSERT INTO fresh DEFAULT VALUES")
    assert one("SELECT count(*) FROM fresh") == (1,)
    with pytest.raises(DatabaseError, match="permission denied"):
        connection.cursor().execute("UPDATE fresh SET id = DEFAULT")


def test_a_role_that_may_not_make_roles_is_told_what_to_run(committed: str) -> None:
    with (
        psycopg.connect(
            host=settings.DATABASES["owner"]["HOST"],
            user=settings.OWNER_ROLE,
            dbname=committed,
            autocommit=True,
        ) as owner,
        pytest.raises(ImproperlyConfigured) as caught,
    ):
        roles._ensure_role(owner, "someone", sql.SQL("LOGIN PASSWORD {}").format("hush"))
    message = str(caught.value)
    assert message.startswith("DATABASE_OWNER_URL: agency_owner may not do this;")
    assert """CREATE ROLE "someone" LOGIN PASSWORD '…';""" in message
    assert "hush" not in message
