"""Booking a call, moving it, closing it: once, by whoever was first."""

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction

from agency import clock
from agency.models import AuditEntry
from jobs.models import Event
from pipeline.meetings import booking
from pipeline.models import BookingRules, BusyTime, Deal, DealStage, Lead, Meeting
from tests.factories import make_lead
from tests.letters import DANA as DANAS_ADDRESS
from tests.letters import enroll, make_prospect
from tests.meetings import DANA, book, free, let_pass, make_meeting, make_rules

ATTEMPTS = 200
db = pytest.mark.django_db


def names() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("name", flat=True))


@db
def test_a_booked_call_opens_a_deal_and_wakes_who_listens() -> None:
    lead, slot = make_lead(), free()
    meeting = booking.book(lead, slot.starts_at, guest=DANA, by="guest")
    assert (meeting.starts_at, meeting.ends_at) == (slot.starts_at, slot.ends_at)
    assert meeting.blocked_until - meeting.ends_at == dt.timedelta(minutes=10)
    assert meeting.deal == Deal.objects.get(lead=lead)
    assert meeting.world == "sandbox"
    assert meeting.calendar == "none"
    event = Event.objects.get(name="meeting.booked")
    assert (event.subject_type, event.subject_id) == ("pipeline.lead", str(lead.pk))
    assert event.data["meeting"] == str(meeting.pk)
    assert "Dana Reyes has a call on" in AuditEntry.objects.get(verb="meeting.booked").sentence


@db
def test_booking_takes_the_company_out_of_its_sequence() -> None:
    enrollment = enroll(make_prospect())
    booking.book(
        make_lead(email=DANAS_ADDRESS),
        free().starts_at,
        guest=booking.Guest("Dana", DANAS_ADDRESS),
        by="guest",
    )
    enrollment.refresh_from_db()
    assert (enrollment.status, enrollment.stop_reason) == ("stopped", "booking")


@db
def test_a_time_that_is_not_offered_is_refused_with_why() -> None:
    lead, slot = make_lead(), free()
    rules = BookingRules.load()
    wrong = {
        "too soon": clock.now() + dt.timedelta(minutes=5),
        "next 14 days": clock.now() + dt.timedelta(days=rules.horizon_days + 1),
        "not offered at that time": slot.starts_at + dt.timedelta(minutes=7),
    }
    for why, starts_at in wrong.items():
        with pytest.raises(booking.NotOffered, match=why):
            booking.book(lead, starts_at, guest=DANA, by="guest")
    assert not Meeting.objects.exists()
    assert not Deal.objects.exists()


@db
def test_a_taken_time_and_a_full_day_are_taken() -> None:
    make_rules(daily_cap=1)
    first = book()
    other = make_lead(email="b@b.example")
    with pytest.raises(booking.SlotTaken, match="day is full"):
        booking.book(other, first.starts_at, guest=DANA, by="guest")
    make_rules(daily_cap=5)
    with pytest.raises(booking.SlotTaken, match="just been taken"):
        booking.book(other, first.starts_at, guest=DANA, by="guest")
    slot = free()
    BusyTime.objects.create(uid="a", starts_at=slot.starts_at, ends_at=slot.ends_at)
    with pytest.raises(booking.SlotTaken):
        booking.book(other, slot.starts_at, guest=DANA, by="guest")


@db
def test_a_lead_with_a_call_ahead_is_told_of_it() -> None:
    meeting = book()
    with pytest.raises(booking.AlreadyBooked) as caught:
        book(meeting.lead)
    assert caught.value.meeting == meeting


@db
def test_the_operator_books_at_any_time_but_over_another_call() -> None:
    night = clock.now().replace(hour=3, minute=12, second=0, microsecond=0) + dt.timedelta(days=2)
    booking.book(make_lead(), night, guest=DANA, by="olivia", any_time=True)
    other = make_lead(email="b@b.example")
    with pytest.raises(booking.SlotTaken):
        booking.book(other, night, guest=DANA, by="olivia", any_time=True)
    with pytest.raises(booking.NotOffered, match="over"):
        past = clock.now() - dt.timedelta(hours=1)
        booking.book(other, past, guest=DANA, by="olivia", any_time=True)
    assert Meeting.objects.count() == 1


@db
def test_the_table_refuses_two_calls_that_overlap_whoever_writes_them() -> None:
    make_meeting()
    with pytest.raises(IntegrityError), transaction.atomic():
        make_meeting(lead=make_lead(email="b@b.example"))


@db
def test_a_moved_call_is_reminded_of_anew_and_told() -> None:
    meeting, other = book(), free(5)
    meeting.reminded_day_at = meeting.reminded_hour_at = clock.now()
    meeting.save()
    moved = booking.move(meeting, other.starts_at, by="guest")
    assert (moved.starts_at, moved.ends_at) == (other.starts_at, other.ends_at)
    assert (moved.revision, moved.moved_count) == (1, 1)
    assert moved.reminded_day_at is moved.reminded_hour_at is None
    assert Event.objects.get(name="meeting.moved").data["before"] == meeting.starts_at.isoformat()
    assert booking.move(moved, other.starts_at, by="guest").revision == 1
    assert names().count("meeting.moved") == 1


@db
def test_a_call_moves_by_half_its_own_length() -> None:
    make_rules(slot_minutes=30, buffer_minutes=30)
    meeting = book()
    booking.move(meeting, meeting.starts_at + dt.timedelta(minutes=30), by="guest")


@db
def test_a_call_is_not_moved_over_another_nor_after_it_was_cancelled() -> None:
    meeting = book()
    taken = book(make_lead(email="b@b.example"), number=3)
    with pytest.raises(booking.SlotTaken):
        booking.move(meeting, taken.starts_at, by="guest")
    assert booking.cancel(meeting, by="guest", reason="Ill")
    with pytest.raises(booking.NotStanding):
        booking.move(meeting, free().starts_at, by="guest")


@db
def test_cancelling_frees_the_time_once() -> None:
    meeting = book()
    assert booking.cancel(meeting, by="guest", reason="Ill")
    assert not booking.cancel(meeting, by="guest")
    meeting.refresh_from_db()
    assert (meeting.status, meeting.cancel_reason, meeting.revision) == ("cancelled", "Ill", 1)
    assert names().count("meeting.cancelled") == 1
    again = booking.book(make_lead(), meeting.starts_at, guest=DANA, by="guest")
    assert again.starts_at == meeting.starts_at


@db
def test_a_held_call_moves_its_deal_and_can_be_taken_back() -> None:
    meeting = let_pass(book())
    assert booking.hold(meeting, by="olivia")
    assert not booking.hold(meeting, by="webhook:meetings")
    assert not booking.miss(meeting, by="olivia")
    deal = Deal.objects.get()
    assert deal.stage == DealStage.HELD
    event = Event.objects.get(name="meeting.held")
    assert (event.subject_type, event.subject_id) == ("pipeline.deal", str(deal.pk))
    assert booking.reopen(meeting, by="olivia")
    assert not booking.reopen(meeting, by="olivia")
    deal.refresh_from_db()
    assert deal.stage == DealStage.BOOKED
    meeting.refresh_from_db()
    assert (meeting.status, meeting.closed_at) == ("booked", None)


@db
def test_a_call_is_missed_only_once_it_has_begun() -> None:
    meeting = book()
    assert not booking.miss(meeting, by="olivia")
    let_pass(meeting)
    assert booking.miss(meeting, by="olivia")
    event = Event.objects.get(name="meeting.missed")
    assert event.subject_type == "pipeline.lead"
    assert booking.upcoming(meeting.lead) is None
    assert book(meeting.lead).deal == meeting.deal


@db
def test_a_call_that_was_moved_meanwhile_is_not_missed() -> None:
    seen = let_pass(book())
    slot = free(6)
    times = {"starts_at": slot.starts_at, "ends_at": slot.ends_at, "blocked_until": slot.ends_at}
    Meeting.objects.filter(pk=seen.pk).update(**times)
    assert not booking.miss(seen, by="webhook:meetings")


def attempt(lead: Lead, starts_at: dt.datetime, barrier: threading.Barrier) -> str:
    """Try to book at the same moment as all the others; return what came of it."""
    try:
        barrier.wait()
        booking.book(lead, starts_at, guest=DANA, by="guest")
    except booking.SlotTaken:
        return "taken"
    else:
        return "won"
    finally:
        connection.close()


@pytest.mark.alone
def test_of_two_hundred_at_once_exactly_one_gets_the_slot(committed: str) -> None:
    leads = [make_lead(email=f"guest{number}@harbor.example") for number in range(ATTEMPTS)]
    slot, barrier = free(), threading.Barrier(16)
    with ThreadPoolExecutor(16) as pool:
        tries = [pool.submit(attempt, lead, slot.starts_at, barrier) for lead in leads[:192]]
        outcomes = [one.result() for one in tries]
    alone = threading.Barrier(1)
    outcomes += [attempt(lead, slot.starts_at, alone) for lead in leads[192:]]
    assert sorted(outcomes) == ["taken"] * (ATTEMPTS - 1) + ["won"]
    assert Meeting.objects.count() == Deal.objects.count() == 1
    assert names().count("meeting.booked") == 1


def test_at_once_the_day_takes_no_more_than_its_cap(committed: str) -> None:
    make_rules(daily_cap=3)
    leads = [make_lead(email=f"guest{number}@harbor.example") for number in range(12)]
    now, barrier = free(), threading.Barrier(12)
    day = [free(number).starts_at for number in range(40)]
    same = [at for at in day if at.date() == day[20].date()][:12]
    assert len(same) == 12 and now
    with ThreadPoolExecutor(12) as pool:
        tries = [
            pool.submit(attempt, lead, starts_at, barrier)
            for lead, starts_at in zip(leads, same, strict=True)
        ]
        outcomes = [one.result() for one in tries]
    assert outcomes.count("won") == 3
    assert Meeting.objects.count() == 3


def test_moved_and_cancelled_at_once_it_is_one_or_the_other_in_turn(committed: str) -> None:
    meeting, barrier = book(), threading.Barrier(2)

    def move() -> str:
        try:
            barrier.wait()
            booking.move(meeting, free(6).starts_at, by="guest")
        except booking.NotStanding:
            return "too late"
        finally:
            connection.close()
        return "moved"

    def cancel() -> bool:
        try:
            barrier.wait()
            return booking.cancel(meeting, by="olivia")
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        moving, cancelling = pool.submit(move), pool.submit(cancel)
        assert cancelling.result()
        said = moving.result()
    meeting.refresh_from_db()
    assert meeting.status == "cancelled"
    assert meeting.revision == (2 if said == "moved" else 1)
