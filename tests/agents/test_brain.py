"""The brain: the model decides where it can, the rules where not, and every call is booked."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Reply
from pydantic import BaseModel, Field
from pytest_django import Settings

from agency.db import give_back_connections
from agency.ids import uuid7
from agents import configs, fleet, runs
from agents.brain import Brain, SwitchesUnseen
from agents.contract import Limits
from agents.models import ModelCall, Run
from control import switches
from control.models import Alert, KillSwitch
from integrations import llm
from jobs.lease import Held, Lease, LeaseLost
from jobs.models import Job
from tests import factories, workers
from tests.agents.stand_in import KEY, StandIn

MODEL = "claude-haiku-5-5"
DB = pytest.mark.django_db
COMMITTED = pytest.mark.usefixtures("committed")
RULES_SAY = 1
MODEL_SAYS = 80
GOOD = '{"value": 80, "why": "they ask for a demo"}'
BAD = '{"value": 1000, "why": "very keen"}'


class Verdict(BaseModel):
    value: int = Field(ge=0, le=100)
    why: str


def make_brain(**limits: Any) -> Brain:
    """Return the brain of a run whose job is claimed."""
    runs.start(fleet.get("qualifier"), factories.make_lead())
    holder = factories.make_holder()
    job = Job.objects.get(kind="agents.run")
    Job.objects.filter(pk=job.pk).update(status="running", worker=holder.worker)
    run = Run.objects.create(
        agent="qualifier",
        config=configs.deployed("qualifier"),
        trigger="manual",
        subject_type="pipeline.lead",
        subject_id=job.subject_id,
        job_id=job.pk,
        correlation_id=uuid7(),
        started_at=timezone.now(),
    )
    return Brain(run, Limits(**limits), Lease(job, holder), job.tags)


def decide(brain: Brain, **changes: Any) -> int:
    """Return the value decided: MODEL_SAYS or RULES_SAY."""
    question: dict[str, Any] = {
        "model": MODEL,
        "system": "You score leads.",
        "prompt": "Ada of Engines Ltd. wants a demo.",
        "rules": lambda: Verdict(value=RULES_SAY, why="by rules"),
        "max_tokens": 200,
        "step": "score",
    }
    return brain.decide(Verdict, **question | changes).value


def booked(brain: Brain) -> Run:
    return Run.objects.get(pk=brain.run.pk)


def is_tripped(cause: str) -> bool:
    """Whether the agent is stopped for `cause`, and somebody is told."""
    switch = KillSwitch.objects.filter(scope="agent", value="qualifier", released_at=None).first()
    alert = Alert.objects.filter(severity="critical", title__contains=cause).exists()
    return switch is not None and switch.automatic and cause in switch.engaged_by and alert


@contextmanager
def thread(task: Callable[[], Any]) -> Iterator["Future[Any]"]:
    """Run `task` in a thread that gives its connections back."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(_and_give_back, task)


def _and_give_back(task: Callable[[], Any]) -> Any:
    try:
        return task()
    finally:
        give_back_connections()


@DB
def test_the_models_answer_decides_and_is_booked(stand_in: StandIn) -> None:
    stand_in.answer = lambda question: GOOD
    brain = make_brain()

    assert decide(brain) == MODEL_SAYS

    assert (brain.engine, brain.reasons) == (MODEL, [])
    call = ModelCall.objects.get()
    assert (call.status, call.model, call.step) == ("answered", MODEL, "score")
    assert (call.input_tokens, call.output_tokens, call.request_id) == (500, 10, "req_1")
    assert call.usd is not None and 0 < call.usd < call.reserved_usd
    assert call.stop_reason == "end_turn"
    run = booked(brain)
    assert (run.calls, run.tokens, run.cost_usd) == (1, 510, call.usd)


@DB
def test_a_run_shows_the_models_that_decided(stand_in: StandIn) -> None:
    def answer(question: dict[str, Any]) -> str:
        if "sales leads" in question["system"][0]["text"]:
            return '{"signals": [{"signal": "soon", "strength": 1, "why": "w", "quote": "soon"}]}'
        return '{"subject": "Your calls", "body": "Hi Dana,\\n\\nthank you."}'

    stand_in.answer = answer
    factories.received()

    run = Run.objects.get()
    assert (run.status, run.engine) == ("completed", "claude-haiku-5-5 + claude-sonnet-5-5")
    assert run.engine_reason == ""
    assert [call.step for call in run.model_calls.all()] == ["score", "write"]
    assert run.cost_usd == sum(call.usd or 0 for call in run.model_calls.all()) > 0


@DB
def test_without_a_key_the_rules_decide_and_nothing_is_booked() -> None:
    brain = make_brain()
    assert decide(brain) == RULES_SAY
    assert (brain.engine, brain.reasons) == ("rules", ["no model is configured"])
    assert not ModelCall.objects.exists()


@DB
def test_a_short_rate_limit_is_waited_out(model: LLMock) -> None:
    model.rate_limit(times=2, retry_after=0.01).reply(GOOD)
    brain = make_brain()
    assert decide(brain) == MODEL_SAYS
    assert booked(brain).calls == 1


@DB
def test_a_lasting_rate_limit_leaves_it_to_the_rules_for_the_whole_run(model: LLMock) -> None:
    model.rate_limit(times=None, retry_after=0.01)
    brain = make_brain()

    assert decide(brain) == RULES_SAY
    assert len(model.requests) == 3
    assert decide(brain) == RULES_SAY

    assert len(model.requests) == 3
    assert brain.engine == "rules"
    assert all("429" in reason for reason in brain.reasons)
    call = ModelCall.objects.get()
    assert call.status == "failed"
    assert call.usd == booked(brain).cost_usd == 0
    assert booked(brain).tokens == 0


@DB
def test_a_run_the_model_left_to_the_rules_says_why(model: LLMock) -> None:
    model.fail(529, times=None, retry_after=0.01)
    lead = factories.received()
    run = Run.objects.get()
    assert (run.status, run.engine) == ("completed", "rules")
    assert "529" in run.engine_reason
    assert lead.status == "qualified"


@DB
@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(text='{"value": 8', finish_reason="length"), "cut off at 200 tokens"),
        (Reply(text="I cannot help with that.", finish_reason="content_filter"), "refused"),
    ],
)
def test_half_an_answer_or_none_is_paid_for_and_left_to_the_rules(
    model: LLMock, reply: Reply, reason: str
) -> None:
    model.add(reply)
    brain = make_brain()

    assert decide(brain) == RULES_SAY

    assert reason in brain.reasons[0]
    call = ModelCall.objects.get()
    assert call.status == "answered"
    assert call.usd == booked(brain).cost_usd > 0
    assert not KillSwitch.objects.exists()


@DB
def test_a_call_in_doubt_costs_what_was_reserved(stand_in: StandIn) -> None:
    stand_in.hangs_up = True
    brain = make_brain()

    assert decide(brain) == RULES_SAY

    assert len(stand_in.questions) == 1
    call = ModelCall.objects.get()
    assert (call.status, call.usd, call.output_tokens) == ("failed", call.reserved_usd, 200)
    assert (booked(brain).cost_usd, booked(brain).tokens) == (call.reserved_usd, 200)
    assert "connection" in brain.reasons[0]


@DB
def test_an_answer_outside_the_schema_is_asked_for_again_with_the_reason(stand_in: StandIn) -> None:
    answers = iter([BAD, GOOD])
    stand_in.answer = lambda question: next(answers)
    brain = make_brain()

    assert decide(brain) == MODEL_SAYS

    again = stand_in.questions[1]["messages"][0]["content"]
    assert "less than or equal to 100" in again
    assert booked(brain).calls == 2
    assert not KillSwitch.objects.exists()


@DB
@pytest.mark.parametrize("text", [BAD, "I would say 80.", "", "null"])
def test_two_answers_outside_the_schema_stop_the_agent(stand_in: StandIn, text: str) -> None:
    stand_in.answer = lambda question: text
    brain = make_brain()

    assert decide(brain) == RULES_SAY

    assert len(stand_in.questions) == 2
    assert brain.engine == "rules"
    assert is_tripped("answers that do not fit")
    assert booked(brain).cost_usd == sum(call.usd or 0 for call in ModelCall.objects.all()) > 0


def worst_usd(**changes: Any) -> Decimal:
    """Return what the question of `decide` is booked at."""
    return llm.worst_case(
        MODEL, "You score leads.", "Ada of Engines Ltd. wants a demo.", 200, Verdict
    ).usd


CAPS: list[Any] = [
    pytest.param(lambda: {"calls": 3}, "3 calls", id="calls"),
    pytest.param(lambda: {"output_tokens": 799}, "799 tokens of output", id="tokens"),
    pytest.param(lambda: {"usd": worst_usd() * 4 - Decimal("0.000001")}, "$", id="money"),
]


@COMMITTED
@pytest.mark.parametrize(("limits", "reason"), CAPS)
def test_no_cap_is_overshot_by_eight_decisions_at_once(
    stand_in: StandIn, limits: Callable[[], dict[str, Any]], reason: str
) -> None:
    stand_in.answer = lambda question: GOOD
    stand_in.output_tokens = 200
    stand_in.gate.clear()
    brain = make_brain(**limits())

    with ThreadPoolExecutor(8) as pool:
        deciding = [pool.submit(_and_give_back, lambda: decide(brain)) for _ in range(8)]
        for _ in range(3):
            assert stand_in.asked.acquire(timeout=10)
        workers.until(lambda: sum(map(Future.done, deciding)) == 5, "five refused")
        in_flight = booked(brain)
        stand_in.gate.set()
        wait(deciding)

    assert sorted(future.result() for future in deciding) == [RULES_SAY] * 5 + [MODEL_SAYS] * 3
    assert len(stand_in.questions) == 3
    assert in_flight.cost_usd <= brain.limits.usd
    assert booked(brain).calls == 3
    assert booked(brain).cost_usd < in_flight.cost_usd
    assert sum(call.output_tokens for call in ModelCall.objects.all()) == 600
    assert len(brain.reasons) == 5
    assert all(f"cap is reached: {reason}" in why for why in brain.reasons)
    assert set(brain.engine.split(" + ")) == {MODEL, "rules"}


@DB
def test_after_its_time_a_run_asks_nothing(stand_in: StandIn) -> None:
    brain = make_brain(seconds=0)
    assert decide(brain) == RULES_SAY
    assert brain.reasons == ["the run's cap is reached: 0 seconds"]
    assert not stand_in.questions
    assert not ModelCall.objects.exists()


@DB
def test_a_call_past_the_runs_time_is_cancelled_and_the_agent_stopped(settings: Settings) -> None:
    with workers.silent_model() as url:
        settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL = KEY, url
        assert worst_usd()  # imports the SDK, which takes longer than this run may
        brain = make_brain(seconds=0.2)
        assert decide(brain) == RULES_SAY
    assert is_tripped("over its time")
    call = ModelCall.objects.get()
    assert (call.status, call.usd) == ("cancelled", call.reserved_usd)
    assert booked(brain).cost_usd == call.reserved_usd
    assert brain.reasons == ["the run's cap is reached: 0.2 seconds"]


@DB
def test_a_model_without_a_price_is_refused_and_never_booked(stand_in: StandIn) -> None:
    brain = make_brain()
    assert decide(brain, model="claude-unheard-of-9") == RULES_SAY
    assert brain.engine == "rules"
    assert "no price is known" in brain.reasons[0]
    assert not stand_in.questions
    assert not ModelCall.objects.exists()
    assert booked(brain).calls == booked(brain).cost_usd == 0


@COMMITTED
def test_a_switch_ends_a_run_in_a_call_that_never_comes_back(settings: Settings) -> None:
    with workers.silent_model() as url:
        settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL = KEY, url
        factories.receive(factories.make_lead())
        with thread(factories.work_off) as working:
            asked = ModelCall.objects.filter(status="reserved")
            workers.until(asked.exists, "the model asked")
            switches.engage("agent", "qualifier", reason="a test", by="olivia")
            engaged = time.monotonic()
            stopped = Run.objects.filter(status="stopped")
            workers.until(stopped.exists, "the run stopped")
            took = time.monotonic() - engaged
            working.result()

    assert took < 1
    call = ModelCall.objects.get()
    assert (call.status, call.usd) == ("cancelled", call.reserved_usd)
    run = Run.objects.get()
    assert "agent:qualifier" in run.error
    assert run.cost_usd == call.reserved_usd
    assert run.finished_at is not None
    job = Job.objects.get(kind="agents.run")
    assert (job.status, job.held_by, job.attempt) == ("held", "agent:qualifier", 0)


@COMMITTED
def test_a_switch_elsewhere_stops_no_call(stand_in: StandIn) -> None:
    stand_in.answer = lambda question: GOOD
    stand_in.gate.clear()
    brain = make_brain()
    with thread(lambda: decide(brain)) as deciding:
        assert stand_in.asked.acquire(timeout=10)
        switches.engage("agent", "caller", reason="a test", by="olivia")
        workers.until(lambda: switches.watch.reached(["agent:caller"]), "the switch seen")
        stand_in.gate.set()
        assert deciding.result() == MODEL_SAYS


@COMMITTED
def test_nothing_is_asked_while_a_switch_reaches_the_run(stand_in: StandIn) -> None:
    brain = make_brain()
    switches.engage("everything", reason="a test", by="olivia")
    with pytest.raises(Held):
        decide(brain)
    assert not stand_in.questions
    assert not ModelCall.objects.exists()


@COMMITTED
def test_a_call_ends_when_the_switches_cannot_be_seen_and_no_rule_decides(
    stand_in: StandIn,
) -> None:
    stand_in.gate.clear()
    brain = make_brain()
    with thread(lambda: decide(brain)) as deciding:
        assert stand_in.asked.acquire(timeout=10)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE control_killswitch IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(SwitchesUnseen):
                deciding.result(10)
    call = ModelCall.objects.get()
    assert (call.status, call.usd) == ("cancelled", call.reserved_usd)
    assert brain.engines == []


@COMMITTED
def test_a_call_ends_when_the_job_was_taken_over(stand_in: StandIn) -> None:
    stand_in.gate.clear()
    brain = make_brain()
    with thread(lambda: decide(brain)) as deciding:
        assert stand_in.asked.acquire(timeout=10)
        brain.lease.holder.lost.set()
        with pytest.raises(LeaseLost):
            deciding.result(10)
    call = ModelCall.objects.get()
    assert (call.status, call.usd) == ("cancelled", call.reserved_usd)


@COMMITTED
def test_a_call_holds_no_connection_and_no_transaction(stand_in: StandIn) -> None:
    stand_in.answer = lambda question: GOOD
    stand_in.gate.clear()
    brain = make_brain()
    switches.watch.stop()
    connection.close()
    pool = connections["default"].pool  # type: ignore[attr-defined]

    def is_idle() -> bool:
        connection.close()
        stats = pool.get_stats()
        return bool(stats["pool_size"] == stats["pool_available"])

    with thread(lambda: decide(brain)) as deciding:
        assert stand_in.asked.acquire(timeout=10)
        workers.until(is_idle, "no connection in use")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
            )
            assert cursor.fetchone() == (0,)
        stand_in.gate.set()
        assert deciding.result() == MODEL_SAYS
