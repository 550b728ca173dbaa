"""The operator is mailed the Booker's page before a call, once for each time the call has."""

import datetime as dt

import pytest
from django.utils import timezone

from control.models import Notice
from pipeline.meetings import booking, brief_mail
from pipeline.models import Meeting
from tests.calls import begins, booked, free_slots, look
from tests.factories import work_off
from tests.mailserver import Inbox

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)
BRIEF = {
    "who": "Dana Reyes: Harbor Plumbing",
    "why": "A plumber with a problem.",
    "ask": ["What budget is there?", "Who else decides?"],
    "facts": [{"claim": "They miss calls", "quote": "half our calls", "source": "their page"}],
}


def ahead(minutes: int) -> Meeting:
    meeting = booked()
    Meeting.objects.filter(pk=meeting.pk).update(brief=BRIEF, brief_at=timezone.now())
    return begins(meeting, minutes * MINUTE)


def mailed() -> list[Notice]:
    return list(Notice.objects.filter(key__startswith="brief:").order_by("pk"))


def test_it_is_mailed_an_hour_before_and_once(inbox: Inbox) -> None:
    meeting = ahead(50)
    look()
    look()
    work_off(ahead=True)
    (letter,) = [one for one in inbox.messages if str(one["Subject"]).startswith("Call with ")]
    text = letter.get_content()
    assert letter["To"] != meeting.guest_email
    for words in ("Harbor Plumbing", "2. Who else decides?", "“half our calls” (their page)"):
        assert words in text
    assert f"/meetings/{meeting.pk}/" in text


@pytest.mark.parametrize("minutes", [90, -5])
def test_at_any_other_time_it_is_not(minutes: int) -> None:
    ahead(minutes)
    assert brief_mail.tell() == 0


def test_a_moved_call_is_told_again_and_a_cancelled_one_is_not() -> None:
    meeting = ahead(50)
    assert brief_mail.tell() == 1
    booking.move(meeting, free_slots()[9], by="guest")
    begins(meeting, 3 * MINUTE)
    assert brief_mail.tell() == 1
    assert len(mailed()) == 2
    other = ahead(58)
    assert other.pk != meeting.pk
    booking.cancel(other, by="guest", reason="")
    assert brief_mail.tell() == 0


def test_without_a_brief_there_is_nothing_to_mail() -> None:
    meeting = ahead(50)
    Meeting.objects.filter(pk=meeting.pk).update(brief={}, brief_at=None)
    assert brief_mail.tell() == 0
    assert brief_mail.tell(sooner=dt.timedelta(days=1)) == 0


def test_a_fast_clock_tells_sooner() -> None:
    ahead(90)
    assert brief_mail.tell(sooner=dt.timedelta(hours=4)) == 1


def test_the_shortest_brief_is_still_a_page() -> None:
    meeting = ahead(50)
    meeting.brief = {"who": "Dana", "why": "", "ask": [], "facts": []}
    assert brief_mail.page(meeting).startswith("Dana\n\n")
