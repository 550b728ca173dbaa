"""Runs everything as child processes of one: starts, restarts, shows and stops them in order."""

import fcntl
import http.client
import json
import logging.handlers
import os
import selectors
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

import psutil

from agency import embedded

# A child that dies this often in this many seconds will not come up by itself.
DEATHS, WITHIN = 5, 30.0
# What a worker is given to finish what it holds.
PATIENCE = 10.0


class SupervisorError(Exception):
    """Everything cannot run, or not any longer; the message says why in one line."""


@dataclass
class Child:
    name: str
    argv: Sequence[str]
    stop_signal: signal.Signals = signal.SIGTERM
    # With nobody to watch them they would be in the way; every crash is one they can take.
    death_signal: signal.Signals = signal.SIGKILL
    user: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    on_console: bool = True
    is_ready: Callable[[], bool] | None = None

    process: subprocess.Popen[bytes] | None = None
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=DEATHS))
    restart_at: float | None = None
    unfinished: bytes = b""

    @classmethod
    def from_server(cls, server: embedded.Server) -> "Child":
        return cls(
            server.name,
            server.argv,
            stop_signal=server.stop_signal,
            death_signal=server.stop_signal,
            user=server.user,
            on_console=False,
            is_ready=server.is_ready,
        )


class Supervisor:
    """Holds the children of one data folder. Single-threaded: see `embedded.spawn`."""

    def __init__(self, data_dir: Path, cwd: Path, write: Callable[[str], object]) -> None:
        self.data_dir = data_dir
        self.cwd = cwd
        self.write = write
        self.children: list[Child] = []
        self.selector = selectors.DefaultSelector()
        self.logs: dict[str, logging.Logger] = {}
        (data_dir / "logs").mkdir(exist_ok=True)

    def start(self, child: Child) -> None:
        """Start a child and, if it is a server, wait until it answers."""
        self.children.append(child)
        self._spawn(child)
        deadline = time.monotonic() + 60
        while child.is_ready and not child.is_ready():
            self.tick(0.02)
            if time.monotonic() > deadline:
                raise SupervisorError(f"{child.name} does not answer; see {self._log(child)}")

    def tick(self, timeout: float) -> None:
        """Pass on what the children say, and start again who has died."""
        self._read(timeout)
        now = time.monotonic()
        for child in self.children:
            if child.restart_at is not None:
                if now >= child.restart_at:
                    child.restart_at = None
                    self._spawn(child)
            elif child.process and child.process.poll() is not None:
                self._note_death(child, now)

    def stop(self) -> None:
        """Stop the children together, then the servers, the last started first."""
        servers = [child for child in self.children if child.is_ready]
        self._stop([child for child in self.children if not child.is_ready])
        for server in reversed(servers):
            self._stop([server])
        for key in list(self.selector.get_map().values()):
            self._close(key)  # a child of a child still holds the other end
        for log in self.logs.values():
            log.handlers.pop().close()
        self.logs.clear()
        _children_file(self.data_dir).unlink(missing_ok=True)

    def _spawn(self, child: Child) -> None:
        process = embedded.spawn(
            child.argv,
            death_signal=child.death_signal,
            output=subprocess.PIPE,
            user=child.user,
            env={**os.environ, **child.env},
            cwd=self.cwd,
        )
        child.process = process
        if process.stdout:
            os.set_blocking(process.stdout.fileno(), False)
            self.selector.register(process.stdout, selectors.EVENT_READ, child)
        _remember([c for c in self.children if c.process], self.data_dir)

    def _note_death(self, child: Child, now: float) -> None:
        assert child.process is not None  # noqa: S101
        status = child.process.returncode
        why = f"signal {-status}" if status < 0 else f"status {status}"
        child.process = None
        child.deaths.append(now)
        recent = [at for at in child.deaths if at > now - WITHIN]
        if len(recent) >= DEATHS:
            raise SupervisorError(
                f"{child.name} died {DEATHS} times in {WITHIN:.0f} seconds ({why});"
                f" see {self._log(child)}"
            )
        delay = 0.5 * 2 ** (len(recent) - 1)
        child.restart_at = now + delay
        self.write(f"{child.name} died ({why}); starting it again in {delay:g} s")

    def _stop(self, children: list[Child]) -> None:
        for child in children:
            child.restart_at = None
            if child.process and child.process.poll() is None:
                child.process.send_signal(child.stop_signal)
        deadline = time.monotonic() + PATIENCE
        while any(c.process and c.process.poll() is None for c in children):
            self._read(0.05)
            if time.monotonic() > deadline:
                for child in children:
                    if child.process and child.process.poll() is None:
                        self.write(f"{child.name} did not stop in {PATIENCE:g} s; killed")
                        child.process.kill()
                        child.process.wait()
        self._read(0)

    def _read(self, timeout: float) -> None:
        if not self.selector.get_map():
            time.sleep(timeout)
            return
        for key, _ in self.selector.select(timeout):
            child: Child = key.data
            said = os.read(key.fd, 65536)
            if not said:
                self._close(key)
                said = b"\n" if child.unfinished else b""
            *lines, child.unfinished = (child.unfinished + said).split(b"\n")
            for line in lines:
                self._show(child, line.decode(errors="replace").rstrip())

    def _close(self, key: selectors.SelectorKey) -> None:
        self.selector.unregister(key.fileobj)
        cast(IO[bytes], key.fileobj).close()

    def _show(self, child: Child, line: str) -> None:
        if child.name not in self.logs:
            log = self.logs[child.name] = logging.Logger(child.name)
            log.addHandler(
                logging.handlers.RotatingFileHandler(
                    self._log(child), maxBytes=5_000_000, backupCount=1
                )
            )
        self.logs[child.name].info("%s", line)
        if child.on_console:
            self.write(f"{child.name:<13} {line}")

    def _log(self, child: Child) -> Path:
        return self.data_dir / "logs" / f"{child.name}.log"


@contextmanager
def hold(data_dir: Path) -> Iterator[None]:
    """Hold the data folder for this process; the kernel lets go of it at any death."""
    with open(data_dir / "lock", "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise SupervisorError(
                f"DATA_DIR {data_dir} is in use by process {holder};"
                " stop that one or set another DATA_DIR"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def require_free_port(variable: str, host: str, port: int) -> None:
    """Raise SupervisorError, naming the variable, if another program listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SupervisorError(
                f"{variable}: {host}:{port} cannot be used ({error.strerror}); set another one"
            ) from None


def end_left_overs(data_dir: Path) -> None:
    """End the children of a supervisor that was killed, where the kernel did not do it."""
    try:
        noted = json.loads(_children_file(data_dir).read_text())
    except (FileNotFoundError, ValueError):
        return
    left: list[psutil.Process] = []
    for note in noted:
        try:
            process = psutil.Process(note["pid"])
            # The number alone may have gone to somebody else's process.
            if abs(process.create_time() - note["started"]) < 2:
                process.send_signal(note["stop"])
                left.append(process)
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(left, timeout=PATIENCE)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=PATIENCE)


def answers(host: str, port: int, path: str) -> bool:
    """Return whether a web server answers there without an error of its own."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _children_file(data_dir: Path) -> Path:
    return data_dir / "children.json"


def _remember(children: list[Child], data_dir: Path) -> None:
    notes = []
    for child in children:
        try:
            assert child.process is not None  # noqa: S101
            started = psutil.Process(child.process.pid).create_time()
        except psutil.NoSuchProcess:
            continue
        notes.append({"pid": child.process.pid, "started": started, "stop": child.stop_signal})
    fresh = _children_file(data_dir).with_suffix(".new")
    fresh.write_text(json.dumps(notes))
    fresh.replace(_children_file(data_dir))
