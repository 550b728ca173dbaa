"""What the API does: lists page by page, records added and changed, decisions made."""

import datetime as dt
import json
import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agency.models import ApiAnswer, AuditEntry
from control.models import Action, Decision, Override
from jobs.models import Event
from pipeline.models import Deal, DealStage, IdealCustomer, Lead, Meeting, Prospect
from tests.api.conftest import Program, make_key
from tests.api.test_keys import refused
from tests.factories import make_client, make_lead, make_user, received
from tests.outreach import make_prospect

ASKED = {"email": "dana@harbor.example", "message": "Can you help?"}


def waiting() -> Action:
    received()
    return Action.objects.get(kind="reply_to_lead", status="waiting")


def test_a_list_goes_on_where_it_ended_while_more_come(program: Program) -> None:
    leads = [make_lead(name=str(number)) for number in range(5)]
    first = program.get("leads", limit=2).json()
    make_lead(name="later")
    second = program.get("leads", limit=2, cursor=first["next"]).json()
    third = program.get("leads", limit=2, cursor=second["next"]).json()
    names = [one["name"] for page in (first, second, third) for one in page["items"]]
    assert names == [lead.name for lead in reversed(leads)]
    assert third["next"] is None


@pytest.mark.parametrize("path", ["prospects", "leads", "deals", "meetings", "clients", "actions"])
def test_a_list_takes_as_many_queries_for_many_as_for_one(path: str, program: Program) -> None:
    def make(number: int) -> None:
        client = make_client(f"Client {number}")
        lead = make_lead(client=client)
        prospect = make_prospect(f"Prospect {number}")
        now = timezone.now() + dt.timedelta(hours=number)
        deal = Deal.objects.create(
            lead=lead, prospect=prospect, client=client, name="x", stage_at=now, opened_at=now
        )
        Meeting.objects.create(
            world="sandbox",
            lead=lead,
            deal=deal,
            title="Call",
            starts_at=now,
            ends_at=now + dt.timedelta(minutes=10),
            blocked_until=now + dt.timedelta(minutes=10),
            guest_email="a@b.example",
            guest_timezone="UTC",
            booked_by="guest",
            uid=str(number),
        )
        received(client=client)

    make(1)
    program.get(path)
    with CaptureQueriesContext(connection) as one:
        assert len(program.get(path).json()["items"]) >= 1
    for number in range(2, 5):
        make(number)
    with CaptureQueriesContext(connection) as many:
        assert len(program.get(path).json()["items"]) >= 4
    assert len(many) == len(one) <= 4


def test_lists_are_narrowed(program: Program) -> None:
    dana, otto = (
        make_lead(outcome="won", closed_at=timezone.now()),
        make_lead(name="Otto", email="o@x.example"),
    )
    found = [
        ({"outcome": "won"}, dana),
        ({"email": "O@X.example"}, otto),
        ({"q": "otto"}, otto),
        ({"stage": "won"}, dana),
    ]
    for query, lead in found:
        assert [one["id"] for one in program.get("leads", **query).json()["items"]] == [
            str(lead.pk)
        ]
    make_prospect("Harbor", fit=20)
    best = make_prospect("Best", fit=90)
    answer = program.get("prospects", min_fit=80).json()["items"]
    assert [one["id"] for one in answer] == [str(best.pk)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"stage": "x"}, "stage"),
        ({"q": "a\0b"}, "q"),
        ({"since": "0"}, "since"),
        ({"since": "0001-01-01T00:00:00+10:00"}, "since"),
        ({"since": "2026-11-27T10:00:00"}, "since"),
        ({"nonsense": "1"}, "nonsense"),
    ],
)
def test_a_wrong_parameter_is_named(query: dict[str, Any], field: str, program: Program) -> None:
    problem = refused(program.get("leads", **query), 422)
    assert [one["field"] for one in problem["errors"]] == [field]  # type: ignore[attr-defined]


def test_any_offset_from_utc_is_understood(program: Program) -> None:
    make_lead()
    assert program.get("leads", since="2191-11-02T01:12:11-16:09").json()["items"] == []
    assert len(program.get("leads", since="2001-11-02t01:12:11-16:09").json()["items"]) == 1


def test_a_lead_is_added_and_heard_of(program: Program) -> None:
    made = program.post("leads", {**ASKED, "fields": {"budget": 1000}})
    assert made.status_code == 201
    lead = Lead.objects.get()
    assert made.json()["id"] == str(lead.pk)
    assert (lead.source, lead.fields) == ("api:crm", {"budget": 1000})
    assert Event.objects.get(name="lead.received").subject_id == str(lead.pk)
    assert "API key “crm” of olivia" in AuditEntry.objects.get(verb="lead.received").sentence


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "email"),
        ({"email": "nobody", "message": "x"}, "email"),
        ({"email": "a@b.example"}, "message"),
        ({**ASKED, "timezone": "Mars/Olympus"}, "timezone"),
        ({**ASKED, "name": 7}, "name"),
        ({**ASKED, "name": "x" * 201}, "name"),
        ({**ASKED, "nonsense": 1}, "nonsense"),
        ({**ASKED, "fields": {"a": {"b": 1}}}, "fields.a"),
    ],
)
def test_what_is_no_lead_is_refused_by_field(
    body: dict[str, Any], field: str, program: Program
) -> None:
    problem = refused(program.post("leads", body), 422)
    assert str(problem["errors"][0]["field"]).startswith(field)  # type: ignore[index]
    assert not Lead.objects.exists()


def test_a_lead_is_scored_and_closed_by_hand(program: Program, olivia: User) -> None:
    lead = make_lead()
    refused(program.patch(f"leads/{lead.pk}", {"score": 90}), 422)
    refused(program.patch(f"leads/{lead.pk}", {}), 422)
    body = {"score": 90, "status": "qualified", "reason": "We know them", "outcome": "won"}
    changed = program.patch(f"leads/{lead.pk}", body).json()
    assert (changed["score"], changed["status"], changed["outcome"]) == (90, "qualified", "won")
    assert {row.field for row in Override.objects.filter(by="olivia")} == {"score", "status"}


def test_a_prospect_is_added_once(program: Program) -> None:
    IdealCustomer.objects.create(name="Plumbers")
    body = {"name": "Harbor Plumbing", "website": "harborplumbing.example", "employees": 12}
    made = program.post("prospects", body)
    again = program.post("prospects", body)
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json()["id"] == again.json()["id"]
    assert made.json()["source"] == "API: crm"
    prospect = Prospect.objects.get()
    assert (prospect.world, prospect.employees) == ("sandbox", 12)
    assert Event.objects.filter(name="prospect.added").count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "\u0007"}, "name"),
        ({"name": "x", "email": "nobody"}, "email"),
        ({"name": "x", "employees": "12"}, "employees"),
        ({"name": "x", "ideal_customer": "Nobody’s"}, "ideal_customer"),
        ({"name": "x", "website": "harbor.example", "email": "a@harbor.com"}, "website"),
    ],
)
def test_what_is_no_prospect_is_refused_by_field(
    body: dict[str, Any], field: str, program: Program
) -> None:
    IdealCustomer.objects.create(name="Plumbers")
    problem = refused(program.post("prospects", body), 422)
    assert field in [one["field"] for one in problem["errors"]]  # type: ignore[attr-defined]
    assert not Prospect.objects.exists()


def test_a_prospect_is_changed_and_dropped_by_hand(program: Program, olivia: User) -> None:
    prospect = make_prospect()
    body = {"fit": 95, "place": "Tucson", "timezone": "America/Phoenix", "reason": "I know them"}
    changed = program.patch(f"prospects/{prospect.pk}", body).json()
    assert (changed["fit"], changed["place"]) == (95, "Tucson")
    assert Override.objects.filter(by="olivia", field="fit").exists()
    wrong = {"timezone": "Mars/Olympus", "reason": "x"}
    refused(program.patch(f"prospects/{prospect.pk}", wrong), 422)
    refused(program.patch(f"prospects/{prospect.pk}", {"reason": "x"}), 422)
    refused(program.patch(f"prospects/{prospect.pk}", {"name": None, "reason": "x"}), 422)
    dropped = program.post(f"prospects/{prospect.pk}/drop", {"reason": "They closed"}).json()
    assert (dropped["status"], dropped["drop_reason"]) == ("dropped", "They closed")


def test_deals_calls_and_clients_are_read(program: Program) -> None:
    client, lead, now = make_client(), make_lead(), timezone.now()
    deal = Deal.objects.create(
        lead=lead,
        client=client,
        name="Harbor",
        stage=DealStage.WON,
        setup_usd="1500",
        monthly_usd="500.50",
        stage_at=now,
        opened_at=now,
        closed_at=now,
    )
    found = program.get(f"deals/{deal.pk}").json()
    assert (found["value_usd"], found["chance"], found["client"]) == ("7506.00", 100, "vale-dental")
    assert program.get("deals", open="true").json()["items"] == []
    assert len(program.get("deals", open="false", lead=str(lead.pk)).json()["items"]) == 1
    assert program.get("clients/vale-dental").json()["name"] == "Vale Dental"
    refused(program.get("clients/nobody"), 404)
    refused(program.get(f"meetings/{deal.pk}"), 404)


def test_what_was_seen_is_approved_in_the_makers_name(program: Program, olivia: User) -> None:
    action = waiting()
    (seen,) = program.get("approvals").json()["items"]
    assert seen["rendered"]["subject"]
    body = {"content_hash": seen["content_hash"]}
    answer = program.post(f"approvals/{seen['id']}/approve", body)
    assert answer.json()["status"] == "approved"
    assert Decision.objects.get(action=action, verdict="approve").user == olivia
    assert "crm" in AuditEntry.objects.get(verb="api_key.decided").sentence
    refused(program.post(f"approvals/{seen['id']}/approve", body), 409)


@pytest.mark.parametrize(
    ("verb", "words", "status"),
    [
        ("reject", {"reason": "Wrong tone"}, "rejected"),
        ("send-back", {"note": "Shorter"}, "revise"),
    ],
)
def test_it_is_turned_down_or_sent_back_with_words(
    verb: str, words: dict[str, str], status: str, program: Program
) -> None:
    action = waiting()
    path = f"approvals/{action.pk}/{verb}"
    refused(program.post(path, {"content_hash": action.content_hash}), 422)
    refused(program.post(path, {"content_hash": "0" * 64, **words}), 409)
    done = program.post(path, {"content_hash": action.content_hash, **words})
    assert done.json()["status"] == status


def test_what_changed_since_is_not_approved_and_can_be_seen_anew(program: Program) -> None:
    action = waiting()
    Lead.objects.update(email="new@harbor.example")
    body = {"content_hash": action.content_hash}
    refused(program.post(f"approvals/{action.pk}/approve", body, key="one"), 409)
    now = program.get(f"actions/{action.pk}").json()
    if now["content_hash"] != action.content_hash:
        body = {"content_hash": now["content_hash"]}
    assert program.post(f"approvals/{action.pk}/approve", body, key="two").status_code == 200


def test_the_same_key_does_it_once(program: Program) -> None:
    first = program.post("leads", ASKED, key="a1")
    again = program.post("leads", ASKED, key="a1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    other = {**ASKED, "message": "Something else"}
    problem = refused(program.post("leads", other, key="a1"), 422)
    assert problem["errors"][0]["field"] == "Idempotency-Key"  # type: ignore[index]
    assert Lead.objects.count() == 1
    assert program.post("leads", other, key="a2").status_code == 201


def test_what_was_refused_uses_no_key_up(program: Program) -> None:
    refused(program.post("leads", {"email": "x"}, key="a1"), 422)
    assert program.post("leads", ASKED, key="a1").status_code == 201


def test_after_a_day_a_key_may_be_used_again(program: Program) -> None:
    program.post("leads", ASKED, key="a1")
    ApiAnswer.objects.update(created_at=timezone.now() - dt.timedelta(hours=25))
    assert program.post("leads", ASKED, key="a1").status_code == 201
    assert Lead.objects.count() == 2


@pytest.mark.parametrize("key", ["x" * 256, "a\u00e9"])
def test_a_key_that_is_none_is_refused(key: str, program: Program) -> None:
    refused(program.post("leads", ASKED, key=key), 400)
    assert not Lead.objects.exists()


def test_one_key_is_nothing_to_another_program(program: Program, olivia: User) -> None:
    other = Program(make_key(olivia)[1])
    program.post("leads", ASKED, key="a1")
    other.post("leads", ASKED, key="a1")
    assert Lead.objects.count() == 2


def test_ten_at_once_under_one_key_do_it_once(committed: str) -> None:
    secret = make_key(make_user("olivia"))[1]
    answers: list[tuple[int, bytes]] = []
    start = threading.Barrier(10)

    def post() -> None:
        program = Program(secret)
        start.wait()
        response = program.post("leads", ASKED, key="a1")
        answers.append((response.status_code, response.content))
        connection.close()

    threads = [threading.Thread(target=post) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Lead.objects.count() == 1
    assert len(set(answers)) == 1
    assert answers[0][0] == 201
    assert json.loads(answers[0][1])["id"] == str(Lead.objects.get().pk)
