"""Settings for programs: API keys, outgoing webhooks with their log, and the API's description."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from agency import api_keys
from agency.models import ApiKey
from dashboard.api import document
from dashboard.house.api_forms import EVENTS
from jobs import outgoing
from jobs.models import OutgoingDelivery, OutgoingEndpoint
from tests import receiver
from tests.dashboard.conftest import text_of
from tests.factories import make_client, work_off
from tests.receiver import Receiver

NEW = {"name": "crm", "url": "https://hooks.example/in", "events": ["lead.received", "deal.won"]}


@pytest.fixture
def there(settings: Settings) -> Iterator[Receiver]:
    with receiver.running() as found:
        settings.SANDBOX_WEB_PORT = found.port
        yield found


def test_a_key_is_made_and_its_secret_shown_once(browser: Client) -> None:
    vale = make_client()
    data = {"name": "crm", "scopes": ["leads:read", "leads:write"], "client": str(vale.pk)}
    made = browser.post(reverse("api-keys"), data)
    key = ApiKey.objects.get()
    assert (key.scopes, key.client) == (["leads:read", "leads:write"], vale)
    assert key.created_by.get_username() == "olivia"
    secret = made.context["secret"]
    assert secret in text_of(made)
    assert "no-store" in made["Cache-Control"]
    assert api_keys.find(secret) == key
    later = text_of(browser.get(reverse("api-keys")))
    assert secret not in later
    assert key.prefix in later


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("name", "a\0b"), ("scopes", []), ("scopes", ["all"]), ("client", "7")],
)
def test_a_key_that_cannot_be_names_its_field(field: str, value: object, browser: Client) -> None:
    data = {"name": "crm", "scopes": ["leads:read"], "client": ""}
    response = browser.post(reverse("api-keys"), {**data, field: value})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked(browser: Client) -> None:
    browser.post(reverse("api-keys"), {"name": "crm", "scopes": ["leads:read"]})
    key = ApiKey.objects.get()
    for _ in range(2):
        assert browser.post(reverse("api-key-revoke", args=[key.pk])).status_code == 302
    key.refresh_from_db()
    assert key.revoked_by == "olivia"
    assert "revoked by olivia" in text_of(browser.get(reverse("api-keys")))


def test_an_endpoint_is_made_tried_and_watched(browser: Client, there: Receiver) -> None:
    response = browser.post(reverse("outgoing-list"), NEW)
    endpoint = OutgoingEndpoint.objects.get()
    detail = reverse("outgoing-detail", args=[endpoint.pk])
    assert response["Location"] == detail
    assert endpoint.events == ["deal.won", "lead.received"]
    assert "Nothing was posted yet" in text_of(browser.get(detail))
    browser.post(reverse("outgoing-test", args=[endpoint.pk]))
    work_off()
    there.verified(endpoint.secret)
    page = text_of(browser.get(detail))
    assert "webhook.test" in page
    assert "delivered" in page
    delivery = OutgoingDelivery.objects.get()
    browser.post(reverse("outgoing-again", args=[endpoint.pk, delivery.pk]))
    work_off()
    assert len(there.messages) == 2


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("url", "http://127.0.0.1:5432/", "only 80 and 443"),
        ("url", "ftp://hooks.example/", "Only http and https"),
        ("url", "", "required"),
        ("events", [], "at least one event"),
        ("events", ["job.discarded"], "job.discarded"),
        ("name", "", "required"),
    ],
)
def test_what_cannot_be_posted_to_is_said_at_its_field(
    field: str, value: object, words: str, browser: Client
) -> None:
    response = browser.post(reverse("outgoing-list"), {**NEW, field: value})
    assert response.status_code == 422
    assert words in str(response.context["form"].errors[field])
    assert not OutgoingEndpoint.objects.exists()
    browser.post(reverse("outgoing-list"), NEW)
    endpoint = OutgoingEndpoint.objects.get()
    if field != "name":
        detail = reverse("outgoing-detail", args=[endpoint.pk])
        assert browser.post(detail, {**NEW, field: value}).status_code == 422
    again = browser.post(reverse("outgoing-list"), NEW)
    assert "already" in str(again.context["form"].errors["name"])


def test_an_endpoint_is_changed_rotated_switched_and_removed(browser: Client) -> None:
    endpoint = outgoing.create("crm", "https://hooks.example/in", ["*"], by="olivia")
    detail, old = reverse("outgoing-detail", args=[endpoint.pk]), endpoint.secret
    browser.post(detail, {"url": "https://hooks.example/two", "events": ["deal.won"]})
    for act in ("rotate", "switch"):
        browser.post(reverse(f"outgoing-{act}", args=[endpoint.pk]))
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.events) == ("https://hooks.example/two", ["deal.won"])
    assert not endpoint.active
    assert (endpoint.old_secret, endpoint.secret != old) == (old, True)
    browser.post(reverse("outgoing-remove", args=[endpoint.pk]))
    assert browser.get(detail).status_code == 404


def test_one_that_fails_says_so(browser: Client, there: Receiver) -> None:
    endpoint = outgoing.create("crm", "https://hooks.example/in", ["*"], by="olivia")
    there.status, there.text = 410, "<b>gone</b>"
    outgoing.send_test(endpoint, by="olivia")
    work_off()
    page = text_of(browser.get(reverse("outgoing-detail", args=[endpoint.pk])))
    assert "The house switched it off" in page
    assert "&lt;b&gt;gone" in page
    assert "410: gone" in text_of(browser.get(reverse("outgoing-list")))


def test_settings_lead_there(browser: Client) -> None:
    page = browser.get(reverse("settings")).content.decode()
    assert reverse("api-keys") in page
    assert reverse("outgoing-list") in page


def test_posts_take_a_login(db: None) -> None:
    for name in ("api-keys", "outgoing-list"):
        assert Client().post(reverse(name), NEW)["Location"].startswith("/login/")
    assert not OutgoingEndpoint.objects.exists()


def test_every_event_that_is_offered_may_be_chosen() -> None:
    names = [name for group in EVENTS.values() for name in group]
    assert len(names) == len(set(names))
    assert all(outgoing.NAME.fullmatch(name) for name in names)


def test_the_description_is_public_and_whole(client: Client, db: None) -> None:
    found = client.get(reverse("openapi"))
    assert found.json()["openapi"] == "3.1.0"
    page = client.get(reverse("api-docs"))
    assert page["X-Robots-Tag"] == "noindex"
    body = text_of(page)
    for path in found.json()["paths"]:
        assert path in body
    assert client.post(reverse("api-docs")).status_code == 405


def test_the_page_says_each_field(db: None) -> None:
    leads = next(group for group in document.groups() if group.name == "Leads")
    fields = {field.name: field for field in leads.records["Lead"]}
    assert fields["score"].kind == "integer or null"
    assert fields["received_at"].kind == "date-time"
    make = next(call for call in leads.calls if call.key == "create_lead")
    assert {"email", "message"} <= {field.name for field in make.body}
    assert ("409", "It was decided or changed meanwhile, or policy forbids it now.") in make.codes
