"""What people do once the agency sells to them: they book, come or not, sign or not, and pay.

What they do by mail is an errand about a mail; what they do on a page is a plan.
"""

import random
from collections.abc import Iterable
from dataclasses import replace

from sandbox.market import buyers, calls, invitations, pages, people
from sandbox.market.clock import Clock
from sandbox.market.invitations import Invitation
from sandbox.market.ledger import Call, Errand, Ledger, Note, Plan, Proposal
from sandbox.market.letters import Letter
from sandbox.market.people import Deed
from sandbox.market.post import App
from sandbox.market.visits import Browser
from sandbox.market.world import Company, Person

BY_MAIL = frozenset({"name_time", "haggle"})
PAYS_AT_MOST = 3
NO_TIME = ("Something came up.", "We are short of people that day.", "I am on a job then, sorry.")
NO_DEAL = (
    "It is more than we can spend this year.",
    "My partner wants to wait until the season is over.",
    "We have decided for somebody from here.",
    "It does not do what we need.",
)


class Sales:
    """Decides in the thread of the ledger; visits pages in any other."""

    def __init__(self, clock: Clock, ledger: Ledger, app: App, checkout: str) -> None:
        self.clock = clock
        self.ledger = ledger
        self.app = app
        self.checkout = checkout

    def hear(self, letter: Letter, person: Person) -> Deed | None:
        """Take in a mail that sells; return what is done about it by mail, if anything is."""
        topic = buyers.topic(letter)
        nth = self.ledger.note_topic(letter.id, person.email, topic)
        if topic == "invitation":
            found = invitations.in_mail(letter.raw)
            if found is not None:
                self.take_down(found, person.email)
            return None
        deed = self._about(topic, letter, person, nth)
        if deed is None and topic in {"offer", "answer"} and not letter.automatic:
            return people.decide(person, letter.id, cold=False, nth=self._nth_answer(person))
        if deed is None or (deed.act in BY_MAIL and not letter.automatic):
            return deed
        act = {"name_time": "book", "haggle": "sign"}.get(deed.act, deed.act)
        self._plan(person, act, deed.minutes, self._page(topic, letter, person))
        return None

    def take_down(self, found: Invitation, address: str) -> None:
        """Write a call into somebody's calendar, and with it what will become of it."""
        known = self.ledger.call(found.uid)
        page = found.page or (known.page if known else "")
        call = Call(found.uid, address, page, found.ends, found.sequence, "standing")
        name = f"call {found.uid}"
        if found.cancelled:
            self.ledger.keep(replace(call, state="off"))
            self.ledger.drop_plan(name)
        elif known is None or known.sequence < found.sequence:
            act, due = self._fate(found, page, address)
            plan = Plan(name, address, act, due, page=page, about=found.uid)
            self.ledger.keep(call, plan)
        elif known.page != page:
            self.ledger.keep(replace(known, page=page))

    def is_moot(self, errand: Errand) -> bool:
        """Whether somebody has a call already, and needs no other."""
        books = errand.act in {"book", "name_time"}
        return books and any(one.state == "standing" for one in self.ledger.calls(errand.address))

    def visit(
        self, errand: Errand, company: Company, person: Person
    ) -> Iterable[Note | Invitation]:
        """Do what was planned; return what came of it. Raises NotNow, Never."""
        browser = Browser(self.app.url, self.checkout)
        chance = random.Random(f"{errand.id} {errand.due}")  # noqa: S311 - the same each time
        who = pages.guest(company, person)
        page, address, uid = errand.page, errand.address, errand.about
        match errand.act:
            case "book":
                return [pages.book(browser, page, who, chance)]
            case "move":
                return [pages.move(browser, page, who, chance)]
            case "cancel":
                pages.cancel(browser, page, chance.choice(NO_TIME))
                return [Call(uid, address, page, 0, 0, "off")]
            case "attend" | "miss":
                return [self._report(errand, company, person)]
            case "look":
                pages.look(browser, page)
                return [Proposal(address, page, "open")]
            case "decline":
                pages.decline(browser, page, chance.choice(NO_DEAL))
                return [Proposal(address, page, "declined")]
            case _:
                card = pages.GOOD_CARD
                if errand.act == "sign" and buyers.first_card_declined(person):
                    card = pages.DECLINED_CARD
                return self._paid(errand, pages.sign(browser, page, who, card))

    def before_haggling(self, letter: Letter, person: Person) -> Proposal:
        """Look at the proposal that is too expensive. Raises NotNow, Never."""
        link = letter.link("/p/")
        pages.look(Browser(self.app.url), link)
        return Proposal(person.email, link, "asked")

    def keep(self, address: str, note: Note | Invitation) -> None:
        """Remember what came of a visit."""
        if isinstance(note, Invitation):
            return self.take_down(note, address)
        if isinstance(note, Call):
            known = self.ledger.call(note.uid)
            note = replace(known, state=note.state) if known else note
        self.ledger.keep(note)

    def _about(self, topic: str, letter: Letter, person: Person, nth: int) -> Deed | None:
        if topic == "offer":
            known = self.ledger.calls(person.email)
            if any(one.state in {"standing", "over"} for one in known):
                return None
            return buyers.about_offer(person, letter, nth=nth, again=bool(known))
        had = self.ledger.proposal(person.email)
        state = had.state if had else ""
        if topic == "proposal" or (topic == "answer" and state == "asked"):
            return buyers.about_proposal(person, nth=nth, state=state)
        return None

    def _plan(self, person: Person, act: str, minutes: float, page: str) -> None:
        """Mean to do something, unless the like is meant already."""
        name = f"book {person.email}" if act == "book" else f"proposal {person.email}"
        if not self.ledger.is_planned(name):
            due = self.clock.wall() + self.clock.wall_seconds(minutes)
            self.ledger.keep(Plan(name, person.email, act, due, page=page))

    def _page(self, topic: str, letter: Letter, person: Person) -> str:
        if topic == "offer":
            return letter.link("/book/")
        had = self.ledger.proposal(person.email)
        return letter.link("/p/") or (had.page if had else "")

    def _nth_answer(self, person: Person) -> int:
        return self.ledger.count(person.email, cold=False) + 1

    def _fate(self, found: Invitation, page: str, address: str) -> tuple[str, float]:
        """Return what becomes of a call, and the Unix time at which it does."""
        act = buyers.about_call(address, found.uid, found.sequence)
        about = f"{found.uid} {found.sequence}"
        if act in {"move", "cancel"}:
            minutes = buyers.later(address, act, about)
            due = self.clock.wall() + self.clock.wall_seconds(minutes)
            if page and due < self.clock.wall_at(found.starts):
                return act, due
            act = "attend"
        minutes = buyers.later(address, "recording", about)
        return act, self.clock.wall_at(found.ends) + self.clock.wall_seconds(minutes)

    def _report(self, errand: Errand, company: Company, person: Person) -> Call:
        """Tell the agency how the call went, as the service does that records it."""
        came = errand.act == "attend"
        fields = {"uid": errand.about, "attended": came}
        if came:
            fields["transcript"] = calls.transcript(company, person, errand.about)
        if self.app.meetings_hook:
            self.app.report_call(fields, f"{errand.id} {errand.due:.0f}")
        return Call(errand.about, errand.address, errand.page, 0, 0, "over" if came else "missed")

    def _paid(self, errand: Errand, came: str) -> list[Note]:
        """Return what follows from an attempt to sign and pay."""
        tries = int(errand.about or 0) + 1
        if came == "closed":
            return []
        state = "paid" if came == "paid" else "signed"
        notes: list[Note] = [Proposal(errand.address, errand.page, state)]
        if state == "signed" and tries < PAYS_AT_MOST:
            minutes = buyers.later(errand.address, "pay", errand.page)
            due = self.clock.wall() + self.clock.wall_seconds(minutes)
            name = f"pay {errand.address} {tries}"
            notes.append(Plan(name, errand.address, "pay", due, page=errand.page, about=str(tries)))
        return notes
