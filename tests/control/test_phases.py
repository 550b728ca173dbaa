"""What the docs say of each phase is what the code does."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from control import kinds, phases, policy
from control.management.commands.phases import PAGE
from control.models import Level
from control.phases import Standing

KINDS = [kinds.get(name) for name in kinds.names()]


def test_the_table_in_the_docs_is_that_of_the_kinds_there_are() -> None:
    page = PAGE.read_text()
    assert phases.with_table(page) == page, "run manage.py phases --write"


def test_the_command_prints_it() -> None:
    out = StringIO()
    call_command("phases", stdout=out)
    assert out.getvalue().strip() == phases.table()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_later_phase_never_asks_for_more(kind: kinds.ActionKind[Any]) -> None:
    laxer = [Standing.ASKS, Standing.MAY, Standing.RUNS]
    found = [phases.standing(kind, phase) for phase in (1, 2, 3, 4)]
    if Standing.ALWAYS in found:
        assert set(found) == {Standing.ALWAYS}
    else:
        assert found == sorted(found, key=laxer.index)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_policy_does_what_the_table_says(kind: kinds.ActionKind[Any]) -> None:
    for phase in (1, 2, 3, 4):
        runs = policy.of_phase(kind, phase).level == Level.AUTO and not kind.always_asks
        assert runs == (phases.standing(kind, phase) == Standing.RUNS)
    assert policy.of_phase(kind, 9).level == Level.FORBID


def test_cold_mail_is_never_earned_ahead() -> None:
    for kind in KINDS:
        if kind.message_class == "cold":
            assert phases.earnable_from(kind) >= kind.auto_from_phase


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_in_the_first_phase_everything_outward_asks_whatever_was_earned(
    kind: kinds.ActionKind[Any],
) -> None:
    if kind.outward:
        assert phases.standing(kind, 1) in (Standing.ASKS, Standing.ALWAYS)
