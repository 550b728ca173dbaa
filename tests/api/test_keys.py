"""Who may call the API: keys, their scopes, their clients, how often, and how it is refused."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from agency import api_keys
from agency.models import ApiKey, AuditEntry
from tests.api.conftest import Program, make_key
from tests.factories import make_client, make_lead
from tests.outreach import make_prospect

LISTS = {
    "prospects": "prospects:read",
    "leads": "leads:read",
    "deals": "deals:read",
    "meetings": "meetings:read",
    "clients": "clients:read",
    "actions": "actions:read",
    "approvals": "actions:read",
}


def refused(response: object, status: int) -> dict[str, object]:
    assert response.status_code == status  # type: ignore[attr-defined]
    assert response["Content-Type"] == "application/problem+json"  # type: ignore[index]
    problem: dict[str, object] = response.json()  # type: ignore[attr-defined]
    assert problem["status"] == status
    assert problem["detail"]
    return problem


def test_a_secret_is_shown_once_and_kept_as_a_hash(olivia: User) -> None:
    key, secret = make_key(olivia, "leads:read")
    assert secret.startswith("cck_")
    kept = ApiKey.objects.filter(pk=key.pk).values().get()
    assert secret not in str(kept)
    assert key.prefix == secret[:10]
    assert api_keys.find(secret) == key
    assert AuditEntry.objects.get(verb="api_key.made").object_id == str(key.pk)
    assert secret not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize("scopes", [[], ["leads:all"]])
def test_a_key_without_sense_is_not_made(scopes: list[str], olivia: User) -> None:
    with pytest.raises(api_keys.BadKey):
        api_keys.issue("x", scopes, olivia)
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer x", "Bearer cck_" + "a" * 43, "Basic b2xpdmlhOng=", "Bearer \xff"],
)
def test_without_a_key_in_force_nothing_is_told(header: str, olivia: User) -> None:
    response = Client(headers={"Authorization": header}).get("/api/v1/leads")
    refused(response, 401)
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert "no-store" in response["Cache-Control"]


def test_a_login_is_no_key(olivia: User) -> None:
    browser = Client()
    browser.force_login(olivia)
    refused(browser.get("/api/v1/leads"), 401)


def test_a_revoked_key_and_one_of_somebody_who_left_are_dead(olivia: User) -> None:
    key, secret = make_key(olivia)
    program = Program(secret)
    assert program.get("leads").status_code == 200
    olivia.is_active = False
    olivia.save()
    refused(program.get("leads"), 401)
    olivia.is_active = True
    olivia.save()
    assert api_keys.revoke(key, by=olivia)
    assert not api_keys.revoke(key, by=olivia)
    refused(program.get("leads"), 401)


@pytest.mark.parametrize("path", LISTS)
def test_each_list_takes_its_own_scope(path: str, olivia: User) -> None:
    scope = LISTS[path]
    assert Program(make_key(olivia, scope)[1]).get(path).status_code == 200
    others = [name for name in api_keys.SCOPES if name != scope]
    problem = refused(Program(make_key(olivia, *others)[1]).get(path), 403)
    assert scope in str(problem["detail"])


def test_a_reading_key_writes_nothing(olivia: User) -> None:
    reads = [name for name in api_keys.SCOPES if name.endswith(":read")]
    program = Program(make_key(olivia, *reads)[1])
    refused(program.post("leads", {"email": "a@b.example", "message": "x"}), 403)
    refused(program.post("prospects", {"name": "Harbor"}), 403)
    lead, prospect = make_lead(), make_prospect()
    refused(program.patch(f"leads/{lead.pk}", {"outcome": "won"}), 403)
    refused(program.patch(f"prospects/{prospect.pk}", {"fit": 1, "reason": "x"}), 403)
    hashed = {"content_hash": "0" * 64}
    refused(program.post(f"approvals/{lead.pk}/approve", hashed), 403)


def test_a_key_of_one_client_sees_nothing_else(olivia: User) -> None:
    vale, other = make_client(), make_client("Other")
    theirs = make_lead(client=vale)
    hidden = [make_lead(client=other), make_lead()]
    program = Program(make_key(olivia, client=vale)[1])
    assert [one["id"] for one in program.get("leads").json()["items"]] == [str(theirs.pk)]
    for lead in hidden:
        refused(program.get(f"leads/{lead.pk}"), 404)
        refused(program.patch(f"leads/{lead.pk}", {"outcome": "won"}), 404)
    assert [one["slug"] for one in program.get("clients").json()["items"]] == ["vale-dental"]
    refused(program.get("clients/other"), 404)
    refused(program.get("prospects"), 403)
    made = program.post("leads", {"email": "dana@vale.example", "message": "hello"}).json()
    assert made["client"] == "vale-dental"


def test_how_often_one_key_may_ask_is_limited(olivia: User, settings: Settings) -> None:
    settings.API_RATE = "2/minute"
    program, other = (Program(make_key(olivia)[1]) for _ in range(2))
    assert [program.get("leads").status_code for _ in range(3)] == [200, 200, 429]
    response = program.get("leads")
    refused(response, 429)
    assert 1 <= int(response["Retry-After"]) <= 60
    assert other.get("leads").status_code == 200


def test_guessing_is_limited_by_address(db: None) -> None:
    nobody = Program("cck_" + "a" * 43)
    codes = {nobody.get("leads").status_code for _ in range(62)}
    assert codes == {401, 429}


def test_its_last_use_is_noted_to_the_minute(olivia: User) -> None:
    key, secret = make_key(olivia)
    Program(secret).get("leads")
    key.refresh_from_db()
    assert key.last_used_at is not None
    first = key.last_used_at
    Program(secret).get("leads")
    key.refresh_from_db()
    assert key.last_used_at == first
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(hours=1))
    Program(secret).get("leads")
    key.refresh_from_db()
    assert key.last_used_at > first


@pytest.mark.parametrize("path", ["", "v1/", "v1/nothing", "v2/leads", "v1/leads/x/y"])
def test_nothing_there_is_said_as_all_else(path: str, db: None) -> None:
    refused(Client().get(f"/api/{path}"), 404)


def test_another_method_is_refused(program: Program) -> None:
    response = program.http.delete("/api/v1/leads")
    refused(response, 405)
    assert "GET" in response["Allow"]


def test_what_is_no_json_or_too_long_is_refused(program: Program) -> None:
    post = program.http.post
    refused(post("/api/v1/leads", "{", content_type="application/json"), 400)
    refused(post("/api/v1/leads", "[" * 60_000, content_type="application/json"), 400)
    refused(post("/api/v1/leads", " " * 70_000, content_type="application/json"), 413)
