"""What holds for every page: who may see it, what it costs, and what it does with nonsense."""

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agency import api_keys
from agents import configs
from agents.models import Run
from billing import prices
from control import alerts, switches, undo_range
from control.models import Action
from jobs import endpoints, outgoing
from jobs.models import Job
from pipeline import lead_imports
from pipeline.finding import imports
from pipeline.mail import suppressions
from pipeline.meetings import booking
from pipeline.models import (
    Attachment,
    IdealCustomer,
    Lead,
    LeadImport,
    Meeting,
    ProspectImport,
    Source,
)
from pipeline.selling import deals, notes, proposals
from tests import offers
from tests.calls import begins, booked
from tests.dashboard.conftest import Htmx
from tests.factories import make_client, make_lead, make_user, received
from tests.outreach import (
    enroll,
    make_mailbox,
    make_prospect,
    make_reply,
    make_sequence,
    make_task,
    sent,
)

MOST_QUERIES = 15

# Page, and the partials of it that are fetched by themselves.
PAGES = {
    "home": ["needs", "news", "business", "fleet", "road"],
    "approval-list": ["cockpit", "queue", "case"],
    "approval-detail": ["cockpit", "queue", "case"],
    "pipeline": ["board"],
    "pipeline-table": ["pipeline-table"],
    "deal-board": ["board"],
    "deal-table": ["deal-table"],
    "deal-detail": ["deal-body"],
    "deal-move": [],
    "pipeline-funnel": ["funnel-body"],
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
    "meeting-list": ["agenda"],
    "meeting-detail": ["meeting-body"],
    "meeting-settings": [],
    "prospect-list": ["prospect-table"],
    "prospect-detail": ["prospect-body"],
    "prospect-create": [],
    "prospect-bulk": [],
    "prospect-merge": [],
    "duplicate-list": ["duplicate-rows"],
    "import-create": [],
    "import-detail": ["import-body"],
    "lead-import-create": [],
    "lead-import-detail": ["import-body"],
    "ideal-list": ["ideal-rows"],
    "ideal-create": [],
    "ideal-edit": [],
    "source-create": [],
    "source-edit": [],
    "price-list": ["price-rows"],
    "price-create": [],
    "price-edit": [],
    "payment-list": ["payment-table"],
    "client-list": ["client-table"],
    "client-detail": ["client-body"],
    "cost-list": ["cost-body", "cost-table"],
    "activity-list": ["activity-table"],
    "alert-list": ["alert-rows"],
    "job-list": ["job-now", "job-table"],
    "job-detail": ["job-body"],
    "settings": ["switch-rows"],
    "api-keys": ["key-rows"],
    "outgoing-list": ["endpoint-rows"],
    "outgoing-detail": ["delivery-rows"],
    "timeline": [],
    "mailbox-list": ["mail-table"],
    "sequence-list": ["sequence-table"],
    "sequence-detail": ["sequence-body"],
    "wording-new": ["wording-preview"],
    "wording-detail": ["wording-preview"],
    "task-list": ["task-rows"],
    "inbox": ["inbox", "inbox-list", "conversation"],
    "thread-detail": ["inbox", "inbox-list", "conversation"],
    "mail-source": [],
    "deliverability": ["deliverability"],
    "suppression-list": ["suppression-table"],
    "proposal-detail": ["proposal-body"],
    "proposal-new": [],
    "find": ["palette-list"],
    "start-done": [],
    "stop": [],
    "styleguide": [],
    "status": [],
    "toasts": [],
}
FORMS = {
    *("prospect-create", "prospect-bulk", "prospect-merge", "ideal-create", "ideal-edit"),
    *("source-create", "source-edit", "import-create", "lead-import-create", "deal-move"),
    *("price-create", "price-edit", "proposal-new", "meeting-settings"),
    *("api-keys", "outgoing-list", "outgoing-detail"),
}
"""Pages that are also posted to."""

PARTIALS = [(page, partial) for page, partials in PAGES.items() for partial in partials]
NONSENSE = ["x", "0", "-1", "%00", "'", "9" * 40, "\u0661", "💥", "../..", "a" * 3000]


def furnish() -> dict[str, str]:
    """Give every page something to show, and return its address."""
    client = make_client()
    lead = received(client=client)
    for number in range(12):
        received(name=f"Lead {number}", email=f"lead{number}@harbor.example")
    alerts.raise_alert("a", "A job gave up", body="connection refused")
    switches.engage("everything", reason="Something is odd", by="olivia")
    endpoints.ensure("leads", "website")
    prices.ensure()
    api_keys.issue("crm", ["leads:read"], make_user("ada"))
    hook = outgoing.create("crm", "https://hooks.example/in", ["lead.*"], by="olivia")
    outgoing.send_test(hook, by="olivia")
    configs.create("qualifier", {"qualified_from": 65}, by="olivia", note="Lower")
    now = timezone.now()
    undoing = undo_range.start("qualifier", now - timedelta(hours=1), now, by=make_user("otto"))
    keys: dict[str, list[Any]] = {
        "approval-detail": [Action.objects.filter(kind="reply_to_lead").latest("created_at").pk],
        "lead-detail": [lead.pk],
        "client-detail": [client.slug],
        "price-edit": ["full-front-desk"],
        "outgoing-detail": [hook.pk],
        "timeline": ["lead", lead.pk],
        "agent-detail": ["qualifier"],
        "agent-runs": ["qualifier"],
        "agent-settings": ["qualifier"],
        "config-detail": ["qualifier", 2],
        "agent-autonomy": ["qualifier"],
        "agent-undo": ["qualifier"],
        "agent-undo-report": ["qualifier", undoing.pk],
        "run-detail": [Run.objects.latest("started_at").pk],
        **furnish_outreach(),
        **furnish_prospects(),
        **furnish_deals(lead),
        **furnish_proposals(),
        "meeting-detail": [furnish_meetings(lead).pk],
        "job-detail": [Job.objects.filter(kind="agents.run").latest("pk").pk],
    }
    found = {page: reverse(page, args=keys.get(page, [])) for page in PAGES}
    return found | {"prospect-bulk": f"{found['prospect-bulk']}?verb=drop"}


def furnish_deals(lead: Lead) -> dict[str, list[Any]]:
    """Give the pages of deals something to show, and return the keys of their addresses."""
    deal = deals.open_for(lead)
    prices = {"setup_usd": Decimal(1500), "monthly_usd": Decimal(600)}
    deals.set_field(deal, prices, by=make_user("ottilie"), reason="as they said")
    note = notes.add(deal, "We miss half our calls. The setup is a lot.", by="olivia")
    note.needs = [{"text": "Calls answered", "quote": "We miss half our calls"}]
    note.objections = [{"text": "The price", "quote": "The setup is a lot"}]
    note.save()
    for number, stage in enumerate(("held", "proposed", "negotiating", "signed")):
        other = deals.open_for(received(name="", company=f"Mesa {number}"))
        deals.advance(other, stage, by="closer")
    gone = deals.open_for(received(name="", company="Rio Movers"))
    deals.lose(gone, "price", "After their season", by="closer")
    return {"deal-detail": [deal.pk], "deal-move": [deal.pk]}


def furnish_meetings(lead: Lead) -> Meeting:
    """Have calls ahead, over and cancelled, and return one with a brief and notes."""
    booked(make_lead(email="ahead@harbor.example"))
    over = begins(booked(make_lead(email="over@harbor.example")), -timedelta(hours=2))
    booking.cancel(booked(make_lead(email="off@harbor.example")), by="guest", reason="Ill")
    one = booked(lead)
    brief = {
        "who": "Dana Reyes: Harbor Plumbing, plumbing, Tucson",
        "why": "They miss half their calls.",
        "ask": ["How many calls a day?"],
        "facts": [{"claim": "They miss calls", "quote": "We miss calls", "source": "their mail"}],
    }
    Meeting.objects.filter(pk=one.pk).update(brief=brief, brief_at=timezone.now())
    assert one.deal is not None
    notes.add(one.deal, "They want it by March.", by="olivia", meeting=one)
    assert over.pk != one.pk
    return one


def furnish_prospects() -> dict[str, list[Any]]:
    """Give the pages of prospects something to show, and return the keys of their addresses."""
    one = make_prospect("Saguaro Plumbing", phone="+15205550142", status="contacted")
    make_prospect("Saguaro Plumbing LLC", phone="+15205550142")
    make_prospect("Desert Roofing", signals=[{"name": "hiring", "quote": "We hire", "url": ""}])
    sequence = make_sequence("Second contact")
    sent(enroll(one, sequence, 1), sequence.steps.get(position=0))
    make_reply(one)
    source = Source.objects.create(
        ideal_customer=one.ideal_customer,
        kind="listing",
        name="Directory",
        url="https://directory.market.example/",
        last_error="The page did not answer.",
        failures=2,
        next_read_at=timezone.now() + timedelta(hours=1),
    )
    return {
        "import-detail": [_uploaded(one.ideal_customer).pk],
        "lead-import-detail": [_uploaded_leads().pk],
        "prospect-detail": [one.pk],
        "prospect-merge": [one.pk],
        "ideal-edit": [one.ideal_customer_id],
        "source-create": [one.ideal_customer_id],
        "source-edit": [source.pk],
    }


def furnish_proposals() -> dict[str, list[Any]]:
    """Give the pages of proposals something to show, and return the keys of their addresses."""
    first = offers.make_sent()
    proposals.seen(first)
    second = offers.make_sent(first.deal, setup_usd=Decimal(450), monthly_usd=Decimal(225))
    offers.sign(second)
    return {"proposal-detail": [second.pk], "proposal-new": [offers.make_sent().deal_id]}


def furnish_outreach() -> dict[str, list[Any]]:
    """Give the pages of cold mail something to show, and return the keys of their addresses."""
    sequence, mailbox = make_sequence(), make_mailbox()
    first = sequence.steps.get(position=0)
    for number in range(6):
        enrollment = enroll(make_prospect(f"Harbor {number}"), sequence, number % 5)
        sent(enrollment, first, mailbox=mailbox)
        make_task(enrollment, sequence.steps.get(position=1))
    mail = make_reply(enrollment.prospect)
    Attachment.objects.create(
        mail=mail, filename="plan.pdf", content_type="application/pdf", size=4, content=b"%PDF"
    )
    suppressions.add("domain", "rival.example", reason="a rival", by="olivia")
    return {
        "sequence-detail": [sequence.pk],
        "wording-new": [first.pk],
        "wording-detail": [first.variants.all()[0].pk],
        "thread-detail": [mail.thread_id],
        "mail-source": [mail.pk],
    }


def _uploaded_leads() -> LeadImport:
    content = b"Name,Email,Date\nDana Reyes,dana@crm.example,2026-03-02\nNobody,,x\n"
    return lead_imports.upload("crm.csv", content, client=None, answers=False, by="olivia")


def _uploaded(customer: IdealCustomer) -> ProspectImport:
    rows = "Company,Website,Person,Phone\nCopper Electric,copper.example,Sam Cole,520 555 0199\n"
    again = "Saguaro Plumbing,saguaroplumbing.example,Dana Reyes,call us\n"
    return imports.upload(customer, "list.csv", (rows + again).encode(), by="olivia")


@pytest.mark.parametrize("page", PAGES)
def test_the_operator_sees_it_in_few_queries(
    page: str, addresses: dict[str, str], browser: Client
) -> None:
    with CaptureQueriesContext(connection) as queries:
        response = browser.get(addresses[page])
    assert response.status_code == 200
    assert len(queries) <= MOST_QUERIES, "\n".join(q["sql"][:200] for q in queries)


def test_a_wrong_address_leads_back_to_the_overview(browser: Client) -> None:
    response = browser.get("/nothing/")
    assert response.status_code == 404
    assert f'href="{reverse("home")}"' in response.content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_nobody_sees_it_without_a_login(
    page: str, addresses: dict[str, str], client: Client
) -> None:
    response = client.get(addresses[page])
    assert response.status_code == 302
    assert response["Location"].startswith("/login/?next=")


@pytest.mark.parametrize("page", sorted(PAGES.keys() - FORMS))
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
        *("client-list", "cost-list", "task-list", "inbox", "suppression-list"),
        *("sequence-list", "prospect-list", "deal-table"),
    ],
)
@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_in_the_query_is_no_error(page: str, nonsense: str, browser: Client) -> None:
    names = (
        *("before", "status", "q", "page", "actor", "verb", "object", "correlation", "show"),
        *("after", "stage", "score_from", "score_to", "age", "client", "source", "sort", "id"),
        *("by", "view", "scope"),
        *("customer", "fit_from", "fit_to", "signal", "world"),
        *("package", "value_from", "value_to", "lost", "risk"),
    )
    response = browser.get(reverse(page), dict.fromkeys(names, nonsense))
    assert response.status_code == 200


@pytest.mark.parametrize(
    "page",
    [
        *("approval-detail", "lead-detail", "run-detail", "thread-detail", "mail-source"),
        *("prospect-detail", "deal-detail"),
    ],
)
def test_what_does_not_exist_is_not_found(page: str, browser: Client) -> None:
    assert browser.get(reverse(page, args=[uuid.uuid4()])).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        *("approvals", "leads", "agents", "agents/runs", "mailbox", "clients", "inbox"),
        *("sequences", "prospects", "deals"),
    ],
)
@pytest.mark.parametrize("nonsense", ["x", "0", "%00", "9" * 40, "a" * 300, "%F0%9F%92%A5"])
def test_a_nonsense_address_is_not_found(path: str, nonsense: str, browser: Client) -> None:
    assert browser.get(f"/{path}/{nonsense}/").status_code == 404
