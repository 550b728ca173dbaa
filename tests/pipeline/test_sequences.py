"""Editing a sequence never breaks what is under way in it."""

import datetime as dt
import uuid

import pytest
from django.utils import timezone

from agency.models import AuditEntry
from control.models import Action
from pipeline.models import Enrollment, HandTask, Sequence, SequenceStep
from pipeline.writing import sequences
from tests.outreach import enroll, make_prospect, make_sequence, make_task

ACTIVE, FINISHED = Enrollment.Status.ACTIVE, Enrollment.Status.FINISHED


@pytest.fixture
def sequence(db: None) -> Sequence:
    return make_sequence()


def step(sequence: Sequence, position: int) -> SequenceStep:
    return sequence.steps.get(position=position)


def inside(sequence: Sequence, position: int, name: str = "Harbor", **fields: object) -> Enrollment:
    return enroll(make_prospect(name), sequence, position, **fields)


def shape(sequence: Sequence) -> list[tuple[int, int, str]]:
    return list(sequence.steps.values_list("position", "day", "channel"))


def test_a_new_step_stands_on_its_day_and_the_others_keep_theirs(sequence: Sequence) -> None:
    sequences.add_step(sequence, day=4, channel="linkedin", by="olivia")
    assert [day for _, day, _ in shape(sequence)] == [0, 2, 4, 7, 8, 14]
    assert [position for position, _, _ in shape(sequence)] == [0, 1, 2, 3, 4, 5]
    assert AuditEntry.objects.filter(verb="sequence.step_added", actor="olivia").exists()


def test_who_waits_for_what_came_next_gets_the_new_step_first(sequence: Sequence) -> None:
    started = timezone.now()
    waits = inside(sequence, 2, started_at=started)
    under_way = inside(sequence, 2, "Vale", announced_at=started)
    later = inside(sequence, 3, "Beck")
    sequences.add_step(sequence, day=4, channel="linkedin", by="olivia")
    for one in (waits, under_way, later):
        one.refresh_from_db()
    assert (waits.position, waits.due_at) == (2, started + dt.timedelta(days=4))
    assert (under_way.position, later.position) == (3, 4)


def test_a_step_keeps_between_its_neighbours(sequence: Sequence) -> None:
    with pytest.raises(sequences.NotPossible, match="day 2 to 8"):
        sequences.set_day(step(sequence, 2), 9, by="olivia")
    sequences.set_day(step(sequence, 2), 6, by="olivia")
    assert step(sequence, 2).day == 6


def test_who_waits_for_a_step_waits_for_its_new_day(sequence: Sequence) -> None:
    started = timezone.now()
    waits = inside(sequence, 2, started_at=started)
    told = inside(sequence, 2, "Vale", started_at=started, announced_at=started)
    sequences.set_day(step(sequence, 2), 5, by="olivia")
    waits.refresh_from_db()
    assert waits.due_at == started + dt.timedelta(days=5)
    assert Enrollment.objects.get(pk=told.pk).due_at == told.due_at


def test_steps_change_places_and_the_days_stay_in_order(sequence: Sequence) -> None:
    sequences.move_step(step(sequence, 1), up=False, by="olivia")
    assert shape(sequence)[1:3] == [(1, 2, "email"), (2, 7, "linkedin")]
    with pytest.raises(sequences.NotPossible):
        sequences.move_step(step(sequence, 0), up=True, by="olivia")


def test_nobody_gets_a_moved_step_twice(sequence: Sequence) -> None:
    had_first = inside(sequence, 2)
    before_both = inside(sequence, 1, "Vale", announced_at=timezone.now())
    task = make_task(before_both, step(sequence, 1))
    sequences.move_step(step(sequence, 1), up=False, by="olivia")
    for one in (had_first, before_both, task):
        one.refresh_from_db()
    assert had_first.position == 3
    assert (before_both.position, before_both.announced_at) == (1, None)
    assert (task.position, task.skipped_at) == (2, None)


def test_who_waits_for_a_removed_step_goes_on_with_the_next_on_its_day(sequence: Sequence) -> None:
    started = timezone.now()
    waits = inside(sequence, 1, started_at=started)
    later = inside(sequence, 3, "Vale")
    sequences.remove_step(step(sequence, 1), by="olivia")
    for one in (waits, later):
        one.refresh_from_db()
    assert (waits.position, waits.due_at) == (1, started + dt.timedelta(days=7))
    assert later.position == 2
    assert [position for position, _, _ in shape(sequence)] == [0, 1, 2, 3]


def test_who_waits_for_the_last_step_is_through_when_it_goes(sequence: Sequence) -> None:
    last = inside(sequence, 4)
    sequences.remove_step(step(sequence, 4), by="olivia")
    last.refresh_from_db()
    assert last.status == FINISHED
    assert last.ended_at is not None


def test_open_tasks_keep_to_their_step(sequence: Sequence) -> None:
    called = inside(sequence, 3, announced_at=timezone.now())
    task = make_task(called, step(sequence, 3))
    sequences.remove_step(step(sequence, 0), by="olivia")
    task.refresh_from_db()
    called.refresh_from_db()
    assert (task.position, called.position) == (2, 2)
    sequences.remove_step(step(sequence, 2), by="olivia")
    assert HandTask.objects.filter(pk=task.pk, note="Its step was removed.").exists()


def draft(enrollment: Enrollment, status: Action.Status) -> Action:
    return Action.objects.create(
        kind="send_email",
        params={"enrollment": str(enrollment.pk), "position": enrollment.position},
        content_hash="-",
        agent="outreach",
        subject_type="pipeline.prospect",
        subject_id=str(enrollment.prospect_id),
        correlation_id=uuid.uuid4(),
        summary="Mail to Harbor",
        reason="Day 7",
        stakes=Action.Stakes.MEDIUM,
        outward=True,
        channel="email",
        status=status,
        expires_at=timezone.now() + dt.timedelta(days=7),
    )


def test_a_draft_of_a_step_that_changes_its_place_is_written_anew(sequence: Sequence) -> None:
    told = inside(sequence, 2, announced_at=timezone.now())
    waits = draft(told, Action.Status.WAITING)
    sequences.add_step(sequence, day=1, channel="call", by="olivia")
    told.refresh_from_db()
    waits.refresh_from_db()
    assert (told.position, told.announced_at) == (3, None)
    assert waits.status == Action.Status.EXPIRED


@pytest.mark.parametrize("change", ["add", "move", "remove"])
def test_nothing_changes_its_place_while_a_mail_is_going_out(
    change: str, sequence: Sequence
) -> None:
    draft(inside(sequence, 2, announced_at=timezone.now()), Action.Status.EXECUTING)
    before = shape(sequence)
    with pytest.raises(sequences.NotPossible, match="going out"):
        if change == "add":
            sequences.add_step(sequence, day=1, channel="call", by="olivia")
        elif change == "move":
            sequences.move_step(step(sequence, 2), up=True, by="olivia")
        else:
            sequences.remove_step(step(sequence, 0), by="olivia")
    assert shape(sequence) == before


def test_a_sequence_without_steps_or_wordings_does_not_run(db: None) -> None:
    bare = sequences.create("Bare", by="olivia")
    assert not bare.active
    with pytest.raises(sequences.NotPossible, match="no step"):
        sequences.set_active(bare, True, by="olivia")
    made = sequences.add_step(bare, day=0, channel="email", by="olivia")
    with pytest.raises(sequences.NotPossible, match="no wording"):
        sequences.set_active(bare, True, by="olivia")
    sequences.save_variant(made, None, name="A", subject="Hello", body="Hi", by="olivia")
    assert sequences.set_active(bare, True, by="olivia")
    sequences.remove_step(made, by="olivia")
    assert not Sequence.objects.get(pk=bare.pk).active


def test_the_last_wording_of_a_running_step_stays_on(sequence: Sequence) -> None:
    first, second = step(sequence, 0).variants.all()
    assert sequences.switch_variant(first, False, by="olivia")
    assert not sequences.switch_variant(first, False, by="olivia")
    with pytest.raises(sequences.NotPossible, match="only wording"):
        sequences.switch_variant(second, False, by="olivia")


def test_a_changed_wording_is_kept_in_the_trail(sequence: Sequence) -> None:
    variant = step(sequence, 0).variants.first()
    assert variant is not None
    sequences.save_variant(
        step(sequence, 0), variant, name="A", subject="New", body=variant.body, by="olivia"
    )
    entry = AuditEntry.objects.get(verb="variant.changed")
    assert entry.data["subject"] == {"from": "Calls after five at {company}", "to": "New"}


def test_a_wording_with_an_unknown_placeholder_is_refused(sequence: Sequence) -> None:
    with pytest.raises(sequences.NotPossible, match=r"no placeholder .nickname"):
        sequences.save_variant(
            step(sequence, 0), None, name="C", subject="Hi", body="Hi {nickname}", by="olivia"
        )


def test_names_are_taken_once(sequence: Sequence) -> None:
    with pytest.raises(sequences.NotPossible, match="already"):
        sequences.create(sequence.name, by="olivia")
