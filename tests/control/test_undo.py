"""Undo and override: a person's word puts things back and stays in force."""

import pytest

from control import overrides, undo
from control.models import Action, Override
from jobs.models import Event
from pipeline import leads
from pipeline.models import Lead
from tests import factories

pytestmark = pytest.mark.django_db


def test_undoing_a_score_puts_the_old_one_back() -> None:
    lead = factories.received()
    action = Action.objects.get(kind="qualify_lead")
    (outcome,) = undo.undo([action], by=factories.make_user())

    assert outcome.undone
    lead.refresh_from_db()
    assert (lead.status, lead.score, lead.score_parts, lead.scored_at) == ("new", None, [], None)
    assert Action.objects.get(pk=action.pk).status == "undone"


def test_undoing_twice_changes_nothing() -> None:
    factories.received()
    user = factories.make_user()
    action = Action.objects.get(kind="qualify_lead")
    undo.undo([action], by=user)
    (outcome,) = undo.undo([action], by=user)
    assert not outcome.undone


def test_a_score_changed_since_is_not_overwritten_by_undo() -> None:
    lead = factories.received()
    Lead.objects.filter(pk=lead.pk).update(score=12)
    (outcome,) = undo.undo([Action.objects.get(kind="qualify_lead")], by=factories.make_user())
    assert (outcome.undone, outcome.message) == (False, "the score was changed again since")
    lead.refresh_from_db()
    assert lead.score == 12


def test_a_sent_mail_cannot_be_undone_and_the_correction_is_named() -> None:
    factories.received()
    Action.objects.filter(kind="reply_to_lead").update(status="done")
    outcomes = undo.undo_run(
        Action.objects.get(kind="reply_to_lead").run_id,  # type: ignore[arg-type]
        by=factories.make_user(),
    )
    assert [outcome.undone for outcome in outcomes] == [False, True]
    assert "write to correct it" in outcomes[0].message


def test_an_override_wins_over_a_later_score_and_wakes_who_listens() -> None:
    lead = factories.received()
    user = factories.make_user()
    leads.override_score(lead, score=20, status="disqualified", by=user, reason="A competitor")
    assert Event.objects.filter(name="lead.disqualified").count() == 1

    factories.receive(lead)
    factories.work_off()
    lead.refresh_from_db()
    assert (lead.score, lead.status) == (20, "disqualified")
    row = Override.objects.get(field="score")
    assert (row.value, row.reason, row.by) == (20, "A competitor", "olivia")
    assert overrides.lift(lead, "score", by=user)
    assert "score" not in overrides.fields(lead)
