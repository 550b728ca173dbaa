"""Decisions in the cockpit: each does what it says, once, on what was seen."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from control import approvals
from control.models import Action, Decision
from tests.dashboard.conftest import Htmx, text_of
from tests.factories import received

Status = Action.Status
DECISIONS = [
    "approval-approve",
    "approval-edit",
    "approval-reject",
    "approval-send-back",
    "approval-snooze",
    "approval-take-over",
    "approval-preview",
    "approval-confirm-sent",
    "approval-send-again",
    "action-recall",
    "action-undo",
]


@pytest.fixture
def action(db: None) -> Action:
    return reply(received())


def reply(lead: Any) -> Action:
    return Action.objects.get(kind="reply_to_lead", subject_id=str(lead.pk))


def url(name: str, action: Action) -> str:
    return reverse(name, args=[action.pk])


def seen(action: Action, **data: str) -> dict[str, str]:
    return {"hash": action.content_hash, **data}


def test_it_shows_the_message_as_the_recipient_will_see_it(browser: Client, action: Action) -> None:
    page = text_of(browser.get(url("approval-detail", action)))
    for part in ("to_email", "from_email", "footer"):
        assert action.rendered[part] in page
    assert action.rendered["subject"] in page
    assert action.content_hash in page


def test_approving_starts_the_undo_window(browser: Client, action: Action) -> None:
    response = browser.post(url("approval-approve", action), seen(action), follow=True)
    action.refresh_from_db()
    assert action.status == Status.APPROVED
    assert "Undo" in text_of(response)


def test_the_next_thing_is_shown_without_a_full_load(htmx: Htmx, action: Action) -> None:
    following = reply(received(name="Mae Lin", email="mae@desert.example"))
    response = htmx.post(url("approval-approve", action), "cockpit", seen(action))
    assert response["HX-Push-Url"] == url("approval-detail", following)
    body = text_of(response)
    assert "<html" not in body
    assert "mae@desert.example" in body
    assert f'action="{url("action-recall", action)}"' in body


def test_what_was_decided_already_says_so(browser: Client, htmx: Htmx, action: Action) -> None:
    browser.post(url("approval-approve", action), seen(action))
    again = htmx.post(url("approval-approve", action), "cockpit", seen(action))
    assert again.status_code == 409
    assert "by now" in text_of(again)
    assert action.decisions.filter(verdict="approve").count() == 1


def test_what_changed_since_it_was_seen_is_not_approved(
    browser: Client, operator: User, action: Action
) -> None:
    old = seen(action)
    approvals.edit(action, {"subject": "Changed"}, by=operator, seen_hash=action.content_hash)
    response = browser.post(url("approval-approve", action), old)
    action.refresh_from_db()
    assert response.status_code == 409
    assert "changed since" in text_of(response)
    assert action.status == Status.WAITING


def test_what_lapsed_is_not_approved(browser: Client, action: Action) -> None:
    Action.objects.filter(pk=action.pk).update(expires_at=timezone.now() - dt.timedelta(days=1))
    response = browser.post(url("approval-approve", action), seen(action))
    assert response.status_code == 409


def test_an_edit_is_saved_and_still_waits(browser: Client, action: Action) -> None:
    data = seen(action, subject="Better", body="Hello\r\n\r\nDana", then="save")
    browser.post(url("approval-edit", action), data)
    action.refresh_from_db()
    assert action.params["body"] == "Hello\n\nDana"
    assert action.status == Status.WAITING
    edit = action.decisions.get(verdict=Decision.Verdict.EDIT)
    assert edit.diff["subject"]["to"] == "Better"


def test_an_edit_can_approve_at_once(browser: Client, action: Action) -> None:
    data = seen(action, subject="Better", body="Hello", then="approve")
    browser.post(url("approval-edit", action), data)
    action.refresh_from_db()
    assert action.status == Status.APPROVED
    assert action.rendered["subject"] == "Better"


def test_a_bad_edit_names_the_field_and_keeps_the_text(htmx: Htmx, action: Action) -> None:
    data = seen(action, subject="", body="My long careful text", then="approve")
    response = htmx.post(url("approval-edit", action), "cockpit", data)
    body = response.content.decode()
    assert response.status_code == 422
    assert 'id="edit-subject-error"' in body
    assert "My long careful text" in body


def test_a_stale_edit_keeps_the_text(htmx: Htmx, operator: User, action: Action) -> None:
    old = seen(action, subject="Mine", body="My long careful text", then="save")
    approvals.reject(action, by=operator, seen_hash=action.content_hash, reason="no")
    response = htmx.post(url("approval-edit", action), "cockpit", old)
    assert response.status_code == 409
    assert "My long careful text" in response.content.decode()


def test_a_rejection_keeps_its_reason(browser: Client, action: Action) -> None:
    data = seen(action, quick="Wrong tone", text="Too stiff")
    browser.post(url("approval-reject", action), data)
    action.refresh_from_db()
    assert action.status == Status.REJECTED
    assert action.decisions.get(verdict="reject").note == "Wrong tone: Too stiff"


def test_a_rejection_needs_a_reason(browser: Client, action: Action) -> None:
    response = browser.post(url("approval-reject", action), seen(action))
    action.refresh_from_db()
    assert response.status_code == 422
    assert action.status == Status.WAITING


def test_it_goes_back_with_a_note(browser: Client, action: Action) -> None:
    browser.post(url("approval-send-back", action), seen(action, note="Shorter"))
    action.refresh_from_db()
    assert action.status == Status.REVISE
    assert action.decisions.get(verdict="send_back").note == "Shorter"


def test_snoozing_puts_it_out_of_sight(browser: Client, action: Action) -> None:
    browser.post(url("approval-snooze", action), seen(action, until="tomorrow"))
    action.refresh_from_db()
    assert action.snoozed_until is not None
    assert action.snoozed_until > timezone.now()
    page = text_of(browser.get(reverse("approval-list")))
    assert "0 waiting" in page
    assert "Snoozed <small>1</small>" in page
    assert action.rendered["to_email"] not in page


def test_an_approved_message_is_called_back(browser: Client, htmx: Htmx, action: Action) -> None:
    browser.post(url("approval-approve", action), seen(action))
    response = htmx.post(url("action-recall", action), "messages")
    action.refresh_from_db()
    assert action.status == Status.WAITING
    assert "Called back" in text_of(response)
    late = htmx.post(url("action-recall", action), "messages")
    assert "Too late" in text_of(late)


@pytest.mark.parametrize(
    ("name", "after"), [("approval-confirm-sent", "done"), ("approval-send-again", "approved")]
)
def test_a_doubt_stands_first_and_is_settled(
    name: str, after: str, browser: Client, action: Action
) -> None:
    received(name="Mae Lin", email="mae@desert.example")
    Action.objects.filter(pk=action.pk).update(status=Status.UNKNOWN, error="connection lost")
    page = text_of(browser.get(reverse("approval-list")))
    assert "It may have gone out" in page
    assert url("approval-confirm-sent", action) in page
    browser.post(url(name, action))
    action.refresh_from_db()
    assert action.status == after
    assert browser.post(url(name, action)).status_code == 409


def test_a_score_is_undone(browser: Client, action: Action) -> None:
    score = Action.objects.get(kind="qualify_lead", subject_id=action.subject_id)
    response = browser.post(url("action-undo", score), follow=True)
    score.refresh_from_db()
    assert score.status == Status.UNDONE
    assert "Undone" in text_of(response)


def test_undo_goes_back_only_to_pages_of_this_site(browser: Client, action: Action) -> None:
    score = Action.objects.get(kind="qualify_lead", subject_id=action.subject_id)
    response = browser.post(url("action-undo", score), {"back": "https://evil.example/"})
    assert response["Location"] == url("approval-detail", score)


def test_the_shown_thing_stays_when_another_comes_in(htmx: Htmx, action: Action) -> None:
    received(name="Mae Lin", email="mae@desert.example")
    Action.objects.exclude(pk=action.pk).filter(kind="reply_to_lead").update(stakes="high")
    body = text_of(htmx.get(url("approval-detail", action), "case"))
    assert action.rendered["to_email"] in body


def test_what_a_lead_wrote_is_shown_as_text(browser: Client, db: None) -> None:
    lead = received(name="<script>alert(1)</script>", subject="<img src=x onerror=y>")
    for page in (url("approval-detail", reply(lead)), reverse("lead-detail", args=[lead.pk])):
        body = browser.get(page).content.decode()
        assert "<script>alert(1)" not in body
        assert "<img src=x" not in body


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_is_posted_by_the_operator(
    name: str, browser: Client, client: Client, action: Action
) -> None:
    assert browser.get(url(name, action)).status_code == 405
    assert browser.post(reverse(name, args=[uuid.uuid4()])).status_code == 404
    anonymous = Client().post(url(name, action), seen(action))
    assert anonymous.status_code == 302
    assert anonymous["Location"].startswith("/login/")


def test_a_form_without_its_token_is_refused(operator: User, action: Action) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator)
    response = strict.post(url("approval-approve", action), seen(action))
    action.refresh_from_db()
    assert response.status_code == 403
    assert "too old" in text_of(response)
    assert action.status == Status.WAITING


@pytest.mark.parametrize("text", ["\0", "a\0b", "x" * 100_000, "\ud83d"])
def test_nonsense_in_an_edit_is_no_error(text: str, browser: Client, action: Action) -> None:
    data = seen(action, subject=text.encode("utf-8", "replace").decode(), body="Hello")
    response = browser.post(url("approval-edit", action), data)
    assert response.status_code in (302, 422)
