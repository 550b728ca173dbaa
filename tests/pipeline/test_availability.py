"""When a call can be booked: within the hours, never where something stands, on any clock."""

import datetime as dt
import itertools
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agency.models import AgencyProfile
from pipeline.meetings import availability, hours
from pipeline.models import BookingRules, BusyTime
from tests.factories import make_lead
from tests.meetings import MONDAY, at, make_meeting, make_rules

pytestmark = pytest.mark.django_db
NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")


def in_zone(name: str) -> None:
    profile = AgencyProfile.load()
    profile.timezone = name
    profile.save()


def starts(rules: BookingRules, now: dt.datetime = MONDAY, **given: Any) -> list[str]:
    return [f"{slot.starts_at:%a %H:%M}" for slot in availability.slots(rules, now=now, **given)]


def test_slots_fill_the_hours_of_the_day() -> None:
    rules = make_rules(hours={"mon": [["09:00", "10:45"], ["13:00", "14:00"]]}, horizon_days=6)
    assert starts(rules) == ["Mon 09:00", "Mon 09:30", "Mon 10:00", "Mon 13:00", "Mon 13:30"]


def test_the_notice_and_the_horizon_bound_them() -> None:
    rules = make_rules(hours={"mon": [["09:00", "17:00"]]}, notice_minutes=16 * 60, horizon_days=7)
    assert starts(rules) == ["Mon 16:00", "Mon 16:30"]
    assert starts(rules, until=at(16)) == ["Mon 16:00"]


def test_a_call_and_the_pause_after_it_are_not_offered() -> None:
    rules = make_rules(hours={"mon": [["09:00", "12:00"]]}, horizon_days=6, buffer_minutes=10)
    meeting = make_meeting(starts_at=at(10))
    assert starts(rules) == ["Mon 09:00", "Mon 11:00", "Mon 11:30"]
    assert starts(rules, ignore=meeting) == [
        *("Mon 09:00", "Mon 09:30", "Mon 10:00", "Mon 10:30", "Mon 11:00", "Mon 11:30"),
    ]
    meeting.status = "cancelled"
    meeting.save()
    assert len(starts(rules)) == 6


def test_a_busy_time_of_the_calendar_is_not_offered() -> None:
    rules = make_rules(hours={"mon": [["09:00", "12:00"]]}, horizon_days=6, buffer_minutes=0)
    BusyTime.objects.create(uid="a", starts_at=at(9, 45), ends_at=at(10, 30))
    assert starts(rules) == ["Mon 09:00", "Mon 10:30", "Mon 11:00", "Mon 11:30"]


def test_a_full_day_offers_nothing_and_the_next_one_does() -> None:
    rules = make_rules(
        hours={"mon": [["09:00", "12:00"]], "tue": [["09:00", "10:00"]]},
        **{"horizon_days": 6, "daily_cap": 2},
    )
    make_meeting(starts_at=at(9))
    make_meeting(starts_at=at(11), lead=make_lead(email="b@b.example"))
    assert starts(rules) == ["Tue 09:00", "Tue 09:30"]


def test_hours_are_the_agencys_on_both_sides_of_a_change_of_the_clock() -> None:
    in_zone("America/New_York")
    rules = make_rules(
        hours={"fri": [["09:00", "10:00"]], "mon": [["09:00", "10:00"]]}, horizon_days=5
    )
    friday = dt.datetime(2027, 3, 12, 5, tzinfo=dt.UTC)
    assert starts(rules, friday) == ["Fri 14:00", "Fri 14:30", "Mon 13:00", "Mon 13:30"]


def test_an_hour_the_clock_leaves_out_has_no_slots() -> None:
    in_zone("America/New_York")
    rules = make_rules(hours={"sun": [["01:00", "04:00"]]}, horizon_days=2)
    saturday = dt.datetime(2027, 3, 13, 12, tzinfo=dt.UTC)
    found = availability.slots(rules, now=saturday)
    local = [f"{slot.starts_at.astimezone(NEW_YORK):%H:%M}" for slot in found]
    assert local == ["01:00", "01:30", "03:00", "03:30"]


def test_an_hour_the_clock_shows_twice_is_offered_for_what_it_is() -> None:
    in_zone("Europe/Berlin")
    rules = make_rules(hours={"sun": [["01:30", "03:30"]]}, horizon_days=2)
    saturday = dt.datetime(2026, 10, 24, 12, tzinfo=dt.UTC)
    found = availability.slots(rules, now=saturday)
    assert all(slot.ends_at - slot.starts_at == dt.timedelta(minutes=30) for slot in found)
    assert len({slot.starts_at for slot in found}) == len(found)
    assert f"{found[0].starts_at.astimezone(BERLIN):%H:%M}" == "01:30"
    assert f"{found[-1].ends_at.astimezone(BERLIN):%H:%M}" == "03:30"


def test_offered_times_are_on_different_days_at_agreeable_hours_of_the_guest() -> None:
    in_zone("America/New_York")
    make_rules(hours={day: [["00:00", "24:00"]] for day in hours.DAYS}, notice_minutes=0)
    offered = availability.offer(3, "Europe/Berlin")
    local = [slot.starts_at.astimezone(BERLIN) for slot in offered]
    assert len({at.date() for at in local}) == 3
    assert [at.hour for at in local] == [10, 14, 16]


def test_fewer_days_than_times_give_two_of_a_day() -> None:
    make_rules(hours={"mon": [["09:00", "10:00"]]}, notice_minutes=0, horizon_days=7)
    assert len(availability.offer(3)) == 2


def test_without_hours_nothing_is_offered() -> None:
    make_rules(hours={})
    assert availability.offer() == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"mon": [["17:00", "09:00"]]}, "mon: 17:00 is not before 09:00"),
        ({"mon": [["09:00", "25:00"]]}, "mon: “25:00” is no time"),
        ({"mon": [["09:00", "12:00"], ["11:00", "13:00"]]}, "mon: two spans overlap"),
        ({"monday": []}, "“monday” is no day"),
        ({"mon": "09:00-17:00"}, "mon: must be a list"),
        ([], "hours are days"),
    ],
)
def test_hours_that_make_no_sense_say_which_day(given: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        hours.read(given)


MINUTES = st.integers(0, 24 * 4).map(lambda quarter: quarter * 15)


@st.composite
def spans(draw: st.DrawFn) -> list[list[str]]:
    edges = sorted(draw(st.lists(MINUTES, max_size=6, unique=True)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return [[f"{a // 60:02}:{a % 60:02}", f"{b // 60:02}:{b % 60:02}"] for a, b in pairs]


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    week=st.fixed_dictionaries({day: spans() for day in hours.DAYS}),
    slot=st.integers(10, 240),
    buffer=st.integers(0, 60),
    zone=st.sampled_from(
        ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu"]
    ),
    day=st.sampled_from(["2027-03-12", "2026-10-30", "2027-03-26", "2026-10-23", "2027-04-02"]),
    busy=st.lists(st.tuples(st.integers(0, 4 * 1440), st.integers(1, 600)), max_size=5),
)
def test_slots_never_overlap_and_never_leave_the_hours(
    week: dict[str, list[list[str]]],
    slot: int,
    buffer: int,
    zone: str,
    day: str,
    busy: list[tuple[int, int]],
) -> None:
    in_zone(zone)
    rules = make_rules(hours=week, slot_minutes=slot, buffer_minutes=buffer, horizon_days=4)
    now = dt.datetime.fromisoformat(f"{day}T00:00:00+00:00")
    BusyTime.objects.all().delete()
    minute = dt.timedelta(minutes=1)
    taken = [(now + begins * minute, now + (begins + length) * minute) for begins, length in busy]
    BusyTime.objects.bulk_create(BusyTime(uid="x", starts_at=a, ends_at=b) for a, b in taken)
    found = availability.slots(rules, now=now)
    for one, following in itertools.pairwise(found):
        assert one.ends_at <= following.starts_at
    for one in found:
        assert one.ends_at - one.starts_at == slot * minute
        assert not any(a < one.ends_at and one.starts_at < b for a, b in taken)
        begins, ends = (at.astimezone(ZoneInfo(zone)) for at in (one.starts_at, one.ends_at))
        clock = begins.hour * 60 + begins.minute
        until = (ends.date() - begins.date()).days * 1440 + ends.hour * 60 + ends.minute
        of_day = hours.read(week)[hours.day_of(begins.date())]
        assert any(a <= clock and until <= b for a, b in of_day)
