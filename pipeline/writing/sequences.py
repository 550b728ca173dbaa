"""Sequences as the operator edits them: steps, wordings, hours; and what becomes of who is inside.

Nobody is ever written the same step twice because of an edit:

- A date that is set stays, unless the day of that very step is changed, or one comes before it.
- Who is past a step stays past it. Of two steps that change places, who had one of them is past
  both.
- A draft knows the place of its step. Where that changes, the draft is withdrawn and whoever it
  was for falls due again; while one is going out, nothing is changed.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import Case, Count, F, Q, When
from django.db.models.functions import Greatest

from agency import audit, clock, live
from agency.models import AuditEntry
from control import actions
from control.models import Action
from pipeline.models import (
    Enrollment,
    HandTask,
    IdealCustomer,
    Prospect,
    Sequence,
    SequenceStep,
    Variant,
)
from pipeline.writing import outreach, wording

MOST_STEPS = 12
MOST_VARIANTS = 6
MOST_DAYS = 120


class NotPossible(Exception):
    """A sequence cannot be changed so; the message says why."""


def create(name: str, *, by: str, ideal_customer: IdealCustomer | None = None) -> Sequence:
    """Make a sequence without steps, paused until it has some. Raises NotPossible."""
    try:
        with transaction.atomic():
            made = Sequence.objects.create(name=name, ideal_customer=ideal_customer, active=False)
            _record("sequence.created", f"{by} made the sequence “{made}”", made, by)
    except IntegrityError:
        raise NotPossible(f"There is a sequence “{name}” already.") from None
    return made


def change(
    sequence: Sequence,
    *,
    name: str,
    ideal_customer: IdealCustomer | None,
    send_from: int,
    send_until: int,
    by: str,
) -> None:
    """Set its name, whom it is for and its hours. Raises NotPossible."""
    wanted = {
        "name": name,
        "ideal_customer": ideal_customer,
        "send_from": send_from,
        "send_until": send_until,
    }
    before = {field: getattr(sequence, field) for field in wanted}
    changed = {field: value for field, value in wanted.items() if before[field] != value}
    if not changed:
        return
    for field, value in changed.items():
        setattr(sequence, field, value)
    try:
        with transaction.atomic():
            sequence.save(update_fields=list(changed))
            data = {f: {"from": _plain(before[f]), "to": _plain(v)} for f, v in changed.items()}
            what = ", ".join(field.replace("_", " ") for field in changed)
            _record("sequence.changed", f"{by} changed {what} of “{sequence}”", sequence, by, data)
    except IntegrityError:
        raise NotPossible(f"There is a sequence “{name}” already.") from None


def set_active(sequence: Sequence, active: bool, *, by: str) -> bool:
    """Pause it or let it go on; return False if it is so already. Raises NotPossible."""
    if active and (why := unready(sequence)):
        raise NotPossible(why)
    with transaction.atomic():
        won = Sequence.objects.filter(pk=sequence.pk, active=not active).update(active=active)
        if won:
            sequence.active = active
            did = "lets “{}” run" if active else "paused “{}”"
            verb = "sequence.resumed" if active else "sequence.paused"
            _record(verb, f"{by} {did.format(sequence)}", sequence, by)
    return won == 1


def unready(sequence: Sequence) -> str:
    """Return why a sequence cannot run, or nothing."""
    steps = list(
        sequence.steps.annotate(wordings=Count("variants", models.Q(variants__active=True)))
    )
    if not steps:
        return "It has no step yet."
    bare = next((step for step in steps if not getattr(step, "wordings", 0)), None)
    return f"Step {bare.position + 1} has no wording that is on." if bare else ""


def add_step(sequence: Sequence, *, day: int, channel: str, by: str) -> SequenceStep:
    """Add a step on its day, after those of the same day. Raises NotPossible.

    Who waits for what comes after gets the new step first; for whom that is due already, the new
    one comes too late.
    """
    with transaction.atomic():
        steps = _lock(sequence)
        if len(steps) >= MOST_STEPS:
            raise NotPossible(f"A sequence has at most {MOST_STEPS} steps.")
        at = sum(1 for step in steps if step.day <= day)
        inside = _inside(sequence)
        inside.filter(position=at, announced_at=None).update(due_at=_due(day))
        told = inside.filter(position=at).exclude(announced_at=None)
        beyond = [*told.values_list("pk", flat=True)]
        _withdraw(sequence, range(at, len(steps)), "a step was added before it")
        _renumber(steps[at:], +1)
        inside.filter(Q(position__gt=at) | Q(pk__in=beyond)).update(position=F("position") + 1)
        _tasks(sequence).filter(position__gte=at).update(position=F("position") + 1)
        made = SequenceStep.objects.create(sequence=sequence, position=at, day=day, channel=channel)
        what = f"{made.get_channel_display()} on day {day}"
        _record("sequence.step_added", f"{by} added {what} to “{sequence}”", sequence, by)
    return made


def set_day(step: SequenceStep, day: int, *, by: str) -> None:
    """Put a step on another day, between its neighbours; who waits for it waits for that day.

    Raises NotPossible.
    """
    with transaction.atomic():
        steps = _lock(step.sequence)
        here = _find(steps, step)
        low = steps[here - 1].day if here else 0
        high = steps[here + 1].day if here + 1 < len(steps) else MOST_DAYS
        if not low <= day <= high:
            raise NotPossible(f"Step {here + 1} can be on day {low} to {high}; move it first.")
        if day == steps[here].day:
            return
        SequenceStep.objects.filter(pk=step.pk).update(day=day)
        waiting = _inside(step.sequence).filter(position=here, announced_at=None)
        moved = waiting.update(due_at=_due(day))
        words = f"{by} put step {here + 1} of “{step.sequence}” on day {day}"
        data = {"from": steps[here].day, "to": day, "moved": moved}
        _record("sequence.step_changed", words, step.sequence, by, data)


def move_step(step: SequenceStep, *, up: bool, by: str) -> None:
    """Let a step change places with its neighbour; the days stay in order. Raises NotPossible.

    Who had the first of the two and not the second is past both: neither comes twice.
    """
    with transaction.atomic():
        sequence = step.sequence
        steps = _lock(sequence)
        first = _find(steps, step) - (1 if up else 0)
        if not 0 <= first < len(steps) - 1:
            raise NotPossible("There is no step to change places with.")
        one, other = steps[first], steps[first + 1]
        _withdraw(sequence, range(first, first + 2), "its step was moved")
        _set_on(_inside(sequence).filter(position=first + 1), steps, first + 2)
        swapped = Case(When(position=first, then=first + 1), default=first)
        _tasks(sequence).filter(position__in=[first, first + 1]).update(position=swapped)
        SequenceStep.objects.filter(pk=one.pk).update(position=first + 1, day=other.day)
        SequenceStep.objects.filter(pk=other.pk).update(position=first, day=one.day)
        words = (
            f"{by} moved step {first + (2 if up else 1)} of “{sequence}” {'up' if up else 'down'}"
        )
        _record("sequence.step_moved", words, sequence, by)


def remove_step(step: SequenceStep, *, by: str) -> None:
    """Take a step out; who waits for it goes on with the next one, on that one's day."""
    with transaction.atomic():
        sequence = step.sequence
        steps = _lock(sequence)
        here = _find(steps, step)
        _withdraw(sequence, range(here, len(steps)), "a step was removed")
        _set_on(_inside(sequence).filter(position=here), steps, here + 1)
        _tasks(sequence).filter(position=here, done_at=None, skipped_at=None).update(
            skipped_at=clock.now(), note="Its step was removed."
        )
        wordings = list(step.variants.values("name", "subject", "body"))
        SequenceStep.objects.filter(pk=step.pk).delete()
        _renumber(steps[here + 1 :], -1)
        for rows in (_inside(sequence), _tasks(sequence)):
            rows.filter(position__gt=here).update(position=F("position") - 1)
        if len(steps) == 1 and sequence.active:
            set_active(sequence, False, by=by)
        words = f"{by} removed step {here + 1} ({step.get_channel_display()}) of “{sequence}”"
        data = {"day": step.day, "channel": step.channel, "wordings": wordings}
        _record("sequence.step_removed", words, sequence, by, data)


def save_variant(
    step: SequenceStep, variant: Variant | None, *, name: str, subject: str, body: str, by: str
) -> Variant:
    """Write a wording anew or change one; drafts that wait keep the words they have.

    Raises NotPossible; whether the placeholders fit is checked before, by `wording.problems`.
    """
    if problems := wording.problems(step.channel, subject, body):
        raise NotPossible(" ".join(problems.values()))
    with transaction.atomic():
        wanted = {"name": name, "subject": subject, "body": body}
        if variant is None:
            if step.variants.count() >= MOST_VARIANTS:
                raise NotPossible(f"A step has at most {MOST_VARIANTS} wordings.")
            variant = Variant.objects.create(step=step, **wanted)
            verb, did, data = "variant.created", "wrote", dict[str, Any](wanted)
        else:
            was = {f: getattr(variant, f) for f, v in wanted.items() if getattr(variant, f) != v}
            if not was:
                return variant
            for field, value in wanted.items():
                setattr(variant, field, value)
            variant.save(update_fields=list(wanted))
            verb, did = "variant.changed", "changed"
            data = {field: {"from": old, "to": wanted[field]} for field, old in was.items()}
        words = f"{by} {did} “{variant}” of step {step.position + 1} of “{step.sequence}”"
        _record(verb, words, step.sequence, by, {"variant": variant.pk, **data})
    return variant


def switch_variant(variant: Variant, active: bool, *, by: str) -> bool:
    """Use a wording, or no longer; return False if it is so already. Raises NotPossible."""
    step = variant.step
    with transaction.atomic():
        _lock(step.sequence)
        others = step.variants.filter(active=True).exclude(pk=variant.pk)
        if not active and step.sequence.active and not others.exists():
            raise NotPossible("It is the only wording of its step; pause the sequence first.")
        won = Variant.objects.filter(pk=variant.pk, active=not active).update(active=active)
        if won:
            variant.active = active
            did = "uses" if active else "no longer uses"
            words = f"{by} {did} “{variant}” of step {step.position + 1} of “{step.sequence}”"
            verb = "variant.switched_on" if active else "variant.switched_off"
            _record(verb, words, step.sequence, by, {"variant": variant.pk})
    return won == 1


def _lock(sequence: Sequence) -> list[SequenceStep]:
    """Lock a sequence against other edits; return its steps, in order from 0."""
    Sequence.objects.select_for_update(of=("self",)).get(pk=sequence.pk)
    return list(sequence.steps.order_by("position"))


def _find(steps: list[SequenceStep], step: SequenceStep) -> int:
    here = next((n for n, one in enumerate(steps) if one.pk == step.pk), None)
    if here is None:
        raise NotPossible("The step is no longer there.")
    return here


def _renumber(steps: Iterable[SequenceStep], by: int) -> None:
    SequenceStep.objects.filter(pk__in=[one.pk for one in steps]).update(
        position=F("position") + by
    )


def _inside(sequence: Sequence) -> models.QuerySet[Enrollment]:
    return Enrollment.objects.filter(sequence=sequence, status=Enrollment.Status.ACTIVE)


def _tasks(sequence: Sequence) -> models.QuerySet[HandTask]:
    return HandTask.objects.filter(enrollment__sequence=sequence)


def _due(day: int) -> Any:
    """Return when a day of theirs is, but not in the past, as an expression."""
    on = models.ExpressionWrapper(
        F("started_at") + dt.timedelta(days=day), output_field=models.DateTimeField()
    )
    return Greatest(on, models.Value(clock.now(), output_field=models.DateTimeField()))


def _set_on(
    enrollments: models.QuerySet[Enrollment], steps: list[SequenceStep], position: int
) -> None:
    """Let them go on with the step at `position`, on its day; without one they are through."""
    if position < len(steps):
        enrollments.update(position=position, due_at=_due(steps[position].day))
    else:
        enrollments.update(
            position=position, status=Enrollment.Status.FINISHED, ended_at=clock.now()
        )


def _withdraw(sequence: Sequence, positions: range, why: str) -> None:
    """Take back the drafts for these steps: they fall due again. Raises NotPossible."""
    told = _inside(sequence).filter(position__in=positions).exclude(announced_at=None)
    listed = list(told.select_related("prospect").select_for_update(of=("self",)))
    going = Action.objects.filter(
        subject_type=Prospect._meta.label_lower,
        subject_id__in=[str(one.prospect_id) for one in listed],
        kind__in=outreach.STEPS,
        status__in=[Action.Status.EXECUTING, Action.Status.UNKNOWN],
    )
    if going.exists():
        raise NotPossible("A mail of it is going out, or may have: try again once that is settled.")
    for enrollment in listed:
        actions.withdraw(enrollment.prospect, outreach.STEPS, why)
    told.update(announced_at=None)


def _record(
    verb: str, sentence: str, sequence: Sequence, by: str, data: dict[str, Any] | None = None
) -> None:
    audit.record(
        verb,
        sentence,
        actor=by,
        actor_kind=AuditEntry.ActorKind.USER,
        obj=sequence,
        data=data or {},
    )
    live.broadcast("sequences", "tasks")


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, models.Model) else value
