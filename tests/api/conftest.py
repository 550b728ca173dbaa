"""A key that may do everything, and calls with it as a program makes them."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agency import api_keys
from agency.models import ApiKey
from tests.factories import make_user


class Program:
    """Calls the API with a key, without cookies."""

    def __init__(self, secret: str) -> None:
        self.http = Client(headers={"Authorization": f"Bearer {secret}"})

    def get(self, path: str, **query: Any) -> Any:
        return self.http.get(f"/api/v1/{path}", query)

    def post(self, path: str, body: object = None, *, key: str = "") -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        return self.http.post(
            f"/api/v1/{path}",
            json.dumps({} if body is None else body),
            content_type="application/json",
            headers=headers,
        )

    def patch(self, path: str, body: object) -> Any:
        return self.http.patch(f"/api/v1/{path}", json.dumps(body), content_type="application/json")


def make_key(by: User, *scopes: str, **fields: Any) -> tuple[ApiKey, str]:
    return api_keys.issue("crm", scopes or api_keys.SCOPES, by, **fields)


@pytest.fixture
def olivia(db: None) -> User:
    return make_user("olivia", is_staff=True, is_superuser=True)


@pytest.fixture
def program(olivia: User) -> Program:
    return Program(make_key(olivia)[1])
