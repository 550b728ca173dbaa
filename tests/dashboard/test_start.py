"""The first run: four steps, each saved by itself, skipped at will, and a sample to look at."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agency.models import AgencyProfile, AuditEntry, sample_icp
from control.models import Action
from dashboard.house import setup
from jobs import endpoints
from pipeline.models import Lead
from tests.dashboard.conftest import text_of
from tests.factories import received, work_off

pytestmark = pytest.mark.django_db

ANSWERS: dict[str, dict[str, Any]] = {
    "agency": {
        "name": "Harbor Automation",
        "sender_name": "Olivia",
        "sender_email": "o@harbor.example",
    },
    "place": {"postal_address": "1 Pier, Portland OR 97201", "timezone": "America/Los_Angeles"},
    "customer": {"industries": "plumbing, HVAC\nPlumbing", "places": "", "keywords": ""},
    "autonomy": {"phase": "2"},
}


def save(browser: Client, slug: str, **changes: str) -> Any:
    return browser.post(reverse("start-step", args=[slug]), ANSWERS[slug] | changes)


def test_the_first_login_leads_to_it_and_a_later_one_does_not(browser: Client) -> None:
    assert browser.get(reverse("landing"))["Location"] == "/start/"
    browser.post(reverse("start-skip"))
    assert browser.get(reverse("landing"))["Location"] == "/"


def test_it_is_walked_through_step_by_step(browser: Client) -> None:
    url = browser.get(reverse("start"))["Location"]
    for slug in setup.SLUGS:
        assert url == reverse("start-step", args=[slug])
        assert browser.get(url).status_code == 200
        url = save(browser, slug)["Location"]
    done = browser.get(url, follow=True)
    assert "Harbor Automation is ready" in text_of(done)
    profile = AgencyProfile.load()
    assert profile.sender_email == "o@harbor.example"
    assert profile.timezone == "America/Los_Angeles"
    assert profile.icp["industries"] == ["plumbing", "HVAC"]
    assert profile.phase == 2
    assert not profile.is_sample
    assert profile.setup_closed_at is not None
    assert AuditEntry.objects.filter(verb="profile.setup_closed").count() == 1


def test_it_goes_on_where_it_was_left(browser: Client) -> None:
    save(browser, "agency")
    save(browser, "customer")
    assert browser.get(reverse("start"))["Location"] == reverse("start-step", args=["place"])
    assert "Harbor Automation" in text_of(browser.get(reverse("start-step", args=["agency"])))


def test_until_it_is_over_a_bar_says_how_far(browser: Client) -> None:
    save(browser, "agency")
    save(browser, "place")
    page = text_of(browser.get("/approvals/"))
    assert "Finish setting up" in page
    assert "2 of 4 done" in page
    assert "Finish setting up" not in text_of(browser.get("/leads/"))
    browser.post(reverse("start-skip"))
    assert "Finish setting up" not in text_of(browser.get("/approvals/"))


@pytest.mark.parametrize(
    ("slug", "field", "value", "why"),
    [
        ("agency", "name", "", "Say what your agency is called"),
        ("agency", "sender_email", "nobody", "That is no e-mail address"),
        ("place", "postal_address", "Home", "“Home” is no postal address"),
        ("place", "timezone", "Mars/Olympus", "“Mars/Olympus” is no time zone"),
        ("customer", "industries", "", "Name an industry, a place or a keyword"),
        ("customer", "keywords", "x" * 70, "is too long"),
        ("customer", "places", ",".join(map(str, range(99))), "That is over 60 entries"),
        ("autonomy", "phase", "5", "There is no phase “5”"),
        ("autonomy", "phase", "", "Choose a phase"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    slug: str, field: str, value: str, why: str, browser: Client
) -> None:
    response = save(browser, slug, **{field: value})
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert why in response.content.decode().replace("&#x27;", "'")
    assert AgencyProfile.load().setup_done == []


def test_what_still_is_the_samples_is_a_hint_not_an_answer(browser: Client) -> None:
    page = text_of(browser.get(reverse("start-step", args=["agency"])))
    assert 'placeholder="Northwind Automations"' in page
    assert 'value="Northwind Automations"' not in page


def test_sizes_that_were_set_in_the_settings_stay(browser: Client) -> None:
    profile = AgencyProfile.load()
    profile.icp = sample_icp() | {"sizes": ["1-10"]}
    profile.save()
    save(browser, "customer")
    assert AgencyProfile.load().icp["sizes"] == ["1-10"]


def test_a_sample_lead_goes_through_the_real_webhook_and_its_draft_waits(browser: Client) -> None:
    response = browser.post(reverse("start-sample"), follow=True)
    assert "wrote to you" in text_of(response)
    work_off()
    lead = Lead.objects.get()
    assert lead.source == "webhook:website"
    assert Action.objects.filter(subject_id=str(lead.pk), status="waiting").exists()
    browser.post(reverse("start-sample"))
    work_off()
    assert Lead.objects.count() == 2


@pytest.mark.parametrize("sample", setup.SAMPLES, ids=lambda sample: sample["name"])
def test_every_sample_gets_a_draft(sample: dict[str, str]) -> None:
    received(**sample)
    assert Action.objects.filter(kind="reply_to_lead", status="waiting").count() == 1


def test_looking_around_with_the_sample_ends_the_first_run(browser: Client) -> None:
    response = browser.post(reverse("start-skip"), {"then": "sample"})
    assert response["Location"] == "/approvals/"
    profile = AgencyProfile.load()
    assert profile.setup_closed_at
    assert profile.is_sample


def test_a_webhook_that_is_off_refuses_the_sample_in_words(browser: Client) -> None:
    endpoints.disable(endpoints.ensure("leads", "website"))
    page = text_of(browser.post(reverse("start-sample"), follow=True))
    assert "The webhook refused the sample" in page


def test_no_sample_where_mail_is_real(browser: Client, settings: Any) -> None:
    settings.EMAIL_URL = "smtp://mail.example"
    page = text_of(browser.post(reverse("start-sample"), follow=True))
    assert "A sample lead is only for the sandbox" in page
    assert not Lead.objects.exists()


def test_it_is_the_operators_and_posted(browser: Client, operator: User) -> None:
    for name in ("start-skip", "start-sample"):
        assert browser.get(reverse(name)).status_code == 405
        assert Client().post(reverse(name)).status_code == 302
    assert browser.get(reverse("start-step", args=["nothing"])).status_code == 404
    assert browser.put(reverse("start-step", args=["agency"])).status_code == 405
    assert Client().post(reverse("start-step", args=["agency"])).status_code == 302
