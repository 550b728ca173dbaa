"""The alerts page: what is open and how it was told; acknowledge one or all, put off, filter."""

import datetime as dt
import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from agency.models import AgencyProfile, AuditEntry
from control import alerts
from control.models import Alert, Notice
from tests import factories, mailserver
from tests.dashboard.conftest import Htmx, text_of
from tests.mailserver import Inbox

URL = "/alerts/"


def many(number: int, severity: str = Alert.Severity.WARNING) -> list[Alert]:
    return [
        alerts.raise_alert(f"{severity}{n}", f"Trouble {severity} {n}", severity=severity)
        for n in range(number)
    ]


def post_all(severity: str, count: int, upto: dt.datetime | None = None) -> dict[str, str]:
    upto = upto or timezone.now()
    return {"severity": severity, "count": str(count), "upto": upto.isoformat()}


def test_a_row_says_what_how_often_how_told_and_what_to_do(browser: Client, inbox: Inbox) -> None:
    for _ in range(3):
        alerts.raise_alert(
            "a", "It may have gone out", body="The server hung up", url="/approvals/x/"
        )
    factories.work_off(ahead=True)
    page = text_of(browser.get(URL))
    for words in ("It may have gone out", "The server hung up", "× 3", "told 1 time", "Mail: sent"):
        assert words in page
    assert 'href="/approvals/x/">Look and decide' in page


def test_they_stand_under_their_severity_the_gravest_first(browser: Client) -> None:
    many(2)
    many(1, Alert.Severity.CRITICAL)
    page = text_of(browser.get(URL))
    critical, warning = page.index("Critical <small>1</small></h2>"), page.index("Trouble warning")
    assert critical < page.index("Trouble critical 0") < warning
    assert page.index("Warning <small>2</small></h2>") < warning


def test_a_long_message_is_cut_at_a_glance_and_whole_on_demand(browser: Client) -> None:
    alerts.raise_alert("a", "A job gave up", body="First line\n\nWhat to do about it")
    page = text_of(browser.get(URL))
    assert '<p class="soft">First line</p>' in page
    assert "What to do about it</p>" in page


def test_the_overview_leads_to_the_very_alert(browser: Client) -> None:
    alert = alerts.raise_alert("a", "A job gave up")
    assert f'href="/alerts/#alert-{alert.pk}"' in text_of(browser.get("/"))
    assert f'id="alert-{alert.pk}"' in text_of(browser.get(URL))


def test_a_channel_that_fails_is_named(browser: Client, settings: Settings) -> None:
    settings.SANDBOX_SMTP_PORT = mailserver.free_port()
    many(1)
    factories.work_off(ahead=True)
    page = text_of(browser.get(URL))
    assert "the last message did not arrive" in page
    assert "cannot be reached" in page
    assert "the last did not arrive" in page
    assert "cannot be reached" in text_of(browser.get(reverse("settings")))


def test_where_alerts_go_is_said_and_the_webhooks_key_is_not(
    browser: Client, settings: Settings
) -> None:
    settings.ALERT_WEBHOOK_URL = "https://hooks.slack.com/services/T0/B0/hush"
    settings.ALERT_ESCALATION_EMAIL = "partner@northwind.example"
    many(1)
    for url in (URL, reverse("settings")):
        page = text_of(browser.get(url))
        assert "hooks.slack.com" in page
        assert "partner@northwind.example" in page
        assert "hush" not in page


def test_they_are_filtered_by_severity(browser: Client) -> None:
    many(2)
    many(1, Alert.Severity.CRITICAL)
    page = text_of(browser.get(URL, {"severity": "critical"}))
    assert "Trouble critical 0" in page
    assert "Trouble warning 0" not in page
    assert "All <small>3</small>" in page
    assert "None of this severity" in text_of(browser.get(URL, {"severity": "info"}))
    assert "Trouble warning 0" in text_of(browser.get(URL, {"severity": "odd"}))


def test_all_of_a_filter_are_acknowledged_with_their_count(browser: Client) -> None:
    many(3)
    many(2, Alert.Severity.CRITICAL)
    url = reverse("alert-acknowledge-all")
    page = browser.post(url, post_all("warning", 3), follow=True)
    assert page.redirect_chain[-1][0] == "/alerts/?severity=warning"
    assert "Acknowledged 3 alerts." in text_of(page)
    assert Alert.objects.unacknowledged().count() == 2
    assert AuditEntry.objects.filter(verb="alert.acknowledged", actor="olivia").count() == 3


def test_what_the_page_did_not_show_is_not_acknowledged(browser: Client) -> None:
    before = timezone.now()
    many(2)
    url = reverse("alert-acknowledge-all")
    browser.post(url, post_all("", 2, upto=before))
    assert Alert.objects.unacknowledged().count() == 2
    assert "More came in" in text_of(browser.post(url, post_all("", 1), follow=True))
    assert Alert.objects.unacknowledged().count() == 2


@pytest.mark.parametrize(
    "data", [{}, {"count": "2"}, {"count": "x", "upto": "soon"}, {"severity": "odd", "count": "2"}]
)
def test_nonsense_acknowledges_nothing(browser: Client, data: dict[str, str]) -> None:
    many(1)
    page = browser.post(reverse("alert-acknowledge-all"), data, follow=True)
    assert "Nothing was acknowledged" in text_of(page)
    assert Alert.objects.unacknowledged().count() == 1


def test_one_is_put_off_to_tomorrow_at_nine_where_the_operator_is(browser: Client) -> None:
    AgencyProfile.load()
    AgencyProfile.objects.update(timezone="Asia/Tokyo")
    (alert,) = many(1)
    page = browser.post(
        reverse("alert-snooze", args=[alert.pk]), {"until": "tomorrow"}, follow=True
    )
    alert.refresh_from_db()
    assert alert.snoozed_until is not None
    tokyo = alert.snoozed_until.astimezone(dt.timezone(dt.timedelta(hours=9)))
    assert (tokyo.hour, tokyo.minute) == (9, 0)
    assert tokyo > timezone.now()
    assert "No open alerts" in text_of(page)
    assert "Snoozed" in text_of(page)
    page = browser.post(reverse("alert-wake", args=[alert.pk]), follow=True)
    assert "No open alerts" not in text_of(page)


def test_a_snoozed_alert_is_not_counted_as_needing_the_operator(browser: Client) -> None:
    (alert,) = many(1)
    assert "1 alert</a>" in text_of(browser.get("/status/"))
    browser.post(reverse("alert-snooze", args=[alert.pk]), {"until": "1h"})
    assert "1 alert</a>" not in text_of(browser.get("/status/"))


def test_putting_off_needs_a_time_and_an_open_alert(browser: Client) -> None:
    (alert,) = many(1)
    url = reverse("alert-snooze", args=[alert.pk])
    assert "choose until when" in text_of(browser.post(url, {"until": "never"}, follow=True))
    alerts.acknowledge(alert, by="rob")
    assert "already" in text_of(browser.post(url, {"until": "1h"}, follow=True))
    wake = reverse("alert-wake", args=[alert.pk])
    assert "not put off" in text_of(browser.post(wake, follow=True))


def test_a_change_shows_the_same_list_again_in_place(htmx: Htmx) -> None:
    one, _ = many(2)
    many(1, Alert.Severity.CRITICAL)
    url = reverse("alert-acknowledge", args=[one.pk])
    body = text_of(htmx.post(url, "alert-rows", {"severity": "warning"}))
    assert "Acknowledged: Trouble warning 0" in body
    assert "Trouble critical 0" not in body
    assert 'hx-get="/alerts/?severity=warning"' in body
    assert 'id="messages"' in body


@pytest.mark.parametrize("name", ["alert-acknowledge", "alert-snooze", "alert-wake"])
def test_changes_are_posted_by_an_operator(name: str, browser: Client) -> None:
    (alert,) = many(1)
    url = reverse(name, args=[alert.pk])
    assert browser.get(url).status_code == 405
    assert browser.post(reverse(name, args=[uuid.uuid4()])).status_code == 404
    assert Client().post(url).status_code == 302
    assert browser.get(reverse("alert-acknowledge-all")).status_code == 405
    assert Client().post(reverse("alert-acknowledge-all")).status_code == 302
    assert Alert.objects.in_sight().count() == 1


def test_many_alerts_cost_no_more_queries_than_one(browser: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(URL).status_code == 200
        return len(queries)

    many(1)
    cost()  # the first request of all also makes the profile
    one = cost()
    many(40, Alert.Severity.CRITICAL)
    assert cost() == one
    assert one <= 15


def test_only_the_first_hundred_are_listed_and_that_is_said(browser: Client) -> None:
    many(105)  # and one that says that so many came
    page = text_of(browser.get(URL))
    assert "The first 100 of 106 are shown" in page
    assert "Acknowledge all 106" in page
    assert page.count("data-row=") == 100


def test_words_from_outside_stay_text(browser: Client) -> None:
    alert = alerts.raise_alert("a", "<script>alert(1)</script>", body="<b>x</b>")
    Notice.objects.filter(alert=alert).update(status="failed", error="<i>", ended_at=timezone.now())
    page = browser.get(URL).content.decode()
    for markup in ("<script>alert", "<b>x</b>", "<i>"):
        assert markup not in page
