"""Importing a file, whatever it brings: begun once, gone on with after a crash, taken back."""

from collections.abc import Callable, Iterable
from itertools import islice
from uuid import UUID

from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from agency import audit, live
from agency.models import AuditEntry
from jobs import events, queue
from jobs.lease import Lease
from jobs.models import Event, Job
from pipeline.models import FileImport

PROBLEMS_KEPT = 100
Status = FileImport.Status
Chunk = list[dict[str, str]]


class NotPossible(Exception):
    """An import cannot be started, or undone; the message says why."""


def start(import_: FileImport, kind: str, *, by: str) -> None:
    """Import the file by its mapping, as a job of `kind`. Raises NotPossible."""
    with transaction.atomic():
        waits = type(import_)._default_manager.filter(pk=import_.pk, status=Status.UPLOADED)
        if not waits.update(status=Status.RUNNING):
            raise NotPossible("This file was imported already.")
        say(import_, "import.started", f"{by} imports {import_.filename}", by)
        queue.enqueue(
            kind,
            {"import_id": str(import_.pk)},
            subject=import_,
            unique_key=f"import:{import_.pk}",
        )
    import_.refresh_from_db()


def undo(import_: FileImport, kind: str, *, by: str) -> None:
    """Take the import back, as a job of `kind`; one that runs stops. Raises NotPossible."""
    with transaction.atomic():
        open_ = type(import_)._default_manager.filter(
            pk=import_.pk, status__in=(Status.RUNNING, Status.DONE, Status.FAILED)
        )
        if not open_.update(status=Status.UNDONE, finished_at=timezone.now()):
            raise NotPossible("There is nothing to take back.")
        say(import_, "import.undone", f"{by} takes back the import of {import_.filename}", by)
        queue.enqueue(kind, {"import_id": str(import_.pk)}, subject=import_)
    import_.refresh_from_db()


def run(
    import_: FileImport,
    rows: Iterable[dict[str, str]],
    take: Callable[[UUID, Chunk], bool],
    lease: Lease,
    *,
    size: int,
) -> None:
    """Take chunk after chunk, each with its progress in one commit, until `take` says no."""
    left = iter(rows)
    while chunk := list(islice(left, size)):
        with transaction.atomic():
            lease.check_row()
            if not take(import_.pk, chunk):
                return
    running = type(import_)._default_manager.filter(pk=import_.pk, status=Status.RUNNING)
    if running.update(status=Status.DONE, finished_at=timezone.now()):
        import_.refresh_from_db()
        words = (
            f"{import_.filename} is imported: {import_.added} added, {import_.duplicates} known,"
            f" {import_.refused} refused"
        )
        say(import_, "import.finished", words, "")


def note(import_: FileImport, row: int, problems: dict[str, str]) -> None:
    """Keep what was no good of a row, as long as there is room."""
    room = PROBLEMS_KEPT - len(import_.problems)
    found = [{"row": row, "field": name, "why": why} for name, why in problems.items()]
    import_.problems += found[: max(0, room)]


def save(import_: FileImport, read: int) -> None:
    """Write down how far it got, in the commit of what was added."""
    import_.position += read
    import_.save(update_fields=["added", "duplicates", "refused", "problems", "position"])


def call_off(model: type[Model], keys: Iterable[UUID]) -> None:
    """Cancel what was to look at rows that go."""
    Job.objects.filter(
        subject_type=model._meta.label_lower,
        subject_id__in=[str(key) for key in keys],
        status__in=events.UNBEGUN,
    ).update(status=Job.Status.CANCELLED, finished_at=timezone.now())


def gave_up(event_id: str, kind: str) -> list[Job]:
    """Return the job of `kind` that was discarded, if the event says so of one."""
    event = Event.objects.get(pk=UUID(event_id))
    return list(Job.objects.filter(pk=event.subject_id, kind=kind))


def fail(model: type[FileImport], jobs: list[Job]) -> None:
    """End the imports of jobs that gave up, or that a person cancelled; what they brought stays."""
    keys = [job.payload["import_id"] for job in jobs]
    running = model._default_manager.filter(pk__in=keys, status=Status.RUNNING)
    running.update(status=Status.FAILED, finished_at=timezone.now())
    live.broadcast(*(f"import:{key}" for key in keys))


def say(import_: FileImport, verb: str, sentence: str, by: str) -> None:
    """Put it on the trail, and tell the pages that show it."""
    kind = AuditEntry.ActorKind
    audit.record(
        verb,
        sentence,
        actor=by or "the house",
        actor_kind=kind.USER if by else kind.SYSTEM,
        obj=import_,
    )
    live.broadcast(f"import:{import_.pk}")
