"""Execution: the only place where anything leaves the house, or a record changes.

An approval is consumed, the switch and policy are looked at again, the action is claimed by
compare-and-swap, and `effect_started_at` is committed, all in one transaction; only then is the
integration called, with the action's id as idempotency key. A crash before that commit is a safe
retry. After it nobody knows, and the action is `unknown` until a person says what happened.
"""

import datetime as dt
import logging
import uuid

from django.db import transaction
from django.utils import timezone

from agency import live
from agency.db import give_back_connections
from control import alerts, given_up, kinds, outcomes, policy, promotions, switches, trips
from control.models import Action, Decision, Level
from integrations.errors import OutcomeUnknown, RecipientRefused, ServiceError
from jobs import events, queue, registry
from jobs.lease import Held, Lease, LeaseLost
from jobs.models import Event, Job, Lane

APPROVAL_LASTS = dt.timedelta(hours=24)
"""From when it could leave."""

SLACK = dt.timedelta(milliseconds=500)

log = logging.getLogger(__name__)


class Refused(Exception):
    """This action may not be executed (any more)."""


class TooEarly(Exception):
    """It must not leave before `at`, wall time: it is night there, or enough went out today."""

    def __init__(self, at: dt.datetime) -> None:
        super().__init__(f"not before {at}")
        self.at = at


def start(action: Action, decision: Decision) -> None:
    """Execute a record-only action now, in the caller's transaction; enqueue an outward one."""
    if not action.outward:
        _consume(action, decision)
        _do_record(action)
        return
    queue.enqueue(
        "control.execute",
        {"action_id": str(action.pk), "decision_id": decision.pk},
        client=action.client,
        subject=action,
        run_at=action.not_before,
        unique_key=f"execute:{action.pk}:{decision.pk}",
        correlation_id=action.correlation_id,
        tags=kinds.tags(action),
    )


@registry.register("control.execute", lane=Lane.FAST, max_attempts=6)
def execute(job: Job, lease: Lease) -> None:
    """Make one outward effect, once."""
    action = Action.objects.get(pk=job.payload["action_id"])
    decision = Decision.objects.get(pk=job.payload["decision_id"])
    try:
        ready = _begin(action, decision, lease)
    except Refused as refusal:
        _refuse(action, str(refusal))
        return
    except TooEarly as early:
        _put_off(action, lease, early.at)
        return
    if ready:
        _effect(action, decision, lease)


def _begin(action: Action, decision: Decision, lease: Lease) -> bool:
    """Commit that the effect starts now; return False if there is nothing to do for this job.

    Raises Refused, TooEarly, Held, LeaseLost.
    """
    with transaction.atomic():
        lease.check_row()
        action.refresh_from_db(from_queryset=Action.objects.select_for_update())
        current = decision.pk == given_up.live_decision(action)
        if action.status == Action.Status.EXECUTING and current:
            outcomes.mark_unknown(action, "its worker stopped in the middle of it")
            return False
        if action.status != Action.Status.APPROVED or not current:
            return False
        judgement = policy.judge(action)
        # After policy: a switch engaged or released between the two must not refuse it for good.
        switches.check(kinds.tags(action))
        if judgement.stopped:
            raise Held("a switch released meanwhile")
        if judgement.level == Level.FORBID:
            raise Refused(judgement.reason)
        if judgement.level == Level.ASK and decision.user_id is None:
            raise Refused(judgement.reason)
        at = kinds.get(action.kind).leaves_at(action, kinds.parsed(action))
        if at is not None and at > timezone.now() + SLACK:
            raise TooEarly(at)
        _consume(action, decision)
        return action.advance(
            Action.Status.APPROVED, Action.Status.EXECUTING, effect_started_at=timezone.now()
        )


def _put_off(action: Action, lease: Lease, at: dt.datetime) -> None:
    """Let an approved action and its job wait for the time it may leave; the try does not count."""
    with transaction.atomic():
        waits = Action.objects.filter(pk=action.pk, status=Action.Status.APPROVED)
        waits.update(not_before=at)
        lease.settle(Job.Status.SCHEDULED, run_at=at, attempt=max(0, lease.job.attempt - 1))
    live.broadcast("approvals")


def _consume(action: Action, decision: Decision) -> None:
    """Use up the approval. Raises Refused if it is not for this content, too old, or used."""
    if kinds.content_hash(action) != decision.content_hash:
        raise Refused("what was approved was changed afterwards")
    now = timezone.now()
    live = Decision.objects.filter(
        pk=decision.pk,
        action=action,
        verdict=Decision.Verdict.APPROVE,
        content_hash=action.content_hash,
        consumed_at=None,
        voided_at=None,
    )
    if not (_lasts(action, decision, now) and live.update(consumed_at=now)):
        raise Refused("its approval was used, recalled or too old")


def _lasts(action: Action, decision: Decision, now: dt.datetime) -> bool:
    """Whether the approval is not too old; what was put off since is as fresh as its new time."""
    put_off = action.not_before + APPROVAL_LASTS if action.not_before else now
    return now < max(decision.expires_at or now, put_off)


def _effect(action: Action, decision: Decision, lease: Lease) -> None:
    kind = kinds.get(action.kind)
    tags = kinds.tags(action)

    def guard() -> None:
        """Refuse to start: lease lost or a switch engaged since the commit above."""
        lease.check()
        tag = switches.watch.reached(tags)
        if tag == switches.UNSEEN:
            raise ServiceError("the kill switches cannot be seen", permanent=False)
        if tag is not None:
            raise Held(tag)

    give_back_connections()
    try:
        guard()
        effect = kind.execute(action, kinds.parsed(action), guard)
    except (Held, LeaseLost):
        _not_sent(action, decision)
        raise
    except OutcomeUnknown as doubt:
        with transaction.atomic():
            outcomes.mark_unknown(action, str(doubt))
        return
    except kinds.Blocked as block:
        _failed(action, str(block), about="action")
        return
    except RecipientRefused as refusal:
        _failed(action, str(refusal), about="recipient")
        return
    except ServiceError as error:
        last_try = lease.job.attempt >= lease.job.max_attempts
        if error.permanent or last_try:
            _failed(action, str(error))
        else:
            _not_sent(action, decision)
        raise
    _finish(action, effect)


def _not_sent(action: Action, decision: Decision) -> None:
    """Surely nothing left: the approval is whole again, for the next try."""
    started = action.effect_started_at
    with transaction.atomic():
        back = Action.objects.filter(
            pk=action.pk, status=Action.Status.EXECUTING, effect_started_at=started
        ).update(status=Action.Status.APPROVED, effect_started_at=None)
        if back:
            Decision.objects.filter(pk=decision.pk).update(consumed_at=None)


def _finish(action: Action, effect: dict[str, object]) -> None:
    """Record an effect that surely happened, even if others gave it up as unknown meanwhile."""
    kind = kinds.get(action.kind)
    with transaction.atomic():
        won = Action.objects.filter(
            pk=action.pk,
            status__in=[Action.Status.EXECUTING, Action.Status.UNKNOWN],
            effect_started_at=action.effect_started_at,
        ).update(status=Action.Status.DONE, effect=effect, finished_at=timezone.now(), error="")
        if not won:
            log.error("action %s was done but is no longer executing", action.pk)
            return
        action.refresh_from_db()
        kind.done(action, kinds.parsed(action))
        outcomes.done(action, effect)


def _do_record(action: Action) -> None:
    """Do a record-only action in the caller's transaction."""
    kind = kinds.get(action.kind)
    params = kinds.parsed(action)
    switches.check(kinds.tags(action))
    now = timezone.now()
    action.advance(Action.Status.APPROVED, Action.Status.EXECUTING, effect_started_at=now)
    effect = kind.execute(action, params, lambda: None)
    action.advance(
        Action.Status.EXECUTING,
        Action.Status.DONE,
        effect=effect,
        before=action.before,
        finished_at=timezone.now(),
    )
    kind.done(action, params)
    outcomes.done(action, effect)


def _failed(action: Action, error: str, *, about: str = "channel") -> None:
    """End the action as failed; only what is wrong `about` its channel counts against that."""
    with transaction.atomic():
        if not outcomes.ends_own(
            action,
            Action.Status.FAILED,
            error,
            finished_at=timezone.now(),
            effect={"failed": about},
        ):
            return
        outcomes.tell(action, "action.failed", f"Failed: {action.summary}: {error}", {})
        alerts.raise_alert(
            f"failed:{action.kind}",
            f"Could not do: {action.summary}",
            body=error,
            url=f"/approvals/{action.pk}/",
        )
        trips.after_failure(action)
        # A channel that fails is watched by its own trip; a world that changed is nobody's fault.
        if about == "recipient" or (about == "channel" and not action.channel):
            promotions.after_outcome(action, f"it failed, {error}")


def _refuse(action: Action, why: str) -> None:
    """An approval that no longer holds: the action waits again, with the reason."""
    with transaction.atomic():
        if not action.advance(
            Action.Status.APPROVED, Action.Status.WAITING, error=why, decided_at=None
        ):
            return
        Decision.objects.filter(action=action, verdict="approve", consumed_at=None).update(
            voided_at=timezone.now()
        )
        action.content_hash = kinds.content_hash(action)
        action.save(update_fields=["content_hash"])
        outcomes.tell(
            action, "action.refused", f"Not sent, asks again: {action.summary}: {why}", {}
        )
        alerts.raise_alert(
            f"refused:{action.pk}",
            f"Not sent: {action.summary}",
            body=f"{why}. It waits for your decision again.",
            url=f"/approvals/{action.pk}/",
        )


@registry.register("control.settle_discarded", lane=Lane.FAST, short=True)
def settle_discarded(job: Job, lease: Lease) -> None:
    """Leave no action behind whose job gave up: in doubt it is `unknown`, else it asks again."""
    event = Event.objects.get(pk=uuid.UUID(job.payload["event_id"]))
    gone = Job.objects.get(pk=event.subject_id)
    if gone.kind != "control.execute":
        return
    action = Action.objects.select_for_update().get(pk=gone.payload["action_id"])
    if given_up.live_decision(action) != gone.payload["decision_id"]:
        return
    if action.status == Action.Status.EXECUTING:
        outcomes.mark_unknown(action, "its worker stopped in the middle of it, again")
    else:
        _refuse(action, "its job gave up")


events.subscribe("job.discarded", "control.settle_discarded")
