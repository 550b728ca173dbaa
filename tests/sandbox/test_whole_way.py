"""A house with no keys, at high speed: found, researched, written to, answered, scored."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings

from agency.models import AgencyProfile
from agency.settings import BASE_DIR
from agency.supervisor import Child, Supervisor
from control import approvals
from control.models import Action
from pipeline.models import Fact, InboundMail, Prospect, Touch
from tests import workers
from tests.factories import make_user
from tests.mailserver import free_port

SPEED = "4320"
"""A business day in twenty seconds, of which mail goes out in eight."""

PATIENCE_SECONDS = 150.0


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    found = {name: str(free_port()) for name in ("PORT", "SANDBOX_SMTP_PORT", "SANDBOX_WEB_PORT")}
    everything = {
        **found,
        "DATA_DIR": str(tmp_path),
        "MAILBOX_DIR": str(tmp_path / "mailbox"),
        "BUSINESS_SPEED": SPEED,
        "SECRET_KEY": settings.SECRET_KEY,
        "DEBUG": "1",  # static files as they lie there
        "MAILGUN_SIGNING_KEY": settings.MAILGUN_SIGNING_KEY,
    }
    for name, value in everything.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def house(committed: str, ports: dict[str, str], tmp_path: Path) -> Iterator[None]:
    """Run web, a worker and the market as `make run` does, on a database of its own."""
    (tmp_path / "static").mkdir()
    app = f"http://127.0.0.1:{ports['PORT']}"
    with override_settings(
        PUBLIC_URL=app,
        BUSINESS_SPEED=int(SPEED),
        SANDBOX_WEB_PORT=int(ports["SANDBOX_WEB_PORT"]),
        SANDBOX_SMTP_PORT=int(ports["SANDBOX_SMTP_PORT"]),
    ):
        call_command("begin")
        AgencyProfile.objects.update(undo_send_seconds=0)
        supervisor = Supervisor(tmp_path, BASE_DIR, print)
        env = {"DB_POOL_SIZE": "20"}
        serve = ("-m", "uvicorn", "agency.asgi:application", "--port", ports["PORT"])
        market = (
            *("-m", "sandbox", "market", "--maildir", os.environ["MAILBOX_DIR"]),
            *("--smtp-port", ports["SANDBOX_SMTP_PORT"], "--web-port", ports["SANDBOX_WEB_PORT"]),
            *("--app-url", app, "--lead-form", f"{app}/hooks/leads/none", "--speed", SPEED),
        )
        for name, arguments in (("web", serve), ("market", market)):
            supervisor.start(Child(name, (sys.executable, *arguments), env=env))
        try:
            with workers.worker(threads=12, lease=15):
                yield
        finally:
            supervisor.stop()


def test_who_is_found_is_written_to_answers_and_becomes_a_scored_lead(house: None) -> None:
    user = make_user()
    scored = InboundMail.objects.filter(label="interested", lead__score__isnull=False)

    def interested() -> bool:
        for action in Action.objects.filter(kind="send_email", status="waiting"):
            approvals.approve(action, by=user, seen_hash=action.content_hash)
        return scored.exists()

    workers.until(interested, "a scored lead of somebody interested", seconds=PATIENCE_SECONDS)

    mail = scored.order_by("received_at")[0]
    prospect, lead, touch = mail.prospect, mail.lead, mail.touch
    assert prospect is not None and lead is not None and touch is not None
    assert touch.action_id is not None
    assert (prospect.status, prospect.world) == (Prospect.Status.LEAD, "sandbox")
    assert prospect.researched_at is not None and Fact.objects.exists()
    action = Action.objects.get(pk=touch.action_id)
    decision = action.decisions.get(verdict="approve")
    assert (decision.user, decision.consumed_at is not None) == (user, True)
    assert not prospect.enrollments.filter(status="active").exists()
    assert Touch.objects.filter(prospect=prospect).exists()
    assert lead.score is not None
