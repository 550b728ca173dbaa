"""A logged-in operator, and requests as HTMX makes them."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.factories import make_user


class Htmx:
    """Makes requests as the page's script does, for one target element."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get(self, url: str, target: str) -> Any:
        return self.client.get(url, headers={"HX-Request": "true", "HX-Target": target})

    def post(self, url: str, target: str, data: dict[str, Any] | None = None) -> Any:
        headers = {"HX-Request": "true", "HX-Target": target}
        return self.client.post(url, data or {}, headers=headers)


@pytest.fixture
def operator(db: None) -> User:
    return make_user("olivia", is_staff=True, is_superuser=True)


@pytest.fixture
def browser(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


@pytest.fixture
def htmx(browser: Client) -> Htmx:
    return Htmx(browser)


def text_of(response: Any) -> str:
    """Return the body, its white space in single blanks."""
    return " ".join(response.content.decode().split())
