"""What holds for every page: who may see it, what it costs, and what it does with nonsense."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agents import configs
from agents.models import Run
from control import alerts, switches, undo_range
from control.models import Action
from jobs import endpoints
from jobs.models import Job
from tests.dashboard.conftest import Htmx
from tests.factories import make_client, make_user, received

MOST_QUERIES = 15

# Page, and the partials of it that are fetched by themselves.
PAGES = {
    "home": ["needs", "news", "business", "fleet", "road"],
    "approval-list": ["cockpit", "queue", "case"],
    "approval-detail": ["cockpit", "queue", "case"],
    "pipeline": ["board"],
    "pipeline-table": ["pipeline-table"],
    "approval-batch": ["cockpit"],
    "lead-list": ["lead-table"],
    "lead-detail": ["lead-body"],
    "agent-list": ["agent-table"],
    "agent-detail": ["agent-head", "agent-now"],
    "agent-runs": ["agent-head", "run-table"],
    "agent-settings": ["agent-head", "version-list"],
    "config-detail": ["agent-head"],
    "agent-autonomy": ["agent-head", "autonomy-kinds"],
    "agent-undo": ["agent-head"],
    "agent-undo-report": ["agent-head", "undo-report"],
    "run-detail": ["run-body"],
    "client-list": ["client-table"],
    "client-detail": ["client-body"],
    "cost-list": ["cost-body", "cost-table"],
    "activity-list": ["activity-table"],
    "alert-list": ["alert-rows"],
    "job-list": ["job-now", "job-table"],
    "job-detail": ["job-body"],
    "settings": ["switch-rows"],
    "mailbox-list": ["mail-table"],
    "find": ["palette-list"],
    "start-done": [],
    "stop": [],
    "styleguide": [],
    "status": [],
    "toasts": [],
}
PARTIALS = [(page, partial) for page, partials in PAGES.items() for partial in partials]
NONSENSE = ["x", "0", "-1", "%00", "'", "9" * 40, "\u0661", "💥", "../..", "a" * 3000]


@pytest.fixture
def addresses(db: None) -> dict[str, str]:
    """Give every page something to show, and return its address."""
    return furnish()


def furnish() -> dict[str, str]:
    """Give every page something to show, and return its address."""
    client = make_client()
    lead = received(client=client)
    for number in range(12):
        received(name=f"Lead {number}", email=f"lead{number}@harbor.example")
    alerts.raise_alert("a", "A job gave up", body="connection refused")
    switches.engage("everything", reason="Something is odd", by="olivia")
    endpoints.ensure("leads", "website")
    configs.create("qualifier", {"qualified_from": 65}, by="olivia", note="Lower")
    now = timezone.now()
    undoing = undo_range.start("qualifier", now - timedelta(hours=1), now, by=make_user("otto"))
    keys: dict[str, list[Any]] = {
        "approval-detail": [Action.objects.filter(kind="reply_to_lead").latest("created_at").pk],
        "lead-detail": [lead.pk],
        "client-detail": [client.slug],
        "agent-detail": ["qualifier"],
        "agent-runs": ["qualifier"],
        "agent-settings": ["qualifier"],
        "config-detail": ["qualifier", 2],
        "agent-autonomy": ["qualifier"],
        "agent-undo": ["qualifier"],
        "agent-undo-report": ["qualifier", undoing.pk],
        "run-detail": [Run.objects.latest("started_at").pk],
        "job-detail": [Job.objects.filter(kind="agents.run").latest("pk").pk],
    }
    return {page: reverse(page, args=keys.get(page, [])) for page in PAGES}


@pytest.mark.parametrize("page", PAGES)
def test_the_operator_sees_it_in_few_queries(
    page: str, addresses: dict[str, str], browser: Client
) -> None:
    with CaptureQueriesContext(connection) as queries:
        response = browser.get(addresses[page])
    assert response.status_code == 200
    assert len(queries) <= MOST_QUERIES, "\n".join(q["sql"][:200] for q in queries)


@pytest.mark.parametrize("page", PAGES)
def test_nobody_sees_it_without_a_login(
    page: str, addresses: dict[str, str], client: Client
) -> None:
    response = client.get(addresses[page])
    assert response.status_code == 302
    assert response["Location"].startswith("/login/?next=")


@pytest.mark.parametrize("page", PAGES)
def test_it_is_only_read(page: str, addresses: dict[str, str], browser: Client) -> None:
    assert browser.post(addresses[page]).status_code == 405


@pytest.mark.parametrize(("page", "partial"), PARTIALS)
def test_a_part_of_it_comes_alone(
    page: str, partial: str, addresses: dict[str, str], htmx: Htmx
) -> None:
    response = htmx.get(addresses[page], partial)
    body = response.content.decode()
    assert response.status_code == 200
    assert f'id="{partial}"' in body
    assert "<html" not in body
    assert "HX-Request" in response["Vary"]


def test_a_live_page_of_a_logged_out_operator_goes_to_the_login(
    addresses: dict[str, str], client: Client
) -> None:
    response = Htmx(client).get(addresses["lead-list"], "lead-table")
    assert response["HX-Redirect"] == "/login/"


@pytest.mark.parametrize(
    "page",
    [
        *("home", "lead-list", "pipeline-table", "activity-list", "alert-list", "mailbox-list"),
        *("client-list", "cost-list"),
    ],
)
@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_in_the_query_is_no_error(page: str, nonsense: str, browser: Client) -> None:
    names = (
        *("before", "status", "q", "page", "actor", "verb", "object", "correlation", "show"),
        *("after", "stage", "score_from", "score_to", "age", "client", "source", "sort", "id"),
        "by",
    )
    response = browser.get(reverse(page), dict.fromkeys(names, nonsense))
    assert response.status_code == 200


@pytest.mark.parametrize("page", ["approval-detail", "lead-detail", "run-detail"])
def test_what_does_not_exist_is_not_found(page: str, browser: Client) -> None:
    assert browser.get(reverse(page, args=[uuid.uuid4()])).status_code == 404


@pytest.mark.parametrize(
    "path", ["approvals", "leads", "agents", "agents/runs", "mailbox", "clients"]
)
@pytest.mark.parametrize("nonsense", ["x", "0", "%00", "9" * 40, "a" * 300, "%F0%9F%92%A5"])
def test_a_nonsense_address_is_not_found(path: str, nonsense: str, browser: Client) -> None:
    assert browser.get(f"/{path}/{nonsense}/").status_code == 404


def test_empty_pages_say_the_next_step(browser: Client) -> None:
    for page in (
        *("home", "approval-list", "pipeline", "pipeline-table", "lead-list", "activity-list"),
        *("alert-list", "mailbox-list", "client-list", "cost-list"),
    ):
        assert 'class="empty"' in browser.get(reverse(page)).content.decode()
