"""Agents: stopped, configured, retrained, and their runs replayed."""

import json

from django.test import Client
from django.urls import reverse

from agents import configs
from agents.models import AgentConfig, Run
from control.models import Action, KillSwitch
from tests.dashboard.conftest import text_of
from tests.factories import received, work_off

DETAIL = "/agents/qualifier/"


def test_an_agent_shows_its_card_and_its_numbers(browser: Client) -> None:
    received()
    page = text_of(browser.get(DETAIL))
    for words in ("Scores every lead", "lead.received", "reply_to_lead", "1 of 1 leads", "100 %"):
        assert words in page


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


def test_a_version_is_made_deployed_and_rolled_back(browser: Client) -> None:
    settings = configs.deployed("qualifier").settings | {"qualified_from": 65}
    made = browser.post(
        f"{DETAIL}versions/", {"settings": json.dumps(settings), "note": "Lower"}, follow=True
    )
    assert "1 difference" in text_of(made)
    assert configs.deployed("qualifier").version == 1
    browser.post(f"{DETAIL}versions/2/deploy/")
    assert configs.deployed("qualifier").version == 2
    browser.post(f"{DETAIL}versions/1/deploy/")
    now = configs.deployed("qualifier")
    assert now.version == 3
    assert now.settings["qualified_from"] != 65


def test_settings_that_do_not_fit_name_the_field_and_are_kept(browser: Client) -> None:
    for text, reason in (
        ("{", "No valid JSON at line 1"),
        ("[]", "Must be an object"),
        ('{"qualified_from": "many"}', "qualified_from"),
    ):
        response = browser.post(f"{DETAIL}versions/", {"settings": text, "note": "x"})
        assert response.status_code == 422
        assert reason in text_of(response)
    assert AgentConfig.objects.count() == 1


def test_retraining_says_what_it_still_needs(browser: Client) -> None:
    response = browser.post(f"{DETAIL}retrain/", follow=True)
    assert "Retraining needs" in text_of(response)


def test_an_unknown_agent_is_not_found(browser: Client) -> None:
    for path in ("", "pause/", "resume/", "versions/", "versions/1/deploy/", "retrain/"):
        url = f"/agents/nobody/{path}"
        response = browser.post(url, {"reason": "x"}) if path else browser.get(url)
        assert response.status_code == 404


def test_actions_are_posted(browser: Client) -> None:
    run = Run.objects.get(subject_id=str(received().pk))
    urls = [f"{DETAIL}{path}" for path in ("pause/", "resume/", "versions/", "retrain/")]
    urls += [reverse("run-replay", args=[run.pk]), reverse("run-undo", args=[run.pk])]
    for url in urls:
        assert browser.get(url).status_code == 405
        assert Client().post(url).status_code == 302


def test_a_run_shows_its_steps_its_path_and_who_decided(browser: Client) -> None:
    run = Run.objects.get(subject_id=str(received().pk))
    page = text_of(browser.get(reverse("run-detail", args=[run.pk])))
    assert "rules" in page
    assert "no model is configured" in page
    for step in run.steps.all():
        assert step.name.capitalize() in page


def test_a_run_is_replayed_on_its_own_input_and_nothing_is_done(browser: Client) -> None:
    run = Run.objects.get(subject_id=str(received().pk))
    actions = Action.objects.count()
    url = reverse("run-replay", args=[run.pk])
    browser.post(url, {"facts": json.dumps(run.input)})
    work_off()
    replay = Run.objects.get(replay_of=run)
    assert replay.outcome == run.outcome
    assert Action.objects.count() == actions
    assert replay.outcome in text_of(browser.get(reverse("run-detail", args=[run.pk])))


def test_input_that_does_not_fit_names_the_field(browser: Client) -> None:
    run = Run.objects.get(subject_id=str(received().pk))
    url = reverse("run-replay", args=[run.pk])
    for text, reason in (("nope", "No valid JSON"), ('{"earlier": "often"}', "earlier")):
        response = browser.post(url, {"facts": text})
        assert response.status_code == 422
        assert reason in text_of(response)


def test_what_a_run_did_is_undone_with_a_report(browser: Client) -> None:
    lead = received()
    run = Run.objects.get(subject_id=str(lead.pk))
    response = browser.post(reverse("run-undo", args=[run.pk]), follow=True)
    lead.refresh_from_db()
    assert lead.score is None
    assert "undone" in text_of(response)
