"""/metrics: who may read it, that Prometheus can, and what it says."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from control import alerts, switches
from jobs import depth, queue, tally
from tests import factories

pytestmark = pytest.mark.django_db

TOKEN = "correct-horse-battery"


def values(body: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return each sample, as Prometheus reads it, by name and values of its labels (A to Z)."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }


def test_without_a_token_or_a_login_it_says_nothing(client: Client, settings: Settings) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401
    assert client.get("/metrics", headers=bearer).status_code == 401
    settings.METRICS_TOKEN = TOKEN
    for wrong in ("Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer ✓"):
        response = client.get("/metrics", headers={"Authorization": wrong})
        assert (response.status_code, response.content) == (401, b"")
        assert response["WWW-Authenticate"].startswith("Bearer")
    assert client.get("/metrics", headers=bearer).status_code == 200


def test_an_operator_reads_it(browser: Client) -> None:
    response = browser.get("/metrics")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=0.0.4")
    assert browser.post("/metrics").status_code == 405


def test_it_counts_from_rows(browser: Client) -> None:
    queue.enqueue("control.tidy", {})
    factories.work_off()
    tally.flush()
    queue.enqueue("control.tidy", {}, lane="bulk")
    depth.measure()
    alerts.raise_alert("a", "A job gave up")
    switches.engage("agent", "qualifier", reason="odd", by="olivia")
    browser.get("/metrics")
    with CaptureQueriesContext(connection) as queries:
        response = browser.get("/metrics")
    found = values(response.content.decode())
    assert found["jobs_lane_depth", ("bulk", "available")] == 1
    assert found["jobs_lane_depth", ("fast", "running")] == 0
    assert found["jobs_lane_oldest_seconds", ("bulk",)] > 0
    ended = ("control.tidy", "fast", "completed")
    assert found["jobs_finished_total", ended] >= 1
    assert found["jobs_wait_seconds_count", ended] == found["jobs_finished_total", ended]
    assert found["jobs_run_seconds_sum", ended] >= 0
    assert found["jobs_workers", ("alive",)] == 1
    assert found["alerts_open", ("warning",)] == 1
    assert found["approvals_waiting", ()] == 0
    assert found["switches_engaged", ()] == 1
    assert any(name == "command_center_build_info" for name, _ in found)
    assert len(queries) <= 10
