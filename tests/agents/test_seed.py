"""`manage.py seed`: history that the rest of the house takes for its own, and nothing that acts."""

import io
import random
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from agency import seals
from agency.models import AgencyProfile, AuditEntry, Client
from agents import seed
from agents.management.commands.seed import refuse_beside_the_real
from agents.models import AgentConfig, ModelCall, Run, Step
from agents.seed import around, people, stories
from control import actions, approvals, kinds
from control.models import Action, Alert, Decision
from jobs import chain, sweep
from jobs.models import ArchivedJob, Job
from pipeline.models import Lead
from tests.factories import make_user, work_off

TINY = seed.Scale(clients=2, leads=24, waiting=6, jobs=200, parked=12, alerts=10, open_alerts=2)


@pytest.fixture
def operator(db: None) -> User:
    return make_user("operator", is_superuser=True)


@pytest.fixture
def seeded(operator: User) -> User:
    """Fill the house with a little of everything."""
    now = timezone.now()
    around.archive_days(now)
    seed.write(TINY, "1", operator, now, lambda line: None)
    return operator


def test_what_waits_can_be_approved_as_it_is(seeded: User) -> None:
    waiting = list(Action.objects.filter(status=Action.Status.WAITING))
    assert len(waiting) >= 4
    for action in waiting:
        assert kinds.content_hash(action) == action.content_hash
        assert not actions.render(action)
        assert action.evidence and action.rendered["to_email"].endswith(".example")
        approvals.approve(action, by=seeded, seen_hash=action.content_hash)
        assert action.expires_at > timezone.now()


def test_every_hash_is_of_what_stands_there(seeded: User) -> None:
    for action in Action.objects.all():
        assert kinds.content_hash(action) == action.content_hash
        said = action.decisions.filter(verdict=Decision.Verdict.APPROVE)
        assert {decision.content_hash for decision in said} <= {action.content_hash}


def test_each_story_hangs_together(seeded: User) -> None:
    assert Lead.objects.count() == 24
    for lead in Lead.objects.all():
        runs = list(Run.objects.filter(subject_id=str(lead.pk)).order_by("pk"))
        assert runs
        first = runs[0]
        assert first.input["email"] == lead.email
        assert [run.started_at for run in runs] == sorted(run.started_at for run in runs)
        assert lead.received_at <= first.started_at
        assert (lead.outcome == Lead.Outcome.OPEN) == (lead.closed_at is None)
        score = Action.objects.get(run_id=first.pk, kind="qualify_lead").params["score"]
        assert lead.score == score
        assert first.steps.count() == (2 if len(first.proposals) > 1 else 1)
        assert {run.client_id for run in runs} == {lead.client_id}
        assert chain.read(first.correlation_id)


def test_nothing_happened_before_what_it_came_of_or_lies_ahead(seeded: User) -> None:
    now = timezone.now()
    for action in Action.objects.all():
        ends = [at for at in (action.decided_at, action.finished_at) if at]
        assert sorted([action.created_at, *ends]) == [action.created_at, *ends]
        assert action.created_at < now
        assert all(at < now for at in ends)
    trail = list(AuditEntry.objects.order_by("pk").values_list("at", flat=True)[2:])
    assert trail == sorted(trail)
    assert max(trail) < now


def test_no_seeded_job_does_anything(seeded: User) -> None:
    before = (Action.objects.count(), Run.objects.count(), AuditEntry.objects.count())
    runnable = Job.objects.filter(status__in=[Job.Status.AVAILABLE, Job.Status.RUNNING])
    assert not runnable.exclude(kind=around.FILLER).exists()
    soon = Job.objects.filter(status__in=[Job.Status.SCHEDULED, Job.Status.RETRYABLE])
    assert set(soon.values_list("kind", flat=True)) == {around.FILLER}
    sweep.reap()
    work_off(ahead=True)
    assert before == (Action.objects.count(), Run.objects.count(), AuditEntry.objects.count())
    assert not soon.exists()


def test_the_houses_own_upkeep_leaves_it_alone(seeded: User) -> None:
    waiting = Action.objects.filter(status=Action.Status.WAITING).count()
    assert approvals.expire() == 0
    assert actions.rejudge_held() == 0
    assert not Alert.objects.exclude(next_notify_at=None).exists()
    assert Action.objects.filter(status=Action.Status.WAITING).count() == waiting


def test_the_trail_is_sealed_as_any_other(seeded: User) -> None:
    seals.seal()
    report = seals.verify()
    assert (report.faults, report.waiting) == ([], 0)


def test_it_is_as_much_as_was_asked_for(seeded: User) -> None:
    assert Client.objects.count() == TINY.clients
    assert Job.objects.count() + ArchivedJob.objects.count() == TINY.jobs
    assert Alert.objects.filter(acknowledged_at=None).count() == TINY.open_alerts
    assert Step.objects.exists() and ModelCall.objects.exists()
    assert AgentConfig.objects.filter(agent="qualifier").count() == 3


def test_the_same_seed_plans_the_same() -> None:
    now = timezone.now()
    plans = [stories.plan(random.Random("7"), 60, 9, now) for _ in range(2)]
    assert plans[0] == plans[1]
    assert plans[0] != stories.plan(random.Random("8"), 60, 9, now)
    people_ = [people.person(random.Random("7"), "dental", number) for number in (3, 3)]
    assert people_[0] == people_[1]


@pytest.mark.parametrize("number", range(0, 500, 7))
def test_nobody_real_is_named(number: int) -> None:
    who = people.person(random.Random(number), "plumbing", number)
    assert who.email.endswith(".example")
    assert "5550" in who.phone[2:] and len(who.phone) == 12
    # Each stands as it is in JSON and in COPY.
    assert not set(f"{who.name}{who.company}{who.email}") & set('"\\\t\n')


def test_it_refuses_where_there_are_rows(operator: User) -> None:
    Client.objects.create(name="Harbor", slug="harbor")
    with pytest.raises(CommandError, match="--add"):
        call_command("seed", stdout=io.StringIO())


def test_it_refuses_a_profile_of_ones_own(operator: User) -> None:
    profile = AgencyProfile.load()
    profile.is_sample = False
    profile.save()
    with pytest.raises(CommandError, match="sample agency"):
        call_command("seed", stdout=io.StringIO())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EMAIL_URL", "smtp://mail.example:25"),
        ("ANTHROPIC_API_KEY", "a key"),
        ("ALERT_WEBHOOK_URL", "https://hooks.example/x"),
    ],
)
def test_it_refuses_beside_a_real_channel(
    operator: User, settings: Any, name: str, value: str
) -> None:
    setattr(settings, name, value)
    with pytest.raises(CommandError, match=name):
        refuse_beside_the_real()


def test_it_needs_an_operator(db: None) -> None:
    with pytest.raises(CommandError, match="prepare"):
        call_command("seed", stdout=io.StringIO())
