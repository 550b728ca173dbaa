"""One seeded run: work is put in, faults come as it gets done, and everything is counted."""

import dataclasses
import datetime as dt
import random
import time
from collections import Counter

from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.utils import timezone

from agency.db import give_back_connections
from agency.ids import uuid7
from chaos.house import House
from chaos.kinds import Post
from control import execution, kinds
from control.models import Action, Decision, Level
from jobs import queue
from jobs.models import Event, Job
from pipeline.models import Lead

IN_A_COMMIT = 50
POLL_SECONDS = 0.05
PATIENCE_SECONDS = 240
"""What has not ended so long after the last progress never will."""

FIRST, LAST = 0.02, 0.9
"""Faults come when this share of the work is done, and no later than that."""

ENDED = ("completed", "discarded", "cancelled")
OWN = (
    *("control.execute", "control.settle_discarded", "chaos.write"),
    *("pipeline.take_in_lead", "agents.run"),
)
GIVEN_BACK = (Action.Status.WAITING, Action.Status.FAILED)


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much work, and how often each fault befalls the house meanwhile."""

    actions: int
    rows: int
    faults: dict[str, int]

    def drawn(self, chance: random.Random) -> list[tuple[float, str]]:
        """Return the faults in order, each with the share of the work done when it comes."""
        names = [name for name, times in self.faults.items() for _ in range(times)]
        return sorted((chance.uniform(FIRST, LAST), name) for name in names)


FULL = Plan(
    actions=2000,
    rows=2000,
    faults={
        "kill": 8,
        "freeze": 4,
        "postgres_fast": 1,
        "postgres_immediate": 2,
        "valkey_flush": 2,
        "valkey_restart": 1,
        "beat_down": 1,
        "disk_full": 1,
    },
)
QUICK = Plan(
    actions=150,
    rows=150,
    faults={"kill": 2, "freeze": 1, "postgres_fast": 1, "valkey_flush": 1},
)


@dataclasses.dataclass(frozen=True)
class Count:
    """What became of the work.

    `arrived`: the unknown ones that did happen. `asked`: surely not done, and given back to
    a person. `leads`: answered 202, and each a lead with one draft. `again`: actions whose job was
    claimed more than once. `exits`: processes that ended by themselves.
    """

    seed: int
    done: int
    unknown: int
    arrived: int
    asked: int
    rows: int
    leads: int
    lost: int
    doubled: int
    again: int
    exits: int
    seconds: float
    schedule: list[tuple[float, str]]


def run(house: House, plan: Plan, seed: int) -> Count:
    """Put the work in, let the faults come, wait for the end and count."""
    started = time.monotonic()
    chance = random.Random(seed)  # noqa: S311 - faults, not secrets
    schedule, house.random = plan.drawn(chance), chance
    exits, name = house.exits, f"round {seed} {uuid7()}"
    put_in(plan, name)
    house.start_workers()
    house.send(f"lead{uuid7().hex}")
    befall(house, plan, schedule)
    # Whatever a worker still has in hand has happened before anything is counted.
    house.end_workers()
    return Count(
        seed=seed,
        schedule=schedule,
        **judge(house, plan, name),
        exits=house.exits - exits,
        seconds=time.monotonic() - started,
    )


def put_in(plan: Plan, name: str) -> None:
    """Approve the actions and enqueue the rows."""
    queue.enqueue_many("chaos.write", ({"round": name, "number": n} for n in range(plan.rows)))
    for start in range(0, plan.actions, IN_A_COMMIT):
        with transaction.atomic():
            approve(name, range(start, min(start + IN_A_COMMIT, plan.actions)))
    give_back_connections()


def approve(name: str, numbers: range) -> None:
    """Approve and start actions as policy does, many at a time: not proposing is tried here."""
    now = timezone.now()
    made = [action_for(name, number, now) for number in numbers]
    Action.objects.bulk_create(made)
    decisions = Decision.objects.bulk_create(
        Decision(
            action=action,
            verdict=Decision.Verdict.APPROVE,
            content_hash=action.content_hash,
            by="chaos",
            created_at=now,
            expires_at=now + execution.APPROVAL_LASTS,
        )
        for action in made
    )
    for decision in decisions:
        execution.start(decision.action, decision)


def action_for(name: str, number: int, now: dt.datetime) -> Action:
    action = Action(
        kind=Post.name,
        params={"number": number},
        agent="chaos",
        correlation_id=uuid7(),
        summary=f"Post {number}",
        reason="To be counted.",
        engine=name,
        stakes=Post.stakes,
        outward=Post.outward,
        channel=Post.channel,
        status=Action.Status.APPROVED,
        level=Level.AUTO,
        expires_at=now + Post.expires_after,
        not_before=now,
        decided_at=now,
    )
    action.content_hash = kinds.content_hash(action)
    return action


def left() -> int | None:
    """Return how much work has not ended, or None while Postgres does not answer."""
    try:
        jobs = Job.objects.filter(kind__in=OWN).exclude(status__in=ENDED).count()
        going = Action.objects.filter(status__in=["proposed", "approved", "executing"]).count()
        return max(jobs, going)
    except DatabaseError:
        connection.close()
        return None
    finally:
        give_back_connections()


def befall(house: House, plan: Plan, schedule: list[tuple[float, str]]) -> None:
    """Let each fault come at its share of the work done, until all has ended.

    Also return when the rest has not become less for very long.
    """
    coming, all_of_it = list(schedule), plan.actions + plan.rows
    least, moved = all_of_it, time.monotonic()
    while time.monotonic() - moved < PATIENCE_SECONDS:
        house.tick()
        open_now = left()
        if open_now is not None and open_now < least:
            least, moved = open_now, time.monotonic()
        if coming and open_now is not None and 1 - open_now / all_of_it >= coming[0][0]:
            getattr(house, coming.pop(0)[1])()
        elif not coming and house.is_calm() and house.has_stopped_sending() and left() == 0:
            return
        time.sleep(POLL_SECONDS)


def judge(house: House, plan: Plan, name: str) -> dict[str, int]:
    """Hold what the house says happened against what did."""
    effects = house.effects()
    written = Counter(Event.objects.filter(subject_type=name).values_list("subject_id", flat=True))
    times = [written[str(number)] for number in range(plan.rows)]
    found = Counter(
        rows=sum(n == 1 for n in times),
        lost=sum(n == 0 for n in times),
        doubled=sum(n > 1 for n in times),
    )
    statuses = list(Action.objects.filter(engine=name).values_list("pk", "status"))
    found["lost"] += plan.actions - len(statuses)
    for pk, status in statuses:
        found[verdict(status, effects[str(pk)])] += 1
        found["arrived"] += status == Action.Status.UNKNOWN and effects[str(pk)] == 1
    again = Job.objects.filter(kind="control.execute", fence__gt=1)
    found["again"] = again.filter(subject_id__in=[str(pk) for pk, _ in statuses]).count()
    for email in house.leads():
        found[lead_verdict(email)] += 1
    names = ("done", "unknown", "arrived", "asked", "rows", "leads", "lost", "doubled", "again")
    return {each: found[each] for each in names}


def verdict(status: str, effects: int) -> str:
    """Return how one action counts, by what the house says of it and how often it happened.

    What is given back to a person as not done must not have happened: it would be done again.
    """
    if effects > 1 or (effects and status in GIVEN_BACK):
        return "doubled"
    if status == Action.Status.UNKNOWN:
        return "unknown"
    if status == Action.Status.DONE and effects:
        return "done"
    return "asked" if status in GIVEN_BACK else "lost"


def lead_verdict(email: str) -> str:
    """Return how a lead counts that was answered 202: it must be there once, with one draft."""
    leads = Lead.objects.filter(email=email)
    subjects = [str(lead.pk) for lead in leads]
    drafts = Action.objects.filter(
        kind="reply_to_lead", subject_id__in=subjects, status=Action.Status.WAITING
    )
    numbers = (len(leads), drafts.count())
    if 0 in numbers:
        return "lost"
    return "leads" if numbers == (1, 1) else "doubled"
