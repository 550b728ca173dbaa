"""Who does what about a mail, and when: by their temper, and by nothing the app can see."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.market import rates
from sandbox.market.world import Person

BY_MAIL = frozenset(
    {"interested", "question", "later", "referral", "not_interested", "unsubscribe", "injection"}
)


@dataclass(frozen=True)
class Deed:
    """What somebody does about a mail so many business minutes after it came."""

    act: str
    minutes: float


def decide(person: Person, letter: str, *, cold: bool, nth: int) -> Deed | None:
    """Return what a person does about their `nth` mail of its sort, or None if nothing.

    `letter` is the mail's id: the same mail always gets the same answer.
    """
    chance = random.Random(f"{person.email} {letter}")  # noqa: S311 - the same each time
    if person.temper == "bounce":
        act = "bounce"  # whatever it is
    elif cold:
        act = _about_cold_mail(person, nth, chance)
    else:
        act = _about_answer(person, nth, chance)
    return Deed(act, minutes(act, chance)) if act else None


def _about_cold_mail(person: Person, nth: int, chance: random.Random) -> str:
    temper = person.temper
    if temper == "out_of_office":
        # Back from holiday they find the second mail.
        return {1: "out_of_office", 2: "interested"}.get(nth, "")
    if nth != person.answers_at or temper == "silent":
        return ""
    if temper == "interested" and chance.random() < rates.BY_FORM:
        return "form"
    if temper == "unsubscribe" and chance.random() < rates.ONE_CLICK:
        return "one_click"
    return temper


def _about_answer(person: Person, nth: int, chance: random.Random) -> str:
    """Decide about a mail that answers them: the conversation is not drawn out."""
    writes = person.temper in BY_MAIL - {"not_interested", "unsubscribe", "injection"}
    return "thanks" if writes and nth == 1 and chance.random() < rates.THANKS else ""


def minutes(act: str, chance: random.Random) -> float:
    """Return after how many business minutes somebody does something."""
    delays: Mapping[str, tuple[float, float]] = rates.DELAY_MINUTES
    kind = act if act in delays else "mail"
    if kind == "mail" and chance.random() < rates.NEXT_DAY:
        kind = "next_day"
    low, high = delays[kind]
    # Most answers come early, few late.
    return low + (high - low) * chance.random() ** 2
