"""Activity and alerts: all of it, filtered, in full on demand."""

import uuid

from django.test import Client
from django.urls import reverse

from agency import audit
from control import alerts
from control.models import Alert
from tests.dashboard.conftest import Htmx, text_of
from tests.factories import received

URL = "/activity/"


def test_entries_are_filtered_by_who_what_on_what_chain_and_words(browser: Client) -> None:
    chain = uuid.uuid4()
    lead = received()
    audit.record("lead.called", "olivia called Dana", actor="olivia", actor_kind="user", obj=lead)
    audit.record("mail.bounced", "A mail bounced", actor="the house", correlation_id=chain)
    for query in ({"actor": "user"}, {"verb": "lead.called"}, {"q": "called dana"}):
        page = text_of(browser.get(URL, query))
        assert "olivia called Dana" in page
        assert "A mail bounced" not in page
    on_lead = text_of(browser.get(URL, {"object": f"pipeline.lead/{lead.pk}"}))
    assert "olivia called Dana" in on_lead
    assert "A mail bounced" not in on_lead
    one_chain = text_of(browser.get(URL, {"correlation": str(chain)}))
    assert "A mail bounced" in one_chain
    assert "olivia called Dana" not in one_chain


def test_the_full_record_is_there_on_demand(browser: Client) -> None:
    audit.record("x.happened", "It happened", actor="the house", data={"answer": 42})
    page = browser.get(URL).content.decode()
    assert "&quot;answer&quot;: 42" in page


def test_older_entries_are_a_page_away(browser: Client) -> None:
    for number in range(60):
        audit.record("x.happened", f"Entry {number:02}", actor="the house")
    first = browser.get(URL)
    assert "Entry 59" in text_of(first)
    assert "Entry 09" not in text_of(first)
    older = text_of(browser.get(URL, {"before": first.context["page"].older}))
    assert "Entry 09" in older
    assert "Entry 59" not in older


def test_an_alert_is_acknowledged_once(browser: Client, htmx: Htmx) -> None:
    alert = alerts.raise_alert("k", "A job gave up")
    url = reverse("alert-acknowledge", args=[alert.pk])
    body = text_of(htmx.post(url, "alert-rows"))
    assert "No open alerts" in body
    alert.refresh_from_db()
    assert alert.acknowledged_by == "olivia"
    assert "already" in text_of(browser.post(url, follow=True))
    assert browser.get(url).status_code == 405
    assert browser.post(reverse("alert-acknowledge", args=[uuid.uuid4()])).status_code == 404
    assert Client().post(url).status_code == 302


def test_the_gravest_alert_stands_first(browser: Client) -> None:
    alerts.raise_alert("a", "Grave", severity=Alert.Severity.CRITICAL)
    alerts.raise_alert("b", "Slight", severity=Alert.Severity.INFO)
    page = text_of(browser.get("/alerts/"))
    assert page.index("Grave") < page.index("Slight")
