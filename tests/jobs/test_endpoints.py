"""Endpoints are made, found by token, rotated and switched off; the command says what is wrong."""

import base64
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from agency.models import AuditEntry
from jobs import endpoints
from jobs.models import Endpoint

pytestmark = pytest.mark.django_db


def webhook(*args: str) -> str:
    out = StringIO()
    call_command("webhook", *args, stdout=out)
    return out.getvalue().strip()


def token_of(address: str) -> str:
    return address.rpartition("/")[2]


def test_an_address_opens_its_endpoint_and_no_other() -> None:
    endpoint = endpoints.create("leads", "website")
    endpoints.create("leads", "landing")

    address = endpoints.address("leads", "website")

    assert address == f"{settings.PUBLIC_URL}/hooks/leads/{endpoint.token}"
    token = token_of(address)
    assert endpoints.find("leads", [token, "A" * 32, "../../etc/passwd"]) == {token: endpoint}
    assert endpoints.find("calls", [token]) == {}


def test_the_token_and_the_secret_are_not_readable_in_the_database() -> None:
    endpoint = endpoints.create("leads", "website")

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(e)::text FROM jobs_endpoint e")
        (row,) = cursor.fetchone()

    assert endpoint.token not in row
    assert endpoint.secret not in row


def test_the_secret_is_one_of_standard_webhooks() -> None:
    secret = endpoints.create("leads", "website").secret

    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 24


def test_rotating_closes_the_old_address() -> None:
    endpoint = endpoints.create("leads", "website")
    old_token, old_secret = endpoint.token, endpoint.secret

    endpoints.rotate(endpoint, actor="operator", actor_kind="user")

    assert endpoints.find("leads", [old_token, endpoint.token]) == {endpoint.token: endpoint}
    assert endpoint.secret != old_secret


def test_a_disabled_endpoint_is_not_found_until_it_is_enabled() -> None:
    endpoint = endpoints.create("leads", "website")

    assert endpoints.disable(endpoint)
    assert not endpoints.disable(endpoint)
    assert endpoints.find("leads", [endpoint.token]) == {}
    assert endpoints.enable(endpoint)
    assert endpoints.find("leads", [endpoint.token]) == {endpoint.token: endpoint}


def test_every_change_is_in_the_trail_once() -> None:
    endpoint = endpoints.create("leads", "website")
    endpoints.rotate(endpoint, actor="operator", actor_kind="user")
    endpoints.disable(endpoint, actor="operator", actor_kind="user")
    endpoints.disable(endpoint, actor="operator", actor_kind="user")

    entries = AuditEntry.objects.filter(object_type="jobs.endpoint").order_by("id")

    assert [(e.verb, e.actor) for e in entries] == [
        ("endpoint.created", "manage.py"),
        ("endpoint.rotated", "operator"),
        ("endpoint.disabled", "operator"),
    ]
    assert not any(endpoint.token in e.sentence for e in entries)


def test_ensure_makes_the_endpoint_once() -> None:
    assert endpoints.ensure("leads", "website") == endpoints.ensure("leads", "website")
    assert Endpoint.objects.count() == 1


def test_the_command_prints_address_and_secret() -> None:
    out = webhook("create", "leads", "--name", "website", "--require-signature")

    endpoint = Endpoint.objects.get()
    assert out.splitlines() == [
        f"Address  {endpoints.url(endpoint)}",
        f"Secret   {endpoint.secret}",
    ]
    assert endpoint.require_signature
    assert webhook("address", "leads", "--name", "website") == endpoints.url(endpoint)


def test_the_command_lists_rotates_and_switches() -> None:
    assert webhook("list").startswith("No endpoints yet")
    webhook("create", "leads", "--name", "website")
    before = webhook("address", "leads", "--name", "website")

    assert before not in webhook("rotate", "leads", "--name", "website")
    assert webhook("disable", "leads", "--name", "website") == "leads/website is disabled"
    assert "disabled, signature optional" in webhook("list")
    assert webhook("enable", "leads", "--name", "website") == "leads/website is enabled"
    assert webhook("enable", "leads", "--name", "website") == "leads/website is already enabled"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["create", "leads", "--name", "website"], "there is a leads endpoint “website” already"),
        (["create", "calls", "--name", "website"], "unknown purpose “calls”; known: leads"),
        (["create", "leads", "--name", "my site"], "“my site” is no name for an endpoint"),
        (["create", "leads", "--name", "x" * 61], "use up to 60 letters"),
        (["create", "leads", "--name", ""], "“” is no name"),
        (["address", "leads", "--name", "other"], "there is no leads endpoint “other”"),
        (["rotate", "calls", "--name", "website"], "unknown purpose “calls”"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(args: list[str], says: str) -> None:
    endpoints.create("leads", "website")

    with pytest.raises(CommandError) as raised:
        webhook(*args)

    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
