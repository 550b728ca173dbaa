"""An offer goes out as it was approved, never under the floor without a person, never too late."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agency import clock
from agency.models import AgencyProfile
from agents import closing
from agents.deal_facts import PackageSeen
from control import actions, approvals, by_person, kinds, policy
from control.models import Action, Level
from jobs.models import Event
from pipeline.kinds import FollowUpParams, LostParams, ReadParams, Said
from pipeline.models import Deal, DealNote, Proposal
from pipeline.selling import deals, due, notes, proposal_links, proposals
from tests import offers
from tests.factories import make_user, work_off
from tests.mailserver import Inbox

pytestmark = pytest.mark.usefixtures("db")


def test_it_goes_out_with_its_link_and_stands_in_force(inbox: Inbox) -> None:
    deal = offers.make_deal()
    action = by_person.do("send_proposal", offers.params(), deal, make_user())
    assert not Proposal.objects.exists()
    work_off(ahead=True)

    action.refresh_from_db()
    (letter,) = inbox.letters
    proposal = Proposal.objects.get()
    assert (action.status, proposal.status, proposal.version) == ("done", "sent", 1)
    assert proposal_links.url(proposal.pk) in letter.get_content()
    assert proposal.document == action.rendered["document"]
    assert proposal.document["price"]["due_on_signing"] == "750.00"
    deal.refresh_from_db()
    assert deal.stage == "proposed"
    assert deal.monthly_usd == 250


def test_a_newer_version_replaces_the_one_before(inbox: Inbox) -> None:
    first = offers.make_sent()
    cheaper = offers.params(setup_usd="450", monthly_usd="225")
    by_person.do("negotiate", cheaper, first.deal, make_user())
    work_off(ahead=True)
    second = proposals.newest(first.deal)
    first.refresh_from_db()
    assert second is not None
    assert (first.status, second.status, second.version) == ("superseded", "sent", 2)
    assert second.discount_percent == 10
    assert Deal.objects.get().stage == "negotiating"


def test_a_second_offer_beside_one_under_way_is_refused() -> None:
    deal, user = offers.make_deal(), make_user()
    by_person.do("send_proposal", offers.params(), deal, user)
    with pytest.raises(approvals.NotAllowed, match="under way"):
        by_person.do("send_proposal", offers.params(), deal, user)
    assert Action.objects.count() == 1


def test_a_persons_own_offer_puts_aside_the_one_that_waits() -> None:
    theirs = actions.propose(*proposed())
    assert theirs.status == "waiting"
    mine = by_person.do("send_proposal", offers.params(), Deal.objects.get(), make_user())
    theirs.refresh_from_db()
    assert (theirs.status, mine.status) == ("expired", "approved")


def test_nothing_is_offered_to_who_signed() -> None:
    proposal = offers.make_sent()
    offers.sign(proposal)
    with pytest.raises(approvals.NotAllowed, match="signed already"):
        by_person.do("negotiate", offers.params(), proposal.deal, make_user())


def test_who_signs_while_a_new_price_waits_gets_none(inbox: Inbox) -> None:
    proposal = offers.make_sent()
    waiting = by_person.do("negotiate", offers.params(), proposal.deal, make_user())
    offers.sign(proposal)
    work_off(ahead=True)
    waiting.refresh_from_db()
    assert (waiting.status, inbox.letters) == ("expired", [])


def proposed(**fields: Any) -> tuple[actions.Proposal, actions.Origin]:
    deal = Deal.objects.first() or offers.make_deal()
    origin = actions.Origin("closer", None, deal.pk, deal, None, "rules")
    return actions.Proposal("send_proposal", offers.params(**fields), "because"), origin


def drafted(**fields: Any) -> Action:
    return actions.draft(*proposed(**fields))


@pytest.mark.parametrize(
    ("setup", "monthly", "why"),
    [
        ("399.99", "250", "under the floor"),
        ("500", "199", "under the floor"),
        ("900", "250", "over the ceiling"),
        ("440", "250", "more than the 10 %"),
    ],
)
def test_a_price_out_of_bounds_asks_in_every_phase(setup: str, monthly: str, why: str) -> None:
    AgencyProfile.load()
    AgencyProfile.objects.update(phase=4)
    judged = policy.judge(drafted(setup_usd=setup, monthly_usd=monthly))
    assert judged.level == Level.ASK
    assert why in judged.reason
    assert policy.judge(drafted()).level == Level.AUTO
    AgencyProfile.objects.update(phase=3)
    assert policy.judge(drafted()).level == Level.ASK


MONEY = st.decimals(min_value=0, max_value=20_000, places=2)


@settings(max_examples=40, deadline=None)
@given(setup=MONEY, monthly=MONEY)
def test_nothing_under_a_floor_runs_by_itself(setup: Decimal, monthly: Decimal) -> None:
    AgencyProfile.load()
    AgencyProfile.objects.update(phase=4)
    package = offers.make_package()
    action = drafted(setup_usd=str(setup), monthly_usd=str(monthly))
    if policy.judge(action).level == Level.AUTO:
        assert setup >= package.setup_floor_usd
        assert monthly >= package.monthly_floor_usd
        assert setup >= package.setup_usd * (100 - package.max_discount_percent) / 100
        assert monthly >= package.monthly_usd * (100 - package.max_discount_percent) / 100


@given(
    listed=st.decimals(min_value=0, max_value=9_999, places=2),
    share=st.decimals(min_value=0, max_value=1, places=3),
    percent=st.decimals(min_value=-50, max_value=500, places=1),
)
def test_a_discount_never_goes_under_the_floor(
    listed: Decimal, share: Decimal, percent: Decimal
) -> None:
    floor = (listed * share).quantize(Decimal("0.01"))
    package = PackageSeen(
        slug="x",
        name="x",
        summary="x",
        scope=[],
        fits=[],
        setup_usd=listed,
        monthly_usd=listed,
        setup_floor_usd=min(floor, listed),
        monthly_floor_usd=min(floor, listed),
        max_discount_percent=Decimal(10),
        term_months=12,
    )
    for price in closing.discounted(package, percent):
        assert package.setup_floor_usd <= price <= listed
        assert price >= listed * (100 - max(percent, Decimal(0))) / 100 or percent > 100


class TestByTheClock:
    def test_working_days_leave_out_the_weekend(self) -> None:
        friday = dt.datetime(2026, 11, 27, 15, tzinfo=dt.UTC)
        assert due.working_days_after(friday, 2).isoformat() == "2026-12-01T15:00:00+00:00"
        assert due.working_days_after(friday, 5).isoformat() == "2026-12-04T15:00:00+00:00"

    def test_each_reminder_falls_due_once(self) -> None:
        proposal = offers.make_sent()
        assert due.remind() == 0
        Proposal.objects.update(sent_at=clock.now() - dt.timedelta(days=4))
        assert (due.remind(), due.remind()) == (1, 0)
        Proposal.objects.update(sent_at=clock.now() - dt.timedelta(days=13))
        assert (due.remind(), due.remind()) == (1, 0)
        proposal.refresh_from_db()
        assert proposal.fell_due == 3
        assert Event.objects.filter(name="proposal.due").count() == 2

    def test_who_signed_is_not_reminded(self) -> None:
        offers.sign(offers.make_sent())
        Proposal.objects.update(sent_at=clock.now() - dt.timedelta(days=4))
        assert due.remind() == 0

    def test_it_lapses_and_says_so(self) -> None:
        proposal = offers.make_sent()
        Proposal.objects.update(valid_until=clock.now())
        assert (due.lapse(), due.lapse()) == (1, 0)
        proposal.refresh_from_db()
        assert proposal.status == "expired"
        assert Event.objects.get(name="proposal.due").data["why"] == "lapsed"

    def test_a_closed_deal_ends_what_is_offered(self) -> None:
        proposal = offers.make_sent()
        deals.lose(proposal.deal, "timing", by="olivia")
        work_off()
        proposal.refresh_from_db()
        assert proposal.status == "expired"


class TestReminders:
    def test_it_goes_out_and_is_counted(self, inbox: Inbox) -> None:
        proposal = offers.make_sent()
        words = FollowUpParams(proposal=proposal.pk, number=1, subject="Re: it", body="Hi Dana,")
        by_person.do("follow_up_proposal", words, proposal.deal, make_user())
        work_off(ahead=True)
        proposal.refresh_from_db()
        assert (proposal.followed_up, len(inbox.letters)) == (1, 1)
        assert proposal_links.url(proposal.pk) in inbox.letters[0].get_content()

    def test_a_reminder_of_what_is_settled_is_refused(self) -> None:
        proposal = offers.make_sent()
        proposals.decline(proposal, "no")
        words = FollowUpParams(proposal=proposal.pk, number=1, subject="Re: it", body="Hi Dana,")
        with pytest.raises(approvals.NotAllowed, match="declined"):
            by_person.do("follow_up_proposal", words, proposal.deal, make_user())

    def test_one_that_is_about_to_leave_stops_when_they_sign(self) -> None:
        """The signature comes between the start of the effect and the mail."""
        proposal = offers.make_sent()
        words = FollowUpParams(proposal=proposal.pk, number=1, subject="Re: it", body="Hi Dana,")
        action = by_person.do("follow_up_proposal", words, proposal.deal, make_user())
        with pytest.raises(kinds.Blocked, match="signed"):
            kinds.get(action.kind).execute(action, words, lambda: _signed(proposal))


def _signed(proposal: Proposal) -> None:
    offers.sign(Proposal.objects.get(pk=proposal.pk))


class TestRecords:
    def test_notes_are_read_onto_the_deal_and_back(self) -> None:
        deal = offers.make_deal()
        note = notes.add(deal, offers.TRANSCRIPT, by="olivia")
        said = [Said(text="They miss calls", quote="We miss about half our calls")]
        wanted = ReadParams(note=note.pk, needs=said, next_step="Send a proposal this week")
        action = by_person.do("read_notes", wanted, deal, make_user())
        deal.refresh_from_db()
        note.refresh_from_db()
        assert deal.next_step == wanted.next_step
        assert note.needs == [said[0].model_dump()]
        kinds.get("read_notes").undo(Action.objects.get(pk=action.pk), wanted)
        deal.refresh_from_db()
        note.refresh_from_db()
        assert (deal.next_step, note.needs, note.read_at) == ("Send a proposal", [], None)

    def test_a_quote_that_nobody_said_is_refused(self) -> None:
        deal = offers.make_deal()
        note = notes.add(deal, offers.TRANSCRIPT, by="olivia")
        said = [Said(text="Rich", quote="Money is no object")]
        with pytest.raises(approvals.NotAllowed, match="nobody said"):
            by_person.do("read_notes", ReadParams(note=note.pk, needs=said), deal, make_user())
        assert DealNote.objects.get().read_at is None

    def test_a_deal_is_given_up_and_taken_up_again(self) -> None:
        proposal = offers.make_sent()
        wanted = LostParams(reason=Deal.Lost.TIMING, note="next year")
        action = by_person.do("close_lost", wanted, proposal.deal, make_user())
        proposal.refresh_from_db()
        deal = Deal.objects.get()
        assert (deal.stage, deal.lost_reason, proposal.status) == ("lost", "timing", "expired")
        kinds.get("close_lost").undo(Action.objects.get(pk=action.pk), wanted)
        deal.refresh_from_db()
        assert (deal.stage, deal.lost_reason) == ("proposed", "")

    def test_who_signed_is_not_given_up(self) -> None:
        proposal = offers.make_sent()
        offers.sign(proposal)
        with pytest.raises(approvals.NotAllowed, match="signed"):
            by_person.do(
                "close_lost", LostParams(reason=Deal.Lost.OTHER), proposal.deal, make_user()
            )
