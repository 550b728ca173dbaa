"""Which free time somebody names: the one they mean, or none."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import times

ZONE = "America/Phoenix"
HERE = ZoneInfo(ZONE)
NOW = dt.datetime(2026, 11, 25, 10, tzinfo=HERE)  # a Wednesday


def at(day: int, hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 11, day, hour, minute, tzinfo=HERE).astimezone(dt.UTC)


FREE = [
    *(at(26, hour) for hour in (9, 10, 14, 15)),
    *(at(27, hour, 30) for hour in (9, 10, 15)),
    *(at(30, hour) for hour in (9, 10, 16)),
]
OFFERED = [at(26, 10), at(27, 15, 30), at(30, 16)]


def named(text: str) -> times.Named | None:
    return times.named(text, free=FREE, offered=OFFERED, zone=ZONE, now=NOW)


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        ("Thursday at 10 works for me.", at(26, 10)),
        ("Thanks Alex!\nThu 10am please", at(26, 10)),
        ("Could we do Thursday at 3?", at(26, 15)),
        ("Friday 15:30 is great", at(27, 15, 30)),
        ("Friday at 9.30", at(27, 9, 30)),
        ("Let's say tomorrow, 2 pm.", at(26, 14)),
        ("The second one works", at(27, 15, 30)),
        ("the 3rd please", at(30, 16)),
        ("Friday suits me best", at(27, 15, 30)),
        ("I can do 4 p.m. on Monday", at(30, 16)),
        ("November 30 at 9 am", at(30, 9)),
        ("30th of November, 10:00", at(30, 10)),
        ("Next Monday at 10 would be fine", at(30, 10)),
        ("Thursday at 9 is no good. Friday at 10:30 works.", at(27, 10, 30)),
        ("I can’t do Thursday, but Monday 4pm works", at(30, 16)),
    ],
)
def test_the_time_they_name_is_found(text: str, slot: dt.datetime) -> None:
    found = named(text)
    assert found is not None
    assert found.slot == slot
    assert found.quote in text


@pytest.mark.parametrize(
    "text",
    [
        "Sounds good, tell me more.",
        "Thursday at 10 does not work",
        "I'm not free on Thursday at 10.",
        "Thursday or Friday?",
        "Thursday at 9 or at 10",
        "We have 10 trucks and lost 15 calls on 3 jobs.",
        "The last time we tried this it cost $4,000.",
        "the fifth element",
        "",
    ],
)
def test_rather_none_than_a_wrong_one(text: str) -> None:
    assert named(text) is None


def test_a_time_that_is_not_free_is_named_all_the_same() -> None:
    found = named("Thursday at 11 am please")
    assert found == times.Named(None, "Thursday at 11 am please")


def test_an_offered_time_that_went_meanwhile_is_gone() -> None:
    free = [one for one in FREE if one != OFFERED[0]]
    found = times.named("The first one", free=free, offered=OFFERED, zone=ZONE, now=NOW)
    assert found == times.Named(None, "The first one")


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("What times do you have?", True),
        ("When are you free next week?", True),
        ("Happy to talk.", True),
        ("Another time, please", True),
        ("How much is it?", False),
        ("Not interested.", False),
    ],
)
def test_who_asks_for_times_is_told_from_who_asks_something_else(text: str, asks: bool) -> None:
    assert times.asks(text) == asks


@given(st.text(alphabet=st.sampled_from("monday tuesfri 0123:apm.@nextthe st\n"), max_size=200))
def test_no_text_breaks_it_and_what_it_names_is_free(text: str) -> None:
    found = named(text)
    assert found is None or found.slot is None or found.slot in FREE
