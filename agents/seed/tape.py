"""Rows of one story as text for COPY, with slots where the next story differs.

Slots are ids, moments, hashes, and who wrote; everything else stays as it was recorded.
"""

import datetime as dt
import json
import re
import uuid
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import models

from agency.models import AuditEntry, Client
from agents.models import ModelCall, Run, Step
from control import kinds
from control.models import Action, Decision
from jobs.archive import KEPT_ONCE
from jobs.models import Event, Job
from pipeline.models import Lead

FIRST, NAME, COMPANY, DOMAIN = "Qzfirst", "Qzfirst Qzlast", "Qzcompany", "qzdomain"
LOCAL, PHONE = "qzlocal", "+15205550199"
SLOT = re.compile("\x01(.*?)\x02")
ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

MADE_AT: dict[type[models.Model], str] = {
    Lead: "created_at",
    Run: "started_at",
    Step: "started_at",
    ModelCall: "started_at",
    Action: "created_at",
    Decision: "created_at",
    AuditEntry: "at",
    Event: "created_at",
    Job: "created_at",
}
TABLES = tuple(MADE_AT)
"""What others refer to comes first."""

NUMBERED = (Step, AuditEntry)
"""Nothing refers to these by number: the database gives them theirs."""


NOT_ARCHIVED = ("held_by", "worker_id", "fence")


@dataclass(frozen=True)
class Recording:
    """What one story left behind: its rows, and when each of its phases began."""

    rows: list[models.Model]
    lead: Lead
    correlation: uuid.UUID
    client: Client | None
    phases: list[tuple[str, dt.datetime]]


@dataclass(frozen=True)
class Moment:
    """So many microseconds after a phase began."""

    phase: int
    after: int


class Text:
    """A text whose every second part names a slot."""

    def __init__(self, text: str) -> None:
        self.parts = [str(part) for part in SLOT.split(text)]
        self.slots = self.parts[1::2]

    def filled(self, values: dict[str, str]) -> str:
        """Return the text with its slots filled in."""
        whole = self.parts[:]
        whole[1::2] = [values[name] for name in self.slots]
        return "".join(whole)


@dataclass(frozen=True)
class JobLine:
    """A job, as it stands in the hot table and as it stands in the archive."""

    ended: Moment
    kept: dt.timedelta
    hot: Text
    archived: Text


@dataclass
class Tape:
    """A recorded story: its phases and moments, and its rows as text with slots."""

    phases: list[str]
    status: str
    ids: list[Moment]
    """When what each id stands for was made."""
    decisions: int
    hashes: list[Text]
    moments: dict[str, Moment]
    rows: dict[str, Text]
    """All rows of a table but the jobs and the audit trail, by the table's name."""
    trail: list[tuple[Moment, Text]]
    jobs: list[JobLine]


def slot(*parts: object) -> str:
    return f"\x01{':'.join(map(str, parts))}\x02"


class Writer:
    """Turns the rows of a story into lines with slots."""

    def __init__(self, found: Recording) -> None:
        self.found = found
        self.client = found.client.pk if found.client is not None else 0
        self.starts = [at for _, at in found.phases]
        self.rows = found.rows
        keyed = sorted(
            (row for row in self.rows if isinstance(row.pk, uuid.UUID)),
            key=lambda row: getattr(row, MADE_AT[type(row)]),
        )
        self.ids = {str(row.pk): number for number, row in enumerate(keyed)}
        self.ids[str(found.correlation)] = len(keyed)
        self.made = [self._made(row) for row in keyed] + [Moment(0, 0)]
        self.decisions = {
            row.pk: number
            for number, row in enumerate(row for row in self.rows if isinstance(row, Decision))
        }
        self.hashes: dict[str, int] = {}
        self.hashed: list[Text] = []
        self.moments: dict[str, Moment] = {}
        self.replacing = self._replacements()

    def tape(self) -> Tape:
        """Return the story's rows as text with slots."""
        for row in self.rows:
            if isinstance(row, Action):
                self._hash(row)
        by_table: dict[type[models.Model], list[models.Model]] = {}
        for row in self.rows:
            by_table.setdefault(type(row), []).append(row)
        trail = [(self._made(row), self._line(row)) for row in by_table.pop(AuditEntry)]
        jobs = [self._job(row) for row in by_table.pop(Job, []) if isinstance(row, Job)]
        return Tape(
            phases=[name for name, _ in self.found.phases],
            status=self.found.lead.status,
            ids=self.made,
            decisions=len(self.decisions),
            hashes=self.hashed,
            rows={
                model._meta.db_table: Text("".join(map(self._line, rows)))
                for model, rows in by_table.items()
            },
            trail=[(made, Text(line)) for made, line in trail],
            jobs=jobs,
            moments=self.moments,
        )

    def _made(self, row: models.Model) -> Moment:
        at = getattr(row, MADE_AT[type(row)])
        return self._after(self._phase(at), at)

    def _line(self, row: models.Model, leaving_out: tuple[str, ...] = ()) -> str:
        phase = self._made(row).phase
        cells = [
            self._cell(row, column, phase)
            for column in columns(type(row))
            if column.attname not in leaving_out
        ]
        return "\t".join(cells) + "\n"

    def _job(self, job: Job) -> JobLine:
        ended = self._after(self._made(job).phase, _ended(job, "finished_at", None))
        kept = KEPT_ONCE if job.unique_key else dt.timedelta(seconds=settings.JOBS_KEEP_SECONDS)
        return JobLine(ended, kept, Text(self._line(job)), Text(self._line(job, NOT_ARCHIVED)))

    def _replacements(self) -> list[tuple[str, str]]:
        """Return what becomes a slot wherever it stands in a text, the longest first."""
        found = [
            (NAME, slot("name")),
            (FIRST, slot("first")),
            (COMPANY, slot("company")),
            (f"{LOCAL}@{DOMAIN}.example", slot("email")),
            (PHONE, slot("phone")),
        ]
        found += [(text, slot("id", number)) for text, number in self.ids.items()]
        for pk, number in self.decisions.items():
            found.append((f'"decision_id": {pk}', f'"decision_id": {slot("decision", number)}'))
        if self.client:
            found.append((f"client:{self.client}", f"client:{slot('client')}"))
        return found

    def _slotted(self, text: str) -> str:
        for what, by in self.replacing:
            text = text.replace(what, by)
        for known, number in self.hashes.items():
            text = text.replace(known, slot("hash", number))
        return text

    def _hash(self, action: Action) -> None:
        """Note the text whose SHA-256 is the action's hash, with slots."""
        if action.content_hash in self.hashes:
            return
        text = kinds.content(action)
        text = text.replace(f'"client":{self.client},', f'"client":{slot("client")},', 1)
        self.hashed.append(Text(self._slotted(text)))
        self.hashes[action.content_hash] = len(self.hashed) - 1

    def _phase(self, at: dt.datetime) -> int:
        return max((n for n, start in enumerate(self.starts) if start <= at), default=0)

    def _after(self, phase: int, at: dt.datetime) -> Moment:
        return Moment(phase, round((at - self.starts[phase]).total_seconds() * 1e6))

    def _cell(self, row: models.Model, column: "models.Field[Any, Any]", phase: int) -> str:
        """Return one value as COPY reads it."""
        value = getattr(row, column.attname)
        if isinstance(row, Job):
            value = _ended(row, column.attname, value)
        if isinstance(row, Lead) and column.attname in ("outcome", "closed_at"):
            return slot(column.attname)
        if isinstance(row, Decision) and column.attname == "seconds":
            return slot("seconds") if row.user_id else "\\N"
        if isinstance(row, Decision) and column.attname == "id":
            return slot("decision", self.decisions[row.pk])
        if column.attname == "client_id" and value is not None:
            return slot("client")
        if column.attname == "flow" and self.client:
            flows = {self.client: slot("client"), -self.client - 1: slot("flow")}
            return flows.get(value, str(value))
        if value is None:
            return "\\N"
        if isinstance(value, dt.datetime):
            moment = self._after(self._since(row, column.attname, value, phase), value)
            name = f"at:{moment.phase}:{moment.after}"
            self.moments[name] = moment
            return slot(name)
        return self._text(row, column, value)

    def _since(self, row: models.Model, name: str, value: dt.datetime, made: int) -> int:
        """Return the phase a moment belongs to; one that lies ahead, to the one that set it."""
        if isinstance(row, Action) and name == "not_before" and row.decided_at:
            return self._phase(row.decided_at)
        if isinstance(row, Job) or name == "expires_at":
            return made
        return self._phase(value)

    def _text(self, row: models.Model, column: "models.Field[Any, Any]", value: Any) -> str:
        if isinstance(value, bool):
            return "t" if value else "f"
        if isinstance(column, models.JSONField):
            value = json.dumps(value, ensure_ascii=False)
        elif isinstance(value, list):
            value = "{" + ",".join(f'"{item}"' for item in value) + "}"
        text = self._slotted(str(value))
        if column.attname == "unique_key" and text.startswith("execute:"):
            head, _, pk = text.rpartition(":")
            text = f"{head}:{slot('decision', self.decisions[int(pk)])}"
        return text.translate(ESCAPED)


def _ended(job: Job, name: str, value: Any) -> Any:
    """Return a job's value as it is once the job is over."""
    over = {"status": Job.Status.COMPLETED, "attempt": 1, "fence": 1, "worker_id": None}
    if name in over:
        return over[name]
    if name in ("started_at", "finished_at"):
        later = 6 if name == "started_at" else 41
        return max(job.run_at, job.created_at) + dt.timedelta(milliseconds=later)
    return value


def columns(model: type[models.Model]) -> list["models.Field[Any, Any]"]:
    """Return the columns a line holds."""
    return [
        column
        for column in model._meta.concrete_fields
        if not (model in NUMBERED and column.primary_key) and not column.generated
    ]
