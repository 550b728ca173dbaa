"""Importing leads: columns are guessed, nobody comes twice, it goes on after a crash, and back."""

import datetime as dt
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from agency import clock
from agency.models import AuditEntry, Client
from control.models import Action
from dashboard.sales import lead_table
from jobs import registry
from jobs.lease import Lease
from jobs.models import Event, Job
from pipeline import file_imports, filters, lead_files, lead_imports
from pipeline.finding.sources import file
from pipeline.mail import suppressions
from pipeline.models import Lead, LeadImport
from pipeline.selling import deals
from tests.factories import make_client, make_lead, work_off

CRM = (
    b"First Name,Last Name,Email,Phone,Company,Created,Budget,Notes\n"
    b"Dana,Reyes,Dana@Harbor.example,+1 520 555 0142,Harbor Plumbing,2026-03-02,9,We miss calls\n"
    b"Mae,Lin,mae@lin.example,,Lin Dental,2026-03-02T09:30:00-07:00,,\n"
    b"Ola,Berg,nobody,,Berg,,,\n"
    b"Dana,R.,dana@harbor.example,,,,,\n"
    b"Sam,Cole,,520 555 0199,,next week,,\n"
)
PHOENIX = ZoneInfo("America/Phoenix")


def uploaded(content: bytes = CRM, **fields: Any) -> LeadImport:
    usual: dict[str, Any] = {"client": None, "answers": False, "by": "olivia"}
    return lead_imports.upload("crm.csv", content, **usual | fields)


def imported(content: bytes = CRM, **fields: Any) -> LeadImport:
    found = uploaded(content, **fields)
    lead_imports.start(found, by="olivia")
    work_off()
    found.refresh_from_db()
    return found


def read(content: bytes) -> list[tuple[lead_files.Found | None, dict[str, str]]]:
    mapping = lead_files.guess(file.columns(content))
    return [lead_files.read(row, mapping, PHOENIX) for row in file.rows(content)]


def test_columns_are_guessed_and_what_is_unknown_is_kept_beside() -> None:
    assert lead_files.guess(file.columns(CRM)) == {
        "First Name": "first_name",
        "Last Name": "last_name",
        "Email": "email",
        "Phone": "phone",
        "Company": "company",
        "Created": "received_at",
        "Budget": "extra",
        "Notes": "message",
    }
    twice = lead_files.guess(["E-Mail", "Work email"])
    assert twice == {"E-Mail": "email", "Work email": "extra"}


def test_a_row_is_a_lead_or_says_by_column_why_not() -> None:
    (dana, _), (mae, _), (ola, why), _, (sam, when) = read(CRM)
    assert dana is not None and mae is not None and ola is sam is None
    assert (dana.facts.name, dana.facts.phone) == ("Dana Reyes", "+15205550142")
    assert dana.facts.fields == {"Budget": "9"} and dana.facts.message == "We miss calls"
    assert dana.received_at == dt.datetime(2026, 3, 2, 7, tzinfo=dt.UTC)
    assert mae.received_at == dt.datetime(2026, 3, 2, 16, 30, tzinfo=dt.UTC)
    assert "is no e-mail address" in why["Email"]
    assert "“Created” is no date; write it as 2026-11-27" in when["Created"]


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ("2999-01-01", "lies ahead"),
        ("2026-13-45", "is no date"),
        ("03/02/2026", "is no date"),
        ("0001-01-01T00:00:00+14:00", "is no date"),
    ],
)
def test_a_date_that_cannot_be_is_refused(when: str, says: str) -> None:
    ((found, problems),) = read(f"Email,Name,Date\na@b.example,A,{when}\n".encode())
    assert found is None and says in problems["Date"]


def test_a_cell_kept_from_being_a_formula_is_read_as_it_was() -> None:
    ((found, _),) = read(b"Name,Phone\nA,'+15205550142\n")
    assert found is not None and found.facts.phone == "+15205550142"


@given(st.dictionaries(st.sampled_from(["Name", "Email", "Date", "x"]), st.text(max_size=60)))
def test_any_cells_are_a_lead_or_refused(cells: dict[str, str]) -> None:
    mapping = lead_files.guess(["Name", "Email", "Date", "x"])
    found, problems = lead_files.read(cells, mapping, PHOENIX)
    assert (found is None) == bool(problems)


@pytest.mark.django_db
def test_rows_come_in_once_and_stand_on_the_trail() -> None:
    found = imported()
    assert (found.status, found.added, found.duplicates, found.refused) == ("done", 2, 1, 2)
    dana = Lead.objects.get(name="Dana Reyes")
    assert (dana.source, dana.brought_by, dana.stage) == ("import", found, "new")
    assert [one["row"] for one in found.problems] == [3, 5]
    said = AuditEntry.objects.filter(verb="lead.received").values_list("sentence", flat=True)
    assert "Dana Reyes of Harbor Plumbing stands in crm.csv" in said
    again = imported()
    assert (again.added, again.duplicates) == (0, 3)


@pytest.mark.django_db
def test_nobody_is_written_to_unless_it_was_said() -> None:
    imported()
    assert not Event.objects.filter(name="lead.received").exists()
    assert not Action.objects.exists()


@pytest.mark.django_db
def test_if_it_was_said_the_qualifier_takes_them_behind_whoever_writes_now() -> None:
    found = uploaded(answers=True)
    lead_imports.start(found, by="olivia")
    _run(found)
    lanes = Job.objects.filter(kind="agents.run").values_list("lane", flat=True)
    assert list(lanes) == ["bulk", "bulk"]
    work_off()
    assert not Lead.objects.filter(brought_by=found, scored_at=None).exists()


def _run(found: LeadImport) -> None:
    job = Job.objects.get(kind=lead_imports.IMPORT, subject_id=str(found.pk))
    registry.get(lead_imports.IMPORT).handler(job, cast(Lease, _Lease()))


class _Lease:
    def check_row(self) -> None:
        """Nobody else has it."""

    check = check_row


@pytest.mark.django_db
def test_whom_a_client_was_asked_by_is_another_matter() -> None:
    client = make_client()
    make_lead(email="dana@harbor.example")
    assert imported(client=client).added == 2
    assert Lead.objects.filter(client=client).count() == 2
    make_lead(email="mae@lin.example", outcome="lost")
    assert imported().added == 1  # who was lost may ask again


@pytest.mark.django_db
def test_it_goes_on_where_it_was_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead_imports, "CHUNK", 1)
    found = uploaded()
    lead_imports.start(found, by="olivia")

    class Cut(_Lease):
        left = 2

        def check_row(self) -> None:
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("killed")

    job = Job.objects.get(kind=lead_imports.IMPORT)
    with pytest.raises(RuntimeError, match="killed"):
        registry.get(lead_imports.IMPORT).handler(job, cast(Lease, Cut()))
    found.refresh_from_db()
    assert (found.position, found.added, found.status) == (2, 2, "running")
    _run(found)
    found.refresh_from_db()
    assert (found.position, found.added, found.status) == (5, 2, "done")
    assert Lead.objects.count() == 2


@pytest.mark.django_db
def test_it_is_begun_once_and_needs_somebody_to_reach() -> None:
    found = uploaded()
    lead_imports.start(found, by="olivia")
    with pytest.raises(file_imports.NotPossible, match="already"):
        lead_imports.start(found, by="olivia")
    with pytest.raises(file_imports.NotPossible, match="e-mail address or the phone"):
        lead_imports.start(uploaded(b"Name\nDana\n"), by="olivia")
    with pytest.raises(file_imports.NotPossible, match="nothing to take back"):
        lead_imports.undo(uploaded(), by="olivia")


@pytest.mark.django_db
def test_taken_back_who_something_was_done_about_stays() -> None:
    found = imported()
    deals.open_for(Lead.objects.get(name="Mae Lin"))
    lead_imports.undo(found, by="olivia")
    work_off()
    assert list(Lead.objects.values_list("name", flat=True)) == ["Mae Lin"]
    found.refresh_from_db()
    assert found.status == "undone"


@pytest.mark.django_db
def test_a_row_of_a_file_is_no_word_of_somebody_suppressed() -> None:
    suppressions.add("address", "dana@harbor.example", reason="They asked", by="olivia")
    imported(answers=True)
    dana = Lead.objects.get(name="Dana Reyes")
    answers = Action.objects.filter(kind="reply_to_lead")
    assert {one.status for one in answers.filter(subject_id=str(dana.pk))} <= {"held"}
    assert answers.filter(status="waiting").count() == 1  # the other one


@pytest.mark.django_db
def test_an_import_that_gave_up_says_so() -> None:
    found = uploaded()
    lead_imports.start(found, by="olivia")
    lead_imports._fail([Job.objects.get(kind=lead_imports.IMPORT)], "cancelled")
    found.refresh_from_db()
    assert found.status == "failed"


@pytest.mark.django_db
def test_what_was_exported_is_recognised() -> None:
    for number in range(3):
        make_lead(name=f"Lead {number}", email=f"l{number}@harbor.example", phone="+15205550142")
    Lead.objects.update(received_at=clock.wall() - dt.timedelta(days=2))
    content = "".join(lead_table.export(filters.Filter())).encode()
    found = imported(content)
    assert (found.added, found.duplicates, found.refused) == (0, 3, 0)


@pytest.mark.django_db
def test_a_chunk_costs_few_queries_however_many_are_known() -> None:
    content = b"Email,Name\n" + b"".join(b"a%d@b.example,A\n" % n for n in range(40))
    imported(content)
    found = uploaded(content)
    lead_imports.start(found, by="olivia")
    with CaptureQueriesContext(connection) as queries:
        _run(found)
    assert len(queries) <= 25
    assert Client.objects.count() == 0
