"""Client-serving code runs as the tenant role, which sees one client's rows only."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from agency.models import Client

TENANT_ROLE = "agency_tenant"


@contextmanager
def serving(client: Client) -> Iterator[None]:
    """Run the block in a transaction in which only rows of `client` exist.

    Row-level security is forced for the role, so a forgotten WHERE cannot leak. `on_commit` hooks
    run after the setting has ended, as the app role.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.client', %s, true)", [str(client.pk)])
            cursor.execute(f"SET LOCAL ROLE {TENANT_ROLE}")
        yield
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
