"""The three Postgres roles: the owner migrates, the app works, the tenant is bound to one client.

Everything here may be run again and again, and makes only what is missing and may be made.
"""

from typing import Any

import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from psycopg import sql

from agency import embedded

ROLE_SETTINGS = {
    # A frozen worker's transaction lets go of its rows.
    "idle_in_transaction_session_timeout": "60s",
}


def prepare() -> None:
    """Make the roles, the database and the grants that the settings name."""
    if settings.EMBEDDED_POSTGRES:
        name = str(settings.DATABASES["default"]["NAME"])
        with connect_admin() as admin:
            ensure_roles(admin)
            ensure_database(admin, name)
        with connect_admin(name) as admin:
            ensure_grants(admin)
    else:
        with connect_admin() as owner:
            ensure_roles(owner)
            ensure_grants(owner)


def connect_admin(database: str = "") -> psycopg.Connection[tuple[Any, ...]]:
    """Connect as the embedded superuser, or as the owner of a database that was given.

    Raise ImproperlyConfigured, with Postgres's reason, if a given one cannot be reached.
    """
    if settings.EMBEDDED_POSTGRES:
        info = embedded.conninfo(
            settings.DATA_DIR, user=embedded.SUPERUSER, database=database or "postgres"
        )
        return psycopg.connect(info, autocommit=True)
    owner = settings.DATABASES["owner"]
    try:
        return psycopg.connect(
            host=owner["HOST"],
            port=owner["PORT"] or None,
            user=owner["USER"],
            password=owner["PASSWORD"],
            dbname=database or owner["NAME"],
            autocommit=True,
            **owner["OPTIONS"],
        )
    except psycopg.OperationalError as error:
        variable = "DATABASE_URL" if owner["USER"] == settings.APP_ROLE else "DATABASE_OWNER_URL"
        reason = str(error).splitlines()[0]
        raise ImproperlyConfigured(f"{variable}: {reason}") from error


def ensure_roles(admin: psycopg.Connection[Any]) -> None:
    """Make the missing roles; raise ImproperlyConfigured where this role may not."""
    password = settings.DATABASES["default"]["PASSWORD"]
    login = sql.SQL("LOGIN PASSWORD {}").format(password) if password else sql.SQL("LOGIN")
    _ensure_role(admin, settings.OWNER_ROLE, sql.SQL("LOGIN"))
    _ensure_role(admin, settings.APP_ROLE, login)
    _ensure_role(admin, settings.TENANT_ROLE, sql.SQL("NOLOGIN"))
    if not _one(
        admin,
        "SELECT pg_has_role(%s, %s, 'SET')",
        settings.APP_ROLE,
        settings.TENANT_ROLE,
    ):
        statement = sql.SQL("GRANT {} TO {} WITH INHERIT FALSE, SET TRUE").format(
            sql.Identifier(settings.TENANT_ROLE), sql.Identifier(settings.APP_ROLE)
        )
        _run_or_explain(admin, statement)
    if settings.EMBEDDED_POSTGRES:
        # On the role, not on the connection: PgBouncer does not pass connection options on.
        for name, value in ROLE_SETTINGS.items():
            admin.execute(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(
                    sql.Identifier(settings.APP_ROLE), sql.Identifier(name), sql.Literal(value)
                )
            )


def ensure_database(admin: psycopg.Connection[Any], name: str) -> None:
    if _one(admin, "SELECT 1 FROM pg_database WHERE datname = %s", name):
        return
    admin.execute(
        sql.SQL("CREATE DATABASE {} OWNER {}").format(
            sql.Identifier(name), sql.Identifier(settings.OWNER_ROLE)
        )
    )
    admin.execute(
        sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name))
    )


def ensure_grants(admin: psycopg.Connection[Any]) -> None:
    """In the connected database: let the app use what the owner's migrations will make.

    By default privileges alone, so that a migration may take a right away for good.
    """
    if settings.APP_ROLE == settings.OWNER_ROLE:
        return
    names = {
        "database": sql.Identifier(admin.info.dbname),
        "owner": sql.Identifier(settings.OWNER_ROLE),
        "app": sql.Identifier(settings.APP_ROLE),
        "tenant": sql.Identifier(settings.TENANT_ROLE),
    }
    for statement in (
        "GRANT CONNECT ON DATABASE {database} TO {app}",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE ON SCHEMA public TO {app}, {tenant}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public"
        " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public"
        " GRANT USAGE, SELECT ON SEQUENCES TO {app}",
    ):
        _run_or_explain(admin, sql.SQL(statement).format(**names))


def _ensure_role(admin: psycopg.Connection[Any], name: str, options: sql.Composable) -> None:
    if _one(admin, "SELECT 1 FROM pg_roles WHERE rolname = %s", name):
        return
    try:
        _run_or_explain(admin, sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(name), options))
    except psycopg.errors.DuplicateObject:
        return  # another process made it meanwhile


def _run_or_explain(admin: psycopg.Connection[Any], statement: sql.Composed) -> None:
    try:
        admin.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        secret = "PASSWORD" in statement.as_string()
        wanted = statement.as_string().split(" PASSWORD")[0] + (" PASSWORD '…'" if secret else "")
        raise ImproperlyConfigured(
            f"DATABASE_OWNER_URL: {admin.info.user} may not do this; as a superuser run: {wanted};"
        ) from error


def _one(admin: psycopg.Connection[Any], query: str, *values: str) -> Any:
    row = admin.execute(query, values).fetchone()
    return row[0] if row else None
