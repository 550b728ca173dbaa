"""Importing a file: its columns are guessed and shown, it goes on after a crash, and goes back."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from agency import clock
from agency.models import AuditEntry
from jobs import events, registry
from jobs.models import Event, Job
from pipeline import file_imports
from pipeline.finding import fit, imports, schedule
from pipeline.finding.sources import file
from pipeline.models import Contact, Enrollment, Prospect, ProspectImport, Sequence
from tests import factories
from tests.pipeline.test_prospects import make_ideal

PLAIN = (
    b"Company,Website,E-mail,Phone,City,State\n"
    b"Harbor Plumbing,harbor.example,info@harbor.example,(520) 555-0142,Tucson,AZ\n"
    b"Smiles Dental,https://smiles.example,,,Phoenix,AZ\n"
)
NAMES = ["Company", "Website", "E-mail", "Phone", "City", "State"]
SALES_NAVIGATOR = (
    "\ufeffAccount Name,First Name,Last Name,Title,Email,Company Phone,Website,Industry,Geography,"
    "Employees,LinkedIn Company Page\n"
    "Harbor Plumbing,Dana,Reyes,Owner,dana@harbor.example,(520) 555-0142,https://harbor.example/,"
    'Plumbing,"Tucson, Arizona, United States",11-50,https://www.linkedin.example/company/harbor\n'
).encode()
CONNECTIONS = (
    b'Notes:\n"When exporting your connection data, you may notice that some are missing."\n\n'
    b"First Name,Last Name,URL,Email Address,Company,Position,Connected On\n"
    b"Dana,Reyes,https://www.linkedin.com/in/dana,d@harbor.com,Harbor Plumbing,Owner,01 Jan 2026\n"
)


def uploaded(content: bytes = PLAIN, **fields: Any) -> ProspectImport:
    return imports.upload(make_ideal(**fields), "list.csv", content, by="olivia")


def imported(content: bytes = PLAIN) -> ProspectImport:
    found = uploaded(content)
    imports.start(found, by="olivia")
    factories.work_off()
    found.refresh_from_db()
    return found


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        (PLAIN, NAMES),
        (PLAIN.replace(b",", b";"), NAMES),
        (PLAIN.replace(b",", b"\t"), NAMES),
        (PLAIN.decode().encode("utf-16"), NAMES),
        ("Büro;Straße\nx;y\n".encode("cp1252"), ["Büro", "Straße"]),
        (b"Company,Company,\nA,B,C\n", ["Company", "Company (2)", "Column (3)"]),
        (b"Company\nA\nB\n", ["Company"]),
    ],
)
def test_columns_are_read_whatever_wrote_the_file(content: bytes, columns: list[str]) -> None:
    assert file.columns(content) == columns


def test_linkedins_exports_are_understood() -> None:
    mapping = file.guess(file.columns(SALES_NAVIGATOR))
    assert mapping == {
        "Account Name": "name",
        "First Name": "person_first",
        "Last Name": "person_last",
        "Title": "person_role",
        "Email": "person_email",
        "Company Phone": "phone",
        "Website": "website",
        "Industry": "industry",
        "Geography": "place",
        "Employees": "employees",
        "LinkedIn Company Page": "linkedin",
    }
    found, problems = file.candidate(next(file.rows(SALES_NAVIGATOR)), mapping)
    assert found is not None and problems == {}
    assert (found.person.name, found.person.email) == ("Dana Reyes", "dana@harbor.example")
    assert (found.phone, found.employees) == ("+15205550142", 11)
    assert found.timezone == "America/Phoenix"
    mapping = file.guess(file.columns(CONNECTIONS))
    assert mapping["Company"] == "name" and mapping["Position"] == "person_role"
    assert "URL" in mapping
    found, _ = file.candidate(next(file.rows(CONNECTIONS)), mapping)
    assert found is not None and found.name == "Harbor Plumbing"


@pytest.mark.parametrize("content", [b"", b"  \n ", b"\x00" * 10])
def test_what_is_no_table_is_refused(content: bytes) -> None:
    with pytest.raises(file.Unreadable):
        file.columns(content)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        names = file.columns(content)
        mapping = dict.fromkeys(names, "name")
        for row in file.rows(content):
            file.candidate(row, mapping)
    except file.Unreadable:
        return
    assert len(set(names)) == len(names)


@pytest.mark.django_db
def test_a_preview_shows_problems_and_duplicates_and_changes_nothing() -> None:
    imported()
    content = (
        b"Company,Website,Email,Phone\n"
        b"Harbor,www.harbor.example,,\n"
        b"New One,new.example,not an address,12\n"
        b"New Again,http://new.example/about,,\n"
        b",nameless.example,,\n"
        b"Mixed,mixed.example,a@mixed.com,\n"
    )
    ideal = Prospect.objects.all()[0].ideal_customer
    shown = file.preview(content, file.guess(file.columns(content)), ideal)
    known, new, again, nameless, mixed = shown.rows
    assert shown.total == 5
    assert known.duplicate_of is not None and known.duplicate_of.name == "Harbor Plumbing"
    assert set(new.problems) == {"person_email", "phone"} and new.duplicate_of is None
    assert again.repeats == 2
    assert nameless.candidate is None and "name" in nameless.problems
    assert "world" in mixed.problems["website"]
    assert Prospect.objects.count() == 2


@pytest.mark.django_db
def test_an_import_adds_what_is_new_and_says_what_it_did() -> None:
    content = PLAIN + b"Harbor Again,harbor.example,,,,\n,nobody.example,,,,\n"
    done = imported(content)
    assert (done.status, done.rows, done.position) == ("done", 4, 4)
    assert (done.added, done.duplicates, done.refused) == (2, 1, 1)
    assert done.problems == [{"row": 4, "field": "name", "why": "there is no company name"}]
    harbor = Prospect.objects.get(domain="harbor.example")
    assert (harbor.brought_by, harbor.world, harbor.phone) == (done, "sandbox", "+15205550142")
    assert harbor.fit >= 60  # what the file does not say is taken to fit
    assert harbor.contacts.get().email == "info@harbor.example"
    assert AuditEntry.objects.filter(verb="import.finished").count() == 1
    with pytest.raises(file_imports.NotPossible):
        imports.start(done, by="olivia")


@pytest.mark.django_db
def test_an_import_without_a_name_column_is_not_started() -> None:
    found = uploaded(b"Website,Phone\nharbor.example,1\n")
    with pytest.raises(file_imports.NotPossible, match="name"):
        imports.start(found, by="olivia")


def many(count: int) -> bytes:
    rows = "".join(f"Company {n},c{n}.example,Tucson\n" for n in range(count))
    return f"Company,Website,Place\n{rows}".encode()


@pytest.mark.django_db
def test_an_import_goes_on_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CHUNK", 10)
    found = uploaded(many(35))
    imports.start(found, by="olivia")
    wanted = fit.ideal(found.source.ideal_customer)
    chunk = list(file.rows(many(35)))[:10]
    assert imports._take(found.pk, chunk, wanted)  # as far as a worker got that is no more
    factories.work_off()
    found.refresh_from_db()
    assert (found.status, found.position, found.added, found.duplicates) == ("done", 35, 35, 0)
    assert Prospect.objects.count() == 35


@pytest.mark.django_db
def test_a_chunk_costs_the_same_however_many_rows_it_has() -> None:
    counts = []
    for number in (5, 50):
        found = uploaded(many(number).replace(b"c", b"d%d" % number), name=f"Ideal {number}")
        ProspectImport.objects.filter(pk=found.pk).update(status="running")
        wanted = fit.ideal(found.source.ideal_customer)
        chunk = list(file.rows(bytes(found.content)))
        with CaptureQueriesContext(connection) as asked:
            imports._take(found.pk, chunk, wanted)
        counts.append(len(asked))
    assert counts[0] == counts[1] < 15


@pytest.mark.django_db
def test_an_import_is_taken_back_but_for_whom_somebody_wrote_to() -> None:
    done = imported()
    kept = Prospect.objects.get(domain="harbor.example")
    sequence = Sequence.objects.create(name="First")
    Enrollment.objects.create(
        prospect=kept,
        contact=Contact.objects.get(prospect=kept),
        sequence=sequence,
        due_at=clock.now(),
        started_at=clock.now(),
    )
    imports.undo(done, by="olivia")
    assert done.status == "undone"
    factories.work_off()
    assert list(Prospect.objects.all()) == [kept]
    with pytest.raises(file_imports.NotPossible):
        imports.undo(done, by="olivia")


@pytest.mark.django_db
def test_an_import_that_is_taken_back_while_it_runs_stops() -> None:
    found = uploaded(many(5))
    imports.start(found, by="olivia")
    imports.undo(found, by="olivia")
    factories.work_off()
    assert not Prospect.objects.exists()


@pytest.mark.django_db
def test_an_import_whose_job_gives_up_has_failed() -> None:
    found = uploaded()
    imports.start(found, by="olivia")
    job = Job.objects.get(kind=imports.IMPORT)
    event = events.emit("job.discarded", subject=job)
    Job.objects.filter(pk=job.pk).update(status="discarded", finished_at=clock.wall())
    telling = Job.objects.get(kind="pipeline.import_failed", payload__event_id=str(event.pk))
    assert telling.status == "available"
    factories.work_off()
    found.refresh_from_db()
    assert found.status == "failed"
    assert registry.get(imports.IMPORT).max_attempts > 1


@pytest.mark.django_db
def test_imported_prospects_are_researched_by_turns_the_best_first() -> None:
    imported(many(30))
    Prospect.objects.filter(domain="c7.example").update(fit=95)
    Prospect.objects.filter(domain="c8.example").update(fit=10)
    assert schedule.announce(5) == 5
    first = Event.objects.filter(name="prospect.added").order_by("pk").first()
    assert first is not None
    assert first.subject_id == str(Prospect.objects.get(domain="c7.example").pk)
    assert schedule.announce(100) == 24
    assert schedule.announce(100) == 0
    assert Prospect.objects.get(domain="c8.example").announced_at is None
