"""Several drafts at once: all bodies in full, each bound to what was shown."""

import uuid

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from control import approvals, batches
from control.models import Action, Decision
from tests.dashboard.conftest import Htmx, text_of
from tests.factories import received

BATCH = "/approvals/batch/"


@pytest.fixture
def actions(db: None) -> list[Action]:
    for number in range(3):
        received(name=f"Lead {number}", email=f"lead{number}@harbor.example")
    return list(Action.objects.filter(status="waiting").order_by("pk"))


def items(actions: list[Action]) -> list[str]:
    return [f"{action.pk}:{action.content_hash}" for action in actions]


def picks(actions: list[Action]) -> dict[str, list[str]]:
    return {"pick": [str(action.pk) for action in actions]}


def test_every_body_is_shown_in_full(browser: Client, actions: list[Action]) -> None:
    page = browser.get(BATCH, picks(actions)).content.decode()
    for action in actions:
        assert action.rendered["to_email"] in page
        assert f'value="{action.pk}:{action.content_hash}"' in page
    assert page.count("41 Mill Street") == 3


def test_it_opens_in_place(htmx: Htmx, actions: list[Action]) -> None:
    page = htmx.get(f"{BATCH}?pick={actions[0].pk}", "cockpit").content.decode()
    assert 'id="cockpit"' in page
    assert "<html" not in page


def test_all_are_approved_and_what_changed_is_left_out_and_said_so(
    browser: Client, operator: User, actions: list[Action]
) -> None:
    shown = items(actions)
    seen = actions[1].content_hash
    approvals.edit(actions[1], {"body": "Other words"}, by=operator, seen_hash=seen)
    response = browser.post(reverse("batch-approve"), {"item": shown, "seconds": "9"}, follow=True)
    page = text_of(response)
    assert "Approved 2 of 3." in page
    assert "Left out: Reply to Lead 1. Its content changed" in page
    assert Action.objects.filter(status="approved").count() == 2
    spent = Decision.objects.filter(verdict="approve", user__isnull=False)
    assert [decision.seconds for decision in spent] == [3, 3]


def test_what_is_not_ticked_is_not_decided(htmx: Htmx, actions: list[Action]) -> None:
    htmx.post(reverse("batch-approve"), "cockpit", {"item": items(actions[:1])})
    assert Action.objects.filter(status="waiting").count() == 2
    response = htmx.post(reverse("batch-approve"), "cockpit", {})
    assert "Nothing was ticked" in text_of(response)


def test_all_are_rejected_for_one_reason(browser: Client, actions: list[Action]) -> None:
    where = reverse("batch-reject")
    assert browser.post(where, {"item": items(actions)}).status_code == 422
    browser.post(where, {"item": items(actions), "quick": "Not a fit"})
    assert Action.objects.filter(status="rejected").count() == 3


def test_high_stakes_are_not_shown_and_a_forged_one_is_refused(
    browser: Client, actions: list[Action]
) -> None:
    Action.objects.filter(pk=actions[0].pk).update(stakes="high")
    page = text_of(browser.get(BATCH, picks(actions)))
    assert f"{actions[0].pk}:" not in page
    assert "Not here: Lead 0" in page
    browser.post(reverse("batch-approve"), {"item": items(actions)})
    assert Action.objects.get(pk=actions[0].pk).status == "waiting"


@pytest.mark.parametrize("nonsense", ["x", "", "%00", "\u0661", "💥", "a" * 3000, "a:b:c"])
def test_nonsense_is_no_error(nonsense: str, browser: Client, actions: list[Action]) -> None:
    assert browser.get(BATCH, {"pick": nonsense, "view": nonsense}).status_code == 200
    item = {"item": [nonsense, f"{uuid.uuid4()}:{nonsense}"]}
    assert browser.post(reverse("batch-approve"), item).status_code == 302
    assert Action.objects.filter(status="waiting").count() == 3


def test_no_more_are_shown_than_anybody_reads(browser: Client, actions: list[Action]) -> None:
    many = [str(uuid.uuid4()) for _ in range(batches.MOST)] + [str(actions[0].pk)]
    page = text_of(browser.get(BATCH, {"pick": many}))
    assert f"At most {batches.MOST} are decided at once; 1 more" in page


@pytest.mark.parametrize("name", ["batch-approve", "batch-reject"])
def test_it_is_posted_by_the_operator(name: str, browser: Client, actions: list[Action]) -> None:
    assert browser.get(reverse(name)).status_code == 405
    anonymous = Client().post(reverse(name), {"item": items(actions)})
    assert anonymous["Location"].startswith("/login/")
    assert Action.objects.filter(status="waiting").count() == 3
