"""The market as one process: mail in, web sites, and people who answer."""

import asyncio
import contextlib
import sys
import traceback
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aiosmtpd.smtp import Envelope

from sandbox import mailbox
from sandbox.checkout import telling
from sandbox.checkout.api import Checkout
from sandbox.checkout.till import Till
from sandbox.market import letters, mime, notices, people, replies, web
from sandbox.market.clock import Clock
from sandbox.market.invitations import Invitation
from sandbox.market.ledger import Errand, Ledger, Note
from sandbox.market.letters import Letter
from sandbox.market.post import App, Never, NotNow
from sandbox.market.sales import Sales
from sandbox.market.world import Company, Person, World

AT_ONCE = 8


@dataclass(frozen=True)
class Ports:
    smtp: int
    web: int


class Market:
    """Hears of each mail that was kept, and sees to it that its person does something about it."""

    def __init__(self, world: World, ledger: Ledger, sales: Sales, maildir: Path) -> None:
        self.world = world
        self.clock = sales.clock
        self.ledger = ledger
        self.sales = sales
        self.app = sales.app
        self.keeper = mailbox.Keeper(maildir, self.take_in)
        self.something_new = asyncio.Event()

    def take_in(self, kept_as: str, envelope: Envelope) -> None:
        """Decide what the people a mail is for do about it; nobody else does anything."""
        raw = (envelope.original_content or b"").replace(b"\r\n", b"\n")
        for recipient in dict.fromkeys(address.lower() for address in envelope.rcpt_tos):
            found = self.who(recipient)
            letter = letters.read(envelope.mail_from or "", recipient, raw)
            if found is not None and not self.ledger.knows(letter.id):
                with self.ledger.together():
                    self.decide(letter, kept_as, found[1])
        self.something_new.set()

    def decide(self, letter: Letter, kept_as: str, person: Person) -> None:
        """Decide what a person does about a mail, and remember it."""
        if person.temper == "bounce" or letter.cold:
            if letter.automatic:
                return
            nth = self.ledger.count(letter.recipient, cold=letter.cold) + 1
            deed = people.decide(person, letter.id, cold=letter.cold, nth=nth)
        else:
            deed = self.sales.hear(letter, person)
        act = self.possible(deed.act, letter) if deed else ""
        due = self.clock.wall() + self.clock.wall_seconds(deed.minutes if deed else 0)
        self.ledger.note(letter.id, kept_as, letter.recipient, cold=letter.cold, act=act, due=due)

    def who(self, address: str) -> tuple[Company, Person] | None:
        """Return whose address it is; at a company that exists, nobody’s is one that bounces."""
        found = self.world.by_address.get(address)
        company = self.world.by_domain.get(address.rpartition("@")[2])
        if found is None and company is not None:
            return company, Person("", "", address, "bounce", 1)
        return found

    def possible(self, act: str, letter: Letter) -> str:
        """Return the act, or how else the same is said where the way to do it is missing."""
        if act == "form" and not self.app.lead_form:
            return "interested"
        if act == "one_click" and not letter.unsubscribe:
            return "unsubscribe"
        if act in {"bounce", "complain"}:
            return act if letter.sender else ""  # a machine never answers the null sender
        return act if letter.reply_to else ""

    async def run_errands(self) -> None:
        """Do what falls due, for ever."""
        while True:
            self.something_new.clear()
            found = self.ledger.due(self.clock.wall(), AT_ONCE)
            if found:
                await asyncio.gather(*map(self.run_errand, found))
                continue
            at = self.ledger.next_due()
            wait = None if at is None else max(0.01, at - self.clock.wall())
            try:
                await asyncio.wait_for(self.something_new.wait(), wait)
            except TimeoutError:
                continue

    async def run_errand(self, errand: Errand) -> None:
        if self.sales.is_moot(errand):
            return self.ledger.settle(errand)
        try:
            found = await asyncio.to_thread(self.perform, errand)
        except NotNow as error:
            if not self.ledger.put_off(errand, self.clock.wall()):
                complain(f"{errand.address} gives up: {error}")
        except Never as error:
            complain(f"{errand.address} was refused: {error}")
            self.ledger.settle(errand)
        except Exception:  # noqa: BLE001 - one odd mail must not silence everybody
            complain(f"{errand.address} cannot answer: {traceback.format_exc()}")
            self.ledger.settle(errand)
        else:
            with self.ledger.together():
                self.ledger.settle(errand)
                for note in found:
                    self.sales.keep(errand.address, note)

    def perform(self, errand: Errand) -> Iterable[Note | Invitation]:
        """Do one thing, and return what is to be remembered of it. Raises NotNow, Never."""
        found = self.who(errand.address)
        if found is None:
            raise Never("another seed made another market")
        company, person = found
        if not errand.kept_as:
            return self.sales.visit(errand, company, person)
        try:
            letter = letters.kept(self.keeper.folder, errand.kept_as, errand.address)
        except FileNotFoundError:
            raise Never("the mail is gone from the mailbox") from None
        notes = []
        if errand.act == "haggle":
            notes.append(self.sales.before_haggling(letter, person))
        self.write(errand, company, person, letter)
        return notes

    def write(self, errand: Errand, company: Company, person: Person, letter: Letter) -> None:
        """Answer a mail in one of the ways mails are answered. Raises NotNow, Never."""
        if errand.act == "one_click":
            self.app.unsubscribe(letter.unsubscribe)
        elif errand.act == "form":
            self.app.fill_in(form(company, person, letter), errand.id)
        elif errand.act == "bounce":
            self.app.send_mail(notices.bounce(company, letter, errand.due), errand.id)
        elif errand.act == "complain":
            self.app.send_mail(notices.complaint(letter, errand.due), errand.id)
        else:
            answer = mime.reply(errand.act, company, person, letter, errand.due)
            self.app.send_mail(answer, errand.id)


def form(company: Company, person: Person, letter: Letter) -> dict[str, str]:
    """Return what somebody fills into the agency's web form."""
    return {
        "name": person.name,
        "email": person.email,
        "phone": company.phone,
        "company": company.name,
        "website": company.website,
        "message": replies.write("form", company, person, letter),
        "page": "/contact",
    }


def complain(line: str) -> None:
    sys.stderr.write(f"Sandbox market: {line}\n")
    sys.stderr.flush()


async def serve(
    ports: Ports,
    maildir: Path,
    *,
    app: App,
    speed: float,
    seed: int,
    epoch: float | None = None,
    checkout_key: str = "",
) -> None:
    """Run the market until SIGTERM or SIGINT; with a key for it, the checkout too.

    Raises OSError when a port or folder is taken.
    """
    stop = mailbox.stop_asked()
    with contextlib.closing(Ledger(maildir.with_name(f"{maildir.name}.market.sqlite3"))) as ledger:
        clock, world = Clock(ledger.began(), speed, epoch=epoch), World(seed)
        with (
            taking_cards(maildir, app, checkout_key) as checkout,
            web.serving(web.Sites(world, clock, checkout), ports.web) as web_port,
        ):
            sales = Sales(clock, ledger, app, f"http://{web.HOST}:{web_port}")
            market = Market(world, ledger, sales, maildir)
            async with mailbox.taking_mail(ports.smtp, market.keeper) as smtp_port:
                sys.stdout.write(
                    f"Sandbox market: {len(world.companies)} made-up companies on"
                    f" http://{web.HOST}:{web_port}, their mail on"
                    f" smtp://{mailbox.HOST}:{smtp_port}; seed {seed}, {speed:g} times as fast\n"
                )
                sys.stdout.flush()
                await _until(stop, market.run_errands())


@contextlib.contextmanager
def taking_cards(maildir: Path, app: App, key: str) -> Iterator[Checkout | None]:
    """Keep the till beside the Maildir, and tell the app what is paid; without a key neither."""
    if not key:
        yield None
        return
    file = maildir.with_name(f"{maildir.name}.checkout.sqlite3")
    with (
        contextlib.closing(Till(file)) as till,
        telling.telling(telling.Teller(till, app.url, key)),
    ):
        yield Checkout(till, key)


async def _until(stop: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Do the work until the event is set. Raises what the work raises."""
    working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
