"""`manage.py jobs`: look at the queue, and retry, cancel or discard what is in it."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import F
from django.utils import timezone

from jobs import chain, depth, failures, operate, tally
from jobs.filters import FIELDS, LAST_ERROR, Filter, UnknownValue
from jobs.models import ArchivedJob, Depth, Job, Lane, Limit, Worker
from jobs.operate import Verb

BY = "manage.py jobs"
SHOWN = 50
LOOKED_AT = 10_000
MOST_SHOWN = 100_000
WHAT = {
    "status": f"repeatable: {', '.join(Job.Status.values)}",
    "lane": f"repeatable: {', '.join(Lane.values)}",
    "kind": "as in control.execute",
    "client": "a client’s number",
    "tag": "as in agent:qualifier; * is any",
    "cause": "as `jobs stats` writes it",
    "correlation": "the id of a chain",
    "since": "enqueued since 2026-01-31T08:00, or for the last 2h",
    "until": "enqueued until then",
    "id": "repeatable",
}


class Command(BaseCommand):
    help = "List, show, retry, cancel and discard jobs; count them."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="action")
        listed = actions.add_parser("list", help="the newest jobs")
        listed.add_argument("--limit", type=int, default=SHOWN, help=f"how many, {SHOWN} if unsaid")
        shown = actions.add_parser("show", help="one job with its errors and its chain")
        shown.add_argument("job", help="its id")
        stats = actions.add_parser("stats", help="lanes, workers, limits, outcomes and failures")
        changing = {
            Verb.RETRY: "run failed jobs now, with all their tries; others by --status",
            Verb.CANCEL: "take waiting jobs out of the queue",
            Verb.DISCARD: "give waiting jobs up, without an alert",
        }
        for verb, what in changing.items():
            changes = actions.add_parser(verb, help=what)
            self._add_filters(changes)
            changes.add_argument("--yes", action="store_true", help="do it, do not ask")
            if verb != Verb.RETRY:
                changes.add_argument(
                    "--reason", default="", required=verb == Verb.DISCARD, help="kept with each job"
                )
        self._add_filters(listed)
        for each in (listed, shown, stats, *(actions.choices[verb] for verb in changing)):
            each.add_argument("--json", action="store_true", help="for programs")

    def _add_filters(self, parser: CommandParser) -> None:
        for name in FIELDS:
            parser.add_argument(f"--{name}", action="append", default=[], help=WHAT[name])

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            action = options["action"]
            if action == "list":
                self.list_jobs(options)
            elif action == "show":
                self.show(options)
            elif action == "stats":
                self.stats(options)
            else:
                self.change(Verb(action), options)
        except UnknownValue as error:
            raise CommandError(str(error)) from None

    def list_jobs(self, options: dict[str, Any]) -> None:
        chosen = _chosen(options)
        if not 0 < options["limit"] <= MOST_SHOWN:
            raise CommandError(f"--limit is not from 1 to {MOST_SHOWN}")
        newest = chosen.rows().order_by("-pk")
        if chosen.cause:
            found = newest.annotate(error_text=LAST_ERROR)[:LOOKED_AT]
            jobs: list[Job] = [job for job in found if chosen.keeps(job.error_text)]
            jobs = jobs[: options["limit"]]
        else:
            jobs = list(newest[: options["limit"]])
        if options["json"]:
            self._write_json([_plain(job) for job in jobs])
            return
        for job in jobs:
            self.stdout.write(_line(job))
        if not jobs:
            self.stdout.write("No job fits.")
        if len(jobs) == options["limit"]:
            self.stdout.write(f"The newest {len(jobs)}; there may be more (--limit).")

    def show(self, options: dict[str, Any]) -> None:
        ids = Filter.parse({"id": [options["job"]]}).ids
        job: Job | ArchivedJob | None = Job.objects.filter(pk__in=ids).first()
        job = job or ArchivedJob.objects.filter(pk__in=ids).first()
        if job is None:
            raise CommandError(f"There is no job {options['job']}, not in the archive either.")
        links = chain.tree(chain.read(job.correlation_id))
        if options["json"]:
            steps = [{"depth": n, "id": link.id, "name": link.name} for n, link in links]
            self._write_json({**_plain(job), "errors": job.errors, "chain": steps})
            return
        for name, value in _plain(job).items():
            self.stdout.write(f"{name:<15}{value}")
        for error in job.errors:
            self.stdout.write(f"try {error['attempt']}, {error['at']}: {error['error']}")
        self.stdout.write("Its chain:")
        for deep, link in links:
            here = " <" if link.id == str(job.pk) else ""
            self.stdout.write(f"  {link.at:%H:%M:%S} {'  ' * deep}{link.name} {link.status}{here}")

    def change(self, verb: Verb, options: dict[str, Any]) -> None:
        chosen = _chosen(options)
        if chosen == Filter():
            raise CommandError(f"Say which jobs to {verb}: --{', --'.join(FIELDS)}")
        found = operate.preview(verb, chosen)
        sure = options["yes"] or self._asks(found, options["json"])
        reason = options.get("reason", "")
        result = operate.act(verb, chosen, by=BY, reason=reason) if sure else None
        if options["json"]:
            self._write_json(_outcome(found, result))
        elif result is None:
            self.stdout.write(_would(found))
            self.stdout.write("Nothing was done: --yes does it.")
        else:
            self.stdout.write(f"{result.done} {operate.PAST[verb]}")
            for why, count in result.skipped.items():
                self.stdout.write(f"{count} not: {why}")

    def _asks(self, found: operate.Preview, quiet: bool) -> bool:
        if quiet or not found.can or not (sys.stdin.isatty() and sys.stdout.isatty()):
            return False
        self.stdout.write(_would(found))
        return input("Do it? [y/N] ").strip().lower() in {"y", "yes"}

    def stats(self, options: dict[str, Any]) -> None:
        depth.measure()
        found = {
            "lanes": list(
                Depth.objects.filter(count__gt=0)
                .order_by("lane", "status")
                .values("lane", "status", "count", oldest=F("oldest_at"))
            ),
            "workers": [
                {"name": worker.name, "lanes": worker.lanes, "beat": worker.beat_at}
                for worker in Worker.objects.filter(lost_at=None, stopped_at=None)
            ],
            "limits": dict(Limit.objects.values_list("tag", "most")),
            "outcomes": [
                {"lane": key[0], "kind": key[1], "outcome": key[2], "count": sums[0]}
                for key, sums in sorted(tally.totals().items())
            ],
            "failures": [
                {"kind": g.kind, "status": g.status, "cause": g.cause, "count": g.count}
                for g in failures.groups()
            ],
        }
        if options["json"]:
            self._write_json(found)
        else:
            self._write_stats(found)

    def _write_stats(self, found: dict[str, Any]) -> None:
        now = timezone.now()
        for row in found["lanes"]:
            age = _age((now - row["oldest"]).total_seconds()) if row["oldest"] else ""
            self.stdout.write(f"{row['lane']:<8}{row['status']:<11}{row['count']:>9}{age}")
        if not found["lanes"]:
            self.stdout.write("No job waits or runs.")
        for row in found["workers"]:
            silent = (now - row["beat"]).total_seconds()
            lanes = ", ".join(row["lanes"])
            self.stdout.write(f"worker {row['name']} ({lanes}), heard of {silent:.0f} s ago")
        for tag, most in found["limits"].items():
            self.stdout.write(f"limit  {tag} ≤ {most}")
        for row in found["outcomes"]:
            self.stdout.write(
                f"{row['lane']:<8}{row['outcome']:<11}{row['count']:>9}  {row['kind']}"
            )
        for row in found["failures"]:
            self.stdout.write(f"{row['count']:>6} {row['status']}  {row['kind']}: {row['cause']}")

    def _write_json(self, found: object) -> None:
        self.stdout.write(json.dumps(found, indent=2, ensure_ascii=False, default=str))


def _chosen(options: dict[str, Any]) -> Filter:
    return Filter.parse({name: options[name] for name in FIELDS})


def _plain(job: Job | ArchivedJob) -> dict[str, Any]:
    names = (
        *("id", "kind", "lane", "status", "attempt", "max_attempts", "client_id", "tags"),
        *("subject_type", "subject_id", "correlation_id", "parent_id", "run_at", "created_at"),
        *("started_at", "finished_at", "payload"),
    )
    return {name: getattr(job, name) for name in names}


def _line(job: Job) -> str:
    error = job.errors[-1]["error"].splitlines()[0][:80] if job.errors else ""
    tries = f"{job.attempt}/{job.max_attempts}"
    return f"{job.pk}  {job.status:<10} {job.lane:<6} {tries:<5} {job.kind}  {error}".rstrip()


def _would(found: operate.Preview) -> str:
    more = "more than " if found.more else ""
    lines = [f"{more}{found.can} jobs would be {operate.PAST[found.verb]} ({found.chosen})"]
    lines += [f"{count} would not: {why}" for why, count in found.cannot.items()]
    lines += [f"  {_line(job)}" for job in found.sample]
    return "\n".join(lines)


def _outcome(found: operate.Preview, result: operate.Result | None) -> dict[str, Any]:
    if result is None:
        return {"would": found.can, "would_not": found.cannot, "more": found.more, "done": False}
    return {"done": result.done, "skipped": dict(result.skipped)}


def _age(seconds: float) -> str:
    """Write how long the first of them has waited, or how long it has until it is due."""
    return f", oldest {seconds:.0f} s" if seconds >= 0 else f", next in {-seconds:.0f} s"
