"""Stop everything: with 64 jobs at work, nothing leaves the house a second after the switch."""

import datetime as dt
import time

import pytest
from django.utils import timezone

from agents.models import ModelCall, Run
from control import approvals, switches
from control.models import Action
from jobs.models import Job
from tests import factories, workers
from tests.mailserver import Inbox

pytestmark = [pytest.mark.usefixtures("committed"), pytest.mark.alone]

BLOCKED = 32
SENDING = 32
MAILS = 96
FLOWING = 5


def due(number: int) -> None:
    """Let so many of the approved mails be sent now."""
    waiting = Job.objects.filter(kind="control.execute", status="scheduled")
    Job.objects.filter(pk__in=waiting[:number].values("pk")).update(run_at=timezone.now())


def test_no_effect_starts_later_than_a_second_and_blocked_runs_end(inbox: Inbox) -> None:
    user = factories.make_user()
    for number in range(MAILS):
        factories.receive(factories.make_lead(email=f"person{number}@company.example"))
    factories.work_off()
    for action in Action.objects.filter(status="waiting"):
        approvals.approve(action, by=user, seen_hash=action.content_hash)
    Job.objects.filter(kind="control.execute").update(run_at=timezone.now() + dt.timedelta(hours=1))
    with workers.silent_model() as url:
        for number in range(BLOCKED):
            factories.receive(factories.make_lead(email=f"late{number}@company.example"))
        environment = {"ANTHROPIC_API_KEY": "sk-test", "ANTHROPIC_BASE_URL": url}
        with workers.worker(environment, threads=BLOCKED + SENDING, lease=60):
            asked = ModelCall.objects.filter(status="reserved")
            workers.until(lambda: asked.count() == BLOCKED, "every run blocked in its call")
            due(FLOWING)
            running = Job.objects.filter(status="running")
            workers.until(lambda: len(inbox.letters) == FLOWING, "mails flowing")
            inbox.hold_at = "RCPT"
            due(MAILS)
            workers.until(lambda: running.count() == BLOCKED + SENDING, "64 at work")

            switch = switches.engage("everything", reason="a test", by="olivia")
            engaged = time.time()
            inbox.gate.set()
            workers.until(lambda: not running.exists(), "everything at rest", seconds=5)
            rested = time.time() - engaged

    late = [when - engaged for when in inbox.times if when > engaged + 1]
    assert late == []
    assert rested < 3
    assert len(inbox.letters) < MAILS
    assert not Action.objects.filter(status="executing").exists()
    assert Run.objects.filter(status="stopped").count() == BLOCKED
    assert Action.objects.filter(status="done", outward=True).count() == len(inbox.letters)
    call = ModelCall.objects.filter(status="cancelled").first()
    assert call is not None and call.usd == call.reserved_usd
    assert switches.backlog(switch).count() == BLOCKED + MAILS - len(inbox.letters)
