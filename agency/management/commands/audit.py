"""`manage.py audit`: seal the trail, look whether it is what was sealed, take it out."""

import heapq
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper

from agency import seals
from agency.seals import Mark

# As `audit head` prints it, and as it is typed: 12 8f3c… 2026-11-24T03:00:00+00:00, 12:8f3c…
HEAD = re.compile(r"([1-9][0-9]*)[ :]([0-9a-f]{64})(?: .*)?")


class Command(BaseCommand):
    help = "Seal, verify and export the audit trail; see docs/AUDIT.md."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="action")
        actions.add_parser("seal", help="seal now what waits")
        actions.add_parser("head", help="print the last seal: seq, hash and the time it is now")
        verify = actions.add_parser("verify", help="compute all anew; exit with 1 if it differs")
        verify.add_argument(
            "--head",
            action="append",
            default=[],
            metavar="FILE|SEQ:HASH",
            help="a head or an export kept elsewhere; may be given again",
        )
        export = actions.add_parser("export", help="entries and seals as JSON lines, head last")
        export.add_argument("--to", type=Path, metavar="FILE", help="by default standard output")
        export.add_argument("--since", type=int, default=0, metavar="SEQ", help="only after this")

    def handle(self, *args: Any, **options: Any) -> None:
        action = options["action"]
        if action == "seal":
            self.stdout.write(f"Sealed {seals.seal():,}")
        elif action == "head":
            self.stdout.write(str(seals.head() or "No seals yet"))
        elif action == "verify":
            self.verify(options["head"])
        else:
            self.export(options["to"], options["since"])

    def verify(self, heads: list[str]) -> None:
        report = seals.verify(heapq.merge(*map(marks, heads)))
        if report.faults:
            raise CommandError("\n".join(map(str, report.faults)))
        sealed = f"{report.head.seq:,} sealed" if report.head else "nothing sealed yet"
        compared = f", {report.marks:,} exported compared" if heads else ""
        self.stdout.write(f"OK: {sealed}{compared}, {report.waiting:,} not yet sealed")
        if report.head:
            self.stdout.write(f"Head: {report.head}")

    def export(self, to: Path | None, since: int) -> None:
        try:
            if to is None:
                write(self.stdout, since)
            else:
                with to.open("w", encoding="utf-8") as file:
                    write(file, since)
        except OSError as error:
            raise CommandError(f"{to}: {error.strerror}") from None


def write(file: TextIO | OutputWrapper, since: int) -> None:
    """Write a line for each seal with its entry, and the head."""
    last = seals.head()
    if last is None:
        return
    for link in seals.links(after=since, until=last.seq):
        entry = dict(zip(seals.TEXTS, link.entry, strict=True)) if link.entry else None
        line = {"seq": link.seq, "prev": link.prev, "hash": link.hash, "entry": entry}
        file.write(f"{json.dumps(line, ensure_ascii=False)}\n")
    line = {"seq": last.seq, "hash": last.hash, "at": last.at.isoformat()}
    file.write(f"{json.dumps(line)}\n")


def marks(source: str) -> Iterator[Mark]:
    """Read a head, a file of heads or an export. Raises CommandError if it is none."""
    if typed := HEAD.fullmatch(source):
        yield Mark(int(typed[1]), typed[2])
        return
    last = Mark(0, "")
    try:
        with Path(source).open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                mark = parse(line)
                if mark is None or mark.seq < last.seq:
                    what = "no head" if mark is None else "a head before the last one"
                    raise CommandError(f"{source}, line {number}: {what}")
                yield (last := mark)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{source} is neither a head nor a file of heads: {error}") from None
    if not last.seq:
        raise CommandError(f"{source} holds no head")


def parse(line: str) -> Mark | None:
    """Return the seal a line of a file names, printed by `head` or written by `export`."""
    if found := HEAD.fullmatch(line.strip()):
        return Mark(int(found[1]), found[2])
    try:
        read = json.loads(line)
        return Mark(int(read["seq"]), str(read["hash"]))
    except (ValueError, KeyError, TypeError):
        return None
