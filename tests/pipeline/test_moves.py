"""A lead is moved by hand, on the record, and back."""

import threading

import pytest
from django.db import connection

from agency.models import AuditEntry
from control import overrides
from pipeline import moves
from pipeline.models import Lead, Stage
from pipeline.selling import deals
from tests.factories import make_lead, make_user, received


def standing(lead: Lead) -> Stage:
    return moves.stage_of(lead.pk)


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("to", [Stage.WON, Stage.LOST, Stage.LOOK, Stage.ANSWERED])
def test_it_goes_there_and_back(to: Stage) -> None:
    user, lead = make_user(), make_lead(status="disqualified")
    before = Lead.objects.values(*moves.FACTS).get(pk=lead.pk)
    if to == Stage.LOST:
        moves.move(lead.pk, Stage.WON, by=user)
        before = Lead.objects.values(*moves.FACTS).get(pk=lead.pk)
    moved = moves.move(lead.pk, to, by=user)
    assert standing(lead) == to
    (entry,) = AuditEntry.objects.filter(correlation_id=moved.pk)
    assert entry.sentence == f"olivia moved Dana Reyes to {to.label}"
    moves.undo(moved.pk, by=user)
    assert Lead.objects.values(*moves.FACTS).get(pk=lead.pk) == before
    assert not overrides.fields(lead)


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("to", [Stage.NEW, Stage.DRAFT, Stage.ANSWERED])
def test_a_lead_whose_draft_waits_cannot_go_there(to: Stage) -> None:
    lead = received()
    with pytest.raises(moves.NotPossible):
        moves.move(lead.pk, to, by=make_user())
    assert standing(lead) == Stage.DRAFT


@pytest.mark.usefixtures("db")
def test_what_was_changed_since_is_not_taken_back() -> None:
    user, lead = make_user(), make_lead()
    first = moves.move(lead.pk, Stage.WON, by=user)
    moves.move(lead.pk, Stage.LOST, by=user)
    with pytest.raises(moves.NotPossible):
        moves.undo(first.pk, by=user)
    assert standing(lead) == Stage.LOST


@pytest.mark.usefixtures("db")
def test_a_move_is_taken_back_once() -> None:
    user, lead = make_user(), make_lead()
    moved = moves.move(lead.pk, Stage.WON, by=user)
    moves.undo(moved.pk, by=user)
    with pytest.raises(moves.NotPossible):
        moves.undo(moved.pk, by=user)


@pytest.mark.usefixtures("db")
def test_many_are_closed_and_opened_together() -> None:
    user = make_user()
    leads = [make_lead(name=f"Lead {n}") for n in range(5)]
    moves.close_many([leads[0].pk], "won", by=user)
    moved = moves.close_many([lead.pk for lead in leads], "won", by=user)
    assert len(moved.leads) == 4
    assert {standing(lead) for lead in leads} == {Stage.WON}
    assert len(moves.undo(moved.pk, by=user).leads) == 4
    assert [standing(lead) for lead in leads] == [Stage.WON, *[Stage.NEW] * 4]


@pytest.mark.usefixtures("db")
def test_a_lead_with_an_open_deal_ends_with_the_deal() -> None:
    user, lead, other = make_user(), make_lead(), make_lead()
    deals.open_for(lead)
    with pytest.raises(moves.NotPossible, match="deal"):
        moves.move(lead.pk, Stage.WON, by=user)
    moved = moves.close_many([lead.pk, other.pk], "lost", by=user)
    assert moved.leads == [other]


@pytest.mark.usefixtures("committed")
def test_of_two_moves_at_once_the_later_one_stands_and_both_are_on_record() -> None:
    user, lead = make_user(), make_lead()

    def go(to: Stage) -> None:
        moves.move(lead.pk, to, by=user)
        connection.close()

    threads = [threading.Thread(target=go, args=[to]) for to in (Stage.WON, Stage.LOST)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = list(AuditEntry.objects.filter(verb=moves.MOVED).order_by("pk"))
    assert len(entries) == 2
    assert entries[1].data["before"] == entries[0].data["after"]
    assert standing(lead) == Stage(entries[1].data["after"]["outcome"])
