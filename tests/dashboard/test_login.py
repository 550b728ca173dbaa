"""Logging in, by password and by link."""

import sesame.utils
from django.contrib.auth.models import User
from django.test import Client

from tests.dashboard.conftest import text_of

PASSWORD = "correct horse"


def log_in(client: Client, name: str, password: str) -> int:
    return client.post("/login/", {"username": name, "password": password}).status_code


def test_a_password_logs_in_and_leads_on(client: Client, operator: User) -> None:
    data = {"username": "olivia", "password": PASSWORD, "next": "/leads/"}
    assert client.post("/login/", data)["Location"] == "/leads/"
    assert client.get("/leads/").status_code == 200


def test_a_wrong_password_says_so(client: Client, operator: User) -> None:
    response = client.post("/login/", {"username": "olivia", "password": "wrong"})
    assert response.status_code == 200
    assert 'role="alert"' in text_of(response)


def test_five_wrong_passwords_lock(client: Client, operator: User) -> None:
    statuses = [log_in(client, "olivia", "wrong") for _ in range(5)]
    assert statuses == [200, 200, 200, 200, 429]
    response = client.post("/login/", {"username": "olivia", "password": PASSWORD})
    assert response.status_code == 429
    assert "Too many wrong passwords" in text_of(response)


def test_a_link_logs_in_once(client: Client, operator: User) -> None:
    link = f"/login/link/{sesame.utils.get_query_string(operator)}"
    assert client.get(link)["Location"] == "/landing/"
    assert client.get("/approvals/").status_code == 200
    again = Client().get(link)
    assert again.status_code == 403
    assert "used up" in text_of(again)


def test_a_broken_link_is_refused(client: Client, db: None) -> None:
    for query in ("", "?sesame=", "?sesame=nonsense", "?sesame=%00"):
        assert client.get(f"/login/link/{query}").status_code == 403


def test_logging_out_is_posted(browser: Client) -> None:
    assert browser.get("/logout/").status_code == 405
    assert browser.post("/logout/")["Location"] == "/login/"
    assert browser.get("/leads/").status_code == 302
