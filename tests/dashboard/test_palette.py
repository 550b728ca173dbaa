"""The palette: pages and verbs by their words, records by how theirs begin, the best first."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agency.models import Client as Tenant
from agents.models import Run
from control import switches
from control.models import Action
from dashboard.house import palette
from jobs.models import Job
from pipeline import search
from pipeline.models import Lead
from tests.dashboard.conftest import Htmx, text_of
from tests.factories import make_lead, received

pytestmark = pytest.mark.django_db


def labels(text: str) -> dict[str, list[str]]:
    return {group.label: [hit.label for hit in group.hits] for group in palette.find(text)}


def test_nothing_typed_shows_where_to_go_and_what_to_do() -> None:
    found = labels("")
    assert "Approvals" in found["Go to"]
    assert found["Do"][0] == "Stop everything"


def test_a_page_is_found_by_its_name_and_by_other_words() -> None:
    assert labels("app")["Pages"][0] == "Approvals"
    assert "Activity" in labels("audit")["Pages"]
    assert "Webhooks" in labels("rotate")["Pages"]


def test_the_beginning_of_a_label_wins_over_the_middle() -> None:
    hits = [palette.Hit(label, "/") for label in ("Restage", "On stage", "Stages")]
    ranked = sorted(hits, key=lambda hit: palette.rank(hit, "stage"))
    assert [hit.label for hit in ranked] == ["Stages", "On stage", "Restage"]


def test_short_words_mean_pages_and_verbs_first() -> None:
    make_lead(name="Steve Stone")
    found = list(labels("st"))
    assert found.index("Do") < found.index("People")


def test_people_are_found_by_name_company_and_address() -> None:
    make_lead(name="Dana O'Brien-Reyes", company="Harbor Plumbing", email="d.reyes@vale.example")
    for text in ("dana", "reyes", "brien", "rey dan", "harbor", "vale", "d.reyes@vale", "d reyes"):
        assert "Dana O'Brien-Reyes" in labels(text).get("People", []), text
    assert "People" not in labels("ana")


def test_a_company_leads_to_its_lead_or_to_its_leads() -> None:
    one = make_lead(name="Dana", company="Vale Dental")
    hits = {hit.label: hit.href for hit in palette.find("vale den")[0].hits}
    assert hits == {"Vale Dental": reverse("lead-detail", args=[one.pk])}
    make_lead(name="Olga", company="Vale Dental")
    group = next(group for group in palette.find("vale den") if group.label == "Companies")
    assert [hit.href for hit in group.hits] == ["/leads/?q=Vale%20Dental"]


def test_clients_agents_and_proposals_are_found() -> None:
    Tenant.objects.create(name="Orchard Heating", slug="orchard")
    received()
    assert labels("orchard")["Clients"] == ["Orchard Heating"]
    assert labels("qual")["Agents"] == ["Qualifier"]
    assert labels("reply to dana")["Waiting and recent"][0].startswith("Reply to Dana Reyes")


def test_records_are_found_by_how_their_id_begins() -> None:
    received()
    run, job, action = Run.objects.get(), Job.objects.first(), Action.objects.first()
    assert job
    assert action
    for row, page in ((run, "run-detail"), (job, "job-detail"), (action, "approval-detail")):
        hrefs = [hit.href for group in palette.find(str(row.pk)) for hit in group.hits]
        assert hrefs == [reverse(page, args=[row.pk])]
    assert "By id" in labels(str(run.pk)[:8])
    assert "By id" not in labels("facade")


def test_verbs_follow_what_is_stopped() -> None:
    assert labels("pause q")["Do"] == ["Pause Qualifier"]
    switches.engage("agent", "qualifier", reason="odd", by="olivia")
    switches.engage("everything", reason="odd", by="olivia")
    assert labels("resume")["Do"] == ["Resume everything", "Resume Qualifier"]
    assert "Stop everything" not in labels("stop").get("Do", [])


@pytest.mark.parametrize("text", ["", "da", "harbor plumbing", "019a4b2c"])
def test_it_takes_few_queries(text: str) -> None:
    received()
    with CaptureQueriesContext(connection) as queries:
        palette.find(text)
    assert len(queries) <= 14


def test_people_come_from_the_index_when_there_are_many() -> None:
    make_lead(name="Zebulon Quist")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = search.matching(Lead.objects.all(), "zebu").explain()
    assert "pipeline_lead_words" in plan


@pytest.mark.parametrize(
    "text",
    ["'", "%", "\\", "a & b", "!", "a:*", "\0", "💥", "((", "a" * 3000, "\u0660", "\u202eabc"],
)
def test_whatever_is_typed_is_no_error(text: str, browser: Client, htmx: Htmx) -> None:
    assert browser.get(reverse("find"), {"q": text}).status_code == 200
    response = htmx.client.get(
        reverse("find"), {"q": text}, headers={"HX-Request": "true", "HX-Target": "palette-list"}
    )
    assert 'role="listbox"' in text_of(response)


def test_without_scripts_it_is_a_page_with_links(browser: Client) -> None:
    lead = make_lead()
    page = text_of(browser.get(reverse("find"), {"q": "dana"}))
    assert f'href="{reverse("lead-detail", args=[lead.pk])}"' in page
    assert 'role="option"' not in page.partition("<main")[2].partition("</main")[0]
    assert 'action="/find/"' in text_of(browser.get("/leads/"))


def test_what_was_typed_stays_text(browser: Client) -> None:
    page = text_of(browser.get(reverse("find"), {"q": "<script>alert(1)</script>"}))
    assert "<script>alert(1)" not in page
