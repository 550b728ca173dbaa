"""Who lives in the market. One seed is one world, the same on every machine."""

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from sandbox.market import names, rates
from sandbox.market.names import City, Trade

SIGNALS = (
    "hiring",
    "new_location",
    "missed_calls",
    "slow_answers",
    "bad_reviews",
    "no_shows",
    "by_hand",
    "growing",
)
FICTIONAL_NUMBERS = 100
"""555-0100 to 555-0199 of an area code belong to nobody."""


@dataclass(frozen=True)
class Person:
    """Somebody with an address; `answers_at` says which cold mail they react to."""

    name: str
    role: str
    email: str
    temper: str
    answers_at: int

    @property
    def first_name(self) -> str:
        return self.name.split()[0]


@dataclass(frozen=True)
class Company:
    """One company. `people[0]` is the owner, `people[-1]` reads the general address."""

    number: int
    name: str
    domain: str
    trade: Trade
    city: City
    street: str
    phone: str
    founded: int
    employees: int
    people: tuple[Person, ...]
    signals: tuple[str, ...]
    quirks: frozenset[str]
    opens_on: int
    in_directory: bool
    in_map: bool
    in_export: bool

    @property
    def website(self) -> str:
        return f"https://{self.domain}/"

    @property
    def slug(self) -> str:
        return self.domain.removesuffix(".example")

    @property
    def owner(self) -> Person:
        return self.people[0]

    @property
    def general(self) -> Person:
        return self.people[-1]

    @property
    def shown(self) -> tuple[Person, ...]:
        """The people whose address the site tells."""
        return self.people[-1:] if "hidden_people" in self.quirks else self.people

    @property
    def place(self) -> str:
        return f"{self.city.name}, {self.city.region_code}"

    @property
    def telephone(self) -> str:
        """As a person writes it: (520) 555-0142."""
        return f"({self.phone[2:5]}) {self.phone[5:8]}-{self.phone[8:]}"


class World:
    """All companies of a seed, by domain, and all people, by address."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.companies: tuple[Company, ...] = tuple(_companies(random.Random(f"world {seed}")))  # noqa: S311 - no secret, the same each time
        self.by_domain: Mapping[str, Company] = {one.domain: one for one in self.companies}

    @cached_property
    def by_address(self) -> Mapping[str, tuple[Company, Person]]:
        return {
            person.email: (company, person)
            for company in self.companies
            for person in company.people
        }

    def open_on(self, day: int) -> list[Company]:
        """Return the companies that directories know of on this business day, oldest first."""
        found = [company for company in self.companies if company.opens_on <= day]
        return sorted(found, key=lambda company: (company.opens_on, company.number))


def _companies(chance: random.Random) -> Iterator[Company]:
    count = rates.COMPANIES
    kinds = _dealt(chance, {"fits": rates.FITTING, "far": rates.FAR_AWAY}, count, "other")
    names_taken: set[str] = set()
    numbers = {code: 0 for city in (*names.ARIZONA, *names.ELSEWHERE) for code in city.area_codes}
    quirks = _quirks(chance, count)
    sizes = [chance.choice((2, 3, 3, 4)) for _ in range(count)]
    tempers = _tempers(chance, sum(sizes))
    places = _shuffled(chance, names.ARIZONA, count)
    for number, kind in enumerate(kinds):
        trade = chance.choice(names.TRADES if kind != "other" else names.OTHER_TRADES)
        city = chance.choice(names.ELSEWHERE) if kind == "far" else places[number]
        name, slug = _name(chance, trade, city, names_taken)
        code = chance.choice(city.area_codes)
        phone = f"+1{code}55501{numbers[code] % FICTIONAL_NUMBERS:02}"
        numbers[code] += 1
        domain = f"{slug}.example"
        yield Company(
            number=number,
            name=name,
            domain=domain,
            trade=trade,
            city=city,
            street=f"{chance.randrange(10, 9800)} {chance.choice(names.STREETS)}",
            phone=phone,
            founded=chance.randrange(1978, 2023),
            employees=chance.choice((4, 6, 8, 9, 12, 14, 18, 22, 27, 35, 48)),
            people=tuple(_people(chance, domain, sizes[number], tempers)),
            signals=tuple(chance.sample(SIGNALS, chance.choice((1, 2, 2, 3)))),
            quirks=quirks[number],
            opens_on=_opening(chance, number),
            in_directory=chance.random() < rates.IN_DIRECTORY,
            in_map=chance.random() < rates.IN_MAP,
            in_export=chance.random() < rates.IN_EXPORT,
        )


def _dealt(chance: random.Random, shares: Mapping[str, float], count: int, rest: str) -> list[str]:
    """Return `count` cards, of each kind its exact share, shuffled."""
    cards = [kind for kind, share in shares.items() for _ in range(round(share * count))]
    cards = (cards + [rest] * count)[:count]
    chance.shuffle(cards)
    return cards


def _shuffled(chance: random.Random, deck: tuple[City, ...], count: int) -> list[City]:
    """Return `count` cards of a deck that is shuffled anew when it is used up."""
    found: list[City] = []
    while len(found) < count:
        found += chance.sample(deck, len(deck))
    return found[:count]


def _quirks(chance: random.Random, count: int) -> list[frozenset[str]]:
    alone = ("slow", "pages_missing", "robots_disallow", "down")
    trouble = _dealt(chance, {name: rates.SITE[name] for name in alone}, count, "")
    found = [{name} if name else set() for name in trouble]
    for name, share in rates.SITE.items():
        if name not in alone:
            for quirks, card in zip(found, _dealt(chance, {name: share}, count, ""), strict=True):
                quirks |= {card} - {""}
    return [frozenset(quirks) for quirks in found]


def _tempers(chance: random.Random, count: int) -> Iterator[tuple[str, int]]:
    tempers = _dealt(chance, rates.TEMPERS, count, "silent")
    which = {str(nth): share for nth, share in rates.ANSWERED_MAIL.items()}
    return iter(list(zip(tempers, map(int, _dealt(chance, which, count, "1")), strict=True)))


def _name(chance: random.Random, trade: Trade, city: City, taken: set[str]) -> tuple[str, str]:
    """Return a name nobody has, and what it is in a web address."""
    while True:
        first = chance.choice(names.FIRST)
        if chance.random() < 0.15:
            first = f"{chance.choice(names.FAMILY)} & {chance.choice(('Sons', 'Daughters', 'Co'))}"
        elif chance.random() < 0.1:
            first = f"{first} {city.name}"
        name = f"{first} {chance.choice(trade.names)}"
        slug = re.sub(r"[^a-z]+", "-", name.lower().replace(" & ", " and ")).strip("-")
        if slug not in taken:
            taken.add(slug)
            return name, slug


def _people(
    chance: random.Random, domain: str, size: int, tempers: Iterator[tuple[str, int]]
) -> Iterator[Person]:
    """Return the owner, perhaps some more, and last who reads the general address."""
    style = chance.choice(("{first}", "{first}.{last}", "{initial}{last}"))
    given = chance.sample(names.GIVEN, 4)
    for place in range(size - 1):
        last = chance.choice(names.FAMILY)
        local = style.format(first=given[place], last=last, initial=given[place][0]).lower()
        temper, nth = next(tempers)
        name = f"{given[place]} {last}"
        yield Person(name, names.ROLES[place], f"{local}@{domain}", temper, nth)
    temper, nth = next(tempers)
    local = chance.choice(names.LOCAL_PARTS)
    name = f"{given[3]} {chance.choice(names.FAMILY)}"
    yield Person(name, "Front desk", f"{local}@{domain}", temper, nth)


def _opening(chance: random.Random, number: int) -> int:
    if number < round(rates.OPEN_AT_START * rates.COMPANIES):
        return 0
    return chance.randrange(1, rates.OPENING_DAYS + 1)
