"""Activity: filters that combine, bounded however long the trail is, and its export."""

import csv
import datetime as dt
import io
import json
import uuid
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import connection
from django.test import AsyncClient, Client
from django.utils import timezone

from agency import audit
from agency.models import AgencyProfile, AuditEntry
from agency.models import Client as Tenant
from agents.models import Run
from dashboard.house import trail
from tests.dashboard.conftest import Htmx, text_of
from tests.factories import received

URL = "/activity/"


def entry(sentence: str, verb: str = "x.happened", at: str = "", **fields: Any) -> AuditEntry:
    """Record an entry, at a moment of the past if one is given."""
    made = audit.record(verb, sentence, **{"actor": "the house", **fields})
    if not at:
        return made
    with connection.cursor() as cursor:
        # The trail may only grow, so one of the past is put there as such.
        cursor.execute(
            "INSERT INTO agency_auditentry"
            " (at, actor, actor_kind, verb, object_type, object_id, sentence, data)"
            " VALUES (%s, 'the house', 'system', %s, '', '', %s, '{}') RETURNING id",
            [at, verb, sentence],
        )
        return AuditEntry.objects.get(pk=cursor.fetchone()[0])


def found(**wanted: str) -> list[str]:
    return [row.sentence for row in trail.search(trail.Wanted(**wanted), "").page.rows]


def export(user: User, form: str, **query: str) -> str:
    async def download() -> str:
        client = AsyncClient()
        await client.aforce_login(user)
        response = await client.get(f"{URL}export.{form}", query)
        assert response.status_code == 200
        assert "attachment" in response["Content-Disposition"]
        return b"".join([piece async for piece in response]).decode()  # type: ignore[attr-defined]

    return async_to_sync(download)()


def test_filters_combine(db: None) -> None:
    vale = Tenant.objects.create(name="Vale Dental", slug="vale")
    entry("olivia stopped email", "switch.engaged", actor="olivia", actor_kind="user")
    entry("olivia stopped sms", "switch.engaged", actor="olivia", actor_kind="user", client=vale)
    entry("rob stopped email", "switch.engaged", actor="rob", actor_kind="user")
    entry("Qualifier did", "action.done", actor="qualifier", actor_kind="agent", client=vale)
    assert found(what="stops", actor="olivia", q="EMAIL") == ["olivia stopped email"]
    assert found(client="vale dental") == ["Qualifier did", "olivia stopped sms"]
    assert found(client="vale", actor="agent") == ["Qualifier did"]
    assert found(actor="qualifier") == ["Qualifier did"]
    assert found(client="nobody") == []


@pytest.mark.parametrize("what", trail.GROUPS)
def test_every_group_in_plain_words_finds_its_own(what: str, db: None) -> None:
    group = trail.GROUPS[what]
    verb = group.verbs[0] if group.verbs else f"{group.starts[0]}happened"
    entry("one of them", verb)
    entry("none of them", "odd.happened")
    assert found(what=what) == ["one of them"]


@pytest.mark.parametrize(
    ("what", "verb"),
    [
        ("sequences", "sequence.step_moved"),
        ("sequences", "variant.switched_off"),
        ("prospects", "task.done"),
        ("prospects", "enrollment.stopped"),
        ("mail", "mail.received"),
        ("mail", "inboundmail.overridden"),
        ("mail", "sender_domain.added"),
    ],
)
def test_what_is_done_about_prospects_and_mail_has_its_group(
    what: str, verb: str, db: None
) -> None:
    entry("one of them", verb)
    assert found(what=what) == ["one of them"]


def test_days_are_the_operators(browser: Client) -> None:
    AgencyProfile.load()
    AgencyProfile.objects.update(timezone="America/Phoenix")
    entry("late on the first", at="2026-03-02T06:59:00Z")
    entry("early on the second", at="2026-03-02T07:00:00Z")
    entry("early on the third", at="2026-03-03T07:00:00Z")
    page = text_of(browser.get(URL, {"since": "2026-03-02", "until": "2026-03-02"}))
    assert "early on the second" in page
    assert "late on the first" not in page
    assert "early on the third" not in page


def test_a_day_that_is_none_is_said_and_narrows_nothing(browser: Client) -> None:
    entry("It happened")
    page = text_of(browser.get(URL, {"since": "2026-02-31", "until": "soon", "what": "odd"}))
    assert "“2026-02-31” is no day" in page
    assert "“soon” is no day" in page
    assert "“odd” is no kind of entry" in page
    assert "It happened" in page


def test_rows_stand_under_their_day(browser: Client) -> None:
    entry("now", at=timezone.now().isoformat())
    entry("before", at=(timezone.now() - dt.timedelta(days=1)).isoformat())
    entry("long ago", at="2020-03-04T12:00:00Z")
    page = text_of(browser.get(URL, {"q": "o"}))
    for day in ("Today", "Yesterday", "Wednesday, 4 March 2020"):
        assert f">{day}</h2>" in page


def test_words_are_looked_for_among_so_many_and_the_page_goes_on_from_there(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "AMONG_WORDS", 5)
    entry("the needle")
    for number in range(8):
        entry(f"hay {number}")
    first = browser.get(URL, {"q": "needle"})
    assert "the needle" not in text_of(first)
    assert "Looked through 5 entries, back to" in text_of(first)
    assert "Look further back" in text_of(first)
    older = browser.get(URL, {"q": "needle", "before": first.context["page"].older})
    assert "the needle" in text_of(older)
    assert not older.context["page"].older


def test_what_an_index_leads_to_is_looked_for_everywhere(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AMONG", "AMONG_WORDS"):
        monkeypatch.setattr(trail, name, 2)
    chain = uuid.uuid4()
    entry("olivia began", actor="olivia", actor_kind="user", correlation_id=chain)
    for number in range(5):
        entry(f"hay {number}")
    assert found(correlation=str(chain), q="began") == ["olivia began"]
    assert found(actor="user", q="began") == ["olivia began"]
    assert found(q="began") == []


def test_the_reader_is_you_and_an_agent_is_marked(browser: Client) -> None:
    entry("olivia lets any number of lane:bulk run", actor="olivia", actor_kind="user")
    entry("Done: Reply to Dana", "action.done", actor="qualifier", actor_kind="agent")
    page = text_of(browser.get(URL))
    assert '<em class="actor" data-tone="accent">You</em> let any number' in page
    assert '<em class="actor" data-tone="ai">Qualifier</em> did: Reply to Dana' in page


def test_the_record_leads_to_its_chain_and_undoes_its_run(browser: Client) -> None:
    received()
    run = Run.objects.get()
    page = text_of(browser.get(URL, {"verb": "run.completed"}))
    assert f'href="?correlation={run.correlation_id}">all of this chain' in page
    assert f'action="/agents/runs/{run.pk}/undo/"' in page
    assert "undo/" not in text_of(browser.get(URL, {"verb": "action.proposed"}))


def test_the_filter_is_exported_as_json_lines(operator: User) -> None:
    entry("It happened", data={"answer": 42})
    entry("olivia stopped email", "switch.engaged", actor="olivia", actor_kind="user")
    (line,) = export(operator, "jsonl", what="stops").splitlines()
    row = json.loads(line)
    assert (row["sentence"], row["verb"]) == ("olivia stopped email", "switch.engaged")
    assert dt.datetime.fromisoformat(row["at"]).utcoffset() == dt.timedelta(0)
    assert json.loads(export(operator, "jsonl", verb="x.happened"))["data"] == {"answer": 42}


def test_the_export_is_whole_though_it_is_read_in_pieces(
    operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "CHUNK", 3)
    for number in range(50):
        entry(f"Entry {number:02}", "y.happened" if number % 7 else "x.happened")
    for wanted, count in (({"verb": "x."}, 8), ({"actor": "system"}, 50)):
        rows = [json.loads(line) for line in export(operator, "jsonl", **wanted).splitlines()]
        assert len({row["id"] for row in rows}) == count
        assert rows == sorted(rows, key=lambda row: -row["id"])


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_spreadsheet_takes_a_cell_for_a_formula(start: str, operator: User) -> None:
    entry(f'{start},"x"', "x.happened")
    rows = list(csv.DictReader(io.StringIO(export(operator, "csv", verb="x."), newline="")))
    assert rows[0]["sentence"] == f'\'{start},"x"'
    assert rows[0]["actor"] == "the house"


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_the_export_is_only_read_and_only_by_operators(form: str, browser: Client) -> None:
    assert browser.post(f"{URL}export.{form}").status_code == 405
    assert Client().get(f"{URL}export.{form}").status_code == 302


@pytest.mark.parametrize("nonsense", ["x", "-1", "\u0661", "💥", "9" * 40, "a" * 3000])
@pytest.mark.parametrize("name", trail.FIELDS)
def test_nonsense_is_no_error(name: str, nonsense: str, browser: Client) -> None:
    assert browser.get(URL, {name: nonsense, "before": nonsense}).status_code == 200


def test_the_table_comes_alone(htmx: Htmx) -> None:
    entry("It happened")
    body = text_of(htmx.get(f"{URL}?q=happened", "activity-table"))
    assert "It happened" in body
    assert '<form class="filters' not in body
    assert "export.csv?q=happened" in body
