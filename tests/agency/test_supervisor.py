"""One supervisor starts everything, keeps it running, and takes it all down again."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from agency import supervisor
from agency.settings import BASE_DIR
from agency.supervisor import Child, Supervisor, SupervisorError


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def python(code: str, **options: object) -> Child:
    return Child("toy", (sys.executable, "-c", code), **options)  # type: ignore[arg-type]


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def house(tmp_path: Path, lines: list[str]) -> Iterator[Supervisor]:
    found = Supervisor(tmp_path, BASE_DIR, lines.append)
    yield found
    found.stop()


def test_what_a_child_says_is_shown_with_its_name_and_kept(
    house: Supervisor, lines: list[str], tmp_path: Path
) -> None:
    house.start(python("print('one\\ntwo', end='', flush=True); import time; time.sleep(60)"))
    deadline = time.monotonic() + 10
    while not lines and time.monotonic() < deadline:
        house.tick(0.05)
    assert lines == ["toy           one"]
    house.stop()
    assert lines == ["toy           one", "toy           two"]
    assert (tmp_path / "logs" / "toy.log").read_text() == "one\ntwo\n"


def test_a_child_that_dies_is_started_again(house: Supervisor, lines: list[str]) -> None:
    house.start(python("import time; print('up', flush=True); time.sleep(60)"))
    (child,) = house.children
    assert child.process
    first = child.process.pid
    child.process.kill()
    deadline = time.monotonic() + 10
    while (child.process is None or child.process.pid == first) and time.monotonic() < deadline:
        house.tick(0.05)
    assert child.process
    assert child.process.pid != first
    assert "toy died (signal 9); starting it again in 0.5 s" in lines


def test_a_child_that_keeps_dying_stops_everything(
    house: Supervisor, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "DEATHS", 2)
    house.start(python("raise SystemExit(7)"))
    with pytest.raises(SupervisorError, match=r"toy died 2 times in 30 seconds \(status 7\); see"):
        while True:
            house.tick(0.05)


def test_a_child_that_does_not_stop_is_killed(
    house: Supervisor, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "PATIENCE", 0.2)
    house.start(
        python(
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
            "print('up', flush=True); time.sleep(60)"
        )
    )
    while not lines:
        house.tick(0.05)
    (child,) = house.children
    house.stop()
    assert child.process
    assert child.process.returncode == -signal.SIGKILL
    assert "toy did not stop in 0.2 s; killed" in lines


def test_servers_stop_after_what_uses_them(house: Supervisor, lines: list[str]) -> None:
    code = (
        "import signal, sys, time; name = sys.argv[1]\n"
        "def end(*_): print(name, 'ends', flush=True); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print(name, 'up', flush=True); time.sleep(60)"
    )
    for name, server in (("first", True), ("second", True), ("user", False)):
        child = Child(name, (sys.executable, "-c", code, name))
        if server:
            child.is_ready = lambda name=name: any(f"{name} up" in x for x in lines)
        house.start(child)
    while not any("user up" in line for line in lines):
        house.tick(0.05)
    house.stop()
    ends = [line.split()[0] for line in lines if line.endswith("ends")]
    assert ends == ["user", "second", "first"]


def test_a_data_folder_has_one_holder(tmp_path: Path) -> None:
    with supervisor.hold(tmp_path):
        message = rf"^DATA_DIR {tmp_path} is in use by process {os.getpid()}; stop that one"
        with pytest.raises(SupervisorError, match=message), supervisor.hold(tmp_path):
            pass
    with supervisor.hold(tmp_path):
        pass


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(SupervisorError, match=rf"^PORT: 127.0.0.1:{port} cannot be used"):
            supervisor.require_free_port("PORT", "127.0.0.1", port)
    supervisor.require_free_port("PORT", "127.0.0.1", port)


def test_what_a_killed_supervisor_left_is_ended(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as left:
        started = psutil.Process(left.pid).create_time()
        me = psutil.Process()
        notes = [
            {"pid": left.pid, "started": started, "stop": signal.SIGTERM},
            # A number that went to another process since.
            {"pid": me.pid, "started": me.create_time() - 100, "stop": signal.SIGTERM},
        ]
        (tmp_path / "children.json").write_text(json.dumps(notes))
        supervisor.end_left_overs(tmp_path)
        assert left.wait(10) in {-signal.SIGTERM, 0}  # 0: psutil was first to ask for its status


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start ends them")
def test_children_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from agency.supervisor import Child, Supervisor
house = Supervisor(Path({str(tmp_path)!r}), Path.cwd(), print)
house.start(Child("toy", (sys.executable, "-c", "import time; time.sleep(60)")))
print(house.children[0].process.pid, flush=True)
while True:
    house.tick(1)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=BASE_DIR
    ) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie")


class TestEverything:
    """`manage.py run` with all that it starts, in a data folder of its own."""

    def test_it_runs_is_killed_and_runs_again(self, tmp_path: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        env = {
            **os.environ,
            "DATA_DIR": str(tmp_path),
            "PORT": str(port),
            "DATABASE_URL": "",
            "REDIS_URL": "",
        }

        first, said = self.start(env)
        assert re.search(rf"http://127.0.0.1:{port}/login/link/\?sesame=\S+", said)
        assert self.get(port, "/admin/login/") == 200
        second = subprocess.run(
            [sys.executable, "manage.py", "run"],
            env=env,
            cwd=BASE_DIR,
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 1
        assert second.stderr == (
            f"DATA_DIR {tmp_path} is in use by process {first.pid};"
            " stop that one or set another DATA_DIR\n"
        )

        everyone = [psutil.Process(first.pid), *psutil.Process(first.pid).children(recursive=True)]
        assert len(everyone) > 6
        for process in everyone:
            with contextlib.suppress(psutil.NoSuchProcess):  # some end with their parent
                process.kill()
        first.wait(10)

        again, said = self.start(env)
        assert "Made the user operator" not in said
        assert self.get(port, "/admin/login/") == 200
        again.send_signal(signal.SIGINT)
        assert again.wait(30) == 0
        wait_for(lambda: not any(p.is_running() and p.status() != "zombie" for p in everyone))
        assert not (tmp_path / "postgres" / "postmaster.pid").exists()

    def start(self, env: dict[str, str]) -> tuple["subprocess.Popen[bytes]", str]:
        """Start it and return what it said until it was ready."""
        log = Path(env["DATA_DIR"]) / "run.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "run"],
                env=env,
                cwd=BASE_DIR,
                stdout=output,
                stderr=output,
            )

        def is_ready() -> bool:
            assert process.poll() is None, log.read_text()
            return "Ctrl-C" in log.read_text()

        wait_for(is_ready, 120)
        return process, log.read_text()

    def get(self, port: int, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()
