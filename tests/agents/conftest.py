"""A model for the agents to ask: a stand-in behind the real SDK, over HTTP."""

from collections.abc import Iterator

import anthropic  # noqa: F401 - takes seconds the first time, which a test's lease does not have
import genai_prices  # noqa: F401
import pytest
from llmock.pytest_plugin import LLMock
from pytest_django import Settings

from tests.agents.stand_in import KEY, StandIn


@pytest.fixture
def model(llmock: LLMock, settings: Settings) -> LLMock:
    """Return a model that says what the test scripts, faults included."""
    settings.ANTHROPIC_API_KEY = KEY
    settings.ANTHROPIC_BASE_URL = llmock.base_url("anthropic")
    return llmock


@pytest.fixture
def stand_in(settings: Settings) -> Iterator[StandIn]:
    """Return a model that can be held, hang up, and answer by what it is asked."""
    with StandIn() as server:
        settings.ANTHROPIC_API_KEY = KEY
        settings.ANTHROPIC_BASE_URL = server.url
        yield server
