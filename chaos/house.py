"""The product's own processes on servers of their own, and what can be done to them."""

import dataclasses
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import redis
from django.conf import settings
from django.core.management import call_command

from agency import embedded, roles
from agency.management.commands import run
from agency.supervisor import Child
from jobs import endpoints

ROOT = Path(__file__).resolve().parent.parent
FAR_OFF = (0, 3 * 3600, -5 * 3600)
"""By how many seconds each worker's wall clock is off."""

FULL_DISK = """
CREATE TABLE chaos_full ();
GRANT SELECT ON chaos_full TO PUBLIC;
CREATE FUNCTION chaos_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM chaos_full) THEN
        RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100';
    END IF;
    RETURN NULL;
END $$;
"""
WRITTEN = (
    *("jobs_job", "jobs_worker", "jobs_event", "jobs_delivery"),
    *("control_action", "control_decision", "agency_auditentry"),
)


@dataclasses.dataclass
class Member:
    """One process of the house, started again whenever it is gone."""

    child: Child
    process: subprocess.Popen[bytes]
    asleep_until: float = 0.0


class House:
    """Servers, workers and a beat; each method that is named for a fault does it."""

    def __init__(self, folder: Path, *, durable: bool, workers: int, intake: bool) -> None:
        self.folder, self.durable = folder, durable
        self.random = random.Random(0)  # noqa: S311 - faults, not secrets
        self.exits = 0
        self.log = (folder / "children.log").open("ab")
        self.postgres = self._serve(embedded.postgres(folder, durable=durable))
        self.valkey = self._serve(embedded.valkey(folder))
        roles.prepare()
        call_command("migrate", interactive=False, verbosity=0)
        with self._owner() as owner:
            owner.execute(FULL_DISK)
            for table in WRITTEN:
                owner.execute(
                    f"CREATE TRIGGER chaos_full BEFORE INSERT OR UPDATE ON {table}"
                    " FOR EACH STATEMENT EXECUTE FUNCTION chaos_full()"
                )
        self.ledger = folder / "ledger"
        self.told, self.enough = folder / "told", folder / "enough"
        self.sender: subprocess.Popen[bytes] | None = None
        self.intake = intake
        self.others = [self._start(child) for child in self._others()]
        self.beat = self.others[-1]
        self.children = list(self._workers(workers))
        self.workers: list[Member] = []
        self._later: list[tuple[float, Callable[[], None]]] = []

    def _others(self) -> list[Child]:
        port = os.environ["CHAOS_LEDGER_PORT"]
        ledger = run.python("ledger", "-m", "chaos.ledger", port, str(self.ledger), pool=1)
        found = {child.name: child for child in run.children()}
        wanted = ("web", "beat") if self.intake else ("beat",)
        smtp, folder = str(settings.SANDBOX_SMTP_PORT), str(settings.MAILBOX_DIR)
        takes_mail = ("-m", "sandbox", "mailbox", "--port", smtp, "--maildir", folder)
        mailbox = run.python("mailbox", *takes_mail, pool=1)
        return [ledger, mailbox, *(found[name] for name in wanted)]

    def _workers(self, number: int) -> Iterator[Child]:
        for n in range(number):
            child = run.worker(f"worker-{n}", "fast,normal,bulk,sweep", threads=6)
            offset = FAR_OFF[n % len(FAR_OFF)]
            if offset:
                at = child.argv.index("-m") + 1
                skewed = ("chaos.skewed", str(offset))
                child.argv = (*child.argv[:at], *skewed, *child.argv[at:])
            yield child

    def _serve(self, server: embedded.Server) -> subprocess.Popen[bytes]:
        return embedded.start(server, output=self.log)

    def _start(self, child: Child) -> Member:
        return Member(child, self._spawn(child))

    def _spawn(self, child: Child) -> subprocess.Popen[bytes]:
        return embedded.spawn(
            child.argv,
            death_signal=signal.SIGKILL,
            env={**os.environ, **child.env},
            cwd=ROOT,
            output=self.log,
        )

    def _owner(self) -> psycopg.Connection:
        conninfo = embedded.conninfo(self.folder, user=settings.OWNER_ROLE)
        return psycopg.connect(conninfo, autocommit=True)

    def tick(self) -> None:
        """Do the supervisor's work, and end what was to last a while."""
        now = time.monotonic()
        for member in (*self.others, *self.workers):
            if member.asleep_until and now > member.asleep_until:
                member.process.send_signal(signal.SIGCONT)
                member.asleep_until = 0.0
            if member.process.poll() is not None and member.asleep_until == 0.0:
                self.exits += 1
                member.process = self._spawn(member.child)
        due = [end for at, end in self._later if now > at]
        self._later = [(at, end) for at, end in self._later if now <= at]
        for end in due:
            end()

    def is_calm(self) -> bool:
        """Whether nothing is frozen, down or full any more."""
        return not self._later and not any(member.asleep_until for member in self.workers)

    def _in(self, seconds: float, end: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + seconds, end))

    def kill(self) -> None:
        """Kill a worker, frozen or not; the next one takes its place."""
        member = self.random.choice(self.workers)
        member.process.kill()
        member.process.wait()
        member.process, member.asleep_until = self._spawn(member.child), 0.0

    def freeze(self) -> None:
        """Freeze a worker for longer than its lease."""
        member = self.random.choice(self.workers)
        member.process.send_signal(signal.SIGSTOP)
        member.asleep_until = time.monotonic() + settings.JOBS_LEASE_SECONDS * self.random.uniform(
            1.2, 2.5
        )

    def postgres_fast(self) -> None:
        """Restart Postgres as an operator does."""
        self._restart_postgres(signal.SIGINT)

    def postgres_immediate(self) -> None:
        """Restart Postgres as after a power cut: it recovers from its log."""
        self._restart_postgres(signal.SIGQUIT)

    def _restart_postgres(self, how: signal.Signals) -> None:
        embedded.stop(self.postgres, how)
        time.sleep(self.random.uniform(0, 2))
        self.postgres = self._serve(embedded.postgres(self.folder, durable=self.durable))

    def valkey_flush(self) -> None:
        """Lose every hint."""
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            client.flushall()

    def valkey_restart(self) -> None:
        """Lose every hint and connection."""
        self.valkey.kill()
        self.valkey.wait()
        time.sleep(self.random.uniform(0, 2))
        self.valkey = self._serve(embedded.valkey(self.folder))

    def beat_down(self) -> None:
        """Let nobody ask for a sweep for a while."""
        self.beat.process.kill()
        self.beat.process.wait()
        self.beat.asleep_until = float("inf")
        self._in(self.random.uniform(2, 5), self._beat_again)

    def _beat_again(self) -> None:
        self.beat.process, self.beat.asleep_until = self._spawn(self.beat.child), 0.0

    def disk_full(self) -> None:
        """Let Postgres refuse whatever the house writes, with 53100, for a while."""
        with self._owner() as owner:
            owner.execute("INSERT INTO chaos_full DEFAULT VALUES")
        self._in(self.random.uniform(1, 3), self._disk_has_room)

    def _disk_has_room(self) -> None:
        with self._owner() as owner:
            owner.execute("DELETE FROM chaos_full")

    def send(self, name: str) -> None:
        """Begin to post leads, if the house has an intake."""
        if self.intake:
            path = f"/hooks/leads/{endpoints.ensure('leads', 'website').token}"
            files = (str(self.told), str(self.enough))
            self.told.write_text("")
            self.enough.unlink(missing_ok=True)
            arguments = (str(settings.PORT), path, name, *files)
            self.sender = self._spawn(
                run.python("sender", "-m", "chaos.sender", *arguments, pool=1)
            )

    def has_stopped_sending(self) -> bool:
        """Tell the sender to stop, and return whether its last lead was taken."""
        self.enough.touch()
        return self.sender is None or self.sender.poll() is not None

    def leads(self) -> list[str]:
        """Return the addresses of the leads that were answered 202."""
        return self.told.read_text().split() if self.intake else []

    def effects(self) -> Counter[str]:
        """Return how often each effect happened, by its key."""
        return Counter(self.ledger.read_text().split())

    def end_workers(self) -> None:
        """Wake and end the workers: what they still had in hand has happened when this returns."""
        for member in self.workers:
            member.process.send_signal(signal.SIGCONT)
            member.process.send_signal(signal.SIGTERM)
        for member in self.workers:
            embedded.stop(member.process)
        self.workers = []

    def start_workers(self) -> None:
        """Start the workers."""
        self.workers = [self._start(child) for child in self.children]

    def close(self) -> None:
        """End everything."""
        if self.sender is not None:
            embedded.stop(self.sender)
        self.end_workers()
        for member in reversed(self.others):
            embedded.stop(member.process)
        embedded.stop(self.valkey)
        embedded.stop(self.postgres, signal.SIGQUIT)
        self.log.close()
