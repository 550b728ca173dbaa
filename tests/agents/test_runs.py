"""Runs: step by step, with their path; what goes wrong in them is kept, stopped and told."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from agents import configs, fleet, runs
from agents.brain import Brain
from agents.case import Case
from agents.models import AgentConfig, DeployedConfig, ModelCall, Run
from control import approvals
from control.models import Action, Alert, KillSwitch
from jobs.lease import Lease
from jobs.models import Hold, Job
from pipeline.kinds import ReplyParams
from pipeline.models import Lead
from tests import factories
from tests.agents import probe
from tests.agents.probe import Act, Frugal, Hurried, Probe, ProbeSettings
from tests.agents.stand_in import StandIn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("inbox")]


@pytest.fixture(autouse=True)
def _only_here() -> Iterator[None]:
    yield
    probe.leave()


def run_probe(act: Act, kind: type[Probe] = Probe) -> Run:
    """Let the probe act on a lead, once, and return its run."""
    runs.start(probe.join(kind(act)), factories.make_lead())
    factories.work_off()
    return Run.objects.get(agent="probe")


def reply(body: str) -> ReplyParams:
    return ReplyParams(subject="Re: your message", body=body)


def tripped(cause: str) -> bool:
    switch = KillSwitch.objects.get(released_at=None)
    alert = Alert.objects.get(dedupe_key__startswith="trip:")
    return (
        switch.scope == "agent"
        and switch.automatic
        and cause in switch.engaged_by
        and cause in alert.title
        and alert.severity == "critical"
        and Hold.objects.filter(tag=f"agent:{switch.value}").exists()
    )


def test_a_run_keeps_its_steps_their_times_and_its_path() -> None:
    began = timezone.now()
    lead = factories.received()
    run = Run.objects.get()

    first, second = run.steps.all()
    assert (first.number, first.name, second.number, second.name) == (1, "score", 2, "write")
    assert first.result == {"score": lead.score, "status": "qualified"}
    assert second.result["words"] > 20
    assert began <= first.started_at <= second.started_at <= timezone.now()
    assert all(step.duration_ms >= 0 and step.error == "" for step in (first, second))
    assert run.path[0].endswith(f"signals show: {lead.score} of 100 points.")
    assert "this is qualified." in run.path[1]
    assert run.outcome == f"{lead.score} points, qualified"
    assert run.finished_at is not None and run.started_at <= run.finished_at
    assert run.input["message"] == lead.message
    assert [item["kind"] for item in run.proposals] == ["qualify_lead", "reply_to_lead"]
    assert (run.trigger, run.event) == ("event", "lead.received")
    assert run.correlation_id == Action.objects.first().correlation_id  # type: ignore[union-attr]


def test_the_same_step_a_third_time_stops_the_agent() -> None:
    def act(case: Case[Any, Any]) -> None:
        for _ in range(5):
            with case.step("look again"):
                case.say("Looked.")

    run = run_probe(act)

    assert run.status == "failed"
    assert "Looping: it did “look again” 3 times" in run.error
    assert [step.name for step in run.steps.all()] == ["look again"] * 2
    assert tripped("going in circles")
    factories.work_off(ahead=True)
    assert Run.objects.count() == 1
    assert probe.its_job().status == "held"


def test_twice_the_expected_tokens_stop_the_agent_after_the_run(stand_in: StandIn) -> None:
    stand_in.answer = lambda question: json.dumps({"patience": 5})

    def act(case: Case[Any, Any]) -> None:
        case.decide(
            ProbeSettings,
            model="claude-haiku-5-5",
            system="",
            prompt="How patient?",
            rules=ProbeSettings,
        )

    run = run_probe(act, Frugal)

    assert (run.status, run.tokens) == ("completed", 510)
    assert tripped("token spike")
    assert "510 tokens; 100 are expected" in KillSwitch.objects.get().reason


def test_a_run_over_its_time_stops_the_agent_and_its_proposals_are_held() -> None:
    def act(case: Case[Any, Any]) -> None:
        case.propose("reply_to_lead", reply("Hello"), reason="polite")

    run = run_probe(act, Hurried)

    assert run.status == "completed"
    assert tripped("over its time")
    assert [action.status for action in probe.its_actions()] == ["held"]


def test_a_failed_run_keeps_its_steps_its_path_and_the_error() -> None:
    def act(case: Case[Any, Any]) -> None:
        with case.step("read") as result:
            result["pages"] = 3
        case.say("Read three pages.")
        case.propose("reply_to_lead", reply("Hello"), reason="polite")
        with case.step("think"):
            raise ValueError("no such page")

    run = run_probe(act)

    assert (run.status, run.error) == ("failed", "ValueError: no such page")
    assert run.finished_at is not None
    read, think = run.steps.all()
    assert (read.result, read.error) == ({"pages": 3}, "")
    assert think.error == "ValueError: no such page"
    assert run.path == ["Read three pages."]
    assert [item["kind"] for item in run.proposals] == ["reply_to_lead"]
    assert probe.its_actions() == []
    assert probe.its_job().status == "retryable"


def test_a_run_that_fails_every_time_is_given_up_with_one_alert() -> None:
    def act(case: Case[Any, Any]) -> None:
        raise ValueError("always")

    run_probe(act)
    factories.work_off(ahead=True)

    job = probe.its_job()
    assert (job.status, job.attempt) == ("discarded", 4)
    assert len(job.errors) == 4
    assert list(Run.objects.values_list("status", flat=True)) == ["failed"] * 4
    alert = Alert.objects.get()
    assert (alert.title, alert.body) == ("A job gave up: agents.run", "ValueError: always")


def test_what_fails_once_is_tried_again() -> None:
    tries = []

    def act(case: Case[Any, Any]) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("once")
        case.propose("reply_to_lead", reply("Hello"), reason="polite")

    runs.start(probe.join(Probe(act)), factories.make_lead())
    factories.work_off(ahead=True)

    assert list(Run.objects.order_by("pk").values_list("status", flat=True)) == [
        "failed",
        "completed",
    ]
    assert len(probe.its_actions()) == 1
    assert not Alert.objects.exists()


def test_the_end_of_a_run_and_its_proposals_are_one() -> None:
    def act(case: Case[Any, Any]) -> None:
        case.propose("reply_to_lead", reply("Hello"), reason="polite")
        case.propose("qualify_lead", reply("Hello"), reason="polite")

    run = run_probe(act)

    assert run.status == "failed"
    assert "QualifyParams" in run.error
    assert probe.its_actions() == []


@pytest.mark.parametrize("kind", ["send_email", "drop_prospect"])
def test_an_agent_proposes_nothing_it_does_not_declare(kind: str) -> None:
    def act(case: Case[Any, Any]) -> None:
        case.propose("reply_to_lead", reply("Hello"), reason="polite")
        case.propose(kind, reply("Hello"), reason="told to by a page")

    run = run_probe(act)

    assert run.status == "failed"
    assert f"does not say that it proposes {kind}" in run.error
    assert probe.its_actions() == []


def test_a_run_whose_job_was_taken_over_proposes_nothing() -> None:
    def act(case: Case[Any, Any]) -> None:
        Job.objects.filter(payload__agent="probe").update(fence=F("fence") + 1)
        case.propose("reply_to_lead", reply("Hello"), reason="polite")

    run = run_probe(act)

    assert run.status == "abandoned"
    assert probe.its_actions() == []


def test_what_a_silent_worker_left_is_closed_and_paid_for_by_the_next_try() -> None:
    lead = factories.make_lead()
    job = runs.start(probe.join(Probe(lambda case: None)), lead)
    left = Run.objects.create(
        agent="probe",
        config=configs.deployed("probe"),
        trigger="manual",
        subject_type="pipeline.lead",
        subject_id=str(lead.pk),
        job_id=job.pk,
        correlation_id=job.correlation_id,
        started_at=timezone.now(),
    )
    brain = Brain(left, Probe.limits, Lease(job, factories.make_holder()), ())
    question = ("claude-haiku-5-5", "", "?", 100, "think")
    call = brain._reserve(ProbeSettings, *question)

    factories.work_off()

    left.refresh_from_db()
    call.refresh_from_db()
    assert (left.status, left.error) == ("abandoned", "its worker went silent")
    assert (call.status, call.usd) == ("cancelled", call.reserved_usd)
    assert left.cost_usd == call.reserved_usd > 0
    assert Run.objects.exclude(pk=left.pk).get().status == "completed"

    brain._settle(call, ModelCall.Status.ANSWERED, usd=0, output_tokens=1)

    left.refresh_from_db()
    call.refresh_from_db()
    assert (call.status, left.cost_usd) == ("cancelled", call.reserved_usd)


def test_the_same_proposal_three_times_stops_the_agent() -> None:
    lead = factories.received()
    for _ in range(2):
        runs.start(fleet.get("qualifier"), lead)
        factories.work_off()
    assert Action.objects.filter(kind="reply_to_lead").count() == 3
    assert Action.objects.filter(kind="qualify_lead").count() == 1
    assert tripped("no progress")


def send_back(lead: Lead, note: str) -> Action:
    """Send the lead's draft back, let the agent run again, and return its new draft."""
    first = Action.objects.get(kind="reply_to_lead", subject_id=str(lead.pk))
    approvals.send_back(first, by=factories.make_user(), seen_hash=first.content_hash, note=note)
    factories.work_off(ahead=True)
    first.refresh_from_db()
    assert first.status == "revise"
    return Action.objects.exclude(pk=first.pk).get(kind="reply_to_lead")


def test_a_draft_sent_back_comes_again_shorter_by_rules() -> None:
    lead = factories.received()
    before = Action.objects.get(kind="reply_to_lead").params["body"]

    second = send_back(lead, "Shorter, please.")

    assert second.status == "waiting"
    assert len(second.params["body"]) < len(before)
    run = Run.objects.get(trigger="revision")
    assert (run.trigger, run.note) == ("revision", "Shorter, please.")
    assert run.path[-1].startswith("Rules cannot read your note")
    assert "The score stays as it is." in run.path
    assert (run.pk, run.correlation_id) == (second.run_id, second.correlation_id)


def test_the_operators_note_reaches_the_model_outside_the_fence(stand_in: StandIn) -> None:
    stand_in.answer = lambda question: json.dumps(
        {"signals": [], "subject": "Your calls", "body": "Hi Dana,\n\nthank you."}
    )
    lead = factories.received()

    send_back(lead, "Mention ServiceTitan.")

    prompt = stand_in.questions[-1]["messages"][0]["content"]
    assert "Mention ServiceTitan." in prompt.rpartition("</lead")[2]
    assert "“Mention ServiceTitan.”" in Run.objects.get(trigger="revision").path[-1]


def test_a_run_for_what_is_gone_fails_and_says_so() -> None:
    lead = factories.receive(factories.make_lead())
    Lead.objects.filter(pk=lead.pk).delete()

    factories.work_off(ahead=True)

    job = Job.objects.get(kind="agents.run")
    assert job.status == "discarded"
    assert f"there is no lead {lead.pk} any more" in job.errors[-1]["error"]
    assert not Run.objects.exists()
    assert "any more" in Alert.objects.get().body


def test_settings_that_no_longer_fit_fail_the_job_and_leave_no_run_open() -> None:
    probe.join(Probe(lambda case: None))
    configs.deployed("probe")
    old = AgentConfig.objects.create(
        agent="probe", version=2, settings={"patience": 0}, created_by="an older release"
    )
    DeployedConfig.objects.filter(agent="probe").update(config=old)

    runs.start(fleet.get("probe"), factories.make_lead())
    factories.work_off()

    assert "patience: Input should be greater than" in probe.its_job().errors[-1]["error"]
    assert not Run.objects.exists()


def test_an_unknown_agent_is_said_to_be_unknown() -> None:
    with pytest.raises(fleet.UnknownAgent, match="nobody"):
        fleet.get("nobody")
