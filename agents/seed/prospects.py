"""Prospects of 88 days: where they were found, how well they fit, what is known of them."""

import datetime as dt
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from django.db.models import F

from agency import clock
from agents.seed.companies import NOT_FOR_US, PAINS, SERVICES, SIGNALS, Company, Directory, measured
from agents.seed.ground import Ground
from agents.seed.rows import Rows, reserve
from agents.seed.stories import microseconds, uuid7
from pipeline.finding import candidates
from pipeline.finding.candidates import Candidate, Person
from pipeline.models import (
    Contact,
    Fact,
    IdealCustomer,
    Prospect,
    ProspectImport,
    ProspectKey,
    Sighting,
    Source,
)

Status = Prospect.Status

DAYS = 86
PASSED_OVER = ("no website and no phone", "one of a chain", "too far away", "no such trade")
IMPORTED = dt.timedelta(days=55)


@dataclass(frozen=True)
class Clocks:
    """The two times of the house at the moment the history ends."""

    wall: dt.datetime
    business: dt.datetime

    @classmethod
    def read(cls) -> "Clocks":
        """Return what they show."""
        return cls(clock.wall(), clock.now())


@dataclass
class Found:
    """A prospect as it is written: the company, and where it stands. Ages are in days."""

    pk: str
    company: Company
    ideal: IdealCustomer
    source: Source
    age: float
    fit: int
    reason: str
    status: str
    contact: int = 0
    drop_reason: str = ""
    plain_email: str = ""

    @property
    def email(self) -> str:
        """Where it is written to."""
        return self.plain_email or self.company.person_email


class Book:
    """Collects prospects and what hangs on them, and writes them."""

    def __init__(self, rng: random.Random, ground: Ground, clocks: Clocks) -> None:
        self.rng, self.ground, self.clocks = rng, ground, clocks
        self.prospects = Rows(Prospect)
        self.keys = Rows(ProspectKey)
        self.contacts = Rows(Contact, numbered=True)
        self.facts = Rows(Fact)
        self.yields: Counter[int] = Counter()
        self.lists: dict[int, list[Company]] = defaultdict(list)
        self.imports = {
            source.pk: uuid7(microseconds(clocks.wall - IMPORTED) // 1000, rng)
            for sources in ground.sources
            for source in sources
            if source.kind == Source.Kind.FILE
        }
        self.numbers: list[int] = []

    def invent(self, number: int, directory: Directory) -> Found:
        """Return a new prospect of a company, new or only just researched."""
        company = directory.company(number)
        at = {"dental": 1, "roofing": 2, "electrical": 2}.get(company.trade, 0)
        ideal, rng = self.ground.ideals[at], self.rng
        fit, reason = measured(company, self.ground.states[at])
        source = rng.choice(self.ground.sources[at])
        age = DAYS * (1 - rng.random() ** 0.5) + 0.02
        if source.pk in self.imports:
            age = IMPORTED.days + rng.random() / 400
        status = Status.NEW if rng.random() < 0.55 else Status.RESEARCHED
        return Found(self.id(age), company, ideal, source, age, fit, reason, status)

    def id(self, age: float) -> str:
        """Return the id of something that was made so long ago."""
        return uuid7(microseconds(self.wall(age)) // 1000, self.rng)

    def wall(self, age: float) -> dt.datetime:
        """Return when that was, by the wall clock."""
        return self.clocks.wall - dt.timedelta(days=age)

    def business(self, age: float) -> dt.datetime:
        """Return when that was, in business time."""
        return self.clocks.business - dt.timedelta(days=age)

    def drop(self, found: Found) -> None:
        """Take one out again that does not fit after all."""
        found.status = Status.DROPPED
        found.drop_reason = self.rng.choice(NOT_FOR_US)
        if found.drop_reason == NOT_FOR_US[0]:
            found.fit, found.reason = 0, found.drop_reason

    def number(self) -> int:
        """Return the number of one more contact."""
        if not self.numbers:
            self.numbers = reserve(Contact, 5_000)
        return self.numbers.pop()

    def put(self, found: Found) -> None:
        """Take a prospect in as it stands, with all that is known of it."""
        company, source = found.company, found.source
        researched = found.status != Status.NEW
        imported = self.imports.get(source.pk)
        self.yields[source.pk] += 1
        if imported:
            self.lists[source.pk].append(company)
        reading = min(found.age * 0.9, self.rng.uniform(0.01, 25))
        self.prospects.add(
            id=found.pk,
            world="sandbox",
            name=company.name,
            domain=company.domain,
            website=company.site,
            email=f"info@{company.domain}" if researched else "",
            phone=company.phone,
            industry=company.trade if company.says_trade else "",
            place=company.place,
            country="US",
            timezone=company.zone,
            employees=company.employees,
            description=_service(company) if researched else "",
            ideal_customer_id=found.ideal.pk,
            source_id=source.pk,
            brought_by_id=imported,
            source_url=source.url,
            signals=json.dumps(self._signals(company), ensure_ascii=False),
            reason=found.reason,
            fit=found.fit,
            status=str(found.status),
            drop_reason=found.drop_reason,
            announced_at=self.business(found.age * 0.99),
            researched_at=self.business(reading) if researched else None,
            created_at=self.wall(found.age),
        )
        self._put_keys(found)
        if researched:
            self._put_contacts(found)
            self._put_facts(found, self.business(reading))

    def write(self) -> None:
        """Write them, and what their sources yielded."""
        self.prospects.write()
        self.keys.write_new("kind", "value")
        self.contacts.write()
        self.facts.write()
        self._write_sources()

    def _signals(self, company: Company) -> list[dict[str, str]]:
        if not company.signal:
            return []
        url = f"{company.site}news"
        return [{"name": company.signal, "quote": company.signal_quote, "url": url}]

    def _put_keys(self, found: Found) -> None:
        company = found.company
        candidate = Candidate(
            name=company.name,
            website=company.site,
            phone=company.phone,
            place=company.place,
            person=Person(email=found.email),
        )
        for kind, value in candidates.keys(candidate):
            self.keys.add(kind=kind, value=value, prospect_id=found.pk)

    def _put_contacts(self, found: Found) -> None:
        company = found.company
        number = found.contact or self.number()
        same = {
            "prospect_id": found.pk,
            "source_url": f"{company.site}contact",
            "created_at": self.wall(found.age * 0.8),
        }
        self.contacts.add(
            id=number,
            name=company.person,
            role=company.role,
            email=found.email,
            phone=company.phone,
            linkedin=f"https://www.linkedin.example/in/{number}",
            is_primary=True,
            **same,
        )
        if number % 5 < 2:
            self.contacts.add(id=self.number(), email=f"info@{company.domain}", **same)

    def _put_facts(self, found: Found, at: dt.datetime) -> None:
        company, rng = found.company, self.rng
        said = [("service", f"They do {company.trade} in {company.town}", _service(company), "")]
        claim, quote = rng.choice(PAINS)
        said.append(("pain", claim, quote, "contact"))
        if company.signal:
            claim = SIGNALS[company.signal][0]
            said.append(("signal", claim, company.signal_quote, "news"))
        if company.employees:
            many = f"{company.employees} people work there"
            words = f"Our team of {company.employees} serves {company.town} and around it."
            said.append(("size", many, words, "about"))
        if rng.random() < 0.4:
            who = f"{company.person} is {company.role}"
            said.append(("person", who, f"{company.person}, {company.role}", "team"))
        for kind, claim, quote, page in said:
            self.facts.add(
                prospect_id=found.pk,
                kind=kind,
                claim=claim,
                quote=quote,
                url=f"{company.site}{page}",
                seen_at=at,
            )

    def _write_sources(self) -> None:
        passed = Rows(Sighting)
        for sources in self.ground.sources:
            for source in sources:
                many = self.yields[source.pk] // 6 if source.url else 0
                for number in range(many):
                    mark = sha256(f"{source.pk} {number} {self.clocks.wall}".encode()).hexdigest()
                    passed.add(
                        source_id=source.pk,
                        mark=mark,
                        name=f"Entry {number + 1}",
                        why=PASSED_OVER[number % len(PASSED_OVER)],
                        seen_at=self.wall(DAYS * self.rng.random()),
                    )
                seen = self.yields[source.pk] + many
                Source.objects.filter(pk=source.pk).update(seen=F("seen") + seen)
                if source.pk in self.imports and self.lists[source.pk]:
                    self._write_import(source, self.lists[source.pk])
        passed.write()

    def _write_import(self, source: Source, companies: list[Company]) -> None:
        """Write the file that was brought: all of it, a line twice and one without a name."""
        again = companies[: len(companies) // 12]
        lines = [*_lines(companies), *_lines(again), ",https://nameless.example/,,"]
        done = self.wall(IMPORTED.days)
        made = ProspectImport.objects.create(
            id=self.imports[source.pk],
            source=source,
            filename=f"{source.name.split(',')[0].lower().replace(' ', '-')}.csv",
            content="\r\n".join(["Company,Website,Place,Phone", *lines]).encode(),
            mapping={
                "Company": "name",
                "Website": "website",
                "Place": "place",
                "Phone": "phone",
            },
            status=ProspectImport.Status.DONE,
            rows=len(lines),
            position=len(lines),
            added=len(companies),
            duplicates=len(again),
            refused=1,
            problems=[{"row": len(lines), "field": "name", "why": "there is no company name"}],
            by="operator",
            finished_at=done,
        )
        ProspectImport.objects.filter(pk=made.pk).update(created_at=done - dt.timedelta(minutes=4))


def _service(company: Company) -> str:
    year = 1962 + sum(map(ord, company.domain)) % 55
    words = SERVICES[year % len(SERVICES)]
    return words.format(name=company.name, trade=company.trade, town=company.town, year=year)


def _lines(companies: Iterable[Company]) -> list[str]:
    return [f'"{one.name}",{one.site},"{one.place}",{one.phone}' for one in companies]
