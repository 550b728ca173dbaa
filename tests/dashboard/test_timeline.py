"""One timeline for a company, from whichever of its records it is looked at."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agency import audit
from control.models import Action
from dashboard.sales import timeline
from pipeline.models import Deal, DealStage, Thread
from tests.dashboard.conftest import text_of
from tests.factories import make_client, make_lead, make_run
from tests.outreach import make_prospect


@pytest.fixture
def company(db: None) -> dict[str, Any]:
    """Return a company that was found, wrote, bought, and became a client."""
    prospect, lead, client = make_prospect(), make_lead(), make_client("Harbor")
    now = timezone.now()
    deal = Deal.objects.create(
        lead=lead,
        prospect=prospect,
        client=client,
        name="Harbor",
        stage=DealStage.WON,
        stage_at=now,
        opened_at=now,
        closed_at=now,
    )
    thread = Thread.objects.create(
        prospect=prospect, lead=lead, address="dana@harbor.example", last_at=now
    )
    for obj in (prospect, lead, deal, thread):
        audit.record("x.done", f"about {obj._meta.model_name}", actor="house", obj=obj)
    audit.record("x.done", "for the client", actor="house", client=client)
    make_lead(name="Somebody else")
    other = make_prospect(name="Other", domain="other.example")
    audit.record("x.done", "about others", actor="house", obj=other)
    return {"prospect": prospect, "lead": lead, "deal": deal, "client": client}


def said(found: timeline.Timeline) -> list[str]:
    return [entry.sentence for entry in found.entries]


@pytest.mark.parametrize("kind", ["prospect", "lead", "deal", "client"])
def test_it_is_the_same_from_every_record(kind: str, company: dict[str, Any]) -> None:
    with CaptureQueriesContext(connection) as queries:
        found = timeline.of_company(**{kind: company[kind]})
    assert len(queries) == 1
    lines = said(found)
    assert lines[:5] == [
        "for the client",
        *(f"about {name}" for name in ("thread", "deal", "lead", "prospect")),
    ]
    assert lines[5].startswith("Found")
    assert len(lines) == 6


def test_what_an_agent_did_stands_with_its_reason_and_its_path(company: dict[str, Any]) -> None:
    lead = company["lead"]
    run = make_run(
        subject_id=str(lead.pk), path=["They ask for a price.", "So it is urgent."], engine="rules"
    )
    audit.record("run.completed", "Qualifier scored", actor="qualifier", obj=run)
    action = Action.objects.create(
        kind="qualify_lead",
        params={},
        content_hash="0" * 64,
        agent="qualifier",
        subject_type="pipeline.lead",
        subject_id=str(lead.pk),
        correlation_id=uuid.uuid4(),
        summary="Score 80",
        reason="They fit.",
        stakes="low",
        status="done",
        level="auto",
        expires_at=timezone.now(),
    )
    for verb in ("action.proposed", "action.approve", "action.done"):
        audit.record(verb, f"Done: {verb}", actor="qualifier", obj=action)
    done, ran, *_ = timeline.of_company(deal=company["deal"]).entries
    assert (done.sentence, done.detail) == ("Qualifier: action.done", "They fit.")
    assert ran.path == ("They ask for a price.", "So it is urgent.")
    assert ran.detail == "by rules"


def test_it_goes_on_page_by_page_without_a_gap(company: dict[str, Any]) -> None:
    lead = company["lead"]
    for number in range(120):
        audit.record("x.done", f"line {number}", actor="house", obj=lead)
    seen: list[str] = []
    before = ""
    for _ in range(5):
        found = timeline.of_company(lead=lead, before=before)
        seen += said(found)
        before = found.older
        if not before:
            break
    assert seen[:120] == [f"line {number}" for number in reversed(range(120))]
    assert len(seen) == 126


@pytest.mark.parametrize("before", ["x", "-1", "0", "9" * 40, "\u0661"])
def test_a_cursor_that_makes_no_sense_gives_the_first_page(
    before: str, company: dict[str, Any]
) -> None:
    assert said(timeline.of_company(lead=company["lead"], before=before))[0] == "for the client"


def test_pages_show_it(browser: Client, company: dict[str, Any]) -> None:
    for kind, key in (("prospect", "pk"), ("lead", "pk"), ("client", "slug")):
        value = getattr(company[kind], key)
        for address in (
            reverse(f"{kind}-detail", args=[value]),
            reverse("timeline", args=[kind, value]),
        ):
            page = text_of(browser.get(address))
            assert "about thread" in page
            assert "about others" not in page


@pytest.mark.parametrize("path", ["lead/x", "sock/1", f"lead/{uuid.UUID(int=1)}", "client/nobody"])
def test_nothing_there_is_not_found(path: str, browser: Client) -> None:
    assert browser.get(f"/timeline/{path}/").status_code == 404


def test_it_takes_a_login_and_only_reads(browser: Client, company: dict[str, Any]) -> None:
    address = reverse("timeline", args=["lead", company["lead"].pk])
    assert Client().get(address).status_code == 302
    assert browser.post(address).status_code == 405


def test_a_run_that_failed_is_a_line_too(browser: Client, company: dict[str, Any]) -> None:
    lead = company["lead"]
    make_run(subject_id=str(lead.pk), status="failed", error="no answer", ago=dt.timedelta(1))
    assert "Qualifier looked: failed" in text_of(browser.get(f"/leads/{lead.pk}/"))
