"""A product of its own to measure: new data folder, durable servers, tables, web server."""

import os
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EMPTY = "/bench/empty"


def environment(data_dir: Path, port: int) -> dict[str, str]:
    """Return what the servers, this process and the web server have to find in theirs."""
    return {
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(data_dir),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "LEAD_HOOK_RATE": "10000000/minute",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def web() -> Iterator[int]:
    """Run the web server exactly as the supervisor does, and give its port."""
    from django.conf import settings

    from agency import embedded
    from agency.management.commands import run

    child = next(child for child in run.children() if child.name == "web")
    process = embedded.spawn(
        child.argv, death_signal=signal.SIGKILL, env={**os.environ, **child.env}, cwd=ROOT
    )
    try:
        wait_for_web()
        yield settings.PORT
    finally:
        embedded.stop(process)


def wait_for_web() -> None:
    """Return once the web server answers. Raises RuntimeError."""
    from django.conf import settings

    from agency import supervisor

    deadline = time.monotonic() + 60
    while not supervisor.answers("127.0.0.1", settings.PORT, EMPTY):
        if time.monotonic() > deadline:
            raise RuntimeError("the web server does not come up")
        time.sleep(0.05)


@contextmanager
def house() -> Iterator[None]:
    """Run the servers of a new data folder, durable, with its tables; set up Django on them."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="agency-bench-")))
        os.environ.pop("DATABASE_URL", None)
        os.environ.pop("REDIS_URL", None)
        os.environ.update(environment(folder, free_port()))
        import django

        django.setup()
        from django.core.management import call_command

        from agency import embedded

        for server in (embedded.postgres(folder), embedded.valkey(folder)):
            with (folder / f"{server.name}.log").open("wb") as log:
                process = embedded.start(server, output=log)
            stack.callback(embedded.stop, process, server.stop_signal)
        call_command("prepare", verbosity=0)
        yield
