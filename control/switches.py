"""Kill switches: engaged by a person or a trip, released only by a person.

Three places look: the claim (through `jobs.Hold`), the thread that waits for a model or a server
(through this process's snapshot, at most 250 ms old), and the transaction that starts an effect
(through the row itself). None of them needs Valkey.
"""

import logging
import threading
import time
from collections.abc import Iterable

from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from agency import audit, live
from agency.db import give_back_connections
from agency.models import AuditEntry
from control import given_up, kinds
from control.models import Action, KillSwitch
from jobs import limits, operate, queue, registry, wakeups
from jobs.filters import Filter
from jobs.lease import Held, Lease
from jobs.models import Hold, Job, Lane
from jobs.operate import Verb

SNAPSHOT_SECONDS = 0.25
STALE_SECONDS = 1.0
DISCARD = "control.discard_backlog"
AT_ONCE = 500
"""A backlog of up to so many jobs is dealt with in the release's own transaction."""

MANY = 10_000
"""Counting more than this takes longer than a page may."""

UNSEEN = "?"
"""The tag reported when this process could not look for too long: not knowing means no."""

log = logging.getLogger(__name__)


class AlreadyEngaged(Exception):
    """This switch is engaged already."""


def engage(
    scope: str, value: str = "", *, reason: str, by: str, automatic: bool = False
) -> KillSwitch:
    """Engage a switch and hold its jobs. Raises AlreadyEngaged."""
    with transaction.atomic():
        switch, created = KillSwitch.objects.get_or_create(
            scope=scope,
            value=value,
            released_at=None,
            defaults={
                "reason": reason,
                "engaged_by": by,
                "engaged_at": timezone.now(),
                "automatic": automatic,
            },
        )
        if not created:
            raise AlreadyEngaged(f"{label(switch)} is stopped already by {switch.engaged_by}")
        Hold.objects.update_or_create(tag=switch.tag, defaults={"reason": reason})
        audit.record(
            "switch.engaged",
            f"{by} stopped {label(switch)}: {reason}",
            actor=by,
            actor_kind=AuditEntry.ActorKind.SYSTEM if automatic else AuditEntry.ActorKind.USER,
            obj=switch,
            data={"on_the_wire": [str(a.pk) for a in on_the_wire()]},
        )
        live.broadcast("status", "agents", "approvals", "settings")
    return switch


def release(switch: KillSwitch, *, by: str, discard_backlog: bool = False) -> int:
    """Release a switch; return how many jobs of its backlog go on, or are discarded.

    Counts up to MANY, and one more when there are more. A backlog of over AT_ONCE is set free by
    the sweep, or discarded by a job in the background, until whose end the tag stays held.
    Returns 0 and changes nothing if it was released already.
    """
    with transaction.atomic():
        won = KillSwitch.objects.filter(pk=switch.pk, released_at=None).update(
            released_at=timezone.now(), released_by=by
        )
        if not won:
            return 0
        count = waiting(switch)
        if discard_backlog:
            count = _discard(switch, by, count)
        else:
            Hold.objects.filter(tag=switch.tag).delete()
            limits.free(switch.tag, AT_ONCE)
            queue.enqueue("control.tidy", {})
            for lane in Lane.values:
                wakeups.wake_on_commit(lane)
        what = f"{in_words(count)} waiting jobs {'discarded' if discard_backlog else 'go on'}"
        audit.record(
            "switch.released",
            f"{by} released {label(switch)}; {what}",
            actor=by,
            actor_kind=AuditEntry.ActorKind.USER,
            obj=switch,
            data={"backlog": count, "discarded": discard_backlog},
        )
        live.broadcast("status", "agents", "approvals", "settings", "jobs")
    return count


def _discard(switch: KillSwitch, by: str, count: int) -> int:
    """Cancel the backlog, at once or in a job, with the proposals held for this switch."""
    why = f"{label(switch)} was released"
    held = held_actions(switch)
    if count + len(held) > AT_ONCE:
        chosen = Filter(statuses=operate.WAITING, tag=switch.tag)
        operate.start(
            Verb.CANCEL,
            chosen,
            by=by,
            reason=why,
            total=0 if count > MANY else count,
            kind=DISCARD,
            switch_id=switch.pk,
        )
        return min(count + len(held), MANY + 1)
    ids = list(backlog(switch).values_list("pk", flat=True)[:AT_ONCE])
    done = operate.change(Verb.CANCEL, ids, by=by, reason=why).done
    for action in held:
        given_up.turn_down(action, Action.Status.HELD, f"discarded by {by}: {why}")
    Hold.objects.filter(tag=switch.tag).delete()
    return done + len(held)


@registry.register(DISCARD, lane=Lane.FAST, max_attempts=20)
def discard_backlog(job: Job, lease: Lease) -> None:
    """Discard what waited for a switch, then let its tag go on, unless it was stopped again."""
    operate.carry_out(job, lease)
    switch = KillSwitch.objects.get(pk=job.payload["switch_id"])
    why = f"discarded by {job.payload['by']}: {job.payload['reason']}"
    for action in held_actions(switch):
        with transaction.atomic():
            lease.check_row()
            given_up.turn_down(action, Action.Status.HELD, why)
    with transaction.atomic():
        lease.check_row()
        # Engaging writes this row too, so one of the two waits for the other.
        hold = Hold.objects.select_for_update().filter(tag=switch.tag).first()
        again = KillSwitch.objects.filter(
            scope=switch.scope, value=switch.value, released_at=None
        ).exists()
        if hold is not None and not again and not _discarding(switch.tag, job):
            hold.delete()
            live.broadcast("status", "jobs")


def _discarding(tag: str, job: Job) -> bool:
    """Whether another release of the same switch still has its backlog discarded."""
    others = [other for other in operate.operations([DISCARD]) if other.pk != job.pk]
    return any(other.payload["filter"].get("tag") == [tag] for other in others)


def in_words(count: int) -> str:
    """Return a count that was not taken to its end as what it is."""
    return f"over {MANY:,}" if count > MANY else f"{count:,}"


def waiting(switch: KillSwitch) -> int:
    """Count the jobs that wait because of this switch, up to MANY and one more."""
    return backlog(switch)[: MANY + 1].count()


def held_actions(switch: KillSwitch) -> list[Action]:
    """Return the proposals policy holds back that this switch reaches."""
    held = Action.objects.filter(status=Action.Status.HELD).order_by("pk")
    if switch.scope == KillSwitch.Scope.EVERYTHING:
        return list(held)
    return [action for action in held if switch.tag in kinds.tags(action)]


def backlog(switch: KillSwitch) -> QuerySet[Job]:
    """Return the jobs that wait because of this switch."""
    return Filter(statuses=operate.WAITING, tag=switch.tag).rows()


def engaged(tags: Iterable[str]) -> KillSwitch | None:
    """Return an engaged switch that reaches any of `tags`, read from its row now."""
    wanted = Q(scope=KillSwitch.Scope.EVERYTHING)
    for tag in tags:
        scope, _, value = tag.partition(":")
        wanted |= Q(scope=scope, value=value)
    return KillSwitch.objects.filter(wanted, released_at=None).order_by("engaged_at").first()


def check(tags: Iterable[str]) -> None:
    """Raise Held if a switch reaches `tags`, read from its row now."""
    switch = engaged(tags)
    if switch is not None:
        raise Held(switch.tag)


def on_the_wire() -> list[Action]:
    """Return the effects that have started and not ended: a switch comes too late for these."""
    return list(Action.objects.filter(status=Action.Status.EXECUTING, outward=True))


def label(switch: KillSwitch) -> str:
    """Return the switch's scope in words."""
    if switch.scope == KillSwitch.Scope.EVERYTHING:
        return "everything"
    return f"{switch.get_scope_display().lower()} {switch.value}"


class Watch:
    """This process's view of the engaged switches, refreshed every 250 ms by a thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        self._tags: frozenset[str] = frozenset()
        self._seen = 0.0

    def reached(self, tags: Iterable[str]) -> str | None:
        """Return the tag of a switch that reaches `tags`, or UNSEEN if the view is too old."""
        self._start()
        if time.monotonic() - self._seen > STALE_SECONDS:
            return UNSEEN
        if "*" in self._tags:
            return "*"
        return next((tag for tag in tags if tag in self._tags), None)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._stopped.clear()
                self._look()
                self._thread = threading.Thread(
                    target=self._forever, name="switch-watch", daemon=True
                )
                self._thread.start()

    def stop(self) -> None:
        """End the thread; the next look starts it again."""
        with self._lock:
            self._stopped.set()
            if self._thread is not None:
                self._thread.join()
                self._thread = None

    def _forever(self) -> None:
        while not self._stopped.wait(SNAPSHOT_SECONDS):
            try:
                self._look()
            except DatabaseError as error:
                log.warning("cannot see the kill switches: %s", error)
                connection.close()
            finally:
                give_back_connections()

    def _look(self) -> None:
        before = time.monotonic()
        rows = KillSwitch.objects.filter(released_at=None)
        self._tags = frozenset(switch.tag for switch in rows)
        self._seen = before


watch = Watch()
