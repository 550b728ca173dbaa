"""A rule tightens what a phase allows; lifting it gives back no more than it took."""

import pytest

from agency.models import AgencyProfile, AuditEntry
from control import autonomy, kinds
from control.models import Action, AutonomyRule
from tests import factories

pytestmark = pytest.mark.django_db

BOTH = ("qualify_lead", "reply_to_lead")


def levels(phase: int = 1) -> list[str]:
    return [one.level for one in autonomy.read("qualifier", BOTH, phase)]


def test_the_phase_says_where_a_kind_starts() -> None:
    assert levels(phase=1) == ["auto", "ask"]
    assert levels(phase=2) == ["auto", "auto"]
    starts = [one.starts for one in autonomy.read("qualifier", BOTH, 1)]
    assert starts == ["runs in every phase", "runs from phase 2 on"]


def test_a_rule_makes_it_ask_in_any_phase_and_is_in_the_trail() -> None:
    autonomy.tighten("qualifier", "qualify_lead", "ask", reason="Odd scores", by="olivia")
    assert levels(phase=4) == ["ask", "auto"]
    factories.received()
    assert Action.objects.get(kind="qualify_lead").status == "waiting"
    said = AuditEntry.objects.get(verb="autonomy.tightened").sentence
    assert said == "olivia: Qualifier must ask about scores: Odd scores"


def test_what_a_rule_forbade_goes_on_when_it_is_lifted() -> None:
    rule = autonomy.tighten("qualifier", "qualify_lead", "forbid", reason="Odd", by="olivia")
    factories.received()
    assert Action.objects.get(kind="qualify_lead").status == "held"

    assert autonomy.lift(rule, by="olivia")
    factories.work_off()
    assert Action.objects.get(kind="qualify_lead").status == "done"
    assert not autonomy.lift(rule, by="olivia")
    assert AuditEntry.objects.filter(verb="autonomy.lifted").count() == 1


def test_no_rule_loosens() -> None:
    with pytest.raises(autonomy.NoTighter):
        autonomy.tighten("qualifier", "reply_to_lead", "auto", reason="Go", by="olivia")
    with pytest.raises(kinds.UnknownActionKind):
        autonomy.tighten("qualifier", "launch", "ask", reason="Go", by="olivia")
    assert not AutonomyRule.objects.exists()


def test_the_same_rule_is_made_once() -> None:
    for _ in range(2):
        try:
            autonomy.tighten("qualifier", "reply_to_lead", "ask", reason="Odd", by="olivia")
        except autonomy.SaidAlready as already:
            assert "already" in str(already)
    assert AutonomyRule.objects.count() == 1


def test_a_rule_for_everybody_reaches_it_too_and_one_for_a_client_is_only_shown() -> None:
    phase = AgencyProfile.load().phase
    AutonomyRule.objects.create(kind="qualify_lead", level="ask", reason="All ask")
    AutonomyRule.objects.create(agent="booker", level="forbid", reason="Not this one")
    (one,) = autonomy.read("qualifier", ("qualify_lead",), phase)
    assert (one.level, [rule.reason for rule in one.rules]) == ("ask", ["All ask"])


def test_a_rule_for_one_client_is_in_the_clients_trail() -> None:
    vale = factories.make_client()
    autonomy.tighten("", "", "ask", reason="They are new", by="olivia", client=vale)
    said = AuditEntry.objects.get(verb="autonomy.tightened", client=vale).sentence
    assert said == ("olivia: Every agent must ask about anything for Vale Dental: They are new")
    assert [rule.reason for rule in autonomy.of_client(vale)] == ["They are new"]
    assert levels(phase=1) == ["auto", "ask"]


def test_a_rule_for_every_client_names_what_it_tightens() -> None:
    with pytest.raises(autonomy.NoTighter, match="names an agent"):
        autonomy.tighten("", "qualify_lead", "ask", reason="Go", by="olivia")
