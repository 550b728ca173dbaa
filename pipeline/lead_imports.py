"""Importing a file of leads, in chunks that go on after a crash; and taking it back."""

from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import CharField
from django.db.models.functions import Cast

from agency import clock, live
from agency.models import AgencyProfile, Client
from control.models import Action
from jobs import events, registry
from jobs.lease import Lease
from jobs.models import Job, Lane
from pipeline import file_imports, intake, lead_files
from pipeline.finding.sources import file
from pipeline.models import Deal, InboundMail, Lead, LeadImport, Meeting, Thread

if TYPE_CHECKING:
    from django_stubs_ext import ValuesQuerySet

IMPORT, UNDO = "pipeline.import_leads", "pipeline.undo_lead_import"
SOURCE = "import"
CHUNK = 50
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('pipeline.lead_import'))"
Status = LeadImport.Status


def upload(
    filename: str, content: bytes, *, client: Client | None, answers: bool, by: str
) -> LeadImport:
    """Keep a file and guess what its columns hold; nothing is imported yet. Raises Unreadable."""
    mapping = lead_files.guess(file.columns(content))
    return LeadImport.objects.create(
        client=client,
        answers=answers,
        filename=filename[:200],
        content=content,
        mapping=mapping,
        rows=file.count(content),
        by=by,
    )


def start(import_: LeadImport, *, by: str) -> None:
    """Import the file by its mapping, as a job. Raises NotPossible."""
    if not {"email", "phone"} & set(import_.mapping.values()):
        raise file_imports.NotPossible("Say which column holds the e-mail address or the phone.")
    file_imports.start(import_, IMPORT, by=by)


def undo(import_: LeadImport, *, by: str) -> None:
    """Take the import back, as a job: leads something was done about stay. Raises NotPossible."""
    file_imports.undo(import_, UNDO, by=by)


@registry.register(IMPORT, lane=Lane.BULK, max_attempts=8)
def import_leads(job: Job, lease: Lease) -> None:
    """Import chunk after chunk, each with its progress in one commit."""
    import_ = LeadImport.objects.get(pk=job.payload["import_id"])
    zone = ZoneInfo(AgencyProfile.load().timezone)
    rows = file.rows(bytes(import_.content), start=import_.position)
    file_imports.run(import_, rows, lambda pk, chunk: _take(pk, chunk, zone), lease, size=CHUNK)


def _take(pk: UUID, chunk: file_imports.Chunk, zone: ZoneInfo) -> bool:
    """Add a chunk's leads and note how far it got; False if the import was stopped."""
    with transaction.atomic():
        rows = LeadImport.objects.select_for_update(of=("self",)).select_related("client")
        import_ = rows.defer("content").get(pk=pk)
        if import_.status != Status.RUNNING:
            return False
        with connection.cursor() as cursor:
            cursor.execute(ONE_AT_A_TIME)
        read = [lead_files.read(row, import_.mapping, zone) for row in chunk]
        keys = (key for found, _ in read if found for key in found.keys)
        there = set(lead_files.known(import_.client, keys))
        new: list[Lead] = []
        for number, (found, problems) in enumerate(read, 1):
            file_imports.note(import_, import_.position + number, problems)
            if found is None:
                import_.refused += 1
            elif there & set(found.keys):
                import_.duplicates += 1
            else:
                there.update(found.keys)
                new.append(_made(found, import_))
        Lead.objects.bulk_create(new)
        for lead in new:
            intake.bring(lead, import_.filename, answers=import_.answers)
        import_.added += len(new)
        file_imports.save(import_, len(chunk))
        live.broadcast("leads", f"import:{pk}")
    return True


def _made(found: lead_files.Found, import_: LeadImport) -> Lead:
    return Lead(
        **found.facts.model_dump(),
        client=import_.client,
        source=SOURCE,
        brought_by=import_,
        received_at=found.received_at or clock.wall(),
    )


@registry.register(UNDO, lane=Lane.BULK, max_attempts=8)
def undo_import(job: Job, lease: Lease) -> None:
    """Delete what an import brought and nobody has done anything about, chunk after chunk."""
    pk = UUID(job.payload["import_id"])
    while True:
        lease.check()
        with transaction.atomic():
            untouched = list(_untouched(pk)[:CHUNK])
            if not untouched:
                break
            file_imports.call_off(Lead, untouched)
            Lead.objects.filter(pk__in=untouched).delete()
        live.broadcast("leads", f"import:{pk}")


def _untouched(pk: UUID) -> "ValuesQuerySet[Lead, UUID]":
    label = Lead._meta.label_lower
    decided = Action.objects.filter(subject_type=label).values("subject_id")
    at_work = Job.objects.filter(subject_type=label, status=Job.Status.RUNNING)
    return (
        Lead.objects.select_for_update(of=("self",))
        .annotate(key=Cast("pk", CharField()))
        .filter(brought_by=pk, status=Lead.Status.NEW, outcome=Lead.Outcome.OPEN, flagged_at=None)
        .exclude(key__in=decided)
        .exclude(key__in=at_work.values("subject_id"))
        .exclude(pk__in=Deal.objects.values("lead"))
        .exclude(pk__in=Meeting.objects.values("lead"))
        .exclude(pk__in=Thread.objects.exclude(lead=None).values("lead"))
        .exclude(pk__in=InboundMail.objects.exclude(lead=None).values("lead"))
        .order_by("pk")
        .values_list("pk", flat=True)
    )


@registry.register("pipeline.lead_import_failed", lane=Lane.BULK, short=True)
def import_failed(job: Job, lease: Lease) -> None:
    """Say that an import whose job gave up has failed; what it brought stays."""
    if gone := file_imports.gave_up(job.payload["event_id"], IMPORT):
        _fail(gone, "its job gave up")


@registry.given_up(IMPORT)
def _fail(jobs: list[Job], why: str) -> None:
    """End the imports of jobs a person cancelled or discarded."""
    file_imports.fail(LeadImport, jobs)


events.subscribe("job.discarded", "pipeline.lead_import_failed")
