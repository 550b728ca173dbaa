"""Clients: found, sorted, read, and stopped with a reason."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from agency import audit
from control.models import Action, AutonomyRule, KillSwitch
from jobs.models import Hold
from tests.dashboard.conftest import Htmx, text_of
from tests.factories import make_client, make_lead, make_run, received

pytestmark = pytest.mark.django_db


def test_the_list_says_what_was_done_for_each(browser: Browser) -> None:
    vale = make_client("Vale Dental")
    make_client("Orchard HVAC", status="onboarding")
    make_run("1.50", client=vale)
    make_lead(client=vale)
    make_run("9.00", client=vale, ago=dt.timedelta(days=40))
    page = text_of(browser.get("/clients/"))
    assert "$1.50" in page
    assert "Onboarding" in page
    assert "$10.50" not in page


def test_a_client_leads_to_what_happened_for_it(browser: Browser) -> None:
    vale = make_client("Vale Dental")
    audit.record("client.changed", "Vale Dental was changed", actor="olivia", client=vale)
    alpha = make_client("Alpha")
    audit.record("client.changed", "Another was changed", actor="olivia", client=alpha)
    page = text_of(browser.get(f"/clients/{vale.slug}/"))
    address = f"/activity/?client={vale.slug}"
    assert address in page
    trail = text_of(browser.get(address))
    assert "Vale Dental was changed" in trail
    assert "Another was changed" not in trail


@pytest.mark.parametrize("sort", ["runs", "leads", "usd", "done"])
def test_it_is_sorted_by_a_number(sort: str, browser: Browser) -> None:
    make_client("Alpha")
    zulu = make_client("Zulu")
    make_run("1.50", client=zulu)
    make_lead(client=zulu)
    page = text_of(browser.get("/clients/", {"sort": sort}))
    assert 'aria-sort="descending"' in page
    if sort != "done":
        assert page.index("Zulu") < page.index("Alpha")


def test_a_client_is_found_by_a_part_of_its_name(htmx: Htmx) -> None:
    make_client("Vale Dental")
    make_client("Orchard HVAC")
    page = text_of(htmx.get("/clients/?q=orch", "client-table"))
    assert "Orchard HVAC" in page
    assert "Vale Dental" not in page


def test_many_are_on_more_pages(browser: Browser) -> None:
    for number in range(60):
        make_client(f"Client {number:02d}")
    first, second = (text_of(browser.get("/clients/", {"page": n})) for n in ("1", "2"))
    assert "1–50 of 60" in first
    assert "51–60 of 60" in second
    assert browser.get("/clients/", {"page": "99"}).status_code == 200


def test_a_client_shows_its_leads_its_trail_and_its_cost(browser: Browser) -> None:
    vale = make_client("Vale Dental")
    make_lead(client=vale, name="Dana Reyes")
    make_run("1.50", client=vale)
    audit.record("lead.received", "Dana Reyes wrote", actor="intake", client=vale)
    page = text_of(browser.get("/clients/vale-dental/"))
    for words in ("Dana Reyes wrote", "Dana Reyes</a>", "$1.50", "Cost a day, 30 days"):
        assert words in page


def test_everything_for_a_client_is_stopped_and_goes_on(browser: Browser) -> None:
    vale = make_client("Vale Dental")
    page = browser.post("/clients/vale-dental/stop/", {"reason": "They asked"}, follow=True)
    assert "They asked" in text_of(page)
    switch = KillSwitch.objects.get(released_at=None)
    assert (switch.scope, switch.value) == ("client", str(vale.pk))
    assert Hold.objects.filter(tag=f"client:{vale.pk}").exists()
    assert "Stopped" in text_of(browser.get("/clients/"))
    browser.post("/clients/vale-dental/resume/", {"backlog": "run"})
    assert not KillSwitch.objects.filter(released_at=None).exists()
    page = browser.get("/clients/vale-dental/")
    assert "olivia let Vale Dental go on" in text_of(page)


def test_stopping_needs_a_reason(browser: Browser) -> None:
    make_client()
    response = browser.post("/clients/vale-dental/stop/", {"reason": " "})
    assert response.status_code == 422
    assert "say why" in text_of(response)
    assert not KillSwitch.objects.exists()


def test_stopping_twice_and_resuming_twice_are_no_errors(browser: Browser) -> None:
    make_client()
    for path, data in (("stop", {"reason": "Odd"}), ("resume", {"backlog": "run"})):
        for _ in range(2):
            url = f"/clients/vale-dental/{path}/"
            assert browser.post(url, data, follow=True).status_code == 200


@pytest.mark.parametrize("path", ["stop", "resume"])
def test_a_switch_is_posted_by_an_operator(path: str, browser: Browser, client: Any) -> None:
    make_client()
    url = f"/clients/vale-dental/{path}/"
    assert browser.get(url).status_code == 405
    assert Browser().post(url, {"reason": "x"}).status_code == 302
    assert browser.post(f"/clients/nobody/{path}/", {"reason": "x"}).status_code == 404


def test_a_stop_of_another_client_is_not_shown(browser: Browser) -> None:
    make_client()
    other = make_client("Orchard HVAC")
    KillSwitch.objects.create(
        scope="client",
        value=str(other.pk),
        reason="They left us",
        engaged_by="x",
        engaged_at=timezone.now(),
    )
    assert "They left us" not in text_of(browser.get("/clients/vale-dental/"))


def test_a_rule_for_one_client_tightens_it_there_only(browser: Browser) -> None:
    vale = make_client("Vale Dental")
    url = f"/clients/{vale.slug}/rules/"
    said = {"agent": "qualifier", "kind": "qualify_lead", "level": "ask", "reason": "They are new"}
    assert browser.post(url, said)["Location"] == f"/clients/{vale.slug}/#rules"
    page = text_of(browser.get(f"/clients/{vale.slug}/"))
    assert "<b>Qualifier</b> asks before qualify lead" in page
    assert "already" in text_of(browser.post(url, said, follow=True))
    assert "for Vale Dental" in text_of(browser.get("/agents/qualifier/autonomy/"))

    theirs, ours = received(client=vale), received(name="Ours")
    statuses = {
        action.subject_id: action.status for action in Action.objects.filter(kind="qualify_lead")
    }
    assert (statuses[str(theirs.pk)], statuses[str(ours.pk)]) == ("waiting", "done")

    rule = AutonomyRule.objects.get()
    other = make_client("Alpha")
    assert browser.post(f"/clients/{other.slug}/rules/{rule.pk}/lift/").status_code == 404
    assert browser.get(f"/clients/{vale.slug}/rules/{rule.pk}/lift/").status_code == 405
    browser.post(f"/clients/{vale.slug}/rules/{rule.pk}/lift/")
    assert not AutonomyRule.objects.exists()


def test_a_rule_for_a_client_may_name_everything_and_needs_a_reason(browser: Browser) -> None:
    vale = make_client("Vale Dental")
    url = f"/clients/{vale.slug}/rules/"
    browser.post(url, {"agent": "", "kind": "", "level": "forbid", "reason": "Notice given"})
    assert "<b>Every agent</b> never does anything" in text_of(
        browser.get(f"/clients/{vale.slug}/")
    )
    for nonsense in ({"reason": ""}, {"level": "auto"}, {"kind": "launch"}, {"agent": "nobody"}):
        said = {"agent": "", "kind": "", "level": "ask", "reason": "Go"} | nonsense
        response = browser.post(url, said)
        assert response.status_code == 422
        assert list(response.context["rule_form"].errors) == list(nonsense)
    assert AutonomyRule.objects.count() == 1
