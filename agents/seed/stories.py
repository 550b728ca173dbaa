"""Plays recorded stories over and over: another person, another time, the same rows."""

import datetime as dt
import hashlib
import itertools
import random
import zoneinfo
from bisect import bisect
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from django.contrib.auth.models import User
from django.db import connection, models

from agency.models import AuditEntry
from agents.seed.people import ANSWER, NOTES, TOWNS, Person, person
from agents.seed.rehearsal import Story, record
from agents.seed.tape import NOT_ARCHIVED, TABLES, Tape, columns
from control.models import Decision
from jobs.models import ArchivedJob, Job

ZONE = zoneinfo.ZoneInfo("America/Phoenix")
DAYS = 90
SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
AT_ONCE = 4_000
MICROSECOND = dt.timedelta(microseconds=1)

OUTCOMES = ("lost", "won", "open", "lost", "open", "lost", "won", "lost", "open")
"""What became of one qualified lead after the other, once five days have passed."""

FATES = (
    *("approved",) * 62,
    *("edited",) * 14,
    *("rejected",) * 12,
    *("revised",) * 8,
    *("failed",) * 2,
    *("expired",) * 2,
)


@dataclass(frozen=True)
class Lead:
    """One story to play: when, and which."""

    number: int
    at: int
    story: Story


class Player:
    """Writes stories by COPY, a few thousand at a time, in the order of their time."""

    def __init__(
        self, rng: random.Random, user: User, clients: list[int], now: dt.datetime
    ) -> None:
        self.rng = rng
        self.user = user
        self.clients = clients
        self.now = microseconds(now)
        self.tapes: dict[Story, Tape] = {}
        self.decisions: Iterator[int] = iter(())
        self.outcomes = itertools.cycle(OUTCOMES)
        self.trail: list[tuple[int, str]] = []
        self.played = 0
        self.moments: dict[int, str] = {}

    def play(self, leads: list[Lead], said: Callable[[int], None]) -> None:
        """Write all of them."""
        for start in range(0, len(leads), AT_ONCE):
            some = leads[start : start + AT_ONCE]
            self._reserve(some)
            text: dict[str, list[str]] = defaultdict(list)
            for lead in some:
                self._tell(lead, text)
            following = leads[start + AT_ONCE : start + AT_ONCE + 1]
            text[AuditEntry._meta.db_table] = self._take_trail(
                following[0].at if following else None
            )
            write(text)
            self.played += len(some)
            said(self.played)

    def rehearse(self, leads: Iterable[Lead]) -> int:
        """Record each story once; return how many there are."""
        for lead in leads:
            if lead.story not in self.tapes:
                self.tapes[lead.story] = record(lead.story, self.user)
        return len(self.tapes)

    def _reserve(self, leads: Iterable[Lead]) -> None:
        """Take so many numbers for decisions that jobs can name theirs."""
        count = sum(self.tapes[lead.story].decisions for lead in leads)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
                [Decision._meta.db_table, count],
            )
            self.decisions = iter([number for (number,) in cursor.fetchall()])

    def _tell(self, lead: Lead, text: dict[str, list[str]]) -> None:
        tape = self.tapes[lead.story]
        rng = self.rng
        who = person(rng, lead.story.note.trade, lead.number)
        starts = self._starts(lead, tape)
        stretch = rng.randrange(60, 140) if lead.story.by_model else rng.randrange(1, 5)
        when = {
            moment: starts[moment.phase] + stretched(moment.after, stretch)
            for moment in (*tape.moments.values(), *tape.ids)
        }
        slots = self._slots(lead, tape, who)
        slots |= {name: stamp(when[at], self.moments) for name, at in tape.moments.items()}
        for number, made in enumerate(tape.ids):
            slots[f"id:{number}"] = uuid7(when[made] // 1000, self.rng)
        for number, content in enumerate(tape.hashes):
            hashed = hashlib.sha256(content.filled(slots).encode())
            slots[f"hash:{number}"] = hashed.hexdigest()
        for table, rows in tape.rows.items():
            text[table].append(rows.filled(slots))
        for made, line in tape.trail:
            self.trail.append((when[made], line.filled(slots)))
        for job in tape.jobs:
            if self.now - when[job.ended] < job.kept / MICROSECOND:
                text[Job._meta.db_table].append(job.hot.filled(slots))
            else:
                text[ArchivedJob._meta.db_table].append(job.archived.filled(slots))

    def _slots(self, lead: Lead, tape: Tape, who: Person) -> dict[str, str]:
        client = self.rng.choice(self.clients) if lead.story.of_client else 0
        outcome = self._outcome(lead, tape)
        closed = min(self.now, lead.at + self.rng.randrange(2 * DAY, 20 * DAY))
        slots = {
            "name": who.name,
            "first": who.first,
            "company": who.company,
            "email": who.email,
            "phone": who.phone,
            "client": str(client),
            "flow": str(-client - 1),
            "outcome": outcome,
            "closed_at": "\\N" if outcome == "open" else stamp(closed, self.moments),
            "seconds": str(min(900, round(self.rng.lognormvariate(2.6, 0.9)) + 2)),
        }
        for number in range(tape.decisions):
            slots[f"decision:{number}"] = str(next(self.decisions))
        return slots

    def _outcome(self, lead: Lead, tape: Tape) -> str:
        if tape.status != "qualified" or self.now - lead.at < 5 * DAY:
            return "open"
        return next(self.outcomes)

    def _starts(self, lead: Lead, tape: Tape) -> list[int]:
        """Return when each phase began; all before now."""
        at = lead.at
        starts: list[int] = []
        for name in tape.phases:
            at += self._delay(name, starts, at)
            starts.append(at)
        span, room = starts[-1] - lead.at, self.now - lead.at - 12 * SECOND
        if span > room > 0:
            starts = [lead.at + (start - lead.at) * room // span for start in starts]
        return starts

    def _delay(self, phase: str, starts: list[int], at: int) -> int:
        if not starts:
            return 0
        if phase == "sent":
            return 10 * SECOND + self.rng.randrange(200_000, 1_900_000)
        if phase == "lapsed":
            return 7 * DAY
        if phase == "replayed":
            return self.rng.randrange(12 * HOUR, 60 * HOUR)
        minutes = self.rng.lognormvariate(1.9, 1.1)
        waited = int(minutes * 60 * SECOND)
        hour = dt.datetime.fromtimestamp((at + waited) / SECOND, ZONE).hour
        return waited if 7 <= hour < 20 else waited + 9 * HOUR

    def _take_trail(self, before: int | None) -> list[str]:
        """Take the entries nobody can be before any more, in the order of their time."""
        self.trail.sort()
        last = len(self.trail) if before is None else bisect(self.trail, (before, ""))
        taken = [line for _, line in self.trail[:last]]
        del self.trail[:last]
        return taken


def stretched(after: int, stretch: int) -> int:
    """Return a delay in full; what took milliseconds takes a multiple of it."""
    return after * stretch if after < SECOND else after


def stamp(at: int, known: dict[int, str]) -> str:
    """Write a microsecond of Unix time as Postgres reads it."""
    second, part = divmod(at, SECOND)
    hour, rest = divmod(second, 3600)
    if hour not in known:
        known[hour] = f"{dt.datetime.fromtimestamp(hour * 3600, dt.UTC):%Y-%m-%d %H}"
    return f"{known[hour]}:{rest // 60:02}:{rest % 60:02}.{part:06}+00"


def uuid7(milliseconds: int, rng: random.Random) -> str:
    """Return a version 7 UUID (RFC 9562) of that moment."""
    found = rng.getrandbits(74)
    head = f"{milliseconds:012x}"
    tail = f"{0x8000 | found & 0x3FFF:04x}-{found >> 26:012x}"
    return f"{head[:8]}-{head[8:]}-7{found >> 14 & 0xFFF:03x}-{tail}"


def microseconds(at: dt.datetime) -> int:
    """Return a moment as microseconds of Unix time."""
    return int(at.timestamp() * SECOND)


def write(text: dict[str, list[str]]) -> None:
    """Append lines to their tables, what others refer to first."""
    for model in TABLES:
        copy(model._meta.db_table, model, text)
    copy(ArchivedJob._meta.db_table, Job, text, NOT_ARCHIVED)


def copy(
    table: str,
    model: type[models.Model],
    text: dict[str, list[str]],
    leaving_out: tuple[str, ...] = (),
) -> None:
    """Append lines of a model's columns to a table by COPY."""
    names = [column.attname for column in columns(model) if column.attname not in leaving_out]
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as out,
    ):
        out.write("".join(text[table]))


def plan(rng: random.Random, count: int, waiting: int, now: dt.datetime) -> list[Lead]:
    """Return so many leads, the oldest first; the last ones wait for a decision."""
    moments = sorted(_moment(rng, now) for _ in range(count - waiting))
    recent = sorted(microseconds(now) - _age(rng) for _ in range(waiting))
    variants = _variants(rng, count)
    leads = [
        _lead(rng, n, at, rng.choice(FATES), rng.choice(variants), microseconds(now) - at)
        for n, at in enumerate(moments)
    ]
    fates = ["waiting"] * waiting
    for number, fate in ((3, "unknown"), (5, "revised, waiting"), (9, "revised, waiting")):
        if number < waiting:
            fates[number] = fate
    good = [story for story in variants if story.note.answer]
    for number, (at, fate) in enumerate(zip(recent, fates, strict=True), len(leads)):
        leads.append(_lead(rng, number, at, fate, rng.choice(good), 0))
    return sorted(leads, key=lambda lead: lead.at)


def _variants(rng: random.Random, count: int) -> list[Story]:
    """Return the messages that are sent: all of them, where there is room in several towns."""
    towns = 2 if count > 1_000 else 1
    stories = [
        Story(
            note,
            town,
            by_model=bool(note.answer) and rng.random() < 0.7,
            of_client=(number + turn) % 7 == 3,
        )
        for number, note in enumerate(NOTES)
        for turn, town in enumerate(rng.sample(TOWNS, towns))
    ]
    return [*stories, Story(ANSWER, TOWNS[0], by_model=True, source="reply")]


def _lead(rng: random.Random, number: int, at: int, fate: str, variant: Story, age: int) -> Lead:
    replayed = age > 3 * DAY and (number % 50 > 1)
    story = replace(variant, fate=fate, replayed=replayed)
    return Lead(number, at, story)


def _age(rng: random.Random) -> int:
    """Return how long ago something that waits came in: minutes or hours, at most two days."""
    return int(min(46.0, 0.04 + rng.expovariate(1 / 7.0)) * HOUR)


def _moment(rng: random.Random, now: dt.datetime) -> int:
    """Return a moment of the last 90 days, mostly in working hours, more of late than long ago."""
    day = now.astimezone(ZONE) - dt.timedelta(days=DAYS * (1 - rng.random() ** 0.7))
    if day.weekday() >= 5 and rng.random() < 0.75:
        day -= dt.timedelta(days=2)
    hour = min(23.9, max(0.0, rng.gauss(13, 3.2)))
    at = day.replace(hour=0, minute=0, second=0) + dt.timedelta(hours=hour)
    newest = now - dt.timedelta(minutes=2)
    oldest = now - dt.timedelta(days=DAYS - 1)
    if not oldest < at < newest:
        at = newest - dt.timedelta(seconds=rng.randrange(60, 30 * 3600))
    return microseconds(at)
