"""Prospects: one company is one prospect, whoever brings it, and finding out stays cheap."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agency.models import AuditEntry
from jobs.models import Event
from pipeline import by_hand, prospects
from pipeline.finding import candidates, fit
from pipeline.finding.candidates import Candidate
from pipeline.models import IdealCustomer, Prospect, ProspectKey, Source
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def make_ideal(**fields: Any) -> IdealCustomer:
    wanted: dict[str, Any] = {
        "name": "Plumbers in Arizona",
        "industries": ["plumbing", "dental"],
        "places": ["Arizona", "Tucson"],
        "signals": ["hiring"],
        "keywords": ["missed calls"],
        "exclusions": ["recruiter"],
    }
    return IdealCustomer.objects.create(**wanted | fields)


def candidate(**said: object) -> Candidate:
    found, problems = candidates.read({"name": "Harbor Plumbing", **said})
    assert found is not None and not problems, problems
    return found


def add(one: Candidate, ideal: IdealCustomer, **more: Any) -> tuple[Prospect, bool]:
    measured = prospects.measure(one, fit.ideal(ideal))
    return prospects.add(one, ideal=ideal, source=None, measured=measured, **more)


FULL = {
    "website": "https://www.harborplumbing.example/",
    "email": "dana@harborplumbing.example",
    "phone": "(520) 555-0142",
    "city": "Tucson",
    "region": "AZ",
    "industry": "Plumbing",
}


def test_a_company_is_added_with_what_tells_it_apart_and_researcher_is_told() -> None:
    prospect, new = add(candidate(**FULL), make_ideal())
    assert new
    assert (prospect.domain, prospect.phone) == ("harborplumbing.example", "+15205550142")
    assert (prospect.world, prospect.timezone) == ("sandbox", "America/Phoenix")
    assert prospect.fit >= 60 and prospect.reason.startswith("Plumbing in Arizona")
    assert {key.kind for key in prospect.keys.all()} == {"domain", "phone", "email", "name"}
    contact = prospect.contacts.get()
    assert (contact.email, contact.is_primary) == ("dana@harborplumbing.example", True)
    assert Event.objects.get().name == "prospect.added"
    assert prospect.announced_at is not None


@pytest.mark.parametrize(
    "again",
    [
        {"name": "Other name", "website": "http://harborplumbing.example/about"},
        {"name": "Other name", "website": "shop.harborplumbing.example"},
        {"name": "Other name", "email": "info@harborplumbing.example"},
        {"name": "Other name", "email": "DANA@harborplumbing.example"},
        {"name": "Other name", "phone": "+1 520 555 0142"},
        {"name": "HARBOR Plumbing, LLC.", "place": "Tucson, Arizona"},
        {"name": "The Härbor-Plumbing Co", "city": "tucson"},
    ],
)
def test_the_same_company_is_found_by_domain_phone_mail_or_name_and_place(
    again: dict[str, str],
) -> None:
    ideal = make_ideal()
    first, _ = add(candidate(**FULL), ideal)
    second, new = add(candidate(**again), ideal)
    assert (second.pk, new) == (first.pk, False)
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    "other",
    [
        {"place": "Phoenix"},
        {"website": "https://harbor-plumbing.example"},
        {"phone": "+15205550143"},
        {"email": "dana@gmail.com"},
        {"website": "https://facebook.com/harborplumbing"},
    ],
)
def test_another_company_is_not_taken_for_it(other: dict[str, str]) -> None:
    ideal = make_ideal()
    add(candidate(**FULL), ideal)
    add(candidate(name="Elsewhere", website="https://facebook.com/elsewhere"), ideal)
    _, new = add(candidate(**other), ideal)
    assert new


def test_what_is_of_both_worlds_is_not_taken() -> None:
    ideal = make_ideal()
    market = Source.objects.create(
        ideal_customer=ideal, kind="feed", name="News", url="https://news.example/feed"
    )
    real = Source.objects.create(
        ideal_customer=ideal, kind="feed", name="Real", url="https://news.com/feed"
    )
    for said, source in (
        ({"website": "https://harbor.example", "email": "a@harbor.com"}, None),
        ({"website": "https://harbor.com"}, market),
        ({"email": "a@harbor.com"}, market),
        ({"website": "https://harbor.example"}, real),
    ):
        with pytest.raises(prospects.OtherWorld):
            prospects.world_of(candidate(**said), source)
    assert prospects.world_of(candidate(), market) == "sandbox"
    assert prospects.world_of(candidate(), real) == "real"
    assert prospects.world_of(candidate(), None) == "real"


FILL = """
WITH made AS (
    INSERT INTO pipeline_prospect (id, world, name, domain, website, email, phone, linkedin,
        industry, place, country, timezone, description, ideal_customer_id, source_url, signals,
        reason, fit, status, drop_reason, created_at)
    SELECT uuidv7(), 'sandbox', 'Company ' || n, 'c' || n || '.example', '', '', '', '', '', '',
        '', '', '', %s, '', '[]', '', 50, 'new', '', now()
    FROM generate_series(1, %s) AS n
    RETURNING id, domain
)
INSERT INTO pipeline_prospectkey (kind, value, prospect_id)
SELECT kind, kind || domain, id FROM made, unnest(ARRAY['domain', 'phone', 'email', 'name']) kind
"""


def fill(ideal: IdealCustomer, count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(FILL, [ideal.pk, count])
        cursor.execute("ANALYZE pipeline_prospect, pipeline_prospectkey")


def test_a_duplicate_among_many_is_found_in_one_look_at_an_index() -> None:
    ideal = make_ideal()
    fill(ideal, 20_000)
    many = [candidate(**FULL | {"phone": f"520555{n:04}", "name": f"No {n}"}) for n in range(100)]
    keys = [key for each in many for key in candidates.keys(each)]
    with CaptureQueriesContext(connection) as asked:
        assert prospects.known(keys) == {}
    (query,) = asked.captured_queries
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query['sql']}")
        plan = json.dumps(cursor.fetchone()[0])
    assert "Seq Scan" not in plan
    assert "pipeline_prospectkey_once" in plan
    with CaptureQueriesContext(connection) as asked:
        _, new = add(candidate(**FULL), ideal)
    assert new
    among_many = len(asked)
    Prospect.objects.all().delete()
    with CaptureQueriesContext(connection) as asked:
        add(candidate(**FULL), ideal)
    assert among_many == len(asked)


def test_an_added_prospect_is_taken_out_again_until_it_was_written_to() -> None:
    ideal = make_ideal()
    prospect, _ = add(candidate(**FULL), ideal)
    other, _ = add(candidate(name="B", website="https://b.example"), ideal)
    Prospect.objects.filter(pk=other.pk).update(status=Prospect.Status.CONTACTED)
    assert prospects.remove(prospect)
    assert not prospects.remove(prospect)
    assert not prospects.remove(other)
    assert list(Prospect.objects.all()) == [other]
    assert not ProspectKey.objects.filter(value="harborplumbing.example").exists()


def test_what_a_person_adds_is_theirs_and_researched_at_once() -> None:
    ideal = make_ideal()
    prospect, new = prospects.by_hand(candidate(website="harbor.example"), ideal=ideal, by="olivia")
    assert new and prospect.source is not None
    assert prospect.source.kind == Source.Kind.MANUAL
    assert prospect.fit >= ideal.min_fit
    assert Event.objects.get(name="prospect.added").subject_id == str(prospect.pk)
    assert AuditEntry.objects.get(verb="prospect.added").actor == "olivia"


@pytest.mark.parametrize(("field", "value"), [("name", "Tidewater Pipes"), ("place", "Mesa, AZ")])
def test_a_name_or_place_set_by_hand_tells_duplicates_too(field: str, value: str) -> None:
    ideal = make_ideal()
    first, _ = add(candidate(city="Tucson"), ideal)
    by_hand.set_fields(first, {field: value}, by=make_user(), reason="they moved, or so called")
    now = {"name": "Harbor Plumbing", "place": "Tucson"} | {field: value}
    for said in (now, {"name": "Harbor Plumbing", "place": "Tucson"}):
        assert add(candidate(**said), ideal) == (first, False)


def test_a_name_set_by_hand_that_another_has_stays_that_others() -> None:
    ideal = make_ideal()
    first, _ = add(candidate(city="Tucson"), ideal)
    second, _ = add(candidate(name="Tidewater Pipes", place="Tucson"), ideal)
    by_hand.set_fields(second, {"name": "Harbor Plumbing"}, by=make_user(), reason="on their door")
    assert add(candidate(city="Tucson"), ideal) == (first, False)
