"""Companies that a program posts become prospects, once, or are refused with a reason."""

import json
from typing import Any

import pytest

from agency.models import AuditEntry
from dashboard.hooks import deliveries
from dashboard.hooks.deliveries import Outcome, Post
from jobs import endpoints
from jobs.bodies import Refused
from jobs.intake import Arrival, Receipt
from jobs.models import Delivery
from pipeline.models import Prospect, Source
from tests.factories import work_off
from tests.people import make_ideal

pytestmark = pytest.mark.django_db

MESA = {"company": "Mesa Pipe Works", "Website": "mesapipeworks.example", "City": "Mesa"}


def post(body: dict[str, Any], *, purpose: str = "prospects", to: str = "prospects") -> Outcome:
    arrival = Arrival("application/json", json.dumps(body).encode())
    token = endpoints.ensure(to, "crm").token
    (outcome,) = deliveries.take_in([Post(token, "10.0.0.1", {}, arrival, purpose)])
    return outcome


def test_a_posted_company_becomes_a_prospect_of_the_first_active_ideal_customer() -> None:
    ideal = make_ideal()
    assert isinstance(post(MESA), Receipt)
    work_off()
    prospect = Prospect.objects.get()
    assert (prospect.name, prospect.domain) == ("Mesa Pipe Works", "mesapipeworks.example")
    assert prospect.ideal_customer == ideal
    assert prospect.source is not None
    assert (prospect.source.kind, prospect.source.name) == (Source.Kind.API, "API: crm")
    assert prospect.announced_at is not None


def test_the_same_company_again_is_the_same_prospect() -> None:
    make_ideal()
    post(MESA)
    post(MESA | {"Phone": "+1 602 555 0123"})
    work_off()
    assert Prospect.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"website": "mesa.example"}, "name"),
        (MESA | {"email": "nobody"}, "email"),
        (MESA | {"ideal_customer": "Dentists on the moon"}, "ideal_customer"),
    ],
)
def test_what_is_no_prospect_is_refused_with_the_field_and_kept(
    body: dict[str, Any], field: str
) -> None:
    make_ideal()
    refused = post(body)
    assert isinstance(refused, Refused)
    assert refused.status == 422
    assert field in [error.field for error in refused.errors]
    assert Delivery.objects.get().status == Delivery.Status.REJECTED


def test_an_address_for_leads_takes_no_prospects_and_the_other_way_round() -> None:
    refused = post(MESA, to="leads")
    assert isinstance(refused, Refused) and refused.status == 404
    refused = post(MESA, purpose="leads")
    assert isinstance(refused, Refused) and refused.status == 404
    assert not AuditEntry.objects.filter(verb="lead.received").exists()
