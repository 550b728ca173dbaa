"""The market as one process: mail in, web sites, and people who answer."""

import asyncio
import contextlib
import sys
import traceback
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path

from aiosmtpd.smtp import Envelope

from sandbox import mailbox
from sandbox.market import letters, mime, notices, people, replies, web
from sandbox.market.clock import Clock
from sandbox.market.ledger import Errand, Ledger
from sandbox.market.letters import Letter
from sandbox.market.post import App, Never, NotNow
from sandbox.market.world import Company, Person, World

AT_ONCE = 8


@dataclass(frozen=True)
class Ports:
    smtp: int
    web: int


class Market:
    """Hears of each mail that was kept, and sees to it that its person does something about it."""

    def __init__(self, world: World, clock: Clock, ledger: Ledger, app: App, maildir: Path) -> None:
        self.world = world
        self.clock = clock
        self.ledger = ledger
        self.app = app
        self.keeper = mailbox.Keeper(maildir, self.take_in)
        self.something_new = asyncio.Event()

    def take_in(self, kept_as: str, envelope: Envelope) -> None:
        """Decide what the people a mail is for do about it; nobody else does anything."""
        raw = (envelope.original_content or b"").replace(b"\r\n", b"\n")
        for recipient in dict.fromkeys(address.lower() for address in envelope.rcpt_tos):
            found = self.who(recipient)
            letter = letters.read(envelope.mail_from or "", recipient, raw)
            if found is None or letter.automatic or self.ledger.knows(letter.id):
                continue
            _, person = found
            nth = self.ledger.count(recipient, cold=letter.cold) + 1
            deed = people.decide(person, letter.id, cold=letter.cold, nth=nth)
            act = self.possible(deed.act, letter) if deed else ""
            due = self.clock.wall() + self.clock.wall_seconds(deed.minutes if deed else 0)
            self.ledger.note(letter.id, kept_as, recipient, cold=letter.cold, act=act, due=due)
        self.something_new.set()

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
        try:
            await asyncio.to_thread(self.perform, errand)
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
            self.ledger.settle(errand)

    def perform(self, errand: Errand) -> None:
        """Do one thing about one mail. Raises NotNow, Never."""
        found = self.who(errand.address)
        if found is None:
            raise Never("another seed made another market")
        company, person = found
        try:
            letter = letters.kept(self.keeper.folder, errand.kept_as, errand.address)
        except FileNotFoundError:
            raise Never("the mail is gone from the mailbox") from None
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


async def serve(ports: Ports, maildir: Path, *, app: App, speed: float, seed: int) -> None:
    """Run the market until SIGTERM or SIGINT. Raises OSError when a port or folder is taken."""
    stop = mailbox.stop_asked()
    with contextlib.closing(Ledger(maildir.with_name(f"{maildir.name}.market.sqlite3"))) as ledger:
        clock, world = Clock(ledger.began(), speed), World(seed)
        market = Market(world, clock, ledger, app, maildir)
        async with mailbox.taking_mail(ports.smtp, market.keeper) as smtp_port:
            with web.serving(web.Sites(world, clock), ports.web) as web_port:
                sys.stdout.write(
                    f"Sandbox market: {len(world.companies)} made-up companies on"
                    f" http://{web.HOST}:{web_port}, their mail on"
                    f" smtp://{mailbox.HOST}:{smtp_port}; seed {seed}, {speed:g} times as fast\n"
                )
                sys.stdout.flush()
                await _until(stop, market.run_errands())


async def _until(stop: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Do the work until the event is set. Raises what the work raises."""
    working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
