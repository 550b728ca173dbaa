"""A deal is opened once, goes on as things happen, and is moved by hand and back."""

import datetime as dt
from decimal import Decimal

import pytest

from agency import clock
from agency.models import AuditEntry
from control import overrides
from jobs.models import Event
from pipeline.models import Deal, DealStage, Lead
from pipeline.selling import deals, notes
from tests.factories import make_lead, make_user

pytestmark = pytest.mark.usefixtures("db")


def test_a_lead_has_one_open_deal() -> None:
    lead = make_lead()
    deal = deals.open_for(lead, by="guest")
    assert deals.open_for(lead) == deal
    assert (deal.name, deal.stage, deal.next_step) == ("Harbor Plumbing", "booked", "Hold the call")
    assert Event.objects.filter(name="deal.opened").count() == 1


def test_it_goes_on_and_never_back() -> None:
    deal = deals.open_for(make_lead())
    assert deals.advance(deal, DealStage.PROPOSED, by="closer")
    assert deal.stage == DealStage.PROPOSED
    assert not deals.advance(deal, DealStage.HELD, by="booker")
    assert not deals.advance(deal, DealStage.PROPOSED, by="closer")
    assert not deals.advance(deal, DealStage.SIGNED, by="closer", only_from=[DealStage.HELD])
    deal.refresh_from_db()
    assert deal.stage == DealStage.PROPOSED


def test_what_a_person_set_stays() -> None:
    deal = deals.open_for(make_lead())
    changes = {"next_step": "Ask their partner", "setup_usd": Decimal("900.00")}
    deals.set_field(deal, changes, by=make_user(), reason="they said so")
    assert deals.advance(deal, DealStage.HELD, by="booker", next_step="Send a proposal")
    assert deals.write(deal, {"setup_usd": Decimal(5), "monthly_usd": Decimal(7)}, by="closer") == [
        "monthly_usd"
    ]
    deal.refresh_from_db()
    assert deal.next_step == "Ask their partner"
    assert (deal.setup_usd, deal.value_usd) == (Decimal(900), Decimal(984))


def test_a_lost_deal_says_why_and_its_lead_is_lost() -> None:
    deal = deals.open_for(make_lead())
    assert deals.lose(deal, Deal.Lost.PRICE, "too much", by="closer")
    assert not deals.lose(deal, Deal.Lost.TIMING, by="closer")
    deal.refresh_from_db()
    assert (deal.stage, deal.lost_reason, deal.chance) == ("lost", "price", 0)
    assert Lead.objects.get(pk=deal.lead_id).outcome == Lead.Outcome.LOST
    assert not deals.advance(deal, DealStage.SIGNED, by="closer")
    again = deals.open_for(deal.lead)
    assert again.pk != deal.pk
    assert Lead.objects.get(pk=deal.lead_id).outcome == Lead.Outcome.OPEN


@pytest.mark.parametrize("to", [DealStage.HELD, DealStage.SIGNED, DealStage.LOST])
def test_it_is_moved_by_hand_and_back(to: DealStage) -> None:
    user, deal = make_user(), deals.open_for(make_lead())
    before = Deal.objects.values(*deals.FACTS).get(pk=deal.pk)
    moved = deals.move(deal.pk, to, by=user, reason="timing", note="in spring")
    assert Deal.objects.get(pk=deal.pk).stage == to
    (entry,) = AuditEntry.objects.filter(correlation_id=moved.pk)
    assert entry.sentence == f"olivia moved Harbor Plumbing to {to.label}"
    deals.undo(moved.pk, by=user)
    assert Deal.objects.values(*deals.FACTS).get(pk=deal.pk) == before
    assert Lead.objects.get(pk=deal.lead_id).outcome == Lead.Outcome.OPEN
    with pytest.raises(deals.NotPossible):
        deals.undo(moved.pk, by=user)


def test_losing_by_hand_asks_why() -> None:
    deal = deals.open_for(make_lead())
    with pytest.raises(deals.NotPossible, match="why"):
        deals.move(deal.pk, DealStage.LOST, by=make_user())


def test_a_lost_deal_does_not_come_back_beside_a_newer_one() -> None:
    user, deal = make_user(), deals.open_for(make_lead())
    moved = deals.move(deal.pk, DealStage.LOST, by=user, reason="price")
    deals.open_for(deal.lead)
    with pytest.raises(deals.NotPossible, match="newer"):
        deals.reopen(deal, by=user)
    with pytest.raises(deals.NotPossible):
        deals.undo(moved.pk, by=user)


def test_notes_are_kept_once_and_told() -> None:
    deal = deals.open_for(make_lead())
    note = notes.add(deal, "They miss calls.\r\n", kind="transcript", by="webhook:meetings")
    assert notes.add(deal, "They miss calls.", kind="transcript", by="webhook:meetings") == note
    assert Event.objects.get(name="deal.noted").data["note"] == note.pk
    for text in (" \n", "x" * (notes.MOST + 1)):
        with pytest.raises(notes.Refused):
            notes.add(deal, text, by="olivia")


def test_an_override_keeps_money_and_moments_as_text() -> None:
    deal = deals.open_for(make_lead())
    deals.set_field(deal, {"setup_usd": Decimal("12.50")}, by=make_user(), reason="so")
    assert overrides.fields(deal)["setup_usd"].value == "12.50"


def test_a_deal_won_by_hand_is_a_client_and_stays_won() -> None:
    user, deal = make_user(), deals.open_for(make_lead())
    moved = deals.move(deal.pk, DealStage.WON, by=user)
    deal.refresh_from_db()
    assert deal.stage == DealStage.WON
    assert deal.client is not None
    assert Lead.objects.get(pk=deal.lead_id).outcome == Lead.Outcome.WON
    for to in (DealStage.HELD, DealStage.LOST):
        with pytest.raises(deals.NotPossible, match="client"):
            deals.move(deal.pk, to, by=user, reason="price")
    with pytest.raises(deals.NotPossible, match="client"):
        deals.undo(moved.pk, by=user)


def test_the_next_step_of_a_booked_deal_is_its_call() -> None:
    deal = deals.open_for(make_lead())
    at = clock.now() + dt.timedelta(days=3)
    deals.plan_call(deal, at, by="guest")
    deal.refresh_from_db()
    assert (deal.next_step, deal.next_step_at) == ("Hold the call", at)
    deals.plan_call(deal, None, by="guest")
    assert (deal.next_step, deal.next_step_at) == ("Find another time for the call", None)
    deals.set_field(deal, {"next_step": "Drive there"}, by=make_user(), reason="so")
    deals.plan_call(deal, at, by="guest")
    assert (deal.next_step, deal.next_step_at) == ("Drive there", None)
    deals.advance(deal, DealStage.HELD, by="guest")
    deals.plan_call(deal, at, by="guest")
    assert deal.next_step_at is None
