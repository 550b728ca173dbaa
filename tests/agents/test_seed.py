"""`manage.py seed`: history that the rest of the house takes for its own, and nothing that acts."""

import datetime as dt
import io
import random
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from agency.models import AgencyProfile, Client
from agents.management.commands.seed import refuse_beside_the_real
from agents.seed import mails, people, stories
from integrations import inbound
from tests.factories import make_user


@pytest.fixture
def operator(db: None) -> User:
    return make_user("operator", is_superuser=True)


def test_the_same_seed_plans_the_same() -> None:
    now = timezone.now()
    plans = [stories.plan(random.Random("7"), 60, 9, now) for _ in range(2)]
    assert plans[0] == plans[1]
    assert plans[0] != stories.plan(random.Random("8"), 60, 9, now)
    people_ = [people.person(random.Random("7"), "dental", number) for number in (3, 3)]
    assert people_[0] == people_[1]


@pytest.mark.parametrize("make", [mails.bounce, mails.complaint])
def test_a_report_in_any_script_is_read_as_one(make: Callable[..., mails.Came]) -> None:
    sent = mails.Sent(
        message_id="<1@northwind.example>",
        subject="Calls at Zoë’s Plumbing",
        sender="olivia@northwind.example",
        recipient="zoe@plumbing.example",
        at=dt.datetime(2026, 11, 3, 9, tzinfo=dt.UTC),
    )
    parsed = inbound.parse(make(sent, key="7", at=sent.at).raw)
    assert parsed.kind == make.__name__
    assert parsed.original_message_id == sent.message_id


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
