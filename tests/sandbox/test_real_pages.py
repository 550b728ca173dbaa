"""What people outside do, on the pages as they are: the fields they look for are there."""

import random
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connections

from agency.models import Client
from billing.models import Payment
from pipeline.meetings import links
from pipeline.models import Lead, Meeting, Proposal
from pipeline.selling import proposal_links
from sandbox.market import buyers, letters, pages
from sandbox.market.post import Never
from sandbox.market.visits import Browser
from tests import checkout, factories, offers
from tests.sandbox.answering import ME, WORLD, warm_mail

COMPANY = WORLD.companies[0]
OWNER = COMPANY.owner
WHO = pages.guest(COMPANY, OWNER)
CHANCE = random.Random(1)
HANDLER = WSGIHandler()


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def app(environ: dict[str, Any], start: Any) -> Any:
    """Answer as Django does, and give back what the connection of this thread held."""
    try:
        return HANDLER(environ, start)
    finally:
        connections.close_all()


@pytest.fixture
def house(committed: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the app on a free port of this process; return its address."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(app)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(settings, "PUBLIC_URL", url)
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def till(house: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the sandbox checkout, which tells the app what is paid; return its address."""
    with checkout.running(tmp_path, app_url=house) as found:
        monkeypatch.setattr(settings, "SANDBOX_WEB_PORT", found.port)
        yield f"http://127.0.0.1:{found.port}"


def lead_of_theirs() -> Lead:
    return factories.make_lead(name=OWNER.name, email=OWNER.email, company=COMPANY.name)


def test_a_lead_books_moves_and_cancels(house: str) -> None:
    lead, browser = lead_of_theirs(), Browser(house)
    booked = pages.book(browser, links.book_url(lead), WHO, CHANCE)
    meeting = Meeting.objects.get()
    assert (booked.uid, booked.sequence, booked.page) == (
        *(meeting.uid, meeting.revision),
        links.meeting_url(meeting),
    )
    assert (booked.starts, booked.ends) == (
        *(meeting.starts_at.timestamp(), meeting.ends_at.timestamp()),
    )
    assert (meeting.guest_email, meeting.guest_timezone) == (OWNER.email, COMPANY.city.zone)
    assert pages.book(Browser(house), links.book_url(lead), WHO, CHANCE) == booked
    moved = pages.move(Browser(house), booked.page, WHO, CHANCE)
    assert moved.sequence == booked.sequence + 1
    assert moved.starts != booked.starts
    pages.cancel(Browser(house), booked.page, "Something came up.")
    meeting.refresh_from_db()
    assert (meeting.status, meeting.cancel_reason) == ("cancelled", "Something came up.")
    pages.cancel(Browser(house), booked.page, "Something came up.")
    again = pages.book(Browser(house), links.book_url(lead), WHO, CHANCE)
    assert again.uid != booked.uid
    with pytest.raises(Never, match="404"):
        pages.look(browser, f"{house}/p/no-such-thing/")


def test_a_stranger_books_on_the_page_for_anybody(house: str) -> None:
    booked = pages.book(Browser(house), links.page_url(), WHO, CHANCE)
    assert Meeting.objects.get().uid == booked.uid
    assert Lead.objects.get().email == OWNER.email


def test_a_proposal_is_signed_paid_with_the_second_card_and_won(till: str, house: str) -> None:
    proposal = offers.make_sent(offers.make_deal(email=OWNER.email))
    link = proposal_links.url(proposal.pk)
    pages.look(Browser(house, till), link)
    assert pages.sign(Browser(house, till), link, WHO, pages.DECLINED_CARD) == "refused"
    assert pages.sign(Browser(house, till), link, WHO, pages.GOOD_CARD) == "paid"
    deadline = time.monotonic() + 60
    while not Client.objects.exists() and time.monotonic() < deadline:
        factories.work_off(ahead=True)
        time.sleep(0.05)
    proposal.refresh_from_db()
    assert (proposal.status, proposal.seen_count > 0) == ("paid", True)
    assert (proposal.signature.name, Payment.objects.get().status) == (OWNER.name, "paid")
    assert Client.objects.get().deals.get() == proposal.deal
    assert pages.sign(Browser(house, till), link, WHO, pages.GOOD_CARD) == "closed"


def test_an_older_version_is_not_signed_but_the_newer_one_is(till: str, house: str) -> None:
    first = offers.make_sent()
    second = offers.make_sent(first.deal, setup_usd=Decimal(450))
    link = proposal_links.url(first.pk)
    assert pages.sign(Browser(house, till), link, WHO, pages.GOOD_CARD) == "paid"
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == ("superseded", "signed")


def test_a_proposal_is_declined(house: str) -> None:
    proposal = offers.make_sent()
    assert pages.decline(Browser(house), proposal_links.url(proposal.pk), "Too much for us.")
    proposal.refresh_from_db()
    assert (proposal.status, proposal.decline_reason) == ("declined", "Too much for us.")
    assert Proposal.objects.count() == 1


def test_the_links_of_the_app_say_what_a_mail_is_about(house: str) -> None:
    lead = lead_of_theirs()
    proposal = offers.make_sent()
    for link, topic in (
        (links.book_url(lead), "offer"),
        (links.page_url(), "offer"),
        (proposal_links.url(proposal.pk), "proposal"),
    ):
        mail = warm_mail(OWNER.email, f"Hi,\n\nhere: {link}\n\nAlex\n")
        assert buyers.topic(letters.read(ME, OWNER.email, mail.as_bytes())) == topic
