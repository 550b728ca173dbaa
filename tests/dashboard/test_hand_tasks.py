"""Tasks by hand: done, skipped, opened again."""

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from pipeline.models import HandTask, Touch
from tests.dashboard.conftest import Htmx, text_of
from tests.outreach import enroll, make_prospect, make_sequence, make_task


@pytest.fixture
def task(db: None) -> HandTask:
    sequence = make_sequence()
    return make_task(enroll(make_prospect(), sequence, 2), sequence.steps.get(position=1))


def test_due_ones_come_first(browser: Client, task: HandTask) -> None:
    HandTask.objects.filter(pk=task.pk).update(due_at=timezone.now() + dt.timedelta(hours=3))
    sequence = make_sequence("Another")
    due = make_task(enroll(make_prospect("Vale"), sequence, 2), sequence.steps.get(position=1))
    text = browser.get(reverse("task-list")).content.decode()
    assert text.index(f'id="task-{due.pk}"') < text.index(f'id="task-{task.pk}"')


def test_what_is_done_counts_as_said_and_can_be_opened_again(
    htmx: Htmx, browser: Client, task: HandTask
) -> None:
    response = htmx.post(reverse("task-done", args=[task.pk]), "messages")
    assert reverse("task-undo", args=[task.pk]) in response.content.decode()
    task.refresh_from_db()
    assert (task.by, task.done_at is not None) == ("olivia", True)
    touch = Touch.objects.get(channel="linkedin")
    assert touch.variant is not None
    browser.post(reverse("task-undo", args=[task.pk]))
    task.refresh_from_db()
    assert (task.by, task.done_at) == ("", None)
    assert not Touch.objects.exists()


def test_a_task_is_settled_once(browser: Client, task: HandTask) -> None:
    browser.post(reverse("task-skip", args=[task.pk]), {"note": "Knows us already"})
    response = browser.post(reverse("task-done", args=[task.pk]), follow=True)
    assert "settled already" in text_of(response)
    task.refresh_from_db()
    assert (task.note, task.done_at) == ("Knows us already", None)
    assert "Knows us already" in text_of(browser.get(reverse("task-list"), {"view": "settled"}))


def test_what_the_house_withdrew_stays_withdrawn(browser: Client, task: HandTask) -> None:
    HandTask.objects.filter(pk=task.pk).update(skipped_at=timezone.now(), note="stopped")
    response = browser.post(reverse("task-undo", args=[task.pk]), follow=True)
    assert "Not taken back" in text_of(response)


def test_a_profile_that_is_no_web_address_is_no_link(browser: Client, task: HandTask) -> None:
    HandTask.objects.filter(pk=task.pk).update(url="javascript:alert(1)")
    assert "javascript:" not in browser.get(reverse("task-list")).content.decode()


@pytest.mark.parametrize("name", ["task-done", "task-skip", "task-undo"])
def test_changes_are_posted_and_need_a_login(name: str, browser: Client) -> None:
    url = reverse(name, args=[1])
    assert browser.get(url).status_code == 405
    assert browser.post(url).status_code == 404
    browser.logout()
    assert browser.post(url).status_code == 302
