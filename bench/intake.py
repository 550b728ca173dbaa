"""Webhook intake beside an empty view and beside single-row commits: same server, same Postgres.

`python -m bench.intake [seconds] [rounds]` makes a data folder, runs a durable Postgres, a Valkey
and the web server as `make run` does, and prints one line for each number of connections.
"""

import argparse
import json
import statistics
import subprocess
import sys
from typing import Any

from bench.house import EMPTY, ROOT, house, web

CONNECTIONS = (1, 8, 32)


def measure(
    port: int, path: str, *, connections: tuple[int, ...], seconds: float, rounds: int
) -> dict[str, Any]:
    """Return intake, empty view and commits a second by connections: the median of the rounds.

    The three take turns, so that whatever else the machine does meets all of them.
    """
    table: dict[str, Any] = {}
    for number in connections:
        runs: dict[str, list[dict[str, Any]]] = {"intake": [], "empty": [], "commit": []}
        for _ in range(rounds):
            runs["intake"].append(load(port, path, number, seconds))
            runs["empty"].append(load(port, EMPTY, number, seconds))
            runs["commit"].append(commits(number, seconds))
        refused = [r["statuses"] for r in runs["intake"] if set(r["statuses"]) != {"202"}]
        if refused:
            raise RuntimeError(f"the intake did not take everything in: {refused}")
        table[str(number)] = {name: _median(found) for name, found in runs.items()}
    return table


def _median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("per_s", "p50_ms", "p99_ms")
    found = {n: statistics.median(r[n] for r in runs) for n in names if n in runs[0]}
    return {**found, "runs": [round(r["per_s"], 1) for r in runs]}


def load(port: int, path: str, connections: int, seconds: float) -> dict[str, Any]:
    """Post to one address from a process of its own; see bench/load.py."""
    return _child("bench.load", str(port), path, str(connections), str(seconds))


def commits(connections: int, seconds: float) -> dict[str, Any]:
    """Commit single rows from a process of its own; see bench/commits.py."""
    from django.conf import settings

    from agency import embedded

    conninfo = embedded.conninfo(settings.DATA_DIR, user=settings.OWNER_ROLE)
    return _child("bench.commits", conninfo, str(connections), str(seconds))


def _child(module: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", module, *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main(seconds: float, rounds: int) -> None:
    """Measure and print the table."""
    with house():
        from jobs import endpoints

        path = "/hooks/leads/" + endpoints.ensure("leads", "website").token
        with web() as port:
            table = measure(port, path, connections=CONNECTIONS, seconds=seconds, rounds=rounds)
    for number, row in table.items():
        intake, empty, commit = (row[name]["per_s"] for name in ("intake", "empty", "commit"))
        sys.stdout.write(
            f"{number:>3} connections: intake {intake:7.0f}/s"
            f" (p50 {row['intake']['p50_ms']:.1f} ms, p99 {row['intake']['p99_ms']:.1f} ms),"
            f" empty {empty:7.0f}/s, commits {commit:7.0f}/s:"
            f" {intake / empty:.0%} of the empty view, {intake / commit:.0%} of the commits\n"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", nargs="?", type=float, default=4)
    parser.add_argument("rounds", nargs="?", type=int, default=3)
    main(**vars(parser.parse_args()))
