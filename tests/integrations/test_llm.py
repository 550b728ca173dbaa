"""The model behind the real SDK, over HTTP, against stand-ins."""

import json
import logging
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Reply
from pydantic import BaseModel, Field
from pytest_django import Settings

from agency import loop
from integrations import llm
from integrations.errors import OutcomeUnknown, ServiceError

MODEL = "claude-haiku-5-5"
KEY = "sk-ant-very-secret"


class Score(BaseModel):
    value: int = Field(ge=0, le=100)
    why: str


def start(**changes: Any) -> "Future[llm.Answer]":
    question: dict[str, Any] = {
        "model": MODEL,
        "system": "You score leads.",
        "user": "Ada of Engines Ltd. wants a demo.",
        "schema": Score,
        "max_tokens": 200,
        "timeout": 10.0,
    }
    return loop.submit(llm.ask(**question | changes))


def ask(**changes: Any) -> llm.Answer:
    return start(**changes).result(15)


def failure(**changes: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        ask(**changes)
    return caught.value


@pytest.fixture
def model(llmock: LLMock, settings: Settings) -> LLMock:
    settings.ANTHROPIC_API_KEY = KEY
    settings.ANTHROPIC_BASE_URL = llmock.base_url("anthropic")
    return llmock


class Wire(socketserver.ThreadingTCPServer):
    """An HTTP server that does with a connection whatever the test says, once it was asked."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, answer: Callable[[socket.socket], object]) -> None:
        super().__init__(("127.0.0.1", 0), WireHandler)
        self.answer = answer
        self.asked = threading.Semaphore(0)
        self.requests = 0


class WireHandler(socketserver.StreamRequestHandler):
    server: Wire

    def handle(self) -> None:
        length = 0
        while (line := self.rfile.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        self.rfile.read(length)
        self.server.requests += 1
        self.server.asked.release()
        self.server.answer(self.connection)


@contextmanager
def answering(settings: Settings, answer: Callable[[socket.socket], object]) -> Iterator[Wire]:
    settings.ANTHROPIC_API_KEY = KEY
    with Wire(answer) as server:
        settings.ANTHROPIC_BASE_URL = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def reply(body: bytes, *, length: int | None = None, kind: str = "application/json") -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nRequest-Id: req_1\r\n"
        f"Connection: close\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n"
    )
    return head.encode() + body


def message(**usage: int) -> bytes:
    return json.dumps(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": MODEL,
            "content": [{"type": "thinking", "thinking": "…"}, {"type": "text", "text": "{}"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 1000, "output_tokens": 100} | usage,
        }
    ).encode()


def test_it_answers_in_the_schema(model: LLMock) -> None:
    model.reply('{"value": 80, "why": "a demo"}')

    answer = ask()

    assert Score.model_validate_json(answer.text) == Score(value=80, why="a demo")
    assert (answer.stop_reason, answer.model) == ("end_turn", MODEL)
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0
    assert 0 < answer.usage.usd < Decimal("0.001")
    assert answer.latency_ms >= 0


def test_it_asks_for_the_schema_and_caches_the_system_prompt(model: LLMock) -> None:
    ask()

    body = model.last_request.body
    assert body["system"] == [
        {"type": "text", "text": "You score leads.", "cache_control": {"type": "ephemeral"}}
    ]
    assert body["messages"] == [{"role": "user", "content": "Ada of Engines Ltd. wants a demo."}]
    assert body["max_tokens"] == 200
    wanted = body["output_config"]["format"]
    assert wanted["type"] == "json_schema"
    assert wanted["schema"]["additionalProperties"] is False
    assert set(wanted["schema"]["required"]) == {"value", "why"}


def test_an_empty_system_prompt_is_left_out(model: LLMock) -> None:
    ask(system="")
    assert "system" not in model.last_request.body


def test_a_rate_limit_is_waited_out(model: LLMock) -> None:
    model.rate_limit(times=2, retry_after=0.05).reply("{}")
    assert ask().text == "{}"
    assert len(model.requests) == 3
    model.assert_resilient()


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503, 529])
def test_an_overloaded_model_may_be_asked_again_later(model: LLMock, status: int) -> None:
    model.fail(status, times=None, retry_after=0.01)

    error = failure()

    assert not error.permanent
    assert not isinstance(error, OutcomeUnknown)
    assert str(status) in str(error)
    assert len(model.requests) == 3


def test_a_long_retry_after_is_not_waited_for(model: LLMock) -> None:
    model.rate_limit(times=None, retry_after=3600)
    error = failure()
    assert not error.permanent
    assert "3600" in str(error)
    assert len(model.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refused_request_is_not_repeated(model: LLMock, status: int) -> None:
    model.fail(status, times=None)
    error = failure()
    assert error.permanent
    assert len(model.requests) == 1


def test_a_refusal_is_an_answer_with_its_cost(model: LLMock) -> None:
    model.add(Reply(text="I cannot help with that.", finish_reason="content_filter"))
    answer = ask()
    assert answer.stop_reason == "refusal"
    assert answer.usage.usd > 0


def test_a_truncated_answer_comes_with_its_cost(model: LLMock) -> None:
    model.add(Reply(text='{"value": 8', finish_reason="length"))
    answer = ask(max_tokens=3)
    assert (answer.text, answer.stop_reason) == ('{"value": 8', "max_tokens")
    assert answer.usage.usd > 0


def test_an_answer_outside_the_schema_is_the_callers_to_judge(model: LLMock) -> None:
    model.reply('{"value": 1000}')
    assert ask().text == '{"value": 1000}'


def test_the_answer_holds_text_only_and_the_request_id(settings: Settings) -> None:
    with answering(settings, lambda wire: wire.sendall(reply(message()))):
        answer = ask()
    assert answer.text == "{}"
    assert answer.request_id == "req_1"


def test_cached_tokens_have_their_own_price(settings: Settings) -> None:
    def cost(**usage: int) -> llm.Usage:
        with answering(settings, lambda wire: wire.sendall(reply(message(**usage)))):
            return ask().usage

    plain = cost(input_tokens=2000)
    written = cost(cache_creation_input_tokens=1000)
    read = cost(cache_read_input_tokens=1000)

    assert written.usd > plain.usd > read.usd > 0
    assert (written.input_tokens, written.cache_write_tokens) == (1000, 1000)
    assert (read.input_tokens, read.cache_read_tokens) == (1000, 1000)


def test_a_model_that_never_answers_is_given_up_in_doubt(settings: Settings) -> None:
    with answering(settings, lambda wire: wire.recv(1)) as server:
        error = failure(timeout=0.5)
    assert isinstance(error, OutcomeUnknown)
    assert not error.permanent
    assert server.requests <= 1


def test_cancelling_closes_the_connection_at_once(settings: Settings) -> None:
    gone = threading.Event()

    def wait_for_the_end(wire: socket.socket) -> None:
        if wire.recv(1) == b"":
            gone.set()

    with answering(settings, wait_for_the_end) as server:
        future = start(timeout=60.0)
        assert server.asked.acquire(timeout=5)
        future.cancel()
        assert gone.wait(5)
    with pytest.raises(CancelledError):
        future.result()
    assert server.requests == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda wire: wire.close(), id="hangs up"),
        pytest.param(lambda wire: wire.sendall(b"HTTP/1.1 2"), id="cut in the head"),
        pytest.param(
            lambda wire: wire.sendall(reply(message(), length=9999)), id="cut in the body"
        ),
        pytest.param(lambda wire: wire.sendall(reply(b"<p>", kind="text/html")), id="a web page"),
        pytest.param(lambda wire: wire.sendall(reply(b'{"content": []}')), id="no usage"),
    ],
)
def test_what_may_have_been_paid_for_is_not_asked_twice(
    settings: Settings, answer: Callable[[socket.socket], object]
) -> None:
    with answering(settings, answer) as server:
        error = failure()
    assert isinstance(error, OutcomeUnknown)
    assert not error.permanent
    assert server.requests == 1


def test_a_model_out_of_reach_has_cost_nothing(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings.ANTHROPIC_API_KEY = KEY
        settings.ANTHROPIC_BASE_URL = f"http://127.0.0.1:{taken.getsockname()[1]}"
        error = failure()
    assert not error.permanent
    assert not isinstance(error, OutcomeUnknown)


def test_without_a_key_nothing_is_asked(model: LLMock, settings: Settings) -> None:
    settings.ANTHROPIC_API_KEY = ""
    assert not llm.is_configured()
    assert failure().permanent
    assert not model.requests


def test_a_prompt_that_cannot_be_sent_is_a_permanent_failure(model: LLMock) -> None:
    assert failure(user="half a pair: \ud800").permanent
    assert not model.requests


def test_nothing_is_imported_until_something_is_asked() -> None:
    code = "import sys; import integrations.llm; print('anthropic' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_a_model_without_a_price_is_not_asked(model: LLMock) -> None:
    error = failure(model="claude-unheard-of-9")
    assert isinstance(error, llm.UnknownPrice)
    assert error.permanent
    assert not model.requests


def test_neither_prompts_nor_keys_are_logged(
    model: LLMock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    model.rate_limit(retry_after=0.01)
    ask()
    assert "Engines" not in caplog.text
    assert KEY not in caplog.text


def test_the_worst_case_holds_what_the_call_then_costs(model: LLMock) -> None:
    model.reply("x" * 400)
    worst = llm.worst_case(MODEL, "You score leads.", "Ada of Engines Ltd. wants a demo.", 200)
    used = ask().usage
    assert used.input_tokens + used.output_tokens <= worst.tokens
    assert used.usd <= worst.usd


def test_the_schema_counts_in_the_worst_case() -> None:
    without = llm.worst_case(MODEL, "", "", 100)
    assert llm.worst_case(MODEL, "", "", 100, Score).usd > without.usd


@settings_of_hypothesis(deadline=None)
@given(st.text(), st.text(), st.integers(1, 64_000))
def test_the_worst_case_takes_two_bytes_for_a_token(
    system: str, user: str, max_tokens: int
) -> None:
    size = len((system + user).encode())
    assert llm.worst_case(MODEL, system, user, max_tokens).tokens >= max_tokens + size / 2


def test_the_worst_case_of_an_unknown_model_is_refused() -> None:
    with pytest.raises(llm.UnknownPrice):
        llm.worst_case("gpt-5", "", "", 100)
