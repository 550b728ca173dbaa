"""What was measured, as rows for people and for the next run."""

import os
import platform
import sys
from dataclasses import dataclass, field
from statistics import median
from typing import TypedDict

from bench.house import ROOT

PAGE = ROOT / "docs" / "BENCHMARKS.md"
BEGIN, END = "<!-- measured -->\n", "<!-- end -->\n"


class Measured(TypedDict):
    """The median of the runs, each a measurement of its own."""

    value: float
    unit: str
    runs: list[float]


@dataclass
class Results:
    """Everything measured so far, said as it comes."""

    found: dict[str, Measured] = field(default_factory=dict)
    again: bool = False
    _new: set[str] = field(default_factory=set)

    def add(self, name: str, unit: str, value: float) -> None:
        """Add one run; the first takes the place of what was found before."""
        if self.again and name not in self._new:
            self.found.pop(name, None)
        self._new.add(name)
        row = self.found.setdefault(name, Measured(value=0, unit=unit, runs=[]))
        row["runs"].append(round(value, 4))
        row["value"] = median(row["runs"])
        self.say(f"{name:30} {value:12,.3f} {unit}")

    def say(self, line: str) -> None:
        """Print a line at once."""
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def __getitem__(self, name: str) -> float:
        return self.found[name]["value"]


@dataclass(frozen=True)
class Bar:
    """A ratio to hold: `name` against `beside`."""

    text: str
    name: str
    beside: str | None
    limit: float
    at_least: bool


BARS = (
    Bar("no-op jobs/s: plain Celery ×", "jobs_noop_per_s", "celery_noop_per_s", 10, True),
    Bar("no-op jobs/s: procrastinate ×", "jobs_noop_per_s", "procrastinate_noop_per_s", 20, True),
    Bar("claim at 1,000,000 waiting: at 1,000 ×", "claim_ms_1m", "claim_ms_1k", 1.5, False),
    Bar("intake, 1 connection: empty view ×", "intake_per_s_1", "empty_view_per_s_1", 0.5, True),
    Bar("intake, 8 connections: empty view ×", "intake_per_s_8", "empty_view_per_s_8", 0.5, True),
    Bar("intake, 32 connections: empty ×", "intake_per_s_32", "empty_view_per_s_32", 0.5, True),
    Bar("intake, 8 connections: commits ×", "intake_per_s_8", "commit_per_s_8", 0, True),
    Bar("lead to draft behind 100,000, p99, s", "lead_to_draft_backlog_p99_s", None, 2, False),
    Bar("a decision on the server, the slowest, ms", "cockpit_decision_ms_max", None, 100, False),
    Bar("thirty drafts by keyboard, s", "cockpit_30_s", None, 180, False),
    Bar("seen in 50 other browsers, p95, ms", "live_seen_ms_p95", None, 500, False),
    Bar("the slowest page on a large data set, p95, ms", "page_slowest_ms_p95", None, 150, False),
    Bar("is it known, among 100,000: among 1,000 ×", "dedupe_many_ms", "dedupe_few_ms", 1.5, False),
    Bar("a small client's wait behind 100,000, p99, s", "fair_wait_s", None, 1, False),
)


def bars(results: Results) -> list[str]:
    """Return the rows of the bars that were measured."""
    rows = []
    for bar in BARS:
        if bar.name not in results.found or (bar.beside and bar.beside not in results.found):
            continue
        value = results[bar.name] / (results[bar.beside] if bar.beside else 1)
        held = value >= bar.limit if bar.at_least else value <= bar.limit
        wanted = (
            f"{'≥' if bar.at_least else '≤'} {bar.limit:g}" if bar.limit else "as near as can be"
        )
        rows.append(f"| {bar.text} | {value:,.2f} | {wanted} | {'yes' if held else '**no**'} |")
    return rows


def write(results: Results, *, quick: bool) -> None:
    """Put the tables between the marks in docs/BENCHMARKS.md."""
    lines = [
        f"{os.cpu_count()} cores, Python {platform.python_version()},"
        f" {'quick: one run each' if quick else 'medians'}; Postgres and Valkey from their wheels,"
        " durable, everything on one machine.",
        "",
        "| bar | measured | wanted | held |",
        "|---|---:|---|---|",
        *bars(results),
        "",
        "| name | median | unit | runs |",
        "|---|---:|---|---|",
    ]
    for name, row in results.found.items():
        runs = ", ".join(_short(value) for value in row["runs"])
        lines.append(f"| `{name}` | {_short(row['value'])} | {row['unit']} | {runs} |")
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n\n" + END + after)


def _short(value: float) -> str:
    """Return three figures behind the point of a small number, none of a large one."""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3f}"
