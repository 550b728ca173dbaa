"""Pages of calls: the week, how it went, moved, cancelled, noted, and when calls can be booked."""

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agency import clock
from agency.models import AuditEntry
from pipeline.meetings import booking
from pipeline.models import BookingRules, DealNote, Meeting
from tests.calls import begins, booked, free_slots, make_invited
from tests.dashboard.conftest import Htmx, text_of
from tests.factories import work_off
from tests.meetings import make_meeting

HOUR = dt.timedelta(hours=1)
RULES = {
    "title": "Discovery call",
    "location": "A phone call",
    "slot_minutes": "30",
    "buffer_minutes": "10",
    "notice_minutes": "240",
    "daily_cap": "6",
    "horizon_days": "14",
    "mon": "9-12, 13:00-17",
    "tue": "09:00-17:00",
}


@pytest.fixture
def meeting(db: None) -> Meeting:
    return booked()


@pytest.fixture
def ended(meeting: Meeting) -> Meeting:
    return begins(meeting, -HOUR)


def url(name: str, meeting: Meeting) -> str:
    return reverse(f"meeting-{name}", args=[meeting.pk])


def test_the_week_shows_calls_by_day_in_both_zones(browser: Client, meeting: Meeting) -> None:
    page = text_of(browser.get(reverse("meeting-list"), {"from": _week_of(meeting)}))
    assert "Dana Reyes" in page
    assert f"{timezone.localtime(meeting.starts_at):%H:%M}" in page
    assert "Phoenix time" in page
    assert "1</b> call ahead" in page


def _week_of(meeting: Meeting) -> str:
    return timezone.localtime(meeting.starts_at).date().isoformat()


def test_an_empty_week_says_what_to_do(browser: Client) -> None:
    page = text_of(browser.get(reverse("meeting-list")))
    assert "No call in this week." in page
    assert reverse("meeting-settings") in page


@pytest.mark.parametrize("start", ["x", "0001-01-01", "9999-12-31", "2026-13-40", "💥"])
def test_a_date_that_makes_no_sense_is_this_week(start: str, browser: Client) -> None:
    assert browser.get(reverse("meeting-list"), {"from": start}).status_code == 200


def test_what_ended_and_nobody_spoke_of_comes_first(browser: Client, ended: Meeting) -> None:
    page = text_of(browser.get(reverse("meeting-list")))
    assert "How did it go?" in page
    assert url("held", ended) in page
    overview = text_of(browser.get(reverse("home")))
    assert url("detail", ended) in overview


def test_held_is_said_and_taken_back_by_its_toast(
    htmx: Htmx, browser: Client, ended: Meeting
) -> None:
    response = htmx.post(url("held", ended), "messages")
    assert url("reopen", ended) in response.content.decode()
    assert response.headers["HX-Trigger"]
    ended.refresh_from_db()
    assert ended.status == Meeting.Status.HELD
    browser.post(url("reopen", ended))
    ended.refresh_from_db()
    assert ended.status == Meeting.Status.BOOKED


def test_missed_without_scripts_goes_back_to_where_it_was_said(
    browser: Client, ended: Meeting
) -> None:
    response = browser.post(url("missed", ended), {"back": "list"})
    assert response.headers["Location"] == reverse("meeting-list")
    ended.refresh_from_db()
    assert ended.status == Meeting.Status.MISSED


def test_what_has_not_begun_cannot_be_missed(browser: Client, meeting: Meeting) -> None:
    response = browser.post(url("missed", meeting), follow=True)
    assert "has not begun" in text_of(response)


def test_it_is_moved_to_a_free_time_or_any_of_theirs(browser: Client, meeting: Meeting) -> None:
    slot = free_slots()[7]
    browser.post(url("move", meeting), {"starts_at": slot.isoformat()})
    meeting.refresh_from_db()
    assert (meeting.starts_at, meeting.revision) == (slot, 1)
    night = timezone.localtime(clock.now() + dt.timedelta(days=2)).replace(
        hour=3, minute=0, second=0, microsecond=0
    )
    browser.post(url("move", meeting), {"other": f"{night:%Y-%m-%dT%H:%M}"})
    meeting.refresh_from_db()
    assert timezone.localtime(meeting.starts_at) == night


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({}, "Choose a time"),
        ({"starts_at": "soon"}, "Choose one of the times"),
        ({"starts_at": "2020-01-01T10:00:00+00:00"}, "over already"),
        ({"other": "2020-01-01T10:00"}, "That time is over"),
        ({"other": "never"}, "That is no time"),
    ],
)
def test_a_time_that_cannot_be_is_refused_with_why(
    form: dict[str, str], says: str, browser: Client, meeting: Meeting
) -> None:
    response = browser.post(url("move", meeting), form)
    assert response.status_code == 422
    assert says in text_of(response)
    meeting.refresh_from_db()
    assert meeting.revision == 0


def test_a_taken_time_is_refused(browser: Client, meeting: Meeting) -> None:
    other = make_invited(email="pat@elsewhere.example")
    slot = free_slots()[5]
    booking.book(other, slot, guest=booking.Guest("Pat", other.email), by="guest")
    response = browser.post(url("move", meeting), {"starts_at": slot.isoformat()})
    assert response.status_code == 422
    assert "taken" in text_of(response)


def test_it_is_cancelled_with_a_reason_they_read(browser: Client, meeting: Meeting) -> None:
    browser.post(url("cancel", meeting), {"reason": "I am ill"})
    meeting.refresh_from_db()
    assert (meeting.status, meeting.cancel_reason) == ("cancelled", "I am ill")
    again = browser.post(url("cancel", meeting), follow=True)
    assert "does not stand any more" in text_of(again)


def test_what_was_said_is_kept_and_shown(browser: Client, ended: Meeting) -> None:
    said = "<b>They</b> miss half their calls."
    browser.post(url("note", ended), {"text": said, "transcript": "on"})
    note = DealNote.objects.get()
    assert (note.kind, note.by, note.meeting) == ("transcript", "olivia", ended)
    page = browser.get(url("detail", ended)).content.decode()
    assert "&lt;b&gt;They" in page


@pytest.mark.parametrize("text", ["", "   ", "x" * 50_001])
def test_notes_without_words_or_end_are_refused(text: str, browser: Client, ended: Meeting) -> None:
    assert browser.post(url("note", ended), {"text": text}).status_code == 422
    assert not DealNote.objects.exists()


def test_the_brief_stands_on_the_page_and_links_only_to_the_web(
    browser: Client, meeting: Meeting
) -> None:
    brief = {
        "who": "Dana of Harbor",
        "why": "They miss calls",
        "ask": ["How many?"],
        "facts": [{"claim": "c", "quote": "q", "source": "javascript:alert(1)"}],
    }
    Meeting.objects.filter(pk=meeting.pk).update(brief=brief, brief_at=timezone.now())
    page = browser.get(url("detail", meeting)).content.decode()
    assert "How many?" in page
    assert 'href="javascript' not in page


def test_the_rules_are_saved_with_their_trail(browser: Client) -> None:
    browser.post(reverse("meeting-settings"), RULES)
    rules = BookingRules.load()
    assert rules.hours == {
        "mon": [["09:00", "12:00"], ["13:00", "17:00"]],
        "tue": [["09:00", "17:00"]],
    }
    entry = AuditEntry.objects.get(verb="booking.changed")
    assert set(entry.data) == {"hours", "location"}
    page = text_of(browser.get(reverse("meeting-settings")))
    assert 'value="09:00-12:00, 13:00-17:00"' in page
    browser.post(reverse("meeting-settings"), RULES)
    assert AuditEntry.objects.filter(verb="booking.changed").count() == 1


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"mon": "9 to 5"}, "says no from and until"),
        ({"mon": "17:00-09:00"}, "is not before"),
        ({"mon": "9-12, 11-13"}, "overlap"),
        ({"mon": "9-25"}, "is no time"),
        ({"mon": "", "tue": ""}, "at least one day"),
        ({"slot_minutes": "5"}, "10"),
        ({"daily_cap": "0"}, "1"),
        ({"horizon_days": "x"}, "number"),
        ({"title": ""}, "Say what the call is called"),
    ],
)
def test_rules_that_make_no_sense_are_refused_at_their_field(
    changed: dict[str, str], says: str, browser: Client
) -> None:
    before = BookingRules.load().hours
    response = browser.post(reverse("meeting-settings"), RULES | changed)
    assert response.status_code == 422
    assert says in text_of(response)
    assert BookingRules.load().hours == before


def test_the_week_costs_no_more_queries_for_more_calls(browser: Client) -> None:
    start = clock.now().replace(minute=0, second=0, microsecond=0) + HOUR
    counts = []
    browser.get(reverse("meeting-list"))
    for number in range(2):
        for hour in range(1 + 5 * number):
            make_meeting(starts_at=start + (number * 10 + hour) * HOUR)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            browser.get(reverse("meeting-list"))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_page_tells_what_the_booker_did(browser: Client, meeting: Meeting) -> None:
    work_off()
    page = text_of(browser.get(url("detail", meeting)))
    assert "Booker" in page
    assert "The invitation to Dana Reyes" in page


@pytest.mark.parametrize("name", ["held", "missed", "reopen", "move", "cancel", "note"])
def test_changes_are_posted_and_need_a_login(name: str, browser: Client, meeting: Meeting) -> None:
    assert browser.get(url(name, meeting)).status_code == 405
    browser.logout()
    response = browser.post(url(name, meeting))
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/login/")
