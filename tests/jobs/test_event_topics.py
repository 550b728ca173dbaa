"""An event that passes is told to open pages under its own name, once it is committed."""

from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from agency import live
from jobs import events
from tests import factories

pytestmark = pytest.mark.django_db


def test_an_event_is_a_topic_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(live, "_queue", told.extend)
    lead = factories.make_lead()
    with django_capture_on_commit_callbacks(execute=True):
        events.emit("lead.received", subject=lead)
        assert told == []
    assert "event:lead.received" in told
