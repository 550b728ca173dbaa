"""How `make run` starts the market."""

import pytest
from pytest_django import Settings

from agency.management.commands import run
from agency.models import AgencyProfile
from tests import factories


@pytest.mark.django_db
def test_the_market_is_told_where_it_is_and_its_key_in_secret(settings: Settings) -> None:
    settings.MAILGUN_SIGNING_KEY = "a key that nobody may read"
    settings.SANDBOX_SEED, settings.BUSINESS_SPEED = 7, 1440
    (market,) = run.outside()
    said = " ".join(market.argv)
    assert market.name == "market"
    assert f"--app-url {settings.PUBLIC_URL} --lead-form {settings.PUBLIC_URL}/hooks/leads/" in said
    assert f"--meetings-hook {settings.PUBLIC_URL}/hooks/meetings/" in said
    assert f"--epoch {AgencyProfile.load().created_at.timestamp()}" in said
    assert "--speed 1440 --seed 7" in said
    assert "a key" not in said
    assert market.env["MAILGUN_SIGNING_KEY"] == "a key that nobody may read"


@pytest.mark.django_db
def test_where_mail_is_real_there_is_no_market(settings: Settings) -> None:
    settings.EMAIL_URL = "smtp://mail.example"
    factories.make_user("operator")
    assert run.outside() == []
    assert not any("market" in line for line in run.greeting_lines())


@pytest.mark.django_db
def test_the_greeting_says_that_nobody_outside_is_real(settings: Settings) -> None:
    settings.BUSINESS_SPEED = 1440
    factories.make_user("operator")
    said = "\n".join(run.greeting_lines())
    assert "A simulated market (seed 1, a business day in 60 s); nobody real is contacted" in said
