"""A house with no keys, at high speed, in each phase: from a name in a listing to a paid client."""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import override_settings

from agency import clock, profiles
from agency.models import AgencyProfile
from agency.settings import BASE_DIR
from agency.supervisor import Child, Supervisor
from billing.models import Contract, Payment, Subscription
from control import approvals, kinds
from control.models import Action, Alert, Level
from jobs import endpoints
from pipeline.models import Deal, Mailbox, Meeting, Proposal, Prospect
from tests import workers
from tests.factories import make_user
from tests.mailserver import free_port

SPEED = 14_400
"""A business day in six seconds."""

MAILS_A_DAY = 8
PATIENCE_SECONDS = 300.0

EAGER = """
from sandbox.market import rates
rates.COMPANIES = 30
rates.TEMPERS, rates.ANSWERED_MAIL = {"interested": 1.0}, {1: 1.0}
rates.BY_FORM = rates.NEXT_DAY = rates.OTHER_ADDRESS = 0.0
rates.BOOKS, rates.BOOKS_AT_ONCE = {"interested": 1.0}, 1.0
rates.CALLS, rates.UNFIT, rates.ORDERS = {"attend": 1.0}, 0.0, 0.0
rates.PROPOSALS = {"sign": 0.7, "haggle": 0.3}
rates.DELAY_MINUTES = dict.fromkeys(rates.DELAY_MINUTES, (4, 60))
from sandbox.__main__ import main
main()
"""
"""Everybody outside says yes, soon: what is looked at here is the way, not how many go it."""


@pytest.fixture
def house(committed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Run web, a worker and an eager market as `make run` does, on a database of its own."""
    ports = {name: free_port() for name in ("PORT", "SANDBOX_SMTP_PORT", "SANDBOX_WEB_PORT")}
    app = f"http://127.0.0.1:{ports['PORT']}"
    own = {
        **ports,
        "DATA_DIR": tmp_path,
        "MAILBOX_DIR": tmp_path / "mailbox",
        "BUSINESS_SPEED": SPEED,
        "SECRET_KEY": settings.SECRET_KEY,
        "DEBUG": 1,  # static files as they lie there
        "MAILGUN_SIGNING_KEY": settings.MAILGUN_SIGNING_KEY,
        "SANDBOX_CHECKOUT_KEY": settings.SANDBOX_CHECKOUT_KEY,
    }
    for name, value in own.items():
        monkeypatch.setenv(name, str(value))
    (tmp_path / "static").mkdir()
    with override_settings(PUBLIC_URL=app, BUSINESS_SPEED=SPEED, **ports):
        clock._anchor.cache_clear()
        call_command("begin")
        AgencyProfile.objects.update(undo_send_seconds=0)
        Mailbox.objects.update(ramp_start=MAILS_A_DAY, ramp_growth=0, daily_cap=MAILS_A_DAY)
        supervisor = Supervisor(tmp_path, BASE_DIR, print)
        serve = ("-m", "uvicorn", "agency.asgi:application", "--port", str(ports["PORT"]))
        for name, arguments in (("web", serve), ("market", _market(app, tmp_path))):
            supervisor.start(Child(name, (sys.executable, *arguments), env={"DB_POOL_SIZE": "20"}))
        try:
            with workers.worker(threads=16, lease=15):
                yield
        finally:
            supervisor.stop()
            clock._anchor.cache_clear()


def _market(app: str, folder: Path) -> tuple[str, ...]:
    began = AgencyProfile.load().created_at.timestamp()
    return (
        *("-c", EAGER, "market", "--maildir", str(folder / "mailbox")),
        *("--smtp-port", os.environ["SANDBOX_SMTP_PORT"]),
        *("--web-port", os.environ["SANDBOX_WEB_PORT"]),
        *("--app-url", app, "--lead-form", f"{app}/hooks/leads/none"),
        *("--meetings-hook", endpoints.url(endpoints.ensure("meetings", "recorder"))),
        *("--epoch", str(began), "--speed", str(SPEED)),
    )


@pytest.mark.parametrize("phase", AgencyProfile.Phase.values)
def test_in_each_phase_somebody_who_was_found_signs_and_pays(house: None, phase: int) -> None:
    user = make_user()
    profiles.set_phase(phase, by=user.username)
    try:
        workers.until(
            lambda: _approved(user) and _won(),
            f"a client in phase {phase}",
            seconds=PATIENCE_SECONDS,
        )
    except AssertionError as error:
        raise AssertionError(f"{_standing()}\n{error}") from error
    _check_client(_won())
    seen = _asked()
    sys.stdout.write(_table(phase, seen))
    for (kind, level), count in seen.items():
        runs = phase >= kinds.get(kind).auto_from_phase
        assert level == (Level.AUTO if runs else Level.ASK), (kind, level, count)
    on_the_way = {"add_prospect", "send_email", "reply_to_lead", "read_notes", "send_proposal"}
    assert on_the_way <= {kind for kind, _ in seen}


def _approved(user: User) -> bool:
    """Say yes to all that asks, as it stands."""
    for action in Action.objects.filter(status=Action.Status.WAITING):
        # It was withdrawn, or said anew, between the look and the word.
        with suppress(approvals.Stale, approvals.NotAllowed):
            approvals.approve(action, by=user, seen_hash=action.content_hash)
    return True


def _won() -> Deal | None:
    """Return a deal that was won with somebody whom nobody knew before."""
    return Deal.objects.filter(stage="won", prospect__isnull=False).first()


def _check_client(deal: Deal | None) -> None:
    """Look whether all is there that a client of ours has."""
    assert deal is not None and deal.client is not None and deal.prospect is not None
    found = Action.objects.get(effect__prospect=str(deal.prospect_id), effect__new=True)
    assert (found.kind, found.agent) == ("add_prospect", "scout")
    assert deal.prospect.researched_at is not None and deal.prospect.facts.exists()
    assert deal.prospect.status == Prospect.Status.LEAD and deal.lead.score is not None
    assert not deal.prospect.enrollments.filter(status="active").exists()
    for action in Action.objects.filter(pk__in=deal.prospect.touches.values("action_id")):
        decision = action.decisions.get(verdict="approve", consumed_at__isnull=False)
        assert (decision.user is None) == (action.level == Level.AUTO), (action, decision)
    proposal = deal.proposals.get(status=Proposal.Status.PAID)
    assert proposal.signature.document_sha256 == proposal.document_sha256
    assert Contract.objects.get(client=deal.client).reference == proposal.pk
    assert Subscription.objects.filter(client=deal.client, status="active").exists()
    payment = Payment.objects.get(reference=proposal.pk)
    assert (payment.status, payment.provider, payment.world) == ("paid", "sandbox", "sandbox")
    meeting = deal.meetings.get(status="held")
    assert meeting.notes.filter(kind="transcript").exists()
    # Of a call an hour ahead: here a quarter of a second, which one or the other may miss.
    assert Meeting.objects.exclude(brief={}).exists()


def _asked() -> Counter[tuple[str, str]]:
    """Count what asked and what ran by itself, but for what no phase decides."""
    found: Counter[tuple[str, str]] = Counter()
    for action in Action.objects.only("kind", "policy", "level"):
        if all(one["level"] == "auto" for one in action.policy if one["step"] != "phase"):
            found[action.kind, action.level] += 1
    return found


def _standing() -> str:
    """Say how far everybody is."""
    rows = (
        Action.objects.values_list("kind", "status"),
        Meeting.objects.values_list("status"),
        Deal.objects.values_list("stage"),
        Proposal.objects.values_list("status"),
        Payment.objects.values_list("status"),
        Alert.objects.values_list("title"),
    )
    return "\n".join(f"{found.model.__name__}: {dict(Counter(found))}" for found in rows)


def _table(phase: int, seen: Counter[tuple[str, str]]) -> str:
    """Return each kind of action with how often it asked and how often it ran by itself."""
    kinds_seen = sorted({kind for kind, _ in seen})
    lines = [f"{kind:20}{seen[kind, Level.ASK]:7}{seen[kind, Level.AUTO]:7}" for kind in kinds_seen]
    head = f"{f'in phase {phase}':20}{'asked':>7}{'ran':>7}"
    return "\n".join(("", head, *lines, ""))
