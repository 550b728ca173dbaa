"""The cockpit around the decisions: filters, the diff, undo, taking over, what is shown."""

import datetime as dt
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from control import kinds, takeovers
from control.models import Action, Decision, Takeover
from dashboard.deciding import diffs, needs, queue, thread
from dashboard.house.forms import DelayForm, delayed_until
from pipeline.models import Lead
from tests.dashboard.conftest import Htmx, text_of
from tests.factories import received, work_off

LIST = "approval-list"


@pytest.fixture
def action(db: None) -> Action:
    received()
    return Action.objects.get(kind="reply_to_lead")


def another(**fields: Any) -> Action:
    lead = received(name="Mae Lin", email="mae@desert.example", **fields)
    return Action.objects.get(kind="reply_to_lead", subject_id=str(lead.pk))


def url(name: str, action: Action) -> str:
    return reverse(name, args=[action.pk])


def seen(action: Action, **data: str) -> dict[str, str]:
    return {"hash": action.content_hash, **data}


def rows(response: Any) -> list[str]:
    return re.findall(r'<li data-row="([^"]+)"', response.content.decode())


def test_each_part_of_the_queue_has_its_count(browser: Client, action: Action) -> None:
    doubt, sleeping = another(), another()
    Action.objects.filter(pk=doubt.pk).update(status="unknown")
    later = timezone.now() + dt.timedelta(hours=2)
    Action.objects.filter(pk=sleeping.pk).update(snoozed_until=later)
    parts = queue.parts(queue.Scope())
    counts = {part.label: part.count for part in parts.views}
    assert counts == {"All": 2, "Mail": 2, "Money": 0, "In doubt": 1, "Snoozed": 1}
    for view, expected in (("doubt", [doubt]), ("snoozed", [sleeping]), ("money", [])):
        found = rows(browser.get(reverse(LIST), {"view": view}))
        assert found == [str(one.pk) for one in expected]


@pytest.mark.usefixtures("db")
def test_a_topic_is_offered_once_a_kind_of_action_is_about_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def labels(view: str = "") -> list[str]:
        return [part.label for part in queue.parts(queue.Scope(view)).views]

    assert "Money" in labels()
    assert "Config" not in labels()
    assert "Config" in labels("config")
    monkeypatch.setattr(kinds.get("reply_to_lead"), "topic", "config")
    assert "Config" in labels()


def test_what_costs_most_to_let_wait_stands_first_as_on_the_overview(action: Action) -> None:
    cold, doubt = another(message="Looking for a price."), another()
    Action.objects.filter(pk=doubt.pk).update(status="unknown")
    order = [row.pk for row in queue.rows(queue.Scope())]
    assert order == [doubt.pk, action.pk, cold.pk]
    assert [str(pk) for pk in order] == [row.key for row in needs.read([]).rows]


def test_the_filter_stays_while_deciding(htmx: Htmx, action: Action) -> None:
    Action.objects.filter(pk=another().pk).update(agent="booker")
    where = url("approval-approve", action) + "?view=mail&agent=qualifier"
    response = htmx.post(where, "cockpit", seen(action))
    assert response["HX-Push-Url"] == reverse(LIST) + "?view=mail&agent=qualifier"
    assert "mae@desert.example" not in text_of(response)
    assert "1 other waits" in text_of(response)


@pytest.mark.parametrize("nonsense", ["x", "%00", "'", "\u0661", "💥", "a" * 3000, "a-b"])
def test_a_nonsense_filter_shows_something(nonsense: str, browser: Client, action: Action) -> None:
    query = {"view": nonsense, "agent": nonsense, "show": nonsense, "edit": nonsense}
    for page in (reverse(LIST), url("approval-detail", action)):
        assert browser.get(page, query).status_code == 200


def test_claims_and_evidence_carry_the_same_number(browser: Client, action: Action) -> None:
    page = browser.get(url("approval-detail", action)).content.decode()
    for number in re.findall(r'id="claim-(\d+)"', page):
        assert f'href="#evidence-{number}"' in page
        assert f'id="evidence-{number}" data-claim="{number}"' in page
    assert 'id="claim-1"' in page


def test_what_they_wrote_stands_below_in_full_with_what_came_before(
    browser: Client, action: Action
) -> None:
    lead = Lead.objects.get()
    Lead.objects.filter(pk=lead.pk).update(answered_at=timezone.now())
    Action.objects.filter(pk=action.pk).update(status="done", finished_at=timezone.now())
    later = received(message="And what about Friday?", email=lead.email)
    newer = Action.objects.get(kind="reply_to_lead", subject_id=str(later.pk))
    found, letters = thread.of(str(later.pk))
    assert found == later
    assert [letter.who for letter in letters] == ["Dana Reyes", "You", "Dana Reyes"]
    page = text_of(browser.get(url("approval-detail", newer)))
    assert "What Dana Reyes wrote, and 2 before" in page
    assert "And what about Friday?" in page


def test_the_diff_shows_before_anything_is_saved(htmx: Htmx, action: Action) -> None:
    body = action.params["body"]
    typed = {"subject": action.params["subject"], "body": body.replace("Thank you", "Thanks")}
    page = htmx.post(url("approval-preview", action), "diff", typed).content.decode()
    assert "<del>Thank you</del><ins>Thanks</ins>" in page
    assert 'id="diff"' in page
    assert "<html" not in page
    action.refresh_from_db()
    assert action.params["body"] == body


def test_the_diff_shows_without_scripts_too(browser: Client, action: Action) -> None:
    typed = {"subject": "Mine", "body": "<script>alert(1)</script>"}
    response = browser.post(url("approval-preview", action), typed)
    page = response.content.decode()
    assert response.status_code == 200
    assert "<ins>Mine</ins>" in page
    assert "<script>alert(1)" not in page
    assert browser.get(url("approval-preview", action)).status_code == 405


def test_a_diff_of_words_reads_in_order_and_adds_up() -> None:
    before, after = "We can start on Monday at ten.", "We could start Tuesday at ten."
    pieces = diffs.words(before, after)
    assert "".join(p.text for p in pieces if p.kind != "in") == before
    assert "".join(p.text for p in pieces if p.kind != "out") == after
    assert diffs.words(before, before) == []
    assert len(diffs.words("a " * 9000, "b " * 9000)) == 3


@pytest.mark.parametrize(
    ("said", "kept"),
    [("12", 12), ("99999", 1800), ("-3", 0), ("", None), ("x", None), ("1e3", None)],
)
def test_the_time_looked_is_kept_with_the_decision(
    said: str, kept: int | None, browser: Client, action: Action
) -> None:
    browser.post(url("approval-approve", action), seen(action, seconds=said))
    assert Decision.objects.get(user__isnull=False).seconds == kept


def test_a_quick_note_is_enough_and_joins_your_words(browser: Client, action: Action) -> None:
    data = seen(action, quick="Shorter", note="And offer Thursday")
    browser.post(url("approval-send-back", action), data)
    assert Decision.objects.get(verdict="send_back").note == "Shorter. And offer Thursday"


def test_a_note_is_needed(browser: Client, action: Action) -> None:
    response = browser.post(url("approval-send-back", action), seen(action))
    assert response.status_code == 422
    assert "Say what should be different" in text_of(response)


def test_it_is_snoozed_until_a_moment_of_your_own(browser: Client, action: Action) -> None:
    tomorrow = timezone.localtime() + dt.timedelta(days=1)
    data = seen(action, until="at", at=f"{tomorrow:%Y-%m-%dT%H:%M}")
    browser.post(url("approval-snooze", action), data)
    action.refresh_from_db()
    assert action.snoozed_until == tomorrow.replace(second=0, microsecond=0)


@pytest.mark.parametrize(
    "data", [{"until": "at"}, {"until": "at", "at": "2001-01-01T10:00"}, {"until": "at", "at": "x"}]
)
def test_a_snooze_that_makes_no_sense_is_refused(
    data: dict[str, str], browser: Client, action: Action
) -> None:
    response = browser.post(url("approval-snooze", action), seen(action, **data))
    assert response.status_code == 422
    assert "Nothing was decided" in text_of(response)


def test_nothing_is_snoozed_past_its_end(browser: Client, action: Action) -> None:
    data = seen(
        action, until="at", at=f"{timezone.localtime() + dt.timedelta(days=30):%Y-%m-%dT%H:%M}"
    )
    response = browser.post(url("approval-snooze", action), data)
    assert response.status_code == 409
    assert "lapse unseen" in text_of(response)


def test_every_snooze_on_offer_is_ahead() -> None:
    for until in ("1h", "tomorrow", "monday"):
        assert delayed_until(until) > timezone.now()
    assert timezone.localtime(delayed_until("monday")).weekday() == 0
    assert not DelayForm({"until": "at"}).is_valid()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("approval-reject", {"quick": "Wrong tone"}),
        ("approval-send-back", {"quick": "Shorter"}),
        ("approval-snooze", {"until": "1h"}),
        ("approval-take-over", {}),
        ("approval-approve", {}),
    ],
)
def test_the_last_decision_is_taken_back(
    name: str, data: dict[str, str], htmx: Htmx, action: Action
) -> None:
    response = htmx.post(url(name, action), "cockpit", seen(action, **data))
    decision = Decision.objects.filter(user__isnull=False).latest("pk")
    undo = reverse("decision-take-back", args=[decision.pk])
    assert f'action="{undo}"' in response.content.decode()
    back = htmx.post(undo, "cockpit")
    action.refresh_from_db()
    assert (action.status, action.snoozed_until) == ("waiting", None)
    assert back["HX-Push-Url"] == url("approval-detail", action)
    assert "Not undone" in text_of(htmx.post(undo, "cockpit"))


def test_taking_over_shows_on_the_lead_with_a_way_back(
    browser: Client, operator: User, action: Action
) -> None:
    browser.post(url("approval-take-over", action), seen(action))
    lead = reverse("lead-detail", args=[action.subject_id])
    assert "handles Dana Reyes by hand" in text_of(browser.get(lead))
    takeover = takeovers.of(action.subject_type, action.subject_id)
    assert takeover is not None
    back = reverse("hand-back", args=[takeover.pk])
    assert browser.get(back).status_code == 405
    assert Client().post(back).status_code == 302
    assert browser.post(back, {"back": lead})["Location"] == lead
    assert browser.post(back, {"back": "https://evil.example/"})["Location"] == reverse(LIST)
    assert "handles Dana Reyes by hand" not in text_of(browser.get(lead))
    assert Takeover.objects.get().handed_back_by == operator.get_username()


def test_a_sent_back_draft_comes_again(browser: Client, action: Action) -> None:
    browser.post(url("approval-send-back", action), seen(action, quick="Shorter"))
    work_off(ahead=True)
    assert Action.objects.filter(kind="reply_to_lead", status="waiting").count() == 1


def test_high_stakes_are_marked_and_cannot_be_selected(browser: Client, action: Action) -> None:
    Action.objects.filter(pk=action.pk).update(stakes="high")
    page = browser.get(reverse(LIST)).content.decode()
    assert "high stakes" in page
    assert f'name="pick" value="{action.pk}"' not in page
    assert 'data-swipe="careful"' in page


def test_an_edit_shown_again_keeps_the_words_and_what_they_change(
    htmx: Htmx, action: Action
) -> None:
    data = seen(action, subject="", body="Something else", then="approve")
    page = htmx.post(url("approval-edit", action), "cockpit", data).content.decode()
    assert "<ins>Something else</ins>" in page
