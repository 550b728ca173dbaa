"""Settings: the profile, the phase, the switches and the webhooks."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from agency.models import AgencyProfile, AuditEntry
from control.models import KillSwitch
from jobs import endpoints
from tests.dashboard.conftest import text_of

PROFILE: dict[str, Any] = {
    "name": "Harbor Automation",
    "website": "https://harbor.example",
    "sender_name": "Olivia",
    "sender_email": "olivia@harbor.example",
    "reply_to": "",
    "postal_address": "1 Pier, Portland OR",
    "booking_url": "",
    "operator_email": "olivia@harbor.example",
    "timezone": "America/Los_Angeles",
    "undo_send_seconds": "20",
    "industries": "plumbing\r\n\r\n hvac ",
    "sizes": "",
    "places": "Portland",
    "keywords": "",
    "exclusions": "",
}


def test_the_profile_is_saved_and_audited(browser: Client) -> None:
    response = browser.post(reverse("settings-profile"), PROFILE, follow=True)
    profile = AgencyProfile.load()
    assert response.status_code == 200
    assert profile.name == "Harbor Automation"
    assert profile.icp["industries"] == ["plumbing", "hvac"]
    assert not profile.is_sample
    entry = AuditEntry.objects.get(verb="profile.saved")
    assert entry.data["name"]["to"] == "Harbor Automation"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timezone", "Mars/Olympus"),
        ("sender_email", "nobody"),
        ("undo_send_seconds", "9999"),
        ("website", "javascript:alert(1)"),
        ("name", ""),
        ("name", "a\0b"),
    ],
)
def test_a_bad_profile_names_the_field_and_keeps_the_values(
    field: str, value: str, browser: Client
) -> None:
    response = browser.post(reverse("settings-profile"), {**PROFILE, field: value})
    assert response.status_code == 422
    assert field in response.context["profile_form"].errors
    assert "1 Pier, Portland OR" in response.content.decode()
    assert AgencyProfile.load().name != "Harbor Automation"


def test_times_are_shown_in_the_operators_zone(browser: Client) -> None:
    browser.post(reverse("settings-profile"), PROFILE)
    page = text_of(browser.get(reverse("activity-list")))
    assert "PST" in page or "PDT" in page


def test_the_phase_is_set(browser: Client) -> None:
    browser.post(reverse("settings-phase"), {"phase": "2"})
    assert AgencyProfile.load().phase == 2
    assert browser.post(reverse("settings-phase"), {"phase": "5"}).status_code == 422
    assert AgencyProfile.load().phase == 2


def test_a_part_of_the_house_is_stopped_and_released(browser: Client) -> None:
    data = {"scope": "channel", "value": "email", "reason": "Moving the domain"}
    page = text_of(browser.post(reverse("switch-engage"), data, follow=True))
    switch = KillSwitch.objects.get(released_at=None)
    assert "Moving the domain" in page
    browser.post(reverse("switch-release", args=[switch.pk]), {"backlog": "discard"})
    switch.refresh_from_db()
    assert switch.released_at is not None
    assert browser.post(reverse("switch-release", args=[10**12])).status_code == 404


@pytest.mark.parametrize(
    ("scope", "value"), [("agent", "nobody"), ("kind", "x"), ("channel", "fax"), ("client", "Vale")]
)
def test_a_switch_that_would_stop_nothing_is_refused(
    scope: str, value: str, browser: Client
) -> None:
    data = {"scope": scope, "value": value, "reason": "kept words"}
    response = browser.post(reverse("switch-engage"), data)
    assert response.status_code == 422
    assert "kept words" in response.content.decode()
    assert not KillSwitch.objects.exists()


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
    for name in ("settings-profile", "settings-phase", "switch-engage"):
        assert browser.get(reverse(name)).status_code == 405
        assert Client().post(reverse(name)).status_code == 302
