"""The ways prospects take through a sequence: when each began, how far it came, what ended it.

Ages are in days before the end of the history, in business time.
"""

import datetime as dt
import random
from dataclasses import dataclass, field

from agents.seed.ground import PAUSED_SINCE, YOUNG_SINCE, Ground, Step
from agents.seed.prospects import Book, Found
from pipeline.models import Enrollment, Mailbox, Prospect, Sequence

Status = Prospect.Status
Stop = Enrollment.Stop

HOUR = 1 / 24
WHOLE = 12.5
"""So many days a sequence takes."""

FATES = (
    *("finished",) * 60,
    *("later",) * 4,
    *("not_interested",) * 9,
    *("unsubscribe",) * 3,
    *("clicked",) * 5,
    *("bounce",) * 4,
    *("operator",) * 4,
    *("rejected",) * 3,
    *("dropped",) * 2,
    *("suppressed",) * 2,
)
GOES_ON = ("active", "stuck")
ANSWERED = ("lead", "later", "not_interested", "unsubscribe")
STOPS = {
    **dict.fromkeys(ANSWERED, Stop.REPLY),
    "clicked": Stop.UNSUBSCRIBE,
    "bounce": Stop.BOUNCE,
    "complaint": Stop.COMPLAINT,
    "operator": Stop.OPERATOR,
    "rejected": Stop.REJECTED,
    "dropped": Stop.DROPPED,
    "suppressed": Stop.SUPPRESSED,
}
BECOMES = {
    "later": Status.REPLIED,
    "not_interested": Status.DECLINED,
    "unsubscribe": Status.DECLINED,
    "lead": Status.LEAD,
    "dropped": Status.DROPPED,
}

COMPLAINS_EVERY = 5_000
FIRST_COMPLAINT = 10
COMPLAINED_BEFORE = 30
"""One in so many mails is called spam, and none of late: two of the last 500 stop all mail."""


@dataclass
class Way:
    """One prospect's way; `end` is 0 while it goes on."""

    found: Found
    sequence: Sequence
    steps: list[Step]
    mailbox: Mailbox
    start: float
    fate: str
    end: float
    pk: str
    done: list[Step] = field(default_factory=list)

    @property
    def following(self) -> Step:
        """The step that is next, or the last one when it is through."""
        return next((step for step in self.steps if step not in self.done), self.steps[-1])


class Guide:
    """Draws ways, as many as there are mails for a day."""

    def __init__(self, book: Book, upcoming: int) -> None:
        """`upcoming` are on their way and fall due within days."""
        self.book, self.upcoming = book, upcoming
        self.rng: random.Random = book.rng
        self.ground: Ground = book.ground
        self.mails = self.complaints = self.turn = 0

    def draw(self, found: Found) -> Way | None:
        """Draw what happens to a prospect; None if it is too new for that."""
        rng, paused = self.rng, found.ideal == self.ground.ideals[2]
        start = self.workday(found.age * rng.uniform(0.5, 0.98))
        if not 0.2 < start < found.age:
            return None
        fate = rng.choice(FATES)
        if paused:
            if start < PAUSED_SINCE + 0.5:
                return None
            fate = "stuck" if start < PAUSED_SINCE + WHOLE else fate
        elif fate == "finished" and start < WHOLE:
            if not self.upcoming or start > 11.5:
                return None
            self.upcoming -= 1
            fate = "active"
        elif fate == "bounce" and start < WHOLE and rng.random() < 0.85:
            return None
        if fate == "finished" and self._is_spam(start):
            self.complaints += 1
            fate = "complaint"
        return self.way(found, start, fate, self._end(start, fate, paused))

    def answered(self, found: Found, end: float) -> Way:
        """Return the way of somebody who answered so long ago and became a lead."""
        start = end
        while start < end + 2 * HOUR:
            start = self.workday(end + self.rng.uniform(0.2, 2.5))
        return self.way(found, start, "lead", end)

    def way(self, found: Found, start: float, fate: str, end: float) -> Way:
        """Return a way, and set what became of the prospect."""
        paused = found.ideal == self.ground.ideals[2] and fate != "lead"
        sequence = self.ground.paused if paused else self.ground.running
        way = Way(
            found=found,
            sequence=sequence,
            steps=self.ground.steps[sequence.pk],
            mailbox=self._mailbox(start, young=not paused),
            start=start,
            fate=fate,
            end=end,
            pk=self.book.id(start),
        )
        until = PAUSED_SINCE if fate == "stuck" else end
        way.done = [step for step in way.steps if start - step.day > until]
        self.mails += sum(1 for step in way.done if step.channel == "email")
        found.contact = found.contact or self.book.number()
        found.status = BECOMES.get(fate, Status.CONTACTED)
        found.drop_reason = "Bought by a chain" if fate == "dropped" else ""
        return way

    def workday(self, age: float) -> float:
        """Move a moment to between 9 and 16 o'clock in Phoenix, which is daytime for all."""
        at = self.book.business(age)
        day = at.replace(hour=16, minute=0, second=0, microsecond=0)
        moved = day + dt.timedelta(hours=self.rng.uniform(0, 6.9))
        return (self.book.clocks.business - moved) / dt.timedelta(days=1)

    def _end(self, start: float, fate: str, paused: bool) -> float:
        """Say when it ended: some time after one of its mails, the last one if it is through."""
        if fate in GOES_ON:
            return 0.0
        if fate == "finished":
            return start - 12 - HOUR / 60
        least = PAUSED_SINCE if paused else 3 * HOUR
        days = [day for day in (0, 4, 12) if start - day > least]
        after = self.rng.choices(days, (60, 25, 15)[: len(days)])[0]
        most = min(2.5, start - after - HOUR)
        return start - after - self.rng.uniform(most / 4, most)

    def _is_spam(self, start: float) -> bool:
        due = FIRST_COMPLAINT + COMPLAINS_EVERY * self.complaints
        return self.mails > due and start > COMPLAINED_BEFORE

    def _mailbox(self, start: float, *, young: bool) -> Mailbox:
        ground = self.ground
        if young and start < YOUNG_SINCE - 1 and ground.young_room:
            ground.young_room -= 1
            return ground.young
        self.turn += 1
        return ground.warm[self.turn % len(ground.warm)]
