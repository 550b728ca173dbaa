"""Settings: the profile, the phase, the switches and the webhooks."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from agency.models import AgencyProfile, AuditEntry
from agency.models import Client as Tenant
from control import promotions
from control.models import AutonomyRule, KillSwitch
from dashboard.fleet import autonomy
from jobs import endpoints
from tests import factories
from tests.dashboard.conftest import text_of

AGENCY: dict[str, Any] = {
    "name": "Harbor Automation",
    "website": "https://harbor.example",
    "operator_email": "olivia@harbor.example",
    "timezone": "America/Los_Angeles",
}
SENDING: dict[str, Any] = {
    "sender_name": "Olivia",
    "sender_email": "olivia@harbor.example",
    "reply_to": "",
    "postal_address": "1 Pier, Portland OR",
    "booking_url": "",
    "undo_send_seconds": "20",
}
CUSTOMER: dict[str, Any] = {
    "industries": "plumbing\r\n\r\n hvac ",
    "sizes": "",
    "places": "Portland, Salem",
    "keywords": "",
    "exclusions": "",
}


def test_each_part_is_saved_by_itself_and_audited(browser: Client) -> None:
    browser.post(reverse("settings-agency"), AGENCY)
    browser.post(reverse("settings-sending"), SENDING)
    response = browser.post(reverse("settings-customer"), CUSTOMER)
    assert response["Location"] == "/settings/#customer"
    profile = AgencyProfile.load()
    assert profile.name == "Harbor Automation"
    assert profile.undo_send_seconds == 20
    assert profile.icp["industries"] == ["plumbing", "hvac"]
    assert profile.icp["places"] == ["Portland", "Salem"]
    entries = AuditEntry.objects.filter(verb="profile.saved").order_by("pk")
    assert [sorted(entry.data)[0] for entry in entries] == ["name", "postal_address", "icp"]
    assert entries[0].data["name"]["to"] == "Harbor Automation"


def test_saving_what_is_there_already_leaves_no_trace(browser: Client) -> None:
    browser.post(reverse("settings-agency"), AGENCY)
    browser.post(reverse("settings-agency"), AGENCY)
    assert AuditEntry.objects.filter(verb="profile.saved").count() == 1


def test_it_is_the_sample_until_name_sender_and_address_are_its_own(browser: Client) -> None:
    browser.post(reverse("settings-agency"), AGENCY)
    assert AgencyProfile.load().is_sample
    page = text_of(browser.get(reverse("settings")))
    assert "Still the sample’s: Sender’s address, Postal address." in page
    browser.post(reverse("settings-sending"), SENDING)
    assert not AgencyProfile.load().is_sample
    assert "Still the sample’s" not in text_of(browser.get(reverse("settings")))


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("agency", "timezone", "Mars/Olympus"),
        ("agency", "website", "javascript:alert(1)"),
        ("agency", "name", ""),
        ("agency", "name", "a\0b"),
        ("sending", "sender_email", "nobody"),
        ("sending", "undo_send_seconds", "9999"),
        ("sending", "undo_send_seconds", "soon"),
        ("sending", "postal_address", "Home"),
        ("customer", "keywords", "x" * 70),
    ],
)
def test_a_bad_value_is_named_at_its_field_and_the_rest_is_kept(
    part: str, field: str, value: str, browser: Client
) -> None:
    data = {"agency": AGENCY, "sending": SENDING, "customer": CUSTOMER}[part]
    response = browser.post(reverse(f"settings-{part}"), {**data, field: value})
    assert response.status_code == 422
    assert list(response.context[f"{part}_form"].errors) == [field]
    kept = {"agency": "olivia@harbor", "sending": "1 Pier", "customer": "Salem"}[part]
    if field != "postal_address":
        assert kept in response.content.decode()
    assert AgencyProfile.load().name == "Northwind Automations"
    assert not AuditEntry.objects.filter(verb="profile.saved").exists()


def test_times_are_shown_in_the_operators_zone(browser: Client) -> None:
    browser.post(reverse("settings-agency"), AGENCY)
    page = text_of(browser.get(reverse("activity-list")))
    assert "PST" in page or "PDT" in page


def test_the_phase_is_set(browser: Client) -> None:
    browser.post(reverse("settings-phase"), {"phase": "2"})
    assert AgencyProfile.load().phase == 2
    refused = browser.post(reverse("settings-phase"), {"phase": "5"})
    assert refused.status_code == 422
    assert "There is no phase “5”" in refused.content.decode()
    assert AgencyProfile.load().phase == 2


def test_the_table_of_phases_comes_from_the_kinds_of_action() -> None:
    stands = {row.kind.name: [word for _, word in row.cells] for row in autonomy.rows()}
    assert stands["qualify_lead"] == ["runs"] * 4
    assert stands["reply_to_lead"] == ["asks", "runs", "runs", "runs"]
    assert stands["send_proposal"] == ["asks", "asks", "may", "runs"]
    assert stands["send_email"] == ["asks", "runs", "runs", "runs"]
    foundation, sales, *_ = autonomy.phases(1)
    assert "Replies" in foundation.asks
    assert "Replies" in sales.runs
    assert foundation.now


@pytest.mark.usefixtures("replies_may_be_earned")
def test_what_runs_ahead_of_its_phase_is_listed(browser: Client) -> None:
    factories.earn()
    promotions.promote("qualifier", "reply_to_lead", by="olivia")
    page = text_of(browser.get(reverse("settings")))
    assert "What runs ahead of its phase" in page
    assert "olivia let it, 35 of 35 approved unedited" in page


def test_rules_that_tighten_a_phase_are_listed(browser: Client) -> None:
    AutonomyRule.objects.create(agent="qualifier", level="ask", reason="Until it knows prices")
    assert "Until it knows prices" in text_of(browser.get(reverse("settings")))


def test_a_part_of_the_house_is_stopped_and_released(browser: Client) -> None:
    data = {"what": "channel:email", "reason": "Moving the domain"}
    page = text_of(browser.post(reverse("switch-engage"), data, follow=True))
    switch = KillSwitch.objects.get(released_at=None)
    assert "Moving the domain" in page
    browser.post(reverse("switch-release", args=[switch.pk]), {"backlog": "discard"})
    switch.refresh_from_db()
    assert switch.released_at is not None
    assert browser.post(reverse("switch-release", args=[10**12])).status_code == 404


@pytest.mark.parametrize(
    "what", ["agent:nobody", "kind:x", "channel:fax", "client:7", "everything", "", "x", "agent:"]
)
def test_a_switch_that_would_stop_nothing_is_refused(what: str, browser: Client) -> None:
    data = {"what": what, "reason": "kept words"}
    response = browser.post(reverse("switch-engage"), data)
    assert response.status_code == 422
    assert "kept words" in response.content.decode()
    assert not KillSwitch.objects.exists()


def test_a_client_can_be_stopped_by_name(browser: Client) -> None:
    vale = Tenant.objects.create(name="Vale Dental", slug="vale")
    assert "Vale Dental" in text_of(browser.get(reverse("settings")))
    browser.post(reverse("switch-engage"), {"what": f"client:{vale.pk}", "reason": "Moving"})
    assert KillSwitch.objects.get().tag == f"client:{vale.pk}"


def test_a_webhook_is_rotated_and_switched_off(browser: Client) -> None:
    endpoint = endpoints.create("leads", "website")
    old = endpoints.url(endpoint)
    assert old in text_of(browser.get(reverse("settings")))
    browser.post(reverse("endpoint-rotate", args=[endpoint.pk]))
    browser.post(reverse("endpoint-switch", args=[endpoint.pk]))
    endpoint.refresh_from_db()
    assert endpoints.url(endpoint) != old
    assert not endpoint.enabled
    assert old not in text_of(browser.get(reverse("settings")))


def test_settings_are_posted(browser: Client) -> None:
    for name in (
        "settings-agency",
        "settings-sending",
        "settings-customer",
        "settings-phase",
        "switch-engage",
    ):
        assert browser.get(reverse(name)).status_code == 405
        assert Client().post(reverse(name)).status_code == 302


def test_it_says_that_the_market_is_made_up(browser: Client, settings: Settings) -> None:
    settings.BUSINESS_SPEED, settings.SANDBOX_SEED = 1440, 7
    page = text_of(browser.get(reverse("settings")))
    assert "nobody real is contacted. Seed 7, a business day takes 1 min" in page
    settings.EMAIL_URL = "smtp://mail.example"
    assert "a simulated one is never written to" in text_of(browser.get(reverse("settings")))
