"""Companies nobody has written to yet: names, places, what their pages say. All of it is made up.

Domains end in .example (RFC 2606), numbers are 555-0100 to 555-0199 of some area code.
"""

import itertools
import random
from dataclasses import dataclass

from agents.seed.people import FIRST, LAST, PREFIX, SUFFIX, plain
from pipeline.finding.fit import WEIGHTS

TRADES = ("plumbing", "dental", "hvac", "roofing", "home services", "electrical")
PLACES = (
    *(("Tucson", "Arizona", "America/Phoenix"), ("Phoenix", "Arizona", "America/Phoenix")),
    *(("Mesa", "Arizona", "America/Phoenix"), ("Flagstaff", "Arizona", "America/Phoenix")),
    *(("Yuma", "Arizona", "America/Phoenix"), ("Chandler", "Arizona", "America/Phoenix")),
    *(("Oro Valley", "Arizona", "America/Phoenix"), ("Prescott", "Arizona", "America/Phoenix")),
    *(("Denver", "Colorado", "America/Denver"), ("Pueblo", "Colorado", "America/Denver")),
    *(("Las Cruces", "New Mexico", "America/Denver"), ("Reno", "Nevada", "America/Los_Angeles")),
)
ROLES = ("Owner", "Office Manager", "Managing Partner", "Operations Manager", "General Manager")

SIGNALS = {
    "hiring": (
        "They are hiring",
        "We are hiring a dispatcher for our office in {town}.",
    ),
    "new location": (
        "They opened a new location",
        "Our second office in {town} opens in spring.",
    ),
    "bad reviews": (
        "A review complains that nobody answers",
        "Called three times about my appointment in {town} and nobody ever picked up.",
    ),
    "slow replies": (
        "They take days to answer",
        "Please allow two to three working days for an answer to your message.",
    ),
    "funding": ("They got new money", "{name} of {town} announced an investment to grow its team."),
}
PAINS = (
    ("Nobody answers after hours", "We are closed in the evening; please leave us a message."),
    ("Booking is by phone only", "Appointments are made by phone only, Monday to Friday."),
    ("Calls are missed", "If we miss your call we are on a job, so please try us again later."),
    ("Estimates take a week", "Because of high demand an estimate takes seven to ten days."),
    ("The front desk is alone", "Our front desk is often busy, so thank you for your patience."),
)
SERVICES = (
    "{name} has done {trade} for homes and businesses in {town} since {year}.",
    "Family owned {trade} in {town}, licensed, bonded and insured since {year}.",
    "From small repairs to whole buildings: {trade} in {town} since {year}.",
)
KEYWORDS = ("missed calls", "booking", "reviews", "follow up", "no-shows")
NOT_FOR_US = (
    "Not a fit: marketing agency is one of your exclusions.",
    "The site says the company closed.",
    "No address to write to was found on its own site.",
    "It belongs to a franchise that buys for all.",
)


@dataclass(frozen=True)
class Company:
    """One company, as a source and its own site describe it."""

    name: str
    trade: str
    town: str
    state: str
    zone: str
    domain: str
    phone: str
    first: str
    person: str
    role: str
    employees: int | None
    signal: str
    signal_quote: str
    keyword: str
    says_trade: bool

    @property
    def place(self) -> str:
        """Its town and state."""
        return f"{self.town}, {self.state}"

    @property
    def site(self) -> str:
        """The address of its site."""
        return f"https://{self.domain}/"

    @property
    def person_email(self) -> str:
        """The address of the person named."""
        return f"{plain(self.first) or 'office'}@{self.domain}"


class Directory:
    """Gives one company after the other, no two of one name."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.names = {trade: _names(rng, trade) for trade in TRADES}
        areas = [
            area for area in range(201, 990) if area % 100 != 11 and area // 10 % 10 != 9
        ]  # NANP: N11 are services, the middle digit is not 9
        self.phones = [(area, line) for area in areas for line in range(100, 200)]
        rng.shuffle(self.phones)

    def company(self, number: int) -> Company:
        """Return the company of that number, which is in its domain."""
        rng, trade = self.rng, TRADES[number % len(TRADES)]
        names = self.names[trade]
        turn, at = divmod(number // len(TRADES), len(names))
        name = f"{names[at]} {turn + 1}" if turn else names[at]
        town, state, zone = rng.choice(PLACES)
        area, line = self.phones[number % len(self.phones)]
        phone = f"+1{area}555{line:04}" if number < len(self.phones) and number % 3 else ""
        first = rng.choice(FIRST)
        signal = rng.choice((*SIGNALS, "", "")) if number % 4 else ""
        quote = SIGNALS[signal][1].format(name=name, town=town) if signal else ""
        return Company(
            name=name,
            trade=trade,
            town=town,
            state=state,
            zone=zone,
            domain=f"{plain(name)[:40]}-{number}.example",
            phone=phone,
            first=first,
            person=f"{first} {rng.choice(LAST)}",
            role=rng.choice(ROLES),
            employees=rng.choice((None, 3, 6, 9, 14, 22, 40, 75)),
            signal=signal,
            signal_quote=quote,
            keyword=rng.choice((*KEYWORDS, "")),
            says_trade=number % 7 != 3,
        )


def measured(company: Company, states: tuple[str, ...]) -> tuple[int, str]:
    """Return its points of fit with who is looked for in `states`, and why, as `fit` words it."""
    near = company.state in states
    parts = {
        "industry": 1.0 if company.says_trade else 0.5,
        "place": 1.0 if near else 0.0,
        "size": 1.0,
        "signals": 1.0 if company.signal else 0.0,
        "keywords": 1.0 if company.keyword else 0.0,
    }
    points = round(sum(WEIGHTS[name] * share for name, share in parts.items()))
    what = company.trade.capitalize() if company.says_trade else "A company"
    said = [f"{what} in {company.state}" if near else what]
    said += [f"shows {company.signal}"] if company.signal else []
    said += [f"mentions {company.keyword}"] if company.keyword else []
    said += [] if near else ["not your place"]
    return points, f"{'; '.join(said)}: {points} of 100 points."


def _names(rng: random.Random, trade: str) -> list[str]:
    ends = SUFFIX[trade]
    found = [
        *(f"{one} & {two} {end}" for one, two, end in itertools.product(LAST, LAST, ends)),
        *(f"{one}’s {two} {end}" for one, two, end in itertools.product(FIRST, PREFIX, ends)),
        *(f"{one} {two} {end}" for one, two, end in itertools.product(PREFIX, LAST, ends)),
        *(f"{one} Brothers {two} {end}" for one, two, end in itertools.product(LAST, PREFIX, ends)),
    ]
    rng.shuffle(found)
    return found
