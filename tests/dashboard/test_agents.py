"""Agents: the fleet as a map and a table, and one agent with its versions."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from agents import configs
from agents.models import AgentConfig
from control.models import KillSwitch
from dashboard.fleet import schema_form
from tests.dashboard.conftest import Htmx, text_of
from tests.factories import received

DETAIL = "/agents/qualifier/"


def form_data(**changes: str) -> dict[str, Any]:
    """Return what the settings form sends, with some fields filled in otherwise."""
    settings = configs.deployed("qualifier").settings
    plain = ("qualified_from", "review_from", "scoring_model", "writing_model", "prompt_note")
    data = {f"s.{name}": settings[name] for name in plain}
    data |= {f"s.weights.{name}": points for name, points in settings["weights"].items()}
    return data | {f"s.{name}": value for name, value in changes.items()} | {"note": "A try"}


def test_the_fleet_is_a_map_and_a_table_unless_one_is_asked_for(browser: Client) -> None:
    both = browser.get("/agents/").content.decode()
    assert 'class="fleet-map"' in both
    assert "<table" in both
    for nonsense in ("x", "\0", "💥"):
        assert 'data-view="auto"' in browser.get("/agents/", {"view": nonsense}).content.decode()
    assert "<table" not in browser.get("/agents/?view=map").content.decode()
    assert "fleet-map" not in browser.get("/agents/?view=table").content.decode().split("<main")[1]


def test_the_map_says_in_words_what_it_draws(browser: Client) -> None:
    received()
    page = text_of(browser.get("/agents/?view=map"))
    assert "Qualifier: ready, 100% succeed, $0.00 today" in page
    assert "lead.received comes from webhook to Qualifier." in page
    assert 'data-events="lead.received"' in page


def test_a_stopped_agent_looks_stopped_on_the_map(browser: Client, htmx: Htmx) -> None:
    browser.post(f"{DETAIL}pause/", {"reason": "Odd scores"})
    assert 'data-state="stopped"' in text_of(htmx.get("/agents/?view=map", "agent-table"))


def test_an_agent_shows_its_whiteboard_and_its_numbers(browser: Client) -> None:
    received()
    page = text_of(browser.get(DETAIL))
    for words in ("Scores every lead", "lead.received", "Reply to lead", "asks you", "100 %"):
        assert words in page
    assert "1 of 1 leads" in page
    assert "the last 1 run beside it" in page


def test_an_agent_is_stopped_with_a_reason_and_goes_on(browser: Client) -> None:
    response = browser.post(f"{DETAIL}pause/", {"reason": "Odd scores"}, follow=True)
    assert "Odd scores" in text_of(response)
    switch = KillSwitch.objects.get(released_at=None)
    assert (switch.scope, switch.value) == ("agent", "qualifier")
    browser.post(f"{DETAIL}resume/", {"backlog": "run"})
    assert not KillSwitch.objects.filter(released_at=None).exists()


def test_stopping_needs_a_reason(browser: Client) -> None:
    assert browser.post(f"{DETAIL}pause/").status_code == 422
    assert not KillSwitch.objects.exists()


def test_stopping_twice_and_resuming_twice_are_no_errors(browser: Client) -> None:
    for _ in range(2):
        response = browser.post(f"{DETAIL}pause/", {"reason": "Odd"}, follow=True)
        assert response.status_code == 200
    for _ in range(2):
        assert browser.post(f"{DETAIL}resume/", follow=True).status_code == 200


def test_a_version_is_made_from_the_form_and_shown_beside_the_deployed_one(
    browser: Client,
) -> None:
    made = browser.post(f"{DETAIL}versions/", form_data(qualified_from="65"), follow=True)
    page = text_of(made)
    assert made.redirect_chain[-1][0] == f"{DETAIL}versions/2/"
    assert "Deploy version 2 with 1 difference" in page
    assert "Qualified from" in page
    assert configs.deployed("qualifier").version == 1


def test_a_version_is_deployed_and_rolled_back_with_a_note(browser: Client) -> None:
    browser.post(f"{DETAIL}versions/", form_data(qualified_from="65"))
    browser.post(f"{DETAIL}versions/2/deploy/")
    assert configs.deployed("qualifier").version == 2
    assert "Roll back" in text_of(browser.get(f"{DETAIL}versions/1/"))
    browser.post(f"{DETAIL}versions/1/deploy/", {"note": "Too many calls"})
    now = configs.deployed("qualifier")
    assert (now.version, now.note) == (3, "Back to version 1: Too many calls")
    assert now.settings["qualified_from"] == 70


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("qualified_from", "101", "less than or equal to 100"),
        ("qualified_from", "many", "valid integer"),
        ("review_from", "70", "must be below"),
        ("weights.soon", "lots", "valid number"),
        ("weights.charm", "5", "there is no signal"),
        ("prompt_note", "a\0b", "cannot be kept"),
        ("prompt_note", "x" * 2001, "at most 2000"),
    ],
)
def test_a_field_that_does_not_fit_says_why_and_keeps_what_was_written(
    field: str, value: str, reason: str, browser: Client
) -> None:
    response = browser.post(f"{DETAIL}versions/", form_data(**{field: value}))
    page = text_of(response)
    assert response.status_code == 422
    assert reason in page.replace("Must", "must").replace("There", "there")
    assert "Not made: 1 thing to mend below" in page
    assert AgentConfig.objects.count() == 1


def test_a_version_needs_a_note(browser: Client) -> None:
    response = browser.post(f"{DETAIL}versions/", form_data() | {"note": " "})
    assert response.status_code == 422
    assert "Say what changes and why" in text_of(response)


def test_settings_may_be_written_as_json(browser: Client) -> None:
    settings = configs.deployed("qualifier").settings | {"qualified_from": 65}
    data = {"settings": json.dumps(settings), "note": "Lower"}
    assert "1 difference" in text_of(browser.post(f"{DETAIL}versions/", data, follow=True))
    for text, reason in (
        ("{", "No valid JSON at line 1"),
        ("[]", "Must be an object"),
        ('{"qualified_from": "many"}', "qualified_from"),
    ):
        response = browser.post(f"{DETAIL}versions/", {"settings": text, "note": "x"})
        assert response.status_code == 422
        assert reason in text_of(response)
    assert AgentConfig.objects.count() == 2


def test_a_version_that_does_not_fit_any_more_cannot_be_deployed(browser: Client) -> None:
    configs.deployed("qualifier")
    AgentConfig.objects.create(agent="qualifier", version=2, settings={"charm": 1}, created_by="x")
    page = text_of(browser.get(f"{DETAIL}versions/2/"))
    assert "does not fit Qualifier any more" in page
    assert "Deploy version 2" not in page
    browser.post(f"{DETAIL}versions/2/deploy/")
    assert configs.deployed("qualifier").version == 1


def test_retraining_says_what_it_still_needs(browser: Client) -> None:
    response = browser.post(f"{DETAIL}retrain/", follow=True)
    assert "Retraining needs" in text_of(response)


def test_an_unknown_agent_or_version_is_not_found(browser: Client) -> None:
    for path in ("", "runs/", "settings/", "autonomy/", "undo/"):
        assert browser.get(f"/agents/nobody/{path}").status_code == 404
    for path in ("pause/", "resume/", "versions/", "versions/1/deploy/", "retrain/", "undo/now/"):
        assert browser.post(f"/agents/nobody/{path}", {"reason": "x"}).status_code == 404
    for version in (7, 10**30):
        assert browser.get(f"{DETAIL}versions/{version}/").status_code == 404


def test_actions_are_posted(browser: Client) -> None:
    names = ("pause/", "resume/", "versions/", "retrain/", "undo/now/", "versions/1/deploy/")
    urls = [f"{DETAIL}{name}" for name in names]
    urls += [reverse("autonomy-tighten", args=["qualifier", "qualify_lead"])]
    urls += [reverse("autonomy-lift", args=["qualifier", 1])]
    for url in urls:
        assert browser.get(url).status_code == 405
        assert Client().post(url).status_code == 302


def test_the_form_has_every_setting(browser: Client) -> None:
    page = browser.get(f"{DETAIL}settings/").content.decode()
    for name in form_data():
        assert f'name="{name}"' in page
    assert f'name="{schema_form.PREFIX}.examples"' in page
