"""Whatever is done to the trail behind the triggers' back shows, and the entry is named."""

import json
import re
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction

from agency import audit, roles, seals
from agency.models import AuditEntry, AuditSeal, AuditUnsealed, Client
from agency.seals import Mark

BC = "(to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00 BC')::timestamptz"


@pytest.fixture
def database(committed: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a database in which two rows are a batch."""
    monkeypatch.setattr(seals, "BATCH", 2)
    return committed


@pytest.fixture
def trail(database: str) -> list[int]:
    """Return the ids of five sealed entries in which every column says something."""
    for name in ("Vale", "Pine"):
        Client.objects.create(name=name, slug=name.lower())
    ids = [record(number) for number in range(5)]
    assert seals.seal() == 5
    return ids


def record(number: int = 0) -> int:
    client = Client.objects.order_by("id").first()
    return audit.record(
        "lead.received",
        f"Lead {number} wrote “hello”",
        actor="olivia",
        actor_kind="user",
        obj=client,
        client=client,
        correlation_id=uuid.UUID(int=number),
        data={"n": 1, "text": 'Größe, 12:"5"'},
    ).pk


def meddle(database: str, statement: str, *values: object) -> None:
    """Do what only a superuser can: change rows with every trigger switched off."""
    with roles.connect_admin(database) as admin:
        admin.execute("SET session_replication_role = replica")
        assert admin.execute(statement.encode(), values or None).rowcount


def change_entry(database: str, entry: int, change: str) -> None:
    meddle(database, f"UPDATE agency_auditentry SET {change} WHERE id = {entry}")  # noqa: S608


def delete_entry(database: str, entry: int) -> None:
    meddle(database, "DELETE FROM agency_auditentry WHERE id = %s", entry)


def command(*args: str) -> str:
    out = StringIO()
    call_command("audit", *args, stdout=out)
    return out.getvalue().strip()


def faults(marks: list[Mark] | None = None) -> list[str]:
    return [str(fault) for fault in seals.verify(marks or []).faults]


def test_a_sealed_trail_is_ok(trail: list[int]) -> None:
    report = seals.verify()
    assert (report.faults, report.waiting) == ([], 0)
    last = AuditSeal.objects.get(seq=5)
    assert report.head and (report.head.seq, report.head.hash) == (5, last.hash)
    chain = AuditSeal.objects.order_by("seq")
    assert [link.seq for link in chain] == [1, 2, 3, 4, 5]
    assert [link.entry for link in chain] == trail
    assert [link.prev for link in chain] == [seals.GENESIS, *(link.hash for link in chain[:4])]


def test_an_empty_trail_is_ok(database: str) -> None:
    assert (seals.seal(), seals.head()) == (0, None)
    assert command("verify") == "OK: nothing sealed yet, 0 not yet sealed"
    assert (command("head"), command("export")) == ("No seals yet", "")


def test_what_is_not_sealed_yet_is_counted(trail: list[int]) -> None:
    record()
    assert command("verify").startswith("OK: 5 sealed, 1 not yet sealed\nHead: 5 ")
    assert command("seal") == "Sealed 1"


def test_every_column_is_sealed() -> None:
    assert {field.column for field in AuditEntry._meta.concrete_fields} == set(seals.TEXTS)


@pytest.mark.parametrize(
    "change",
    [
        "at = at + interval '1 microsecond'",
        f"at = {BC}",
        "actor = 'Olivia'",
        "actor_kind = 'uses'",
        "verb = 'lead.receiveD'",
        "object_type = object_type || ' '",
        "object_id = object_id || '0'",
        "client_id = client_id + 1",
        "client_id = NULL",
        "correlation_id = '00000000-0000-0000-0000-0000000000ff'",
        "correlation_id = NULL",
        "sentence = replace(sentence, 'h', 'H')",
        """data = '{"n": 1.0, "text": "Größe, 12:\\"5\\""}'""",
        'data = data || \'{"n": "1"}\'',
        "verb = 'lead.receive', object_type = 'd' || object_type",
        "actor = actor || ',4:user', actor_kind = ''",
    ],
)
def test_a_changed_byte_names_its_entry(database: str, trail: list[int], change: str) -> None:
    change_entry(database, trail[2], change)
    assert faults() == [f"entry {trail[2]}: changed: it is not what was sealed as 3"]


def test_a_changed_id_is_an_entry_missing_and_one_too_many(database: str, trail: list[int]) -> None:
    change_entry(database, trail[2], "id = 1000")
    assert faults() == [
        f"entry {trail[2]}: missing: only its seal 3 is left",
        "entry 1000: never sealed, and not waiting to be",
    ]


@pytest.mark.parametrize("place", range(5))
def test_a_deleted_entry_is_missing(database: str, trail: list[int], place: int) -> None:
    delete_entry(database, trail[place])
    assert faults() == [f"entry {trail[place]}: missing: only its seal {place + 1} is left"]


def test_an_entry_deleted_before_it_was_sealed_is_missing(database: str, trail: list[int]) -> None:
    lost, kept = record(), record()
    delete_entry(database, lost)
    assert seals.seal() == 1
    assert AuditSeal.objects.get(seq=6).entry == kept
    assert faults() == [f"entry {lost}: missing: it was gone before it was sealed"]


def test_an_entry_slipped_in_was_never_sealed(database: str, trail: list[int]) -> None:
    meddle(
        database,
        "INSERT INTO agency_auditentry (id, at, actor, actor_kind, verb, object_type, object_id,"
        " sentence, data) VALUES (-7, now(), 'o', 'user', 'a.b', '', '', 'Approved', '{}')",
    )
    assert faults() == ["entry -7: never sealed, and not waiting to be"]


def test_the_app_cannot_hide_an_entry_from_sealing(trail: list[int]) -> None:
    hidden = record()
    AuditUnsealed.objects.filter(entry=hidden).delete()
    record()
    assert seals.seal() == 1
    assert faults() == [f"entry {hidden}: never sealed, and not waiting to be"]


def test_a_seal_outside_the_chain_hides_nothing(trail: list[int]) -> None:
    hidden = record()
    AuditUnsealed.objects.filter(entry=hidden).delete()
    AuditSeal.objects.create(seq=-1, entry=hidden, prev=seals.GENESIS, hash=seals.GENESIS)
    assert faults() == [f"entry {hidden}: out of order: its seal -1 stands where seal 1 should"]


@pytest.mark.parametrize(
    ("change", "place", "what"),
    [
        ("hash = repeat('f', 64)", 2, "its seal 3 was changed, the entry was not"),
        (
            "prev = repeat('f', 64)",
            2,
            "out of order: its seal 3 does not follow from the one before",
        ),
        ("entry = 1000", None, "entry 1000: missing: only its seal 3 is left"),
        ("seq = 9", 3, "out of order: its seal 4 stands where seal 3 should"),
    ],
)
def test_a_changed_seal_shows(
    database: str, trail: list[int], change: str, place: int | None, what: str
) -> None:
    meddle(database, f"UPDATE agency_auditseal SET {change} WHERE seq = 3")  # noqa: S608
    found = what if place is None else f"entry {trail[place]}: {what}"
    assert found in faults()


def test_swapped_seals_show(database: str, trail: list[int]) -> None:
    for before, after in ((2, 9), (3, 2), (9, 3)):
        meddle(database, "UPDATE agency_auditseal SET seq = %s WHERE seq = %s", after, before)
    assert faults() == [
        f"entry {trail[2]}: out of order: its seal 2 does not follow from the one before"
    ]


def test_a_removed_end_shows_by_a_kept_head(database: str, trail: list[int]) -> None:
    last = AuditSeal.objects.get(seq=5)
    delete_entry(database, trail[4])
    meddle(database, "DELETE FROM agency_auditseal WHERE seq = 5")
    assert faults() == []
    assert faults([Mark(5, last.hash)]) == ["cut off: seal 5 was exported, the chain ends at 4"]


def test_a_rebuilt_chain_shows_by_what_was_kept(
    database: str, trail: list[int], tmp_path: Path
) -> None:
    heads = tmp_path / "heads"
    seq2 = AuditSeal.objects.get(seq=2)
    heads.write_text(f"2 {seq2.hash} 2026-11-24T03:00:00+00:00\n{command('head')}\n")
    export = tmp_path / "export.jsonl"
    command("export", "--to", str(export))
    change_entry(database, trail[2], "sentence = 'Lead 2 declined'")
    meddle(database, "DELETE FROM agency_auditseal")
    meddle(database, "INSERT INTO agency_auditunsealed SELECT id FROM agency_auditentry")
    seals.seal()
    assert command("verify").startswith("OK: 5 sealed")
    assert command("verify", "--head", f"2:{seq2.hash}").startswith("OK: 5 sealed, 1 exported")
    with pytest.raises(CommandError) as caught:
        command("verify", "--head", str(heads))
    what = "is not the one that was exported"
    assert str(caught.value) == f"entry {trail[4]}: rebuilt: its seal 5 {what}"
    with pytest.raises(CommandError) as caught:
        command("verify", "--head", str(export), "--head", str(heads))
    assert str(caught.value) == f"entry {trail[2]}: rebuilt: its seal 3 {what}"


def test_what_is_committed_late_is_sealed_late(database: str) -> None:
    with transaction.atomic(using="owner"):
        late = AuditEntry.objects.using("owner").create(actor="o", verb="a.b", sentence="Late")
        early = record()
        assert seals.seal() == 1
        assert seals.verify().faults == []
    assert late.pk < early
    assert seals.verify().waiting == 1
    assert seals.seal() == 1
    assert list(AuditSeal.objects.order_by("seq").values_list("entry", flat=True)) == [
        early,
        late.pk,
    ]
    assert seals.verify().faults == []


def test_what_was_rolled_back_is_not_waited_for(trail: list[int]) -> None:
    with transaction.atomic():
        record()
        transaction.set_rollback(True)
    assert (seals.seal(), AuditUnsealed.objects.count(), faults()) == (0, 0, [])


def test_only_one_seals(trail: list[int]) -> None:
    record()
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('agency_auditseal'))")
        assert seals.seal() == 0
    assert seals.seal() == 1


def test_sealers_at_once_seal_each_entry_once(database: str) -> None:
    def work(number: int) -> int:
        try:
            sealed = 0
            for _ in range(10):
                record(number)
                sealed += seals.seal()
            return sealed
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        sealed = sum(pool.map(work, range(4)))
    assert sealed + seals.seal() == AuditSeal.objects.count() == 40
    assert seals.verify().faults == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE agency_auditseal SET hash = repeat('f', 64)",
        "DELETE FROM agency_auditseal",
        "TRUNCATE agency_auditseal",
        "INSERT INTO agency_auditunsealed VALUES (1000)",
        "UPDATE agency_auditunsealed SET entry = 1000",
        "TRUNCATE agency_auditunsealed",
        "SELECT agency_await_seal()",
    ],
)
def test_the_app_may_not(trail: list[int], statement: str) -> None:
    with (
        pytest.raises(DatabaseError, match=r"permission denied|append-only"),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE agency_auditseal SET hash = repeat('f', 64)",
        "DELETE FROM agency_auditseal",
        "TRUNCATE agency_auditseal",
    ],
)
def test_the_owner_does_not_change_a_seal_either(trail: list[int], statement: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"), connections["owner"].cursor() as cursor:
        cursor.execute(statement)


def test_the_documented_program_agrees(trail: list[int], tmp_path: Path) -> None:
    (code,) = re.findall(
        r"```python\n(.*?)```", (settings.BASE_DIR / "docs" / "AUDIT.md").read_text(), re.DOTALL
    )
    whole, part, forged = tmp_path / "whole", tmp_path / "part", tmp_path / "forged"
    whole.write_text(command("export"))
    command("export", "--since", "3", "--to", str(part))
    assert [json.loads(line)["seq"] for line in part.read_text().splitlines()] == [4, 5, 5]
    forged.write_text(whole.read_text().replace("Lead 2", "Lead 3"))

    def run(path: Path) -> subprocess.CompletedProcess[str]:
        found = [sys.executable, "-c", code, str(path)]
        return subprocess.run(found, capture_output=True, text=True, check=False)

    head = seals.head()
    assert head is not None
    assert run(whole).stdout == run(part).stdout == f"OK, head 5 {head.hash}\n"
    assert run(forged).stderr == f"seal 3, entry {trail[2]}: differs\n"


def test_the_exit_code_says_it(database: str, trail: list[int]) -> None:
    def run() -> subprocess.CompletedProcess[str]:
        found = [sys.executable, str(settings.BASE_DIR / "manage.py"), "audit", "verify"]
        return subprocess.run(found, capture_output=True, text=True, check=False)

    good = run()
    assert (good.returncode, good.stdout.splitlines()[0]) == (0, "OK: 5 sealed, 0 not yet sealed")
    delete_entry(database, trail[1])
    bad = run()
    assert (bad.returncode, bad.stdout) == (1, "")
    assert f"entry {trail[1]}: missing: only its seal 2 is left" in bad.stderr


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (None, "is neither a head nor a file of heads"),
        ("", "holds no head"),
        ("hello\n", "line 1: no head"),
    ],
)
def test_a_file_without_heads_is_refused(
    database: str, tmp_path: Path, text: str | None, what: str
) -> None:
    file = tmp_path / "heads"
    if text is not None:
        file.write_text(text)
    with pytest.raises(CommandError, match=what):
        command("verify", "--head", str(file))


def test_heads_out_of_order_are_refused(trail: list[int], tmp_path: Path) -> None:
    file = tmp_path / "heads"
    file.write_text("".join(f"{link}\n" for link in AuditSeal.objects.order_by("-seq")))
    with pytest.raises(CommandError, match="line 2: a head before the last one"):
        command("verify", "--head", str(file))


def test_an_export_that_cannot_be_written_says_why(database: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        command("export", "--to", str(tmp_path / "none" / "export"))


def test_the_migration_goes_back_and_takes_old_entries_in(trail: list[int]) -> None:
    call_command("migrate", "agency", "0003", interactive=False, verbosity=0)
    record()
    call_command("migrate", interactive=False, verbosity=0)
    assert seals.seal() == 6
    assert seals.verify().faults == []
