"""The rules for cold mail, each tried to be broken; replies and transactional mail go through."""

import datetime as dt
import uuid
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import Settings

from agency import clock
from agency.models import AgencyProfile
from control import actions, approvals, policy
from control.models import Action, Alert, Level
from jobs.models import Job
from pipeline.mail import suppressions
from pipeline.models import Contact, Enrollment, Mailbox, Prospect, Sequence, Touch
from pipeline.writing import outreach, windows
from tests.factories import make_user, received, work_off
from tests.mailserver import Inbox
from tests.people import drafted, enrolled, make_prospect, tell_steps

PHOENIX = ZoneInfo("America/Phoenix")
MORNING = dt.datetime(2026, 3, 3, 10, 0, tzinfo=PHOENIX)
EVENING = dt.datetime(2026, 3, 3, 21, 30, tzinfo=PHOENIX)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, MORNING)


def at(monkeypatch: pytest.MonkeyPatch, moment: dt.datetime) -> None:
    """Set business time."""
    monkeypatch.setattr(clock, "now", lambda: moment)


def approve(action: Action) -> None:
    action.refresh_from_db()
    user = User.objects.filter(username="olivia").first() or make_user()
    approvals.approve(action, by=user, seen_hash=action.content_hash)


def sent(inbox: Inbox, action: Action) -> bool:
    """Approve the mail, let its undo window pass, and say whether it went out."""
    approve(action)
    work_off(ahead=True)
    return bool(inbox.letters)


def held_because(action: Action) -> str:
    action.refresh_from_db()
    assert action.status in (Action.Status.HELD, Action.Status.WAITING)
    return action.error


def test_a_cold_mail_goes_out_as_it_was_shown(inbox: Inbox) -> None:
    action = drafted()
    assert sent(inbox, action)

    (letter,) = inbox.letters
    link = action.rendered["unsubscribe"]
    assert letter["List-Unsubscribe"].strip() == f"<{link}>"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text = letter.get_content()
    assert AgencyProfile.load().postal_address in text
    assert link in text
    touch = Touch.objects.get()
    assert (touch.to_address, touch.sent_at) == ("pat@mesapipeworks.example", MORNING)
    assert Prospect.objects.get().status == Prospect.Status.CONTACTED


def test_the_next_step_falls_due_after_the_first_went_out(inbox: Inbox) -> None:
    assert sent(inbox, drafted())
    enrollment = Enrollment.objects.get()
    assert enrollment.position == 1
    assert enrollment.due_at == enrollment.started_at + dt.timedelta(days=2)


@pytest.mark.parametrize(
    ("scope", "value"),
    [
        ("address", "PAT@mesapipeworks.example"),
        ("domain", "mesapipeworks.example"),
        ("company", "mesa pipe works"),
        ("keyword", "pipe"),
    ],
)
def test_whoever_is_suppressed_gets_nothing(inbox: Inbox, scope: str, value: str) -> None:
    action = drafted()
    suppressions.add(scope, value, reason="asked to")
    with pytest.raises(approvals.NotAllowed, match="suppressed"):
        approve(action)
    assert not inbox.letters


@pytest.mark.parametrize(
    ("scope", "value", "address"),
    [
        ("address", "pat@mesa.example", "pat+news@mesa.example"),
        ("address", "pat@bücher.example", "pat@xn--bcher-kva.example"),
        ("address", "pat@xn--bcher-kva.example", "pat@BÜCHER.example"),
        ("domain", "bücher.example", "pat@mail.xn--bcher-kva.example"),
        ("domain", "xn--bcher-kva.example", "pat@mail.bücher.example"),
        ("domain", "mesa.example", "pat@\uff4d\uff45sa.example"),
        ("domain", "mesa.example", "pat@a.b.mesa.example"),
    ],
)
def test_an_address_in_another_spelling_is_suppressed_too(
    scope: str, value: str, address: str
) -> None:
    suppressions.add(scope, value, reason="asked to")
    assert suppressions.of(address) is not None
    assert suppressions.of("pat@other.example") is None
    assert suppressions.of("pat@notmesa.example") is None


@pytest.mark.parametrize("status", [Action.Status.EXECUTING, Action.Status.UNKNOWN])
def test_a_mail_that_may_be_on_its_way_to_them_counts(inbox: Inbox, status: str) -> None:
    action = drafted()
    other = Action.objects.get(pk=action.pk)
    other.pk, other.status = uuid.uuid4(), status
    other.params = other.params | {"enrollment": str(uuid.uuid4())}
    other.save(force_insert=True)
    with pytest.raises(approvals.NotAllowed, match="on its way"):
        approve(action)
    assert not inbox.letters


def test_at_the_wrong_hour_it_waits_for_their_morning(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = drafted()
    at(monkeypatch, EVENING)
    approve(action)
    action.refresh_from_db()
    assert action.not_before is not None
    wait = action.not_before - timezone.now()
    assert dt.timedelta(hours=10, minutes=29) < wait < dt.timedelta(hours=10, minutes=31)

    work_off_once_early()
    action.refresh_from_db()
    assert (inbox.letters, action.status) == ([], Action.Status.APPROVED)

    at(monkeypatch, MORNING + dt.timedelta(days=1))
    work_off(ahead=True)
    assert len(inbox.letters) == 1


def work_off_once_early() -> None:
    """Run the sending job before its time, as a clock that is wrong would."""
    Job.objects.filter(kind="control.execute").update(run_at=timezone.now())
    work_off()
    job = Job.objects.get(kind="control.execute")
    assert (job.status, job.attempt) == (Job.Status.SCHEDULED, 0)


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Europe/Berlin", "America/New_York"])
def test_the_hours_are_those_of_their_own_zone(zone: str) -> None:
    sequence = Sequence(send_from=8, send_until=18)
    for hour in range(24):
        moment = dt.datetime(2026, 3, 28, hour, tzinfo=dt.UTC)
        opens = windows.opens(sequence, ZoneInfo(zone), moment)
        assert 8 <= opens.astimezone(ZoneInfo(zone)).hour < 18
        assert dt.timedelta(0) <= opens - moment <= dt.timedelta(hours=14)


def test_over_the_ramp_it_waits_for_tomorrow(inbox: Inbox) -> None:
    action = drafted()
    mailbox = Mailbox.objects.get()
    AgencyProfile.objects.update(timezone="America/Phoenix")
    Mailbox.objects.update(ramp_start=1, started_on=MORNING.date())
    Touch.objects.create(
        prospect=Prospect.objects.get(), channel="email", mailbox=mailbox, sent_at=MORNING
    )
    approve(action)
    work_off_once_early()
    action.refresh_from_db()
    assert (inbox.letters, action.status) == ([], Action.Status.APPROVED)
    assert action.not_before is not None
    assert action.not_before > timezone.now() + dt.timedelta(hours=12)


def test_the_ramp_grows_a_fifth_a_day_to_its_cap() -> None:
    box = Mailbox(ramp_start=20, ramp_growth=20, daily_cap=200, started_on=dt.date(2026, 3, 1))
    days = [windows.cap(box, dt.date(2026, 3, 1) + dt.timedelta(days=n)) for n in range(20)]
    assert days[:4] == [20, 24, 28, 34]
    assert days[-1] == 200
    assert days == sorted(days)


def test_without_a_postal_address_nothing_leaves(inbox: Inbox) -> None:
    action = drafted()
    AgencyProfile.objects.update(postal_address="")
    with pytest.raises(approvals.Stale):
        approve(action)
    with pytest.raises(approvals.NotAllowed, match="postal address"):
        approve(action)
    assert not inbox.letters


def test_without_a_sender_nothing_leaves(inbox: Inbox) -> None:
    action = drafted()
    AgencyProfile.objects.update(sender_email="")
    with pytest.raises(approvals.NotAllowed, match="your sender address or postal address"):
        approve(action)
    assert not inbox.letters


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"unsubscribe": ""}, "the way to unsubscribe is missing"),
        ({"footer": "Northwind · 41 Mill Street"}, "the way to unsubscribe is missing"),
        ({"footer": "{unsubscribe}"}, "the postal address in it is not the one in Settings"),
    ],
)
def test_a_mail_without_its_way_out_or_address_is_never_let_through(
    changed: dict[str, str], why: str
) -> None:
    action = drafted()
    link = action.rendered["unsubscribe"]
    action.rendered |= {name: text.format(unsubscribe=link) for name, text in changed.items()}
    judgement = policy.judge(action)
    assert judgement.level == Level.FORBID
    assert why in judgement.reason


def test_an_edited_body_keeps_the_footer_and_the_headers(inbox: Inbox) -> None:
    action = drafted()
    approvals.edit(
        action,
        {"body": "Hi Pat, shall we talk?"},
        by=make_user("rob"),
        seen_hash=action.content_hash,
    )
    assert sent(inbox, action)
    (letter,) = inbox.letters
    assert action.rendered["unsubscribe"] in letter.get_content()
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize("hours", [(7, 18), (8, 19), (0, 24), (12, 12)])
def test_no_sequence_can_be_given_other_hours(hours: tuple[int, int]) -> None:
    sequence = Sequence(name="At night", send_from=hours[0], send_until=hours[1])
    with pytest.raises(IntegrityError), transaction.atomic():
        sequence.save()


@pytest.mark.parametrize(
    "stop", [Enrollment.Stop.BOUNCE, Enrollment.Stop.COMPLAINT, Enrollment.Stop.BOOKING]
)
def test_whoever_bounced_complained_or_booked_gets_no_more(
    inbox: Inbox, stop: Enrollment.Stop
) -> None:
    action = drafted()
    approve(action)
    outreach.stop(Prospect.objects.get(), stop)
    tell_steps()
    work_off(ahead=True)
    assert not inbox.letters
    assert not Action.objects.filter(status__in=Action.UNSETTLED).exists()


def test_a_second_mail_within_a_week_is_refused(inbox: Inbox) -> None:
    prospect = make_prospect()
    Touch.objects.create(
        prospect=prospect,
        channel="email",
        to_address="pat@mesapipeworks.example",
        sent_at=MORNING - dt.timedelta(days=6),
    )
    enrolled(prospect)
    tell_steps()
    action = Action.objects.get(kind="send_email")
    assert action.status == Action.Status.HELD
    assert "last 7 days" in action.error


def test_an_unsubscribe_between_approval_and_sending_stops_it(inbox: Inbox) -> None:
    action = drafted()
    approve(action)
    prospect = Prospect.objects.get()
    suppressions.add("address", "pat@mesapipeworks.example", reason="one click")
    outreach.stop(prospect, Enrollment.Stop.UNSUBSCRIBE)
    work_off(ahead=True)
    action.refresh_from_db()
    assert (inbox.letters, action.status) == ([], Action.Status.EXPIRED)
    assert not Alert.objects.exists()


def test_a_suppression_alone_stops_what_is_approved(inbox: Inbox) -> None:
    action = drafted()
    approve(action)
    suppressions.add("domain", "mesapipeworks.example", reason="asked to")
    work_off(ahead=True)
    assert not inbox.letters
    assert "suppressed" in held_because(action)


def test_a_reply_between_due_and_sending_stops_it(inbox: Inbox) -> None:
    action = drafted()
    outreach.stop(Prospect.objects.get(), Enrollment.Stop.REPLY)
    action.refresh_from_db()
    assert action.status == Action.Status.EXPIRED
    assert "they replied" in action.error
    work_off(ahead=True)
    assert not inbox.letters


def test_people_of_the_sandbox_get_no_real_mail(inbox: Inbox, settings: Settings) -> None:
    action = drafted()
    settings.EMAIL_URL = f"smtp://127.0.0.1:{inbox.port}?tls=off"
    AgencyProfile.objects.update(is_sample=False)
    with pytest.raises(approvals.NotAllowed, match="sandbox prospects get no real mail"):
        approve(action)


def test_no_real_mail_comes_from_a_made_up_address(inbox: Inbox, settings: Settings) -> None:
    action = drafted()
    Prospect.objects.update(world="real")
    Contact.objects.update(email="pat@mesapipeworks.com")
    settings.EMAIL_URL = f"smtp://127.0.0.1:{inbox.port}?tls=off"
    AgencyProfile.objects.update(is_sample=False)
    action.refresh_from_db()
    actions.render(action)
    judgement = policy.judge(action)
    assert "is no address that real mail can come from" in judgement.reason
    assert not inbox.letters


def test_real_people_get_no_sandbox_mail() -> None:
    prospect = make_prospect(world="real")
    enrolled(prospect)
    tell_steps()
    action = Action.objects.get(kind="send_email")
    assert action.status == Action.Status.HELD
    assert "real prospects get no sandbox mail" in action.error


def test_a_paused_mailbox_and_a_paused_sequence_send_nothing() -> None:
    action = drafted()
    Mailbox.objects.update(active=False)
    with pytest.raises(approvals.NotAllowed, match="is paused"):
        approve(action)
    Mailbox.objects.update(active=True)
    Sequence.objects.update(active=False)
    with pytest.raises(approvals.NotAllowed, match="the sequence is paused"):
        approve(action)


def test_a_rejected_step_ends_the_sequence() -> None:
    action = drafted()
    approvals.reject(
        action, by=make_user(), seen_hash=action.content_hash, reason="not this company"
    )
    work_off(ahead=True)
    enrollment = Enrollment.objects.get()
    assert (enrollment.status, enrollment.stop_reason) == ("stopped", "rejected")


@pytest.mark.parametrize("status", ["declined", "dropped", "lead"])
def test_nobody_who_declined_or_was_dropped_is_let_go_on(status: str) -> None:
    action = drafted()
    prospect = Prospect.objects.get(pk=action.subject_id)
    outreach.stop(prospect, Enrollment.Stop.REPLY)
    Prospect.objects.update(status=status)
    with pytest.raises(outreach.CannotEnroll, match=f"is {status}"):
        outreach.resume(Enrollment.objects.get(), by="olivia")
    assert Enrollment.objects.get().status == Enrollment.Status.STOPPED


def test_a_reply_goes_to_whoever_wrote_after_being_suppressed(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    suppressions.add("domain", "harborplumbing.example", reason="asked to")
    lead = received()
    at(monkeypatch, EVENING)
    action = Action.objects.get(kind="reply_to_lead", subject_id=str(lead.pk))
    assert sent(inbox, action)
