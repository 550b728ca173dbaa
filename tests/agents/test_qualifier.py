"""The Qualifier: every lead is scored with reasons, and its answer waits for the operator."""

import pytest

from agents.models import Run
from control.models import Action
from jobs.models import Event, Job
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_lead_is_scored_and_its_answer_waits() -> None:
    lead = factories.received()

    assert lead.status == "qualified"
    assert lead.score is not None and lead.score >= 70
    run = Run.objects.get()
    assert (run.status, run.engine, run.engine_reason) == (
        "completed",
        "rules",
        "no model is configured",
    )
    scored, reply = Action.objects.order_by("pk")
    assert (scored.kind, scored.status) == ("qualify_lead", "done")
    assert (reply.kind, reply.status, reply.level) == ("reply_to_lead", "waiting", "ask")
    assert reply.rendered["to_email"] == "dana@harborplumbing.example"
    assert Event.objects.filter(name="lead.qualified").count() == 1
    assert not Job.objects.exclude(status="completed").exists()
