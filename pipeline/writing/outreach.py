"""Enrollments: who is on their way through a sequence, step by step, and what takes them out.

A step falls due in business time and is told once (`step.due`); Outreach writes it; when it went
out, `advance` sets the next. Any answer of theirs stops it at once, before it is even read.
"""

import datetime as dt
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q
from django.db.models.functions import Cast
from django.utils import timezone

from agency import audit, clock, live
from agency.models import AuditEntry
from control import actions
from control.models import Action
from jobs import events, registry
from jobs.lease import Lease
from jobs.models import Event, Job
from pipeline.mail import suppressions
from pipeline.models import (
    Contact,
    Enrollment,
    HandTask,
    Mailbox,
    Prospect,
    Sequence,
    SequenceStep,
)
from pipeline.writing import windows

STEPS = ("send_email", "linkedin_task", "call_task")
"""The kinds of action a sequence consists of."""

AT_ONCE = 200
FORGOTTEN = dt.timedelta(hours=1)


class CannotEnroll(ValueError):
    """Why somebody cannot be put into a sequence."""


def contact_for(prospect: Prospect) -> Contact | None:
    """Return whom to write to: the primary contact with an address, else the first with one."""
    with_address = prospect.contacts.exclude(email="")
    return with_address.order_by("-is_primary", "pk").first()


def sequence_for(prospect: Prospect) -> Sequence | None:
    """Return the active sequence of the prospect's ideal customer, else the one for all."""
    return (
        Sequence.objects.filter(
            Q(ideal_customer=prospect.ideal_customer_id) | Q(ideal_customer=None),
            active=True,
            steps__isnull=False,
        )
        .order_by("ideal_customer", "pk")
        .distinct()
        .first()
    )


def enroll(prospect: Prospect, contact: Contact, sequence: Sequence) -> Enrollment:
    """Put a person at the start of a sequence, in the caller's transaction. Raises CannotEnroll."""
    _check_open(prospect)
    if not contact.email:
        raise CannotEnroll(f"there is no address of {contact or prospect}")
    found = suppressions.of(contact.email, prospect.name)
    if found is not None:
        raise CannotEnroll(f"{found.value} is suppressed: {found.reason}")
    if Enrollment.objects.filter(prospect=prospect, status=Enrollment.Status.ACTIVE).exists():
        raise CannotEnroll(f"{prospect} is in a sequence already")
    first = sequence.steps.first()
    if first is None:
        raise CannotEnroll(f"“{sequence}” has no steps")
    mailbox = _mailbox()
    begins = windows.begins_at(mailbox, clock.now())
    enrollment = Enrollment.objects.create(
        prospect=prospect,
        contact=contact,
        sequence=sequence,
        mailbox=mailbox,
        position=first.position,
        started_at=begins,
        due_at=begins + dt.timedelta(days=first.day),
    )
    live.broadcast("prospects", f"prospect:{prospect.pk}", "sequences")
    return enrollment


def _check_open(prospect: Prospect) -> None:
    if prospect.merged_into_id is not None:
        raise CannotEnroll(f"{prospect} is part of another prospect")
    if prospect.status not in Prospect.OPEN:
        raise CannotEnroll(f"{prospect} is {prospect.get_status_display().lower()}")


def _mailbox() -> Mailbox | None:
    """Return the active mailbox with the fewest people on their way, its row taken."""
    on_way = Count("enrollments", filter=Q(enrollments__status=Enrollment.Status.ACTIVE))
    free = Mailbox.objects.filter(active=True).annotate(n=on_way).order_by("n", "pk").first()
    return Mailbox.objects.select_for_update().get(pk=free.pk) if free else None


def advance(enrollment: Enrollment, position: int) -> bool:
    """Go on from the step at `position` to the next, or finish; False if it has gone on already.

    In the caller's transaction.
    """
    now = clock.now()
    following = (
        SequenceStep.objects.filter(sequence=enrollment.sequence_id, position__gt=position)
        .order_by("position")
        .first()
    )
    here = Enrollment.objects.filter(
        pk=enrollment.pk, status=Enrollment.Status.ACTIVE, position=position
    )
    if following is None:
        won = here.update(status=Enrollment.Status.FINISHED, ended_at=now)
    else:
        due = max(enrollment.started_at + dt.timedelta(days=following.day), now)
        won = here.update(position=following.position, due_at=due, announced_at=None)
    live.broadcast("sequences", f"prospect:{enrollment.prospect_id}")
    return won == 1


def stop(prospect: Prospect, reason: Enrollment.Stop, *, by: str = "") -> bool:
    """Take the prospect out of its sequence, in one commit; return whether it was in one.

    What waits, is approved or lies ready for the operator's hands is withdrawn; what is on the
    wire is not. `by` is the person who did it, empty for the house.
    """
    with transaction.atomic():
        enrollment = (
            Enrollment.objects.select_for_update()
            .filter(prospect=prospect, status=Enrollment.Status.ACTIVE)
            .first()
        )
        if enrollment is None:
            return False
        enrollment.status = Enrollment.Status.STOPPED
        enrollment.stop_reason = reason
        enrollment.ended_at = clock.now()
        enrollment.save(update_fields=["status", "stop_reason", "ended_at"])
        why = f"the sequence stopped: {Enrollment.Stop(reason).label.lower()}"
        actions.withdraw(prospect, STEPS, why)
        HandTask.objects.filter(enrollment=enrollment, done_at=None, skipped_at=None).update(
            skipped_at=clock.now(), note=why
        )
        audit.record(
            "enrollment.stopped",
            f"{prospect} is out of “{enrollment.sequence}”: {Enrollment.Stop(reason).label}",
            actor=by or "the house",
            actor_kind=AuditEntry.ActorKind.USER if by else AuditEntry.ActorKind.SYSTEM,
            obj=prospect,
            data={"enrollment": str(enrollment.pk), "reason": reason},
        )
        live.broadcast("prospects", f"prospect:{prospect.pk}", "sequences")
    return True


def resume(enrollment: Enrollment, *, by: str) -> bool:
    """Go on where a stopped enrollment stopped; False if it is not stopped.

    Raises CannotEnroll when the person must not be written to, or is in a sequence again.
    """
    with transaction.atomic():
        prospect = Prospect.objects.select_for_update(of=("self",)).get(pk=enrollment.prospect_id)
        _check_open(prospect)
        found = suppressions.of(enrollment.contact.email, prospect.name)
        if found is not None:
            raise CannotEnroll(f"{found.value} is suppressed: {found.reason}")
        if Enrollment.objects.filter(prospect=prospect, status=Enrollment.Status.ACTIVE).exists():
            raise CannotEnroll(f"{prospect} is in a sequence already")
        won = Enrollment.objects.filter(pk=enrollment.pk, status=Enrollment.Status.STOPPED).update(
            status=Enrollment.Status.ACTIVE,
            stop_reason="",
            ended_at=None,
            announced_at=None,
            due_at=clock.now(),
        )
        if won:
            audit.record(
                "enrollment.resumed",
                f"{by} let {prospect} go on in “{enrollment.sequence}”",
                actor=by,
                actor_kind=AuditEntry.ActorKind.USER,
                obj=prospect,
                data={"enrollment": str(enrollment.pk)},
            )
            live.broadcast("prospects", f"prospect:{prospect.pk}", "sequences")
    return won == 1


@registry.register("pipeline.announce_steps", short=True)
def announce_steps(job: Job, lease: Lease) -> None:
    """Tell of the steps that fell due, each once."""
    due = (
        Enrollment.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(
            status=Enrollment.Status.ACTIVE,
            announced_at=None,
            due_at__lte=clock.now(),
            sequence__active=True,
        )
        .select_related("prospect")
        .order_by("due_at")[:AT_ONCE]
    )
    for enrollment in due:
        Enrollment.objects.filter(pk=enrollment.pk).update(announced_at=timezone.now())
        events.emit("step.due", subject=enrollment.prospect)


@registry.register("pipeline.remember_steps", short=True)
def remember_steps(job: Job, lease: Lease) -> None:
    """Tell again of steps nothing came of: their run failed for good, or the draft lapsed."""
    pk = Cast(OuterRef("prospect_id"), Action._meta.get_field("subject_id"))
    label = Prospect._meta.label_lower
    open_ = Action.objects.filter(
        subject_type=label, subject_id=pk, kind__in=STEPS, status__in=Action.UNSETTLED
    )
    under_way = Job.objects.filter(subject_type=label, subject_id=pk, kind="agents.run").exclude(
        status__in=[Job.Status.COMPLETED, Job.Status.DISCARDED, Job.Status.CANCELLED]
    )
    Enrollment.objects.filter(
        ~Exists(open_),
        ~Exists(under_way),
        status=Enrollment.Status.ACTIVE,
        announced_at__lt=timezone.now() - FORGOTTEN,
    ).update(announced_at=None)


@registry.register("pipeline.step_rejected", short=True)
def step_rejected(job: Job, lease: Lease) -> None:
    """Take a prospect out of its sequence when the operator turned a step down."""
    event = Event.objects.get(pk=UUID(job.payload["event_id"]))
    action = Action.objects.get(pk=event.subject_id)
    if action.kind not in STEPS or action.status != Action.Status.REJECTED:
        return
    prospect = Prospect.objects.filter(pk=action.subject_id).first()
    if prospect is not None:
        stop(prospect, Enrollment.Stop.REJECTED)


events.subscribe("action.rejected", "pipeline.step_rejected")
events.comes_from("step.due", "clock")
registry.every(2, "pipeline.announce_steps")
registry.every(900, "pipeline.remember_steps")
