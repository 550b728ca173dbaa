"""The API does what its description says, whatever is sent: schemathesis tries it all.

Examples, the borders of each type, random data, and chains of calls that use what others answered;
right and wrong data, with and without a key, with methods that are not there.
"""

import datetime as dt
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.utils import timezone
from limits import RateLimitItemPerMinute
from pytest_django import Settings
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import StopReason, events, from_schema
from schemathesis.transport import requests as transport

from dashboard.api import gate, v1
from pipeline.models import Deal, Meeting
from tests.api.conftest import make_key
from tests.factories import make_client, make_user, received
from tests.outreach import make_prospect

CONFIG = {
    "seed": 1,
    "generation": {"max-examples": 3},
    "phases": {
        "coverage": {"unexpected-methods": ["DELETE", "PUT"]},
        "stateful": {"generation": {"max-examples": 3}, "max-steps": 3},
    },
    # What a type cannot say, such as that a name must be left after cleaning, is refused with 422.
    "checks": {"positive_data_acceptance": {"expected-statuses": [200, 201, 404, 409, 422]}},
}


def furnish() -> None:
    """Have something of each kind, an action that waits among it."""
    lead, now = received(client=make_client()), timezone.now()
    deal = Deal.objects.create(
        lead=lead, prospect=make_prospect(), name="Harbor", stage_at=now, opened_at=now
    )
    Meeting.objects.create(
        world="sandbox",
        lead=lead,
        deal=deal,
        title="Call",
        starts_at=now,
        ends_at=now + dt.timedelta(minutes=30),
        blocked_until=now + dt.timedelta(minutes=40),
        guest_email="dana@harbor.example",
        guest_timezone="America/Phoenix",
        booked_by="guest",
        uid="call-1",
    )


@contextmanager
def served() -> Iterator[str]:
    """Serve the app over HTTP on a free port of the loopback, and return its address."""

    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)

    def serve() -> None:
        server.serve_forever(0.01)
        connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_it_answers_as_described_whatever_is_sent(
    committed: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR, "django")
    settings.API_RATE = "1000000/minute"
    # The HTTP library that caldav brings in stands in for urllib3, and has no such count.
    monkeypatch.setattr(transport, "_count_opened_connections", lambda session: 0)
    monkeypatch.setattr(gate, "GUESSES", RateLimitItemPerMinute(1_000_000))
    _, secret = make_key(make_user("olivia"))
    furnish()
    with served() as base:
        settings.PUBLIC_URL = base
        v1.description.cache_clear()
        schema = schemathesis.openapi.from_url(
            f"{base}/api/openapi.json", config=SchemathesisConfig.from_dict(CONFIG)
        )
        schema.config.update(headers={"Authorization": f"Bearer {secret}"})
        wrong, operations, ended = tried(schema)
    v1.description.cache_clear()
    assert not wrong, "\n\n".join(wrong[:10])
    assert ended.stop_reason == StopReason.COMPLETED
    assert len(operations) >= 20


def tried(schema: Any) -> tuple[list[str], set[str], events.EngineFinished]:
    """Try everything; return what went wrong, which operations were tried, and how it ended."""
    wrong: list[str] = []
    operations: set[str] = set()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            operations.add(event.recorder.label)
            wrong += [
                f"{event.phase.value} {event.recorder.label}: {node.failure_info.failure}\n"
                f"{node.failure_info.code_sample}"
                for nodes in event.recorder.checks.values()
                for node in nodes
                if node.failure_info is not None
            ]
        elif isinstance(event, events.NonFatalError):
            wrong.append(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.EngineFinished):
            return wrong, operations, event
    raise AssertionError("it never ended")
