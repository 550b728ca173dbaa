"""A page with nothing to show says what to do next."""

from django.test import Client
from django.urls import reverse


def test_empty_pages_say_the_next_step(browser: Client) -> None:
    for page in (
        *("home", "approval-list", "pipeline", "pipeline-table", "lead-list", "activity-list"),
        *("alert-list", "mailbox-list", "client-list", "cost-list", "sequence-list", "task-list"),
        *("inbox", "deliverability", "suppression-list"),
        *("prospect-list", "ideal-list", "duplicate-list", "prospect-create"),
    ):
        assert 'class="empty"' in browser.get(reverse(page)).content.decode()
