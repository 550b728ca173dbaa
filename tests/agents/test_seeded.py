"""What `manage.py seed` wrote: history the house takes for its own, and nothing that acts."""

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from agency import clock, seals
from agency.models import AuditEntry, Client
from agents import seed
from agents.models import AgentConfig, ModelCall, Run, Step
from agents.seed import around
from control import actions, approvals, kinds
from control.models import Action, Alert, Decision, KillSwitch
from integrations import inbound
from jobs import chain, sweep
from jobs.models import ArchivedJob, Event, Job
from pipeline.finding import schedule
from pipeline.finding.sources.file import count
from pipeline.mail import deliverability, suppressions
from pipeline.models import (
    Deal,
    Enrollment,
    IdealCustomer,
    InboundMail,
    Lead,
    Mailbox,
    Proposal,
    Prospect,
    ProspectImport,
    Source,
    Touch,
)
from pipeline.selling import documents
from pipeline.writing import windows
from tests.conftest import copy_of
from tests.factories import make_user, work_off

Status = Prospect.Status

TINY = seed.Scale(
    clients=2,
    leads=24,
    waiting=6,
    jobs=220,
    parked=12,
    alerts=10,
    open_alerts=2,
    prospects=160,
    drafts=3,
    upcoming=3,
    deals=12,
)


@pytest.fixture(scope="module")
def filled(
    django_db_setup: None, template_database: str, django_db_blocker: DjangoDbBlocker
) -> Iterator[int]:
    """Fill a house with a little of everything, once for all tests here; its operator's key."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with django_db_blocker.unblock(), copy_of(template_database, f"{worker}_seeded"):
        operator = make_user("operator", is_superuser=True)
        now = timezone.now()
        around.archive_days(now)
        with transaction.atomic():
            seed.write(TINY, "1", operator, now, lambda line: None)
        yield operator.pk


@pytest.fixture
def seeded(filled: int, db: None) -> User:
    """Return the operator of a filled house; what a test does there is undone."""
    return User.objects.get(pk=filled)


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


def test_there_are_prospects_of_every_kind(seeded: User) -> None:
    assert Prospect.objects.count() == TINY.prospects
    assert set(Prospect.objects.values_list("status", flat=True)) == set(Prospect.Status.values)
    assert IdealCustomer.objects.count() == 3
    assert set(Enrollment.objects.values_list("status", flat=True)) == set(Enrollment.Status.values)
    assert Prospect.objects.filter(fit__gte=60).exclude(reason="").exists()
    for prospect in Prospect.objects.all():
        assert prospect.domain.endswith(".example")
        assert prospect.keys.exists()
        assert all(len(one["quote"]) > 0 for one in prospect.signals)
    for source in Source.objects.exclude(url=""):
        assert source.seen == source.prospects.count() + source.sightings.count()
    for file in ProspectImport.objects.all():
        assert file.added == file.prospects.count()
        assert (
            file.rows == file.added + file.duplicates + file.refused == count(bytes(file.content))
        )


def test_what_became_of_a_prospect_follows_from_its_mails(seeded: User) -> None:
    written_to = set(Touch.objects.values_list("prospect_id", flat=True))
    for prospect in Prospect.objects.exclude(pk__in=written_to):
        assert prospect.status in (Status.NEW, Status.RESEARCHED, Status.DROPPED)
    for prospect in Prospect.objects.filter(pk__in=written_to).prefetch_related("mails"):
        labels = {mail.label for mail in prospect.mails.all() if mail.kind == "reply"}
        wanted = {
            frozenset(): {Status.CONTACTED, Status.DROPPED},
            frozenset({"later"}): {Status.REPLIED},
            frozenset({"interested"}): {Status.LEAD},
        }
        assert prospect.status in wanted.get(frozenset(labels), {Status.DECLINED})
    for enrollment in Enrollment.objects.exclude(status=Enrollment.Status.ACTIVE):
        assert enrollment.ended_at is not None
        last = enrollment.touches.filter(channel="email").latest("sent_at")
        assert enrollment.started_at <= last.sent_at <= enrollment.ended_at <= clock.now()
        assert bool(last.replied_at) == (enrollment.stop_reason == Enrollment.Stop.REPLY)
        assert bool(last.bounced_at) == (enrollment.stop_reason == Enrollment.Stop.BOUNCE)
    for touch in Touch.objects.exclude(bounced_at=None, unsubscribed_at=None, complained_at=None):
        assert suppressions.of(touch.to_address) is not None


def test_leads_that_answered_a_mail_were_prospects(seeded: User) -> None:
    leads = Lead.objects.filter(source="reply")
    assert leads.count() == Prospect.objects.filter(status=Status.LEAD).count() > 0
    for mail in InboundMail.objects.exclude(lead=None).select_related("thread", "prospect"):
        assert mail.thread is not None and mail.prospect is not None and mail.lead is not None
        assert mail.thread.lead_id == mail.lead_id
        assert (mail.prospect.name, mail.from_email) == (mail.lead.company, mail.lead.email)
        assert mail.text == mail.lead.message


def test_a_mail_that_came_reads_as_it_is_kept(seeded: User) -> None:
    kinds_ = set()
    for mail in InboundMail.objects.select_related("touch"):
        parsed = inbound.parse(bytes(mail.raw))
        kinds_.add(mail.kind)
        assert mail.touch is not None
        assert parsed.kind == mail.kind
        assert (parsed.from_email, parsed.to_email) == (mail.from_email, mail.to_email)
        assert (parsed.subject, parsed.message_id) == (mail.subject, mail.message_id)
        answers = parsed.original_message_id or parsed.in_reply_to
        assert answers == mail.in_reply_to == mail.touch.message_id
        if mail.kind == "reply":
            assert parsed.text == mail.text
    assert kinds_ == {"reply", "auto_reply", "bounce", "complaint"}


def test_no_mailbox_sent_more_than_it_may_nor_at_night(seeded: User) -> None:
    for mailbox in Mailbox.objects.exclude(started_on=None):
        sent = Counter(windows.day_of(touch.sent_at) for touch in mailbox.touches.all())
        assert all(many <= windows.cap(mailbox, day) for day, many in sent.items())
        assert all(mailbox.started_on is not None and day >= mailbox.started_on for day in sent)
    for touch in Touch.objects.filter(channel="email").select_related("prospect"):
        assert 8 <= touch.sent_at.astimezone(windows.zone_of(touch.prospect)).hour < 18
    deliverability.look()
    assert not KillSwitch.objects.filter(value="send_email").exists()


def test_only_who_is_meant_to_goes_on_in_a_sequence(seeded: User) -> None:
    inside = Enrollment.objects.filter(status=Enrollment.Status.ACTIVE, sequence__active=True)
    drafts = Action.objects.filter(kind="send_email", status=Action.Status.WAITING)
    assert drafts.count() == TINY.drafts == inside.exclude(announced_at=None).count()
    upcoming = inside.filter(announced_at=None)
    assert 0 < upcoming.count() <= TINY.upcoming
    assert all(one.due_at > clock.now() for one in upcoming)
    schedule.find(Job(), cast(Any, None))
    assert not Event.objects.filter(name__in=["prospect.added", "prospect.stale"]).exists()


def test_what_is_sold_holds_together(seeded: User) -> None:
    sold = Deal.objects.select_related("lead", "client")
    assert {deal.stage for deal in sold} >= {"booked", "proposed", "won"}
    for deal in sold:
        assert (deal.closed_at is None) == deal.is_open
        assert deal.meetings.count() == 1
        if deal.stage == "won":
            assert deal.lead.outcome == "won" and deal.client is not None
            assert deal.client.subscriptions.get().status == "active"
            assert deal.proposals.get().signature.pdf
    for proposal in Proposal.objects.select_related("deal"):
        assert documents.check(proposal).ok
