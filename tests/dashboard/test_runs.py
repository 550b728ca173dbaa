"""Runs: found by filters, read step by step, replayed and undone."""

import json
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from agents.models import Run
from control import approvals
from control.models import Action
from dashboard.fleet import agent_runs
from tests.dashboard.conftest import Htmx, text_of
from tests.dashboard.test_pages import NONSENSE
from tests.factories import make_user, received, work_off

RUNS = "/agents/qualifier/runs/"


def one_run() -> Run:
    return Run.objects.get(subject_id=str(received().pk))


def url_of(name: str, run: Run) -> str:
    return reverse(name, args=[run.pk])


def fields_of(run: Run, **changes: Any) -> dict[str, Any]:
    """Return what the form of the run's input sends, with some of it edited."""
    facts = run.input | changes
    plain = {
        f"s.{name}": value
        for name, value in facts.items()
        if isinstance(value, str | int) and value is not False
    }
    lists = {f"s.icp.{name}": "\n".join(words) for name, words in facts["icp"].items()}
    return plain | lists | {"s.fields": json.dumps(facts["fields"]), "s.score": ""}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, True),
        ({"status": "completed"}, True),
        ({"status": "failed"}, False),
        ({"engine": "rules"}, True),
        ({"engine": "model"}, False),
        ({"trigger": "event"}, True),
        ({"trigger": "replay"}, False),
        ({"subject": "dana@harborplumbing.example"}, True),
        ({"subject": "nobody@harborplumbing.example"}, False),
        ({"subject": str(uuid.uuid4())}, False),
        ({"status": "completed", "engine": "rules", "trigger": "event"}, True),
    ],
)
def test_runs_are_found_by(query: dict[str, str], found: bool, browser: Client) -> None:
    run = one_run()
    page = browser.get(RUNS, query).content.decode()
    assert (str(run.pk) in page) == found
    assert found or "No run fits." in page


def test_all_runs_on_a_lead_are_found_by_its_id(browser: Client) -> None:
    run = one_run()
    other = received(name="Other")
    page = browser.get(RUNS, {"subject": run.subject_id}).content.decode()
    assert str(run.pk) in page
    assert str(Run.objects.get(subject_id=str(other.pk)).pk) not in page


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_in_the_filters_is_no_error(nonsense: str, browser: Client) -> None:
    names = ("status", "engine", "trigger", "subject", "before")
    assert browser.get(RUNS, dict.fromkeys(names, nonsense)).status_code == 200


def test_what_no_index_finds_is_looked_for_among_the_newest(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_runs, "WINDOW", 2)
    oldest = one_run()
    for number in range(2):
        received(name=f"Lead {number}", email=f"lead{number}@harbor.example")
    page = browser.get(RUNS, {"engine": "rules"}).content.decode()
    assert page.count("data-row=") == 2
    assert str(oldest.pk) not in page
    assert str(oldest.pk) in browser.get(RUNS).content.decode()


def test_the_list_comes_alone_for_a_live_page(htmx: Htmx) -> None:
    one_run()
    body = text_of(htmx.get(RUNS, "run-table"))
    assert 'id="run-table"' in body
    assert "<html" not in body


def test_a_run_shows_its_steps_its_path_and_who_decided(browser: Client) -> None:
    run = one_run()
    page = text_of(browser.get(url_of("run-detail", run)))
    assert "rules" in page
    assert "no model is configured" in page
    assert 'class="stretch"' in page
    for step in run.steps.all():
        assert step.name.capitalize() in page


def test_a_run_shows_what_became_of_what_it_proposed(browser: Client) -> None:
    run = one_run()
    action = Action.objects.get(run_id=run.pk, kind="reply_to_lead")
    edited = approvals.edit(
        action, {"body": "Mine."}, by=make_user("otto"), seen_hash=action.content_hash
    )
    approvals.reject(
        edited, by=make_user("ida"), seen_hash=edited.content_hash, reason="Wrong tone"
    )
    page = text_of(browser.get(url_of("run-detail", run)))
    assert "Approved by policy" in page
    assert "Edited, rejected by ida" in page
    assert "Wrong tone" in page


def test_a_run_is_replayed_as_it_was_and_nothing_is_done(browser: Client) -> None:
    run = one_run()
    actions = Action.objects.count()
    browser.post(url_of("run-replay", run))
    work_off()
    replay = Run.objects.get(replay_of=run)
    assert replay.outcome == run.outcome
    assert Action.objects.count() == actions
    assert "The replay decided the same" in text_of(browser.get(url_of("run-detail", run)))


def test_edited_fields_are_replayed_and_both_results_stand_side_by_side(browser: Client) -> None:
    run = one_run()
    browser.post(url_of("run-replay", run), fields_of(run, message="Do you sell furniture?"))
    work_off()
    replay = Run.objects.get(replay_of=run)
    assert replay.input == run.input | {"message": "Do you sell furniture?"}
    for page_of in (run, replay):
        page = text_of(browser.get(url_of("run-detail", page_of)))
        assert "decisions came out otherwise" in page
        assert "1 edit of the input" in page
        assert "<del>" in page


def test_a_replay_may_start_at_a_later_step(browser: Client) -> None:
    run = one_run()
    browser.post(url_of("run-replay", run), {"from_step": "2"})
    work_off()
    assert Run.objects.get(replay_of=run).from_step == 2
    assert "decided anew from step 2 on" in text_of(browser.get(url_of("run-detail", run)))
    for wrong in ("9", "x", "-1", "9" * 30):
        response = browser.post(url_of("run-replay", run), {"from_step": wrong})
        assert response.status_code == 422


def test_an_input_field_that_does_not_fit_says_why_and_keeps_the_rest(browser: Client) -> None:
    run = one_run()
    data = fields_of(run, message="Kept words") | {"s.earlier": "often"}
    response = browser.post(url_of("run-replay", run), data)
    page = text_of(response)
    assert response.status_code == 422
    assert "valid integer" in page
    assert "Kept words" in page


def test_input_as_json_that_does_not_fit_names_the_field(browser: Client) -> None:
    run = one_run()
    for text, reason in (("nope", "No valid JSON"), ('{"earlier": "often"}', "earlier")):
        response = browser.post(url_of("run-replay", run), {"facts": text})
        assert response.status_code == 422
        assert reason in text_of(response)


def test_what_a_run_did_is_undone_with_a_report(browser: Client) -> None:
    lead = received()
    run = Run.objects.get(subject_id=str(lead.pk))
    response = browser.post(url_of("run-undo", run), follow=True)
    lead.refresh_from_db()
    assert lead.score is None
    assert "undone" in text_of(response)


def test_replay_and_undo_are_posted(browser: Client) -> None:
    run = one_run()
    for name in ("run-replay", "run-undo"):
        assert browser.get(url_of(name, run)).status_code == 405
        assert Client().post(url_of(name, run)).status_code == 302
