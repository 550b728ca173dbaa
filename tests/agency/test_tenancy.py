"""A client's code sees that client's rows, even without a WHERE."""

import pytest
from django.db import DatabaseError, connection, transaction

from agency import tenancy
from agency.models import AuditEntry, Client
from tests import factories

pytestmark = pytest.mark.django_db


def make_clients() -> tuple[Client, Client]:
    return (
        Client.objects.create(name="Vale Dental", slug="vale-dental"),
        Client.objects.create(name="Pine Roofing", slug="pine-roofing"),
    )


def test_it_sees_its_own_row_only_and_only_inside() -> None:
    vale, _ = make_clients()
    with tenancy.serving(vale):
        assert list(Client.objects.values_list("name", flat=True)) == ["Vale Dental"]
    assert Client.objects.count() == 2


def test_without_a_client_set_it_sees_nothing() -> None:
    make_clients()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {tenancy.TENANT_ROLE}")
        assert Client.objects.count() == 0
        cursor.execute("RESET ROLE")


def test_it_may_touch_nothing_it_was_not_granted() -> None:
    vale, _ = make_clients()
    factories.make_lead()
    with pytest.raises(DatabaseError), tenancy.serving(vale):
        list(AuditEntry.objects.all())
    with pytest.raises(DatabaseError), tenancy.serving(vale):
        Client.objects.update(name="Mine")
    assert Client.objects.count() == 2
