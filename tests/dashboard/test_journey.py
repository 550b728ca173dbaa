"""Prospects → leads → deals → clients: who came how far, how long it took, where it leaks."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from agency import clock
from dashboard.sales import journey, journey_rows
from dashboard.sales.journey_rows import Scope
from pipeline.models import Deal, IdealCustomer, Lead, Prospect, Source, Thread
from tests import factories
from tests.dashboard.conftest import Htmx, text_of
from tests.meetings import make_meeting
from tests.outreach import enroll, make_prospect, make_sequence, sent

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)
PAGE = "/pipeline/funnel/"


def ago(days: float) -> dt.datetime:
    return timezone.now() - days * DAY


def found(name: str, days: float = 10, **fields: Any) -> Prospect:
    prospect = make_prospect(name, **fields)
    Prospect.objects.filter(pk=prospect.pk).update(created_at=ago(days))
    return prospect


def written(prospect: Prospect, days: float = 8, answered: float | None = None) -> None:
    sequence = make_sequence(f"To {prospect}")
    step = sequence.steps.get(position=0)
    touch = sent(enroll(prospect, sequence), step)
    touch.sent_at = ago(days)
    touch.replied_at = ago(answered) if answered is not None else None
    touch.save()


def asked(prospect: Prospect | None = None, days: float = 5, **fields: Any) -> Lead:
    lead = factories.make_lead(**{"received_at": ago(days), "client": None} | fields)
    if prospect is not None:
        Thread.objects.create(
            address=lead.email, prospect=prospect, lead=lead, last_at=timezone.now()
        )
        Prospect.objects.filter(pk=prospect.pk).update(status="lead")
    return lead


def deal(lead: Lead, stage: str = "booked", days: float = 4, **fields: Any) -> Deal:
    closed = {"closed_at": ago(1)} if stage in ("won", "lost") else {}
    return Deal.objects.create(
        lead=lead,
        name="It",
        stage=stage,
        stage_at=ago(days),
        opened_at=ago(days),
        **closed | fields,
    )


def reached(**scope: Any) -> list[int]:
    return [step.count for step in journey.read(Scope(**scope)).steps]


def test_each_company_is_counted_once_and_as_far_as_it_came() -> None:
    found("Nobody wrote")
    written(found("Written"))
    answered = found("Answered")
    written(answered, answered=6)
    prospect = found("Became a lead")
    written(prospect, answered=6)
    asked(prospect)
    asked(prospect, name="Their second")
    client = found("Won")
    written(client, answered=6)
    deal(asked(client, name="W"), "won")
    assert reached() == [5, 4, 3, 2, 1, 1, 1, 1, 1]


def test_who_came_by_themselves_joins_at_the_lead() -> None:
    prospect = found("Became a lead")
    written(prospect, answered=6)
    asked(prospect)
    deal(asked(), "held")
    assert reached() == [1, 1, 1, 2, 1, 1, 0, 0, 0]
    assert reached(alone=True) == [0, 0, 0, 1, 1, 1, 0, 0, 0]
    assert reached(alone=False) == [1, 1, 1, 1, 0, 0, 0, 0, 0]
    lead = journey.read(Scope()).steps[journey_rows.LEAD]
    assert (lead.count, lead.through) == (2, 1)


def test_the_leads_of_a_client_are_not_ours() -> None:
    asked(client=factories.make_client())
    assert reached()[journey_rows.LEAD] == 0


def test_a_period_counts_by_when_they_were_found_and_the_one_before_beside_it() -> None:
    found("New", days=10)
    old = found("Old", days=40)
    written(old, days=35)
    found("Ancient", days=400)
    read = journey.read(Scope(days=30))
    assert [(step.count, step.before) for step in read.steps[:2]] == [(1, 1), (0, 1)]
    assert reached(days=90)[:2] == [2, 1]
    assert reached(days=None)[0] == 3


def test_it_says_how_long_each_step_took_and_since_when_they_stand() -> None:
    prospect = found("Quick", days=10)
    written(prospect, days=8, answered=6)
    deal(asked(prospect, days=5), days=3)
    steps = journey.read(Scope()).steps
    days = [step.took and round(step.took / DAY) for step in steps]
    assert days == [None, 2, 2, 1, 2, None, None, None, None]
    booked = steps[journey_rows.BOOKED]
    assert booked.here == 1
    assert booked.waited is not None
    assert round(booked.waited / DAY) == 3


def test_what_ended_is_lost_where_it_ended() -> None:
    found("Dropped", status="dropped")
    declined = found("Declined", status="declined")
    written(declined, answered=5)
    deal(asked(), "lost", lost_reason="price")
    asked(status="disqualified")
    lost = [step.lost for step in journey.read(Scope()).steps]
    assert lost == [1, 0, 1, 1, 1, 0, 0, 0, 0]


def test_a_lost_deal_stands_where_it_came_to() -> None:
    one = deal(asked(), "lost", lost_reason="price")
    assert reached()[journey_rows.BOOKED :] == [1, 0, 0, 0, 0]
    make_meeting(lead=one.lead, deal=one, status="held", closed_at=ago(2))
    assert reached()[journey_rows.BOOKED :] == [1, 1, 0, 0, 0]


def test_the_leak_is_named_in_words() -> None:
    for number in range(6):
        one = asked(name=f"Lead {number}")
        if number < 2:
            deal(one, "held")
        elif number < 5:
            Lead.objects.filter(pk=one.pk).update(outcome="lost")
    read = journey.read(Scope())
    assert read.leak.startswith("Most are lost between “Lead” and “Call booked”: 40 % of those")
    assert set(Deal.objects.values_list("stage", flat=True)) == {"held"}


def test_too_few_say_nothing() -> None:
    assert journey.read(Scope()).leak == "Too few yet to say where they are lost."


def test_it_is_told_apart_by_ideal_customer_source_and_first_mail() -> None:
    icp = IdealCustomer.objects.create(name="Dentists")
    feed = Source.objects.create(ideal_customer=icp, kind="feed", name="News")
    prospect = found("From a feed", ideal_customer=icp, source=feed)
    written(prospect, answered=6)
    asked(prospect)
    asked(source="booking")
    by_icp = journey.read(Scope(by="icp")).groups
    assert [(group.label, group.found, group.leads) for group in by_icp] == [
        ("Dentists", 1, 1),
        ("Came by themselves", 0, 1),
    ]
    by_source = journey.read(Scope(by="source")).groups
    assert {group.label for group in by_source} == {"News", "Booking page"}
    assert len(journey.read(Scope(by="variant")).groups) == 2
    assert reached(icp=icp.pk) == [1, 1, 1, 1, 0, 0, 0, 0, 0]
    assert reached(source=feed.pk)[0] == 1


def test_the_page_shows_it_and_its_parts(browser: Browser, htmx: Htmx) -> None:
    assert "Nobody was found and nobody asked" in text_of(browser.get(PAGE))
    prospect = found("Became a lead")
    written(prospect, answered=6)
    asked(prospect)
    page = text_of(browser.get(PAGE))
    for words in ("Found", "Written to", "Call booked", "Client", "Step by step"):
        assert words in page
    assert browser.post(PAGE).status_code == 405
    part = text_of(htmx.get(PAGE, "funnel-body"))
    assert "Step by step" in part
    assert "<html" not in part


@pytest.mark.parametrize(
    "query",
    ["days=x", "days=-3", "by=nobody", "of=icp:x", "of=icp:99999999999999999999", "of=\0", "of=x"],
)
def test_a_nonsense_choice_shows_the_whole(query: str, browser: Browser) -> None:
    assert browser.get(f"{PAGE}?{query}").status_code == 200


def test_business_time_and_wall_time_are_one_scale(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the sandbox a business day is a minute: a lead of two minutes ago is two days old."""
    settings.BUSINESS_SPEED = 1440.0
    settings.EMAIL_URL = ""
    anchor = ago(1)
    monkeypatch.setattr("agency.clock._anchor", lambda: anchor)
    lead = asked(days=2 / 1440)
    Deal.objects.create(
        lead=lead, name="It", stage="booked", stage_at=clock.now(), opened_at=clock.now()
    )
    booked = journey.read(Scope(days=30)).steps[journey_rows.BOOKED]
    assert booked.took is not None
    assert 1.9 < booked.took / DAY < 2.2
    assert reached(days=1)[journey_rows.LEAD] == 0
