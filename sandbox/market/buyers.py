"""What somebody does about a call and about a proposal: by chance alone, the same each time."""

import random
from collections.abc import Mapping

from sandbox.market import invitations, letters, people, rates
from sandbox.market.letters import Letter
from sandbox.market.people import Deed
from sandbox.market.world import Person


def topic(letter: Letter) -> str:
    """Return what a mail is about, as its reader sees it."""
    if letter.cold:
        return "cold"
    if invitations.in_mail(letter.raw):
        return "invitation"
    for name, part in (("proposal", "/p/"), ("offer", "/book/"), ("reminder", "/meetings/")):
        if letter.link(part):
            return name
    return "answer"


def about_offer(person: Person, letter: Letter, *, nth: int, again: bool) -> Deed | None:
    """Decide about the `nth` mail that offers a call; `again` after one that came to nothing."""
    chance = _chance(person.email, "books again" if again else "books")
    share = rates.BOOKS_AGAIN if again else rates.BOOKS.get(person.temper, 0.0)
    if chance.random() >= share:
        return None
    waits = chance.random() >= rates.BOOKS_AT_ONCE
    if nth == 1 and waits and not again:
        return None
    named = chance.random() < rates.NAMES_A_TIME and letters.times(letter.text)
    return _deed("name_time" if named else "book", chance)


def about_call(address: str, uid: str, sequence: int) -> str:
    """Return what becomes of a call: attend, miss, move or cancel."""
    fate = _drawn(_chance(address, f"{uid} {sequence}"), rates.CALLS)
    return "attend" if fate == "move" and sequence else fate


def about_proposal(person: Person, *, nth: int, state: str) -> Deed | None:
    """Decide about the `nth` mail with a proposal; `state` is what was done about the last."""
    chance = _chance(person.email, f"proposal {nth}")
    if state in {"signed", "paid", "declined"}:
        return None
    if is_unfit(person):
        return _deed("decline", chance)
    if state == "asked":
        kept = chance.random() < rates.SIGNS_AFTER_HAGGLING
        return _deed("sign" if kept else "decline", chance)
    if nth == 1:
        return _deed(_drawn(chance, rates.PROPOSALS), chance)
    signs = chance.random() < rates.SIGNS_WHEN_ASKED
    return _deed("sign" if signs else "look", chance)


def is_unfit(person: Person) -> bool:
    """Whether they say on the phone that it is nothing for them."""
    return _chance(person.email, "unfit").random() < rates.UNFIT


def first_card_declined(person: Person) -> bool:
    """Whether their first card is."""
    return _chance(person.email, "card").random() < rates.CARD_DECLINED


def later(address: str, act: str, about: str) -> float:
    """Return after how many business minutes somebody does what they meant to."""
    return people.minutes(act, _chance(address, f"{act} {about}"))


def _deed(act: str, chance: random.Random) -> Deed:
    return Deed(act, people.minutes(act, chance))


def _drawn(chance: random.Random, shares: Mapping[str, float]) -> str:
    return chance.choices(list(shares), list(shares.values()))[0]


def _chance(address: str, about: str) -> random.Random:
    return random.Random(f"{address} {about}")  # noqa: S311 - the same each time
