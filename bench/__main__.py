"""`make bench`: everything that is measured, side by side on the same servers, in one run.

Writes bench/results.json, name → {value, unit, runs}, and the table in docs/BENCHMARKS.md. What is
compared takes turns, so that whatever else the machine does meets all of it; medians are shown.
`--quick` measures less often, `--smoke` little more than that it works and writes no table.
"""

import argparse
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from bench import intake
from bench.house import ROOT, house, wait_for_web, web
from bench.table import Results, write

RESULTS = ROOT / "bench" / "results.json"


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    rounds: int
    jobs: int
    celery: int
    procrastinate: int
    claims: tuple[int, ...]
    claim_rounds: int
    pickups: int
    crowd: int
    leads: int
    prospects: tuple[int, int]
    readings: int
    decisions: int
    browsers: int
    changes: int
    seed: str
    views: int
    connections: tuple[int, ...]
    seconds: float


FULL = Size(
    rounds=3,
    jobs=60_000,
    celery=4_000,
    procrastinate=1_500,
    claims=(1_000, 100_000, 1_000_000),
    claim_rounds=3,
    pickups=100,
    crowd=100_000,
    leads=100,
    prospects=(1_000, 100_000),
    readings=200,
    decisions=60,
    browsers=50,
    changes=30,
    seed="large",
    views=20,
    connections=(1, 8, 32),
    seconds=3,
)
QUICK = Size(
    rounds=1,
    jobs=60_000,
    celery=2_000,
    procrastinate=800,
    claims=(1_000, 1_000_000),
    claim_rounds=1,
    pickups=30,
    crowd=100_000,
    leads=30,
    prospects=(1_000, 100_000),
    readings=60,
    decisions=30,
    browsers=50,
    changes=10,
    seed="small",
    views=5,
    connections=(1, 8, 32),
    seconds=1.5,
)
SMOKE = Size(
    rounds=1,
    jobs=500,
    celery=60,
    procrastinate=40,
    claims=(1_000, 2_000),
    claim_rounds=1,
    pickups=3,
    crowd=500,
    leads=3,
    prospects=(50, 100),
    readings=3,
    decisions=4,
    browsers=3,
    changes=2,
    seed="small",
    views=1,
    connections=(2,),
    seconds=0.3,
)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    how_much = parser.add_mutually_exclusive_group()
    how_much.add_argument("--quick", action="store_true")
    how_much.add_argument("--smoke", action="store_true")
    parser.add_argument("--only", nargs="+", choices=list(STEPS), help="keep the other numbers")
    parser.add_argument("--to", type=Path, default=RESULTS, help="where the numbers go")
    options = parser.parse_args()
    size = SMOKE if options.smoke else QUICK if options.quick else FULL
    # Completed jobs go to the archive at once: it is at work while everything is measured.
    os.environ["JOBS_KEEP_SECONDS"] = "0"
    started = time.monotonic()
    with house():
        results = measure(size, options.only)
    results.say(f"{time.monotonic() - started:.0f} s in all")
    options.to.write_text(json.dumps(results.found, indent=1) + "\n")
    if not options.smoke:
        write(results, quick=options.quick)


def measure(size: Size, only: list[str] | None) -> Results:
    """Return everything measured, or what was found before with some of it measured again."""
    results = Results()
    if only:
        results.found.update(json.loads(RESULTS.read_text()))
        results.again = True
    for name in only or STEPS:
        STEPS[name](size, results)
    return results


def _throughput(size: Size, results: Results) -> None:
    from bench import rivals, throughput

    for _ in range(size.rounds):
        results.add("jobs_noop_per_s", "1/s", throughput.noop_jobs(size.jobs, 2))
        results.add("celery_noop_per_s", "1/s", rivals.celery_jobs(size.celery, 2))
        results.add(
            "procrastinate_noop_per_s", "1/s", rivals.procrastinate_jobs(size.procrastinate, 2)
        )
        results.add("enqueue_one_per_s", "1/s", throughput.enqueue_one_by_one(size.celery))
        results.add("enqueue_bulk_per_s", "1/s", throughput.enqueue_in_bulk(size.jobs))


def _claims(size: Size, results: Results) -> None:
    from bench import throughput

    names = {1_000: "1k", 100_000: "100k", 1_000_000: "1m"}
    for _ in range(size.claim_rounds):
        for waiting in size.claims:
            name = f"claim_ms_{names.get(waiting, waiting)}"
            results.add(name, "ms", throughput.claim_milliseconds(waiting))


def _waits(size: Size, results: Results) -> None:
    from bench import latency, throughput, workers
    from bench.latency import percentile

    throughput.empty_tables()
    with workers.running(*workers.everybody()):
        wait_for_web()
        latency.lead_to_draft(3, 0.2)  # what the first request has to load is not measured
        idle = latency.pickup_milliseconds(size.pickups)
        drafts = latency.lead_to_draft(size.leads, 0.25)
        fair = latency.fair_waits(size.crowd, size.pickups)
        with latency.backlog(size.crowd):
            busy = latency.pickup_milliseconds(size.pickups)
            drafts_behind = latency.lead_to_draft(size.leads, 0.25)
        for name, megabytes in latency.memory().items():
            results.add(f"memory_{name}_mb", "MB", megabytes)
    results.add("pickup_ms_p50", "ms", percentile(idle, 0.5))
    results.add("pickup_ms_p99", "ms", percentile(idle, 0.99))
    results.add("pickup_backlog_ms_p50", "ms", percentile(busy, 0.5))
    results.add("pickup_backlog_ms_p99", "ms", percentile(busy, 0.99))
    results.add("fair_wait_s", "s", percentile(fair, 0.99))
    for name, values in (("lead_to_draft", drafts), ("lead_to_draft_backlog", drafts_behind)):
        results.add(f"{name}_p50_s", "s", percentile(values, 0.5))
        results.add(f"{name}_p99_s", "s", percentile(values, 0.99))


def _cockpit(size: Size, results: Results) -> None:
    from django.conf import settings

    from bench import cockpit, live, throughput, workers
    from bench.latency import percentile

    throughput.empty_tables()
    # With the mailbox: approved mail that cannot leave would stop the channel.
    with workers.running(*workers.everybody(mailbox=True)):
        wait_for_web()
        cockpit.drafts(size.decisions + 5)
        cockpit.decision_milliseconds(5)  # what the first requests have to load is not measured
        times = cockpit.decision_milliseconds(size.decisions)
        results.add("cockpit_decision_ms_p95", "ms", percentile(times, 0.95))
        results.add("cockpit_decision_ms_max", "ms", max(times))
        seconds = cockpit.thirty_by_keyboard(30 if size.decisions >= 30 else 3)
        if seconds is not None:
            results.add("cockpit_30_s", "s", seconds)
        cockpit.drafts(size.changes + 5)
        waits = live.measure(settings.PORT, size.browsers, size.changes)
    for share in (50, 95):
        results.add(f"live_seen_ms_p{share}", "ms", percentile(waits, share / 100))


def _prospects(size: Size, results: Results) -> None:
    from bench import prospects

    few, many = size.prospects
    prospects.empty()
    prospects.fill(few)
    results.add("dedupe_few_ms", "ms", prospects.milliseconds_a_prospect(size.readings, few))
    prospects.fill(many, start=few + 1)
    results.add("dedupe_many_ms", "ms", prospects.milliseconds_a_prospect(size.readings, many))
    prospects.empty()


def _pages(size: Size, results: Results) -> None:
    from django.core.management import call_command

    from bench import pages, throughput

    throughput.empty_tables()
    call_command("seed", scale=size.seed, add=True, verbosity=0)
    throughput.vacuum()
    with web() as port:
        found = pages.measure(port, size.views)
    for name, took in found.items():
        results.add(f"page_{name}_ms_p95", "ms", took)
    results.add("page_slowest_ms_p95", "ms", max(found.values()))


def _intake(size: Size, results: Results) -> None:
    from jobs import endpoints

    path = "/hooks/leads/" + endpoints.ensure("leads", "website").token
    with web() as port:
        table = intake.measure(
            port, path, connections=size.connections, seconds=size.seconds, rounds=size.rounds
        )
    for connections, row in table.items():
        for key, name in (("intake", "intake"), ("empty", "empty_view"), ("commit", "commit")):
            for value in row[key]["runs"]:
                results.add(f"{name}_per_s_{connections}", "1/s", value)


STEPS = {
    "throughput": _throughput,
    "claims": _claims,
    "waits": _waits,
    "cockpit": _cockpit,
    "intake": _intake,
    "prospects": _prospects,
    "pages": _pages,
}
"""In this order: what fills the database comes last."""


if __name__ == "__main__":
    main()
