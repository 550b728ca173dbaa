"""Importing a file of prospects, in chunks that go on after a crash; and taking it back."""

import uuid
from itertools import islice
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agency import audit, live
from agency.models import AuditEntry
from jobs import events, queue, registry
from jobs.lease import Lease
from jobs.models import Event, Job, Lane
from pipeline import prospects
from pipeline.finding import candidates, fit
from pipeline.finding.sources import file
from pipeline.models import (
    Contact,
    Enrollment,
    HandTask,
    IdealCustomer,
    Prospect,
    ProspectImport,
    ProspectKey,
    ProspectMerge,
    Source,
    Touch,
)

if TYPE_CHECKING:
    from django_stubs_ext import ValuesQuerySet

IMPORT, UNDO = "pipeline.import_prospects", "pipeline.undo_import"
CHUNK = 200
PROBLEMS_KEPT = 100
Status = ProspectImport.Status


class NotPossible(Exception):
    """An import cannot be started, or undone; the message says why."""


def upload(ideal: IdealCustomer, filename: str, content: bytes, *, by: str) -> ProspectImport:
    """Keep a file and guess what its columns hold; nothing is imported yet. Raises Unreadable."""
    mapping = file.guess(file.columns(content))
    total = file.count(content)
    with transaction.atomic():
        source, _ = Source.objects.get_or_create(
            ideal_customer=ideal, name=filename[:120], defaults={"kind": Source.Kind.FILE}
        )
        return ProspectImport.objects.create(
            source=source,
            filename=filename[:200],
            content=content,
            mapping=mapping,
            rows=total,
            by=by,
        )


def start(import_: ProspectImport, *, by: str) -> None:
    """Import the file by its mapping, as a job. Raises NotPossible."""
    if "name" not in import_.mapping.values():
        raise NotPossible("Say which column holds the company’s name.")
    with transaction.atomic():
        won = ProspectImport.objects.filter(pk=import_.pk, status=Status.UPLOADED).update(
            status=Status.RUNNING
        )
        if not won:
            raise NotPossible("This file was imported already.")
        _say(import_, "import.started", f"{by} imports {import_.filename}", by)
        queue.enqueue(
            IMPORT,
            {"import_id": str(import_.pk)},
            subject=import_,
            unique_key=f"import:{import_.pk}",
        )
    import_.refresh_from_db()


def undo(import_: ProspectImport, *, by: str) -> None:
    """Take the import back, as a job: prospects somebody has written to stay. Raises NotPossible.

    One that is still running stops.
    """
    with transaction.atomic():
        open_ = (Status.RUNNING, Status.DONE, Status.FAILED)
        won = ProspectImport.objects.filter(pk=import_.pk, status__in=open_).update(
            status=Status.UNDONE, finished_at=timezone.now()
        )
        if not won:
            raise NotPossible("There is nothing to take back.")
        _say(import_, "import.undone", f"{by} takes back the import of {import_.filename}", by)
        queue.enqueue(UNDO, {"import_id": str(import_.pk)}, subject=import_)
    import_.refresh_from_db()


@registry.register(IMPORT, lane=Lane.BULK, max_attempts=8)
def import_prospects(job: Job, lease: Lease) -> None:
    """Import chunk after chunk, each with its progress in one commit."""
    import_ = ProspectImport.objects.get(pk=job.payload["import_id"])
    wanted = fit.ideal(import_.source.ideal_customer)
    rows = file.rows(bytes(import_.content), start=import_.position)
    while chunk := list(islice(rows, CHUNK)):
        lease.check()
        if not _take(import_.pk, chunk, wanted):
            return
    done = ProspectImport.objects.filter(pk=import_.pk, status=Status.RUNNING).update(
        status=Status.DONE, finished_at=timezone.now()
    )
    if done:
        import_.refresh_from_db()
        words = (
            f"{import_.filename} is imported: {import_.added} added, {import_.duplicates} known,"
            f" {import_.refused} refused"
        )
        _say(import_, "import.finished", words, "")


def _take(pk: uuid.UUID, chunk: list[dict[str, str]], wanted: fit.Ideal) -> bool:
    """Add a chunk's companies and note how far it got; False if the import was stopped."""
    with transaction.atomic():
        rows = ProspectImport.objects.select_for_update(of=("self",))
        import_ = rows.select_related("source__ideal_customer").get(pk=pk)
        if import_.status != Status.RUNNING:
            return False
        prospects.one_at_a_time()
        read = [file.candidate(row, import_.mapping) for row in chunk]
        keys = [candidates.keys(found) if found is not None else [] for found, _ in read]
        known = set(prospects.known(key for each in keys for key in each))
        new: list[tuple[Prospect, candidates.Candidate]] = []
        for number, ((found, problems), mine) in enumerate(zip(read, keys, strict=True), 1):
            problems = problems | file.refusal(found)
            _note(import_, import_.position + number, problems)
            if found is None or file.refusal(found):
                import_.refused += 1
            elif known & set(mine):
                import_.duplicates += 1
            else:
                known.update(mine)
                new.append((_made(found, import_, wanted), found))
        _insert(new)
        import_.added += len(new)
        import_.position += len(chunk)
        import_.save(update_fields=["added", "duplicates", "refused", "problems", "position"])
        live.broadcast("prospects", f"import:{pk}")
    return True


def _made(found: candidates.Candidate, import_: ProspectImport, wanted: fit.Ideal) -> Prospect:
    """Return the row of a prospect; what a person's file does not say is taken to fit."""
    prospect = prospects.made(
        found,
        ideal=import_.source.ideal_customer,
        source=import_.source,
        measured=prospects.measure(found, wanted, unknown=1.0),
        world=prospects.world_of(found, None),
    )
    prospect.brought_by = import_
    return prospect


def _insert(new: list[tuple[Prospect, candidates.Candidate]]) -> None:
    Prospect.objects.bulk_create([row for row, _ in new])
    ProspectKey.objects.bulk_create(
        key for row, found in new for key in prospects.keys_of(row, found)
    )
    Contact.objects.bulk_create(
        contact for row, found in new for contact in prospects.contacts_of(row, found)
    )
    if new and new[0][0].source_id is not None:
        Source.objects.filter(pk=new[0][0].source_id).update(seen=F("seen") + len(new))


def _note(import_: ProspectImport, row: int, problems: dict[str, str]) -> None:
    room = PROBLEMS_KEPT - len(import_.problems)
    found = [{"row": row, "field": name, "why": why} for name, why in problems.items()]
    import_.problems += found[: max(0, room)]


@registry.register(UNDO, lane=Lane.BULK, max_attempts=8)
def undo_import(job: Job, lease: Lease) -> None:
    """Delete what an import brought and nobody has written to, chunk after chunk."""
    pk = uuid.UUID(job.payload["import_id"])
    while True:
        lease.check()
        with transaction.atomic():
            untouched = list(_untouched(pk)[:CHUNK])
            if not untouched:
                break
            _call_off(untouched)
            Prospect.objects.filter(pk__in=untouched).delete()
        live.broadcast("prospects", f"import:{pk}")


def _untouched(pk: uuid.UUID) -> "ValuesQuerySet[Prospect, uuid.UUID]":
    return (
        Prospect.objects.select_for_update(of=("self",))
        .filter(
            brought_by=pk,
            merged_into=None,
            status__in=[
                Prospect.Status.NEW,
                Prospect.Status.RESEARCHED,
                Prospect.Status.DROPPED,
            ],
        )
        .exclude(pk__in=Enrollment.objects.values("prospect"))
        .exclude(pk__in=Touch.objects.values("prospect"))
        .exclude(pk__in=HandTask.objects.values("prospect"))
        .exclude(pk__in=ProspectMerge.objects.values("kept"))
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def _call_off(keys: list[uuid.UUID]) -> None:
    """Cancel what was to look at prospects that go."""
    Job.objects.filter(
        subject_type=Prospect._meta.label_lower,
        subject_id__in=[str(key) for key in keys],
        status__in=events.UNBEGUN,
    ).update(status=Job.Status.CANCELLED, finished_at=timezone.now())


@registry.register("pipeline.import_failed", lane=Lane.BULK, short=True)
def import_failed(job: Job, lease: Lease) -> None:
    """Say that an import whose job gave up has failed; what it brought stays."""
    event = Event.objects.get(pk=uuid.UUID(job.payload["event_id"]))
    gone = Job.objects.filter(pk=event.subject_id, kind=IMPORT).first()
    if gone is not None:
        _fail([gone], "its job gave up")


@registry.given_up(IMPORT)
def _fail(jobs: list[Job], why: str) -> None:
    """End the imports of jobs a person cancelled or discarded."""
    ProspectImport.objects.filter(
        pk__in=[job.payload["import_id"] for job in jobs], status=Status.RUNNING
    ).update(status=Status.FAILED, finished_at=timezone.now())
    live.broadcast("prospects", *(f"import:{job.payload['import_id']}" for job in jobs))


def _say(import_: ProspectImport, verb: str, sentence: str, by: str) -> None:
    kind = AuditEntry.ActorKind
    audit.record(
        verb,
        sentence,
        actor=by or "the house",
        actor_kind=kind.USER if by else kind.SYSTEM,
        obj=import_,
    )
    live.broadcast("prospects", "sources", f"import:{import_.pk}")


events.subscribe("job.discarded", "pipeline.import_failed")
