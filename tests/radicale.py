"""A real CalDAV server for tests, with one user and one calendar."""

import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caldav.davclient import DAVClient

PATIENCE_SECONDS = 30
USER, PASSWORD = "olivia", "correct-horse"


@dataclass
class Server:
    """Where the calendar is, and a client of somebody who looks at it and changes it."""

    url: str
    calendar: Any

    def add(self, ics: str) -> Any:
        """Put an event into the calendar, as its owner does."""
        return self.calendar.add_event(ics)

    def events(self) -> list[Any]:
        """Return what is in the calendar."""
        return list(self.calendar.get_events())


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run radicale on a free port of the loopback; return its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    users = folder / "users"
    users.write_text(f"{USER}:{PASSWORD}\n")
    config = folder / "config"
    config.write_text(
        f"[server]\nhosts = 127.0.0.1:{port}\n"
        f"[auth]\ntype = htpasswd\nhtpasswd_filename = {users}\nhtpasswd_encryption = plain\n"
        "delay = 0\n"
        f"[storage]\nfilesystem_folder = {folder / 'storage'}\n"
        "[logging]\nlevel = error\n"
    )
    command = [sys.executable, "-m", "radicale", "--config", str(config)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait(port)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.kill()
            process.wait()


@contextmanager
def calendar(root: str) -> Iterator[Server]:
    """Make a calendar of its own on a server that runs."""
    name = uuid.uuid4().hex
    with DAVClient(root, username=USER, password=PASSWORD, enable_rfc6764=False) as client:
        known: Any = client
        made = known.principal().make_calendar(name="Calls", cal_id=name)
        own = root.replace("http://", f"http://{USER}:{PASSWORD}@")
        yield Server(f"{own}{USER}/{name}/", made)


def _wait(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("radicale never answered")
