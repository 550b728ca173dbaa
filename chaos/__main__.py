"""Runs the fault tests: `python -m chaos [--quick] [--seeds 1 2 3] [--out file]`; prints a table.

Ends with 1 when anything was lost or doubled.
"""

import argparse
import dataclasses
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LEASE_SECONDS = 2
SEEDS = range(1, 11)
COLUMNS = (
    *("done", "unknown", "arrived", "asked", "rows", "leads", "lost", "doubled", "again", "exits"),
)


def environment(folder: Path) -> dict[str, str]:
    """Return what this process and the house's find in theirs."""
    return {
        "DJANGO_SETTINGS_MODULE": "chaos.settings",
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(folder),
        "PORT": str(free_port()),
        "SANDBOX_SMTP_PORT": str(free_port()),
        "CHAOS_LEDGER_PORT": str(free_port()),
        "JOBS_LEASE_SECONDS": str(LEASE_SECONDS),
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main(seeds: list[int], *, quick: bool, out: Path | None) -> int:
    """Run each seed in one house and return the exit status; keep the house's folder if not 0."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="agency-chaos-"))
    for variable in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "EMAIL_URL"):
        os.environ.pop(variable, None)
    os.environ.update(environment(folder))
    counts = []
    for found in runs(folder, seeds, quick=quick):
        counts.append(found)
        row = " ".join(f"{found[c]:>8}" for c in COLUMNS)
        schedule = " ".join(f"{name}@{share:.2f}" for share, name in found["schedule"])
        say(f"{found['seed']:>5} {row} {found['seconds']:8.0f}  {schedule}")
        if out is not None:
            out.write_text(json.dumps(counts, indent=1))
    if any(found["lost"] or found["doubled"] for found in counts):
        say(f"What was lost or doubled is in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def runs(folder: Path, seeds: list[int], *, quick: bool) -> Iterator[dict[str, Any]]:
    """Set Django up on a house in this folder, and yield what each seed counted."""
    import django

    django.setup()
    from chaos import drill
    from chaos.house import House

    plan = drill.QUICK if quick else drill.FULL
    house = House(folder, durable=not quick, workers=2 if quick else 3, intake=not quick)
    say(f"{'seed':>5} " + " ".join(f"{c:>8}" for c in COLUMNS) + "  seconds  schedule")
    try:
        for seed in seeds:
            yield dataclasses.asdict(drill.run(house, plan, seed))
    finally:
        house.close()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    raise SystemExit(main(given.seeds, quick=given.quick, out=given.out))
