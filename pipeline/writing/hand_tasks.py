"""What the operator does by hand for a sequence: LinkedIn notes and calls, done or skipped.

The sequence does not wait for them: it goes on once the text lies ready.
"""

import uuid

from django.db import transaction

from agency import audit, clock, live
from agency.models import AuditEntry
from pipeline.models import HandTask, SequenceStep, Touch, Variant


def done(task: HandTask, *, by: str) -> bool:
    """Note that a task was done; return False if somebody was there first."""
    with transaction.atomic():
        if not _settle(task, "done_at", by, ""):
            return False
        _keep_touch(task)
        _record("task.done", f"{by} did: {task}", task, by)
    return True


def skip(task: HandTask, *, by: str, note: str = "") -> bool:
    """Leave a task out; return False if somebody was there first."""
    with transaction.atomic():
        if not _settle(task, "skipped_at", by, note):
            return False
        _record("task.skipped", f"{by} skipped: {task}{f' ({note})' if note else ''}", task, by)
    return True


def take_back(task: HandTask, *, by: str) -> bool:
    """Open a task again that a person settled; return False if it is open, or the house did it."""
    with transaction.atomic():
        settled = HandTask.objects.filter(pk=task.pk).exclude(by="")
        if not settled.update(done_at=None, skipped_at=None, by="", note=""):
            return False
        Touch.objects.filter(pk=_touch_id(task), replied_at=None).delete()
        task.refresh_from_db()
        _record("task.reopened", f"{by} opened again: {task}", task, by)
    return True


def _settle(task: HandTask, field: str, by: str, note: str) -> bool:
    still_open = HandTask.objects.filter(pk=task.pk, done_at=None, skipped_at=None)
    if not still_open.update(**{field: clock.now()}, by=by, note=note):
        return False
    task.refresh_from_db()
    return True


def _keep_touch(task: HandTask) -> None:
    """Count what was said by hand as written to them, in the wording of its step."""
    wording = None
    if task.enrollment is not None:
        step = SequenceStep.objects.filter(
            sequence=task.enrollment.sequence_id, position=task.position, channel=task.channel
        )
        wording = Variant.objects.filter(step__in=step, active=True).first()
    Touch.objects.get_or_create(
        pk=_touch_id(task),
        defaults={
            "prospect": task.prospect,
            "contact": task.contact,
            "enrollment": task.enrollment,
            "position": task.position,
            "channel": task.channel,
            "variant": wording,
            "sent_at": clock.now(),
        },
    )


def _touch_id(task: HandTask) -> uuid.UUID:
    """Return the id of what a task's text is kept as: one, however often it is done."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"pipeline.handtask:{task.pk}")


def _record(verb: str, sentence: str, task: HandTask, by: str) -> None:
    audit.record(
        verb,
        sentence,
        actor=by,
        actor_kind=AuditEntry.ActorKind.USER,
        obj=task.prospect,
        data={"task": task.pk},
    )
    live.broadcast("tasks", "sequences", f"prospect:{task.prospect_id}")
