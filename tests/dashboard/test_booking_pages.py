"""The public booking pages: without a login, without scripts, and telling nobody about anybody."""

import datetime as dt
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from icalendar import Calendar
from selectolax.lexbor import LexborHTMLParser

from jobs.models import Event
from pipeline.meetings import booking, links
from pipeline.models import Deal, Lead, Meeting
from tests import mailserver, workers
from tests.factories import make_lead, make_user
from tests.meetings import DANA, book, free, let_pass, make_rules

db = pytest.mark.django_db
MOST_QUERIES = 15
ATTEMPTS = 200
PATIENCE_SECONDS = 240
CSRF = "a" * 32


@pytest.fixture
def guest() -> Client:
    """Somebody without a login, whose browser sends what it was given."""
    return Client(enforce_csrf_checks=True)


def path(url: str) -> str:
    return url.removeprefix(settings.PUBLIC_URL)


def form_of(client: Client, where: str) -> dict[str, str]:
    """Open a page as a browser does; return the fields of its last form, filled in as they are."""
    page = LexborHTMLParser(client.get(where).content)
    (*_, form) = page.css("form[method=post]")
    return {
        node.attributes["name"] or "": node.attributes.get("value") or ""
        for node in form.css("input:not([type=radio])")
        if node.attributes.get("name")
    }


def times_on(client: Client, where: str) -> list[str]:
    page = LexborHTMLParser(client.get(where).content)
    return [node.attributes["value"] or "" for node in page.css("input[name=starts_at]")]


def filled(client: Client, where: str, number: int = 0, **fields: str) -> dict[str, str]:
    found = form_of(client, where)
    return found | {"starts_at": times_on(client, where)[number]} | fields


@db
def test_somebody_nobody_knows_books_a_call(guest: Client) -> None:
    fields = {"name": "Ida Stone", "email": "ida@stone.example", "note": "We miss calls."}
    response = guest.post("/book/", filled(guest, "/book/") | fields)
    meeting = Meeting.objects.get()
    assert response.status_code == 302
    assert response["Location"] == path(links.meeting_url(meeting))
    assert (meeting.booked_by, meeting.guest_note) == ("guest", "We miss calls.")
    assert (meeting.lead.source, meeting.lead.email) == ("booking", "ida@stone.example")
    names = set(Event.objects.values_list("name", flat=True))
    assert {"lead.received", "meeting.booked", "deal.opened"} <= names
    page = guest.get(path(response["Location"]))
    assert b"Your call is booked" in page.content


@db
def test_a_lead_finds_the_form_filled_in_and_books(guest: Client) -> None:
    lead = make_lead(timezone="America/Phoenix")
    where = path(links.book_url(lead))
    fields = filled(guest, where)
    assert (fields["name"], fields["email"]) == (lead.name, lead.email)
    assert fields["timezone"] == "America/Phoenix"
    assert guest.post(where, fields).status_code == 302
    meeting = lead.meetings.get()
    assert meeting.guest_timezone == "America/Phoenix"
    assert guest.get(where)["Location"] == path(links.meeting_url(meeting))
    assert guest.post(where, fields)["Location"] == path(links.meeting_url(meeting))
    assert Meeting.objects.count() == 1


@db
def test_a_known_person_joins_their_open_lead(guest: Client) -> None:
    lead = make_lead()
    fields = {"name": "Dana", "email": lead.email.upper()}
    guest.post("/book/", filled(guest, "/book/") | fields)
    assert lead.meetings.count() == 1
    assert Lead.objects.count() == 1


@db
def test_who_types_the_address_of_somebody_with_a_call_learns_nothing(guest: Client) -> None:
    meeting = book()
    fields = {"name": "Nosy", "email": meeting.guest_email}
    response = guest.post("/book/", filled(guest, "/book/") | fields)
    assert response.status_code == 302
    assert str(links.meeting_token(meeting)) not in response["Location"]
    meeting.refresh_from_db()
    assert (meeting.status, meeting.moved_count) == ("booked", 0)


@db
def test_who_books_in_the_name_of_an_address_is_not_told_what_is_known_of_it(guest: Client) -> None:
    lead = make_lead(name="Dana Reyes", email="dana@reyes.example", phone="602-555-0142")
    fields = {"name": "Mallory", "email": "DANA@reyes.example"}
    guest.post("/book/", filled(guest, "/book/") | fields)
    meeting = Meeting.objects.get(lead=lead)
    booking.cancel(meeting, by="guest")
    page = guest.get(path(links.meeting_url(meeting))).content.decode()
    assert 'href="/book/"' in page
    assert links.lead_token(lead) not in page


@db
def test_moving_again_and_again_is_slowed_down(guest: Client) -> None:
    meeting = book()
    where = path(links.meeting_url(meeting))
    form = form_of(guest, where)
    answers = [guest.post(where, form | {"starts_at": ""}).status_code for _ in range(61)]
    assert (answers[0], answers[-1]) == (422, 429)


@db
def test_a_time_that_was_taken_meanwhile_keeps_what_was_typed(guest: Client) -> None:
    fields = filled(guest, "/book/", name="Ida", email="ida@stone.example", note="Missed calls")
    book()
    response = guest.post("/book/", fields)
    assert response.status_code == 422
    text = response.content.decode()
    assert "just been taken" in text
    for kept in ('value="Ida"', "ida@stone.example", "Missed calls"):
        assert kept in text
    assert not Lead.objects.filter(email="ida@stone.example").exists()


@db
def test_a_form_sent_twice_books_once(guest: Client) -> None:
    fields = filled(guest, "/book/", name="Ida", email="ida@stone.example")
    first, second = guest.post("/book/", fields), guest.post("/book/", fields)
    assert first["Location"] == second["Location"]
    assert Meeting.objects.count() == 1


@db
@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", "", "Say who you are."),
        ("email", "", "Give the address"),
        ("email", "no address", "valid email"),
        ("phone", "12", "no phone number"),
        ("starts_at", "", "Choose one of the times."),
        ("starts_at", "tomorrow", "Choose one of the times."),
        ("starts_at", "9999-12-31T23:59:59+14:00", "next 14 days"),
        ("starts_at", "0001-01-01T00:00:00+14:00", "Choose one of the times."),
        ("starts_at", "2020-01-01T10:00:00Z", "too soon, or over"),
        ("note", "a\0b", "Null characters"),
        ("name", "x" * 201, "at most 200"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    guest: Client, field: str, value: str, says: str
) -> None:
    fields = {"name": "Ida", "email": "ida@stone.example", field: value}
    response = guest.post("/book/", filled(guest, "/book/") | fields)
    assert response.status_code == 422
    said = LexborHTMLParser(response.content).text(separator=" ")
    assert says in said, " ".join(said.split())
    assert not Meeting.objects.exists()


@db
@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "UTC\0", "../../etc/passwd"])
def test_a_zone_that_is_none_is_the_agencys(guest: Client, zone: str) -> None:
    assert guest.get("/book/", {"timezone": zone}).status_code == 200
    fields = {"name": "Ida", "email": "ida@stone.example", "timezone": zone.replace("\0", "")}
    guest.post("/book/", filled(guest, "/book/") | fields)
    assert Meeting.objects.get().guest_timezone == "UTC"


@db
def test_times_are_the_visitors_with_the_operators_beside_them(guest: Client) -> None:
    make_rules(hours={day: [["09:00", "10:00"]] for day in ("mon", "tue", "wed", "thu", "fri")})
    page = guest.get("/book/", {"timezone": "Asia/Tokyo"}).content.decode()
    assert "<b>18:00</b>" in page and "<small>09:00</small>" in page
    page = guest.get("/book/", {"timezone": "UTC"}).content.decode()
    assert "<b>09:00</b>" in page and "<small>" not in page


@db
def test_a_call_is_shown_in_the_guests_zone_and_the_operators(guest: Client) -> None:
    meeting = book()
    where = path(links.meeting_url(meeting))
    page = guest.get(where, {"timezone": "Asia/Tokyo"}).content.decode()
    tokyo = meeting.starts_at.astimezone(ZoneInfo("Asia/Tokyo"))
    assert f"{tokyo:%A, %-d %B %Y}" in page
    assert f"{tokyo:%H:%M} – " in page
    assert f"{meeting.starts_at:%A %H:%M} for Alex Moreno, UTC" in page


@db
def test_markup_in_a_name_is_text(guest: Client) -> None:
    fields = {"name": "<script>alert(1)</script>\u202e", "email": "ida@stone.example"}
    response = guest.post("/book/", filled(guest, "/book/") | fields)
    page = guest.get(path(response["Location"])).content.decode()
    assert "<script>alert" not in page and "&lt;script&gt;" in page and "\u202e" not in page


@db
def test_a_guest_moves_and_cancels_their_call(guest: Client) -> None:
    meeting = book()
    where = path(links.meeting_url(meeting))
    later = times_on(guest, where)[4]
    token = form_of(guest, where)["csrfmiddlewaretoken"]
    moving = {"csrfmiddlewaretoken": token, "do": "move", "starts_at": later}
    assert guest.post(where, moving)["Location"] == where
    meeting.refresh_from_db()
    assert f"{meeting.starts_at:%Y-%m-%dT%H:%M:%SZ}" == later
    cancelling = {"csrfmiddlewaretoken": token, "do": "cancel", "reason": "Ill\r\ntoday"}
    assert guest.post(where, cancelling).status_code == 302
    assert guest.post(where, cancelling).status_code == 302
    assert guest.post(where, moving).status_code == 302
    meeting.refresh_from_db()
    assert (meeting.status, meeting.cancelled_by) == ("cancelled", "guest")
    page = guest.get(where).content.decode()
    assert "This call is cancelled" in page
    assert 'href="/book/"' in page


@db
def test_a_time_that_is_taken_does_not_move_the_call(guest: Client) -> None:
    meeting, other = book(), book(make_lead(email="b@b.example"), number=3)
    where = path(links.meeting_url(meeting))
    fields = form_of(guest, where) | {"do": "move", "starts_at": f"{other.starts_at:%FT%TZ}"}
    response = guest.post(where, fields)
    assert response.status_code == 422
    assert "just been taken" in response.content.decode()
    assert guest.post(where, fields | {"starts_at": "nonsense"}).status_code == 422


@db
def test_a_call_that_has_begun_is_not_moved(guest: Client) -> None:
    meeting, token = book(), ""
    where = path(links.meeting_url(meeting))
    token = form_of(guest, where)["csrfmiddlewaretoken"]
    let_pass(meeting)
    assert b"has begun, or is over" in guest.get(where).content
    fields = {
        **{"csrfmiddlewaretoken": token, "do": "move"},
        "starts_at": f"{free(4).starts_at:%FT%TZ}",
    }
    assert guest.post(where, fields).status_code == 422


@db
@pytest.mark.parametrize("close", [booking.hold, booking.miss])
def test_a_call_that_is_over_says_so(guest: Client, close: Any) -> None:
    meeting = let_pass(book())
    close(meeting, by="olivia")
    page = guest.get(path(links.meeting_url(meeting))).content.decode()
    assert ("Thank you for the call" in page) is (close is booking.hold)
    assert ("Choose a new time" in page) is (close is booking.miss)


@db
def test_the_call_is_given_out_for_calendars(guest: Client) -> None:
    meeting = book()
    where = reverse("meeting-invitation", args=[links.meeting_token(meeting)])
    response = guest.get(where)
    assert response["Content-Type"].startswith("text/calendar")
    assert str(Calendar.from_ical(response.content).walk("VEVENT")[0]["uid"]) == meeting.uid
    assert guest.post(where).status_code in (403, 405)


@db
@pytest.mark.parametrize("where", ["/book/{}/", "/meetings/{}/", "/meetings/{}/call.ics"])
def test_a_link_that_was_not_made_here_leads_nowhere(guest: Client, where: str) -> None:
    meeting = book()
    good = [links.lead_token(meeting.lead), links.meeting_token(meeting)]
    wrong = good[1] if "book" in where else good[0]
    for token in (wrong, "AAAA.BBBB", good[0][:-1] + "-", "x.y"):
        response = guest.get(where.format(token))
        assert response.status_code in (404, 429)
        assert response["X-Robots-Tag"] == "noindex"


@db
def test_guessing_links_is_slowed_down(guest: Client) -> None:
    answers = [guest.get("/book/AAAA.BBBB/").status_code for _ in range(25)]
    assert answers[0] == 404 and answers[-1] == 429


@db
def test_booking_without_a_link_is_slowed_down(guest: Client) -> None:
    token = form_of(guest, "/book/")["csrfmiddlewaretoken"]
    answers = [guest.post("/book/", {"csrfmiddlewaretoken": token}).status_code for _ in range(35)]
    assert answers[0] == 422 and answers[-1] == 429


@db
def test_pages_need_no_login_change_nothing_and_cost_little(guest: Client) -> None:
    meeting = book()
    lead = make_lead(email="b@b.example")
    book_path, lead_path = reverse("book"), path(links.book_url(lead))
    for where in (book_path, lead_path, path(links.meeting_url(meeting))):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            response = guest.get(where)
        assert response.status_code == 200
        assert len(queries) <= MOST_QUERIES
        assert response["X-Robots-Tag"] == "noindex"
        assert guest.head(where).status_code == 200
        assert guest.put(where).status_code in (403, 405)
        assert guest.post(where, {}).status_code == 403
    assert (Meeting.objects.count(), Deal.objects.count()) == (1, 1)


@db
def test_without_free_times_the_page_says_so(guest: Client) -> None:
    make_rules(hours={})
    assert b"No time is free" in guest.get("/book/").content


@db
def test_the_operator_sees_the_page_as_guests_do(client: Client) -> None:
    client.force_login(make_user())
    assert client.get("/book/").status_code == 200


@pytest.mark.alone
def test_two_hundred_browsers_at_once_and_one_gets_the_time(committed: str) -> None:
    make_rules(horizon_days=4)  # a page of a few days is rendered sooner, over a weekend too
    slot = free(2)
    where = [path(links.book_url(make_lead(email=f"g{n}@harbor.example"))) for n in range(ATTEMPTS)]
    with web_servers(2) as roots, ThreadPoolExecutor(ATTEMPTS) as pool:
        hosts = [f"198.51.100.{n}" for n in range(ATTEMPTS)]  # RFC 5737: nobody's
        outcomes = list(
            pool.map(
                lambda root, at, host: visit(root, at, host, slot.starts_at),
                itertools.cycle(roots),
                where,
                hosts,
            )
        )
    assert sorted(outcomes) == [302] + [422] * (ATTEMPTS - 1)
    assert Meeting.objects.count() == Deal.objects.count() == 1


@contextmanager
def web_servers(count: int) -> Iterator[list[str]]:
    """Run web servers on one database; yield their addresses once they answer."""
    roots = [f"http://127.0.0.1:{mailserver.free_port()}" for _ in range(count)]
    environment = os.environ | {
        "DEBUG": "1",
        "PUBLIC_URL": roots[0],
        "SECRET_KEY": settings.SECRET_KEY,
        "DB_POOL_SIZE": str(ATTEMPTS // count + 10),
    }
    serve = (sys.executable, "-m", "uvicorn", "agency.asgi:application", "--log-level", "warning")
    servers = [
        subprocess.Popen([*serve, "--port", root.rpartition(":")[2]], env=environment)
        for root in roots
    ]
    try:
        for root in roots:
            workers.until(partial(answers, root), f"{root} to answer")
        yield roots
    finally:
        for server in servers:
            server.kill()
            server.wait()


def answers(root: str) -> bool:
    try:
        return httpx.get(f"{root}/book/").status_code == 200
    except httpx.TransportError:
        return False


def visit(root: str, where: str, host: str, starts_at: dt.datetime) -> int:
    """Book the time in a browser of its own; return the answer's status."""
    fields = {
        "csrfmiddlewaretoken": CSRF,
        "starts_at": f"{starts_at:%FT%TZ}",
        "name": DANA.name,
        "email": DANA.email,
        "timezone": "UTC",
    }
    with httpx.Client(
        base_url=root,
        timeout=PATIENCE_SECONDS,
        headers={"X-Forwarded-For": host},
        cookies={"csrftoken": CSRF},
    ) as browser:
        return patient(lambda: browser.post(where, data=fields)).status_code


def patient(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """Ask until there is an answer: on a slow machine every connection to Postgres is taken."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (answer := ask()).status_code >= 500:
        assert time.monotonic() < deadline
    return answer
