"""Where a lead stands is said by its own rows, and only by them."""

import pytest
from django.utils import timezone

from control import approvals
from control.models import Action
from pipeline import moves
from pipeline.models import Lead, Stage
from tests.factories import make_lead, make_user, received, work_off

pytestmark = pytest.mark.usefixtures("db")


def standing(lead: Lead) -> Stage:
    (found,) = Lead.objects.staged().filter(pk=lead.pk)
    assert [s for s in Stage if Lead.objects.at(s).filter(pk=lead.pk).exists()] == [found.standing]
    return found.standing


def draft(lead: Lead) -> Action:
    return Action.objects.get(kind="reply_to_lead", subject_id=str(lead.pk))


def test_a_lead_is_new_until_it_is_scored() -> None:
    assert standing(make_lead()) == Stage.NEW


def test_a_waiting_draft_is_yours_until_it_went_out() -> None:
    lead, user = received(), make_user()
    assert standing(lead) == Stage.DRAFT
    action = draft(lead)
    approvals.approve(action, by=user, seen_hash=action.content_hash)
    assert standing(lead) == Stage.DRAFT


def test_a_rejected_draft_leaves_a_lead_to_look_at() -> None:
    lead, user = received(), make_user()
    action = draft(lead)
    approvals.reject(action, by=user, seen_hash=action.content_hash, reason="Wrong tone")
    work_off()
    assert standing(lead) == Stage.LOOK


@pytest.mark.parametrize(
    ("fields", "stage"),
    [
        ({"status": "qualified"}, Stage.LOOK),
        ({"status": "review", "answered_at": timezone.now()}, Stage.ANSWERED),
        ({"status": "disqualified", "answered_at": timezone.now()}, Stage.LOST),
        ({"status": "qualified", "outcome": "won"}, Stage.WON),
        ({"outcome": "lost"}, Stage.LOST),
        ({"answered_at": timezone.now(), "flagged_at": timezone.now()}, Stage.LOOK),
    ],
)
def test_its_columns_say_the_rest(fields: dict[str, object], stage: Stage) -> None:
    assert standing(make_lead(**fields)) == stage


def test_it_stands_there_since_it_came_there() -> None:
    lead, user = make_lead(answered_at=timezone.now(), status="qualified"), make_user()
    lead.refresh_from_db()
    assert lead.staged_at == lead.answered_at
    moves.move(lead.pk, Stage.WON, by=user)
    lead.refresh_from_db()
    assert lead.staged_at == lead.closed_at


@pytest.mark.parametrize(
    "words", ["harb", "DANA reyes", "dana@harborplumbing.example", "tucson", "example dana"]
)
def test_it_is_found_by_the_beginnings_of_its_words(words: str) -> None:
    lead = make_lead()
    make_lead(name="Mae Lin", company="Desert Air", email="mae@desert.example", message="Hello")
    assert list(Lead.objects.all().worded(words)) == [lead]


@pytest.mark.parametrize("words", ["'", "zq'y:*|!", "\\", "💥", "( & )", "-", "x" * 900])
def test_nonsense_words_find_nothing(words: str) -> None:
    make_lead()
    assert not Lead.objects.all().worded(words)
