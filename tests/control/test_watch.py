"""The thread that watches the switches: seen soon, and not seeing means no."""

import time

import pytest

from control import switches
from tests import workers

pytestmark = pytest.mark.usefixtures("committed")


def test_it_sees_a_switch_soon_and_only_where_it_reaches() -> None:
    watch = switches.Watch()
    assert watch.reached(["agent:qualifier"]) is None
    switches.engage("agent", "qualifier", reason="a test", by="olivia")
    began = time.monotonic()
    workers.until(lambda: watch.reached(["agent:qualifier"]) == "agent:qualifier", "the switch")
    assert time.monotonic() - began < 1
    assert watch.reached(["agent:other"]) is None
    watch.stop()


def test_a_view_too_old_to_trust_reaches_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = switches.Watch()
    assert watch.reached(["agent:qualifier"]) is None
    monkeypatch.setattr(switches, "STALE_SECONDS", -1.0)
    assert watch.reached(["agent:qualifier"]) == switches.UNSEEN
    watch.stop()
