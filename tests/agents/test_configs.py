"""Versions of settings: never changed, compared, deployed, and rolled back by a new one."""

from typing import Any

import pytest
from django.db import DatabaseError, transaction

from agency.models import AuditEntry
from agents import configs
from agents.fleet.qualifier import QualifierSettings
from agents.models import AgentConfig, Run
from tests import factories

pytestmark = pytest.mark.django_db


def settings_with(**changes: Any) -> dict[str, Any]:
    return {**configs.deployed("qualifier").settings, **changes}


def create(**changes: Any) -> AgentConfig:
    return configs.create("qualifier", settings_with(**changes), by="olivia", note="A try")


def refused(**changes: Any) -> configs.InvalidSettings:
    with pytest.raises(configs.InvalidSettings) as caught:
        create(**changes)
    assert AgentConfig.objects.count() == 1
    return caught.value


def test_the_first_version_is_the_defaults() -> None:
    config = configs.deployed("qualifier")
    assert (config.version, config.note) == (1, "Defaults")
    assert QualifierSettings.model_validate(config.settings) == QualifierSettings()
    assert configs.deployed("qualifier") == config
    assert AgentConfig.objects.count() == 1


def test_the_database_refuses_to_change_or_drop_a_version() -> None:
    config = create(qualified_from=65)
    for change in (
        lambda: AgentConfig.objects.filter(pk=config.pk).update(note="Better"),
        lambda: AgentConfig.objects.filter(pk=config.pk).delete(),
        lambda: AgentConfig(pk=config.pk, agent="qualifier", version=2, settings={}).save(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    config.refresh_from_db()
    assert (config.note, config.settings["qualified_from"]) == ("A try", 65)


def test_a_new_version_waits_until_it_is_deployed() -> None:
    config = create(qualified_from=99)
    assert (config.version, config.created_by, config.note) == (2, "olivia", "A try")
    assert factories.received().status == "qualified"

    configs.deploy(config, by="olivia")

    lead = factories.received()
    assert lead.status == "review"
    assert Run.objects.get(subject_id=str(lead.pk)).config == config


def test_the_difference_names_each_field() -> None:
    old = configs.deployed("qualifier")
    new = create(
        qualified_from=65, examples=["Hi"], weights=old.settings["weights"] | {"soon": 20.0}
    )
    assert configs.diff(old, new) == {
        "examples": {"from": [], "to": ["Hi"]},
        "qualified_from": {"from": 70, "to": 65},
        "weights.soon": {"from": 12.0, "to": 20.0},
    }
    assert configs.diff(new, new) == {}


def test_rolling_back_is_a_new_version_with_the_old_settings() -> None:
    first = configs.deployed("qualifier")
    configs.deploy(create(qualified_from=65), by="olivia")

    third = configs.roll_back(first, by="olivia")

    assert (third.version, third.note) == (3, "Back to version 1")
    assert third.settings == first.settings
    assert configs.deployed("qualifier") == third
    assert AgentConfig.objects.count() == 3


def test_who_made_and_deployed_what_is_in_the_trail() -> None:
    configs.deploy(create(qualified_from=65), by="olivia")
    made, deployed = AuditEntry.objects.filter(verb__startswith="config.").order_by("pk")
    assert made.verb == "config.created"
    assert "olivia made version 2 of Qualifier: A try" in made.sentence
    assert deployed.sentence == "olivia deployed version 2 of Qualifier in place of 1"
    assert deployed.data["diff"] == {"qualified_from": {"from": 70, "to": 65}}


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"qualified_from": 101}, "qualified_from", "less than or equal to 100"),
        ({"qualified_from": "many"}, "qualified_from", "valid integer"),
        ({"review_from": 70}, "review_from", "must be below “qualified from”"),
        ({"qualified_from": 40}, "review_from", "must be below “qualified from”"),
        ({"prompt_note": "x" * 2_001}, "prompt_note", "at most 2000 characters"),
        ({"prompt_note": "a\x00b"}, "settings", "cannot be kept"),
        ({"examples": ["x"] * 11}, "examples", "at most 10 items"),
        ({"weights": {"charm": 50}}, "weights", "there is no signal “charm”"),
        ({"weights": {"soon": "lots"}}, "weights.soon", "valid number"),
        ({"colour": "red"}, "colour", "not permitted"),
    ],
)
def test_settings_that_do_not_fit_name_the_field(
    changes: dict[str, Any], field: str, reason: str
) -> None:
    error = refused(**changes)
    assert error.field == field
    assert reason in error.reason
    assert str(error).startswith(f"{field}: ")


def test_a_version_that_does_not_fit_any_more_is_not_deployed() -> None:
    now = configs.deployed("qualifier")
    old = AgentConfig.objects.create(
        agent="qualifier", version=2, settings={"charm": 1}, created_by="an older release"
    )
    with pytest.raises(configs.InvalidSettings):
        configs.deploy(old, by="olivia")
    assert configs.deployed("qualifier") == now


def test_weights_nobody_named_keep_their_default() -> None:
    weights = create(weights={"soon": 20}).settings["weights"]
    assert weights == QualifierSettings().weights | {"soon": 20.0}
