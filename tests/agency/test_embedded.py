"""The embedded servers start anywhere, come back after any death, and no look starts them."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from agency import embedded
from tests.agency.test_settings import manage


@contextmanager
def running(server: embedded.Server) -> Iterator["subprocess.Popen[bytes]"]:
    process = embedded.start(server, output=subprocess.DEVNULL)
    try:
        yield process
    finally:
        embedded.stop(process, server.stop_signal)


def ask(data_dir: Path, query: str) -> object:
    info = embedded.conninfo(data_dir, user=embedded.SUPERUSER, database="postgres")
    with psycopg.connect(info, autocommit=True) as connection:
        found = connection.execute(query)
        return found.fetchone() if found.description else None


def test_the_sockets_are_in_the_data_folder(tmp_path: Path) -> None:
    assert embedded.socket_dir(Path("/srv/agency")) == Path("/srv/agency/run")


@pytest.mark.parametrize("folder", [f"/srv/{'deep/' * 30}", "/srv/with space", "/srv/größe"])
def test_a_folder_no_socket_address_can_hold_gets_a_short_one(folder: str) -> None:
    found = embedded.socket_dir(Path(folder))
    assert found == embedded.socket_dir(Path(folder))
    assert found != embedded.socket_dir(Path(f"{folder}/other"))
    assert len(str(found)) < 40


def test_looking_for_it_does_not_start_it(tmp_path: Path) -> None:
    done = manage("shell", "-c", "pass", DATA_DIR=str(tmp_path), DATABASE_URL="")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"Postgres is not running in {tmp_path}; start it with `make run`"
    ]
    assert not (tmp_path / "postgres").exists()


def test_postgres_keeps_what_it_committed_through_a_kill(tmp_path: Path) -> None:
    data_dir = tmp_path / ("a deep folder with spaces " * 4).strip()
    data_dir.mkdir()
    with running(embedded.postgres(data_dir)) as process:
        ask(data_dir, "CREATE TABLE kept AS SELECT 42 AS answer")
        with pytest.raises(embedded.EmbeddedError, match="already runs on"):
            embedded.postgres(data_dir)
        process.kill()
        process.wait()

    # After a reboot the number in the pid file may be that of any process, of this one for example.
    pid_file = data_dir / "postgres" / "postmaster.pid"
    pid_file.write_text(pid_file.read_text().replace(str(process.pid), str(os.getpid()), 1))
    with running(embedded.postgres(data_dir)):
        embedded.require_postgres(data_dir)
        assert ask(data_dir, "SELECT answer FROM kept") == (42,)
        assert ask(data_dir, "SHOW fsync") == ("on",)
        assert ask(data_dir, "SHOW listen_addresses") == ("",)
    shutil.rmtree(embedded.socket_dir(data_dir))


def test_a_half_made_cluster_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("18\n")
    with running(embedded.postgres(tmp_path)):
        assert ask(tmp_path, "SELECT 1") == (1,)
    assert not (tmp_path / "postgres.new").exists()


def test_valkey_listens_on_its_socket_and_comes_back_after_a_kill(tmp_path: Path) -> None:
    for _ in range(2):
        server = embedded.valkey(tmp_path)
        with (
            running(server) as process,
            redis.Redis.from_url(embedded.valkey_url(tmp_path)) as client,
        ):
            client.set("one", 1)
            assert client.get("one") == b"1"
            with pytest.raises(embedded.EmbeddedError, match="Another Valkey answers"):
                embedded.valkey(tmp_path)
            process.kill()
            process.wait()


def test_a_server_that_ends_at_its_start_is_said(tmp_path: Path) -> None:
    server = embedded.Server("toy", ("/bin/sh", "-c", "exit 3"), signal.SIGTERM, lambda: False)
    with pytest.raises(embedded.EmbeddedError, match=r"toy ended at its start \(status 3\)"):
        embedded.start(server)


def test_the_socket_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to(tmp_path)
    with pytest.raises(embedded.EmbeddedError, match="belongs to somebody else"):
        embedded.valkey(tmp_path)
