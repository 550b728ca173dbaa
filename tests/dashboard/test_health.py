"""Whether it is up, and whether it can work; open to anybody."""

import pytest
from django.test import Client
from pytest_django import Settings


def test_the_process_is_up(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_it_is_ready_with_all_its_parts(client: Client, db: None) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "postgres": "ok", "valkey": "ok"}


def test_it_names_the_part_that_is_away(client: Client, db: None, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["valkey"] == "cannot be reached"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_it_is_only_read(path: str, client: Client) -> None:
    assert client.post(path).status_code == 405
