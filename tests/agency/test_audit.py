"""The audit trail only grows, whoever asks."""

import pytest
from django.db import DatabaseError, connections, transaction

from agency import audit
from agency.models import AuditEntry
from tests import factories

pytestmark = pytest.mark.django_db(databases=["default", "owner"])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE agency_auditentry SET sentence = 'nothing happened'",
        "DELETE FROM agency_auditentry",
        "TRUNCATE agency_auditentry CASCADE",
    ],
)
@pytest.mark.parametrize("alias", ["default", "owner"])
def test_neither_the_app_nor_the_owner_can_change_it(alias: str, statement: str) -> None:
    AuditEntry.objects.using(alias).create(
        actor="olivia", actor_kind="user", verb="lead.received", sentence="A lead came."
    )
    with (
        pytest.raises(DatabaseError),
        transaction.atomic(using=alias),
        connections[alias].cursor() as cursor,
    ):
        cursor.execute(statement)
    assert AuditEntry.objects.using(alias).get().sentence == "A lead came."


def test_the_whole_life_of_a_lead_reads_as_sentences() -> None:
    factories.received()
    verbs = list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True))
    assert verbs == [
        "action.proposed",
        "action.approve",
        "action.done",
        "action.proposed",
        "run.completed",
    ]
    chains = set(AuditEntry.objects.values_list("correlation_id", flat=True))
    assert len(chains) == 1


def test_an_entry_names_its_object() -> None:
    lead = factories.make_lead()
    entry = audit.record("lead.received", "Dana wrote", actor="the house", obj=lead)
    assert (entry.object_type, entry.object_id) == ("pipeline.lead", str(lead.pk))
