"""Importing a file of prospects, in chunks that go on after a crash; and taking it back."""

import uuid
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F

from agency import live
from jobs import events, registry
from jobs.lease import Lease
from jobs.models import Job, Lane
from pipeline import file_imports, prospects
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
Status = ProspectImport.Status


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
        raise file_imports.NotPossible("Say which column holds the company’s name.")
    file_imports.start(import_, IMPORT, by=by)
    live.broadcast("prospects", "sources")


def undo(import_: ProspectImport, *, by: str) -> None:
    """Take the import back, as a job: prospects somebody has written to stay. Raises NotPossible.

    One that is still running stops.
    """
    file_imports.undo(import_, UNDO, by=by)
    live.broadcast("prospects", "sources")


@registry.register(IMPORT, lane=Lane.BULK, max_attempts=8)
def import_prospects(job: Job, lease: Lease) -> None:
    """Import chunk after chunk, each with its progress in one commit."""
    import_ = ProspectImport.objects.get(pk=job.payload["import_id"])
    wanted = fit.ideal(import_.source.ideal_customer)
    rows = file.rows(bytes(import_.content), start=import_.position)
    file_imports.run(import_, rows, lambda pk, chunk: _take(pk, chunk, wanted), lease, size=CHUNK)
    live.broadcast("sources")


def _take(pk: uuid.UUID, chunk: list[dict[str, str]], wanted: fit.Ideal) -> bool:
    """Add a chunk's companies and note how far it got; False if the import was stopped."""
    with transaction.atomic():
        rows = ProspectImport.objects.select_for_update(of=("self",))
        import_ = rows.select_related("source__ideal_customer").defer("content").get(pk=pk)
        if import_.status != Status.RUNNING:
            return False
        prospects.one_at_a_time()
        read = [file.candidate(row, import_.mapping) for row in chunk]
        keys = [candidates.keys(found) if found is not None else [] for found, _ in read]
        known = set(prospects.known(key for each in keys for key in each))
        new: list[tuple[Prospect, candidates.Candidate]] = []
        for number, ((found, problems), mine) in enumerate(zip(read, keys, strict=True), 1):
            problems = problems | file.refusal(found)
            file_imports.note(import_, import_.position + number, problems)
            if found is None or file.refusal(found):
                import_.refused += 1
            elif known & set(mine):
                import_.duplicates += 1
            else:
                known.update(mine)
                new.append((_made(found, import_, wanted), found))
        _insert(new)
        import_.added += len(new)
        file_imports.save(import_, len(chunk))
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
            file_imports.call_off(Prospect, untouched)
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


@registry.register("pipeline.import_failed", lane=Lane.BULK, short=True)
def import_failed(job: Job, lease: Lease) -> None:
    """Say that an import whose job gave up has failed; what it brought stays."""
    if gone := file_imports.gave_up(job.payload["event_id"], IMPORT):
        _fail(gone, "its job gave up")


@registry.given_up(IMPORT)
def _fail(jobs: list[Job], why: str) -> None:
    """End the imports of jobs a person cancelled or discarded."""
    file_imports.fail(ProspectImport, jobs)
    live.broadcast("prospects")


events.subscribe("job.discarded", "pipeline.import_failed")
