"""Taking over: the operator handles a record by hand, and agents are locked out of it."""

from django.apps import apps
from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from agency import audit, live
from agency.models import AuditEntry
from control import decisions
from control.models import Action, Decision, Takeover

CLOSED = (Action.Status.WAITING, Action.Status.HELD, Action.Status.APPROVED)


def of(subject_type: str, subject_id: str) -> Takeover | None:
    """Return the takeover in force on a record."""
    if not subject_type:
        return None
    return Takeover.objects.filter(
        subject_type=subject_type, subject_id=subject_id, handed_back_at=None
    ).first()


def on(subject: models.Model) -> Takeover | None:
    """Return the takeover in force on this row."""
    return of(subject._meta.label_lower, str(subject.pk))


def take_over(action: Action, *, by: User, seen_hash: str, seconds: int | None = None) -> Takeover:
    """Handle the action's subject by hand from now on; what agents have open for it is closed.

    What was approved and has not begun to leave is called back. Raises Stale.
    """
    with transaction.atomic():
        action = decisions.lock(action, seen_hash)
        if not action.subject_type:
            raise decisions.Stale("It is about no record that could be taken over.")
        try:
            with transaction.atomic():
                takeover = Takeover.objects.create(
                    subject_type=action.subject_type,
                    subject_id=action.subject_id,
                    by=by.get_username(),
                    taken_at=timezone.now(),
                )
        except IntegrityError:
            raise decisions.Stale("It is taken over already.") from None
        _close(action, takeover, by, seconds)
        for other in _open(action):
            _close(other, takeover, by, None)
        _tell(takeover, "taken_over", f"{by.get_username()} took over", by)
        return takeover


def hand_back(takeover: Takeover, *, by: User) -> bool:
    """Let agents act on the record again; False if it was handed back already."""
    with transaction.atomic():
        won = Takeover.objects.filter(pk=takeover.pk, handed_back_at=None).update(
            handed_back_at=timezone.now(), handed_back_by=by.get_username()
        )
        if won:
            _tell(takeover, "handed_back", f"{by.get_username()} handed back", by)
        return won == 1


def _open(action: Action) -> models.QuerySet[Action]:
    """Return what else agents have open for the action's subject, locked."""
    return (
        Action.objects.select_for_update(of=("self",))
        .filter(
            subject_type=action.subject_type,
            subject_id=action.subject_id,
            status__in=CLOSED,
            effect_started_at=None,
        )
        .exclude(pk=action.pk)
        .order_by("pk")
    )


def _close(action: Action, takeover: Takeover, by: User, seconds: int | None) -> None:
    if not action.advance(
        action.status,
        Action.Status.REJECTED,
        decided_at=timezone.now(),
        not_before=None,
        error=str(takeover),
    ):
        return
    Decision.objects.filter(
        action=action, verdict=Decision.Verdict.APPROVE, consumed_at=None, voided_at=None
    ).update(voided_at=timezone.now())
    decisions.record(
        action,
        Decision.Verdict.TAKE_OVER,
        by,
        diff={"takeover": takeover.pk},
        seconds=seconds,
    )


def _tell(takeover: Takeover, verb: str, words: str, by: User) -> None:
    model = apps.get_model(takeover.subject_type)
    subject = model._default_manager.filter(pk=takeover.subject_id).first()
    audit.record(
        f"{model._meta.model_name}.{verb}",
        f"{words} {subject or model._meta.verbose_name}",
        actor=by.get_username(),
        actor_kind=AuditEntry.ActorKind.USER,
        obj=subject,
        client=getattr(subject, "client", None),
    )
    name = model._meta.model_name
    live.broadcast("approvals", "status", f"{name}s", f"{name}:{takeover.subject_id}")
