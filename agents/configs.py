"""Versions of an agent's settings: immutable, compared before they are deployed, rolled back by
a new version."""

from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError

from agency import audit, live
from agency.models import AuditEntry
from agents import fleet
from agents.models import AgentConfig, DeployedConfig


class InvalidSettings(Exception):
    """The settings do not fit the agent; `field` says which, the message why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def deployed(agent: str) -> AgentConfig:
    """Return the version the agent runs on, made from its defaults on first use."""
    row = DeployedConfig.objects.select_related("config").filter(agent=agent).first()
    if row is not None:
        return row.config
    with transaction.atomic():
        defaults = fleet.get(agent).settings().model_dump(mode="json")
        config, _ = AgentConfig.objects.get_or_create(
            agent=agent,
            version=1,
            defaults={"settings": defaults, "note": "Defaults", "created_by": "the house"},
        )
        DeployedConfig.objects.get_or_create(
            agent=agent,
            defaults={
                "config": config,
                "deployed_by": "the house",
                "deployed_at": timezone.now(),
            },
        )
    return config


def parse(agent: str, settings: dict[str, Any]) -> BaseModel:
    """Return the settings typed. Raises InvalidSettings."""
    try:
        typed: BaseModel = fleet.get(agent).settings.model_validate(settings)
    except ValidationError as error:
        raise InvalidSettings(*first_of(error, "settings")) from error
    if not can_be_kept(typed):
        raise InvalidSettings("settings", "holds a character that cannot be kept")
    return typed


def problems(agent: str, settings: dict[str, Any]) -> dict[str, str]:
    """Return why settings do not fit, by dotted field; empty when they do."""
    return problems_of(fleet.get(agent).settings, settings)


def problems_of(schema: type[BaseModel], values: dict[str, Any]) -> dict[str, str]:
    """Return why values do not fit a schema, by dotted field; empty when they do."""
    try:
        typed = schema.model_validate(values)
    except ValidationError as error:
        return {
            ".".join(str(part) for part in each["loc"]): each["msg"].removeprefix("Value error, ")
            for each in reversed(error.errors())
        }
    return {} if can_be_kept(typed) else {"": "holds a character that cannot be kept"}


def first_of(error: ValidationError, whole: str) -> tuple[str, str]:
    """Return the first field that does not fit, or `whole`, and why not."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return field or whole, first["msg"].removeprefix("Value error, ")


def can_be_kept(typed: BaseModel) -> bool:
    """Whether Postgres takes it as JSON: no NUL, no half of a surrogate pair."""
    try:
        return "\\u0000" not in typed.model_dump_json()
    except PydanticSerializationError:
        return False


def create(
    agent: str,
    settings: dict[str, Any],
    *,
    by: str,
    note: str = "",
    report: dict[str, Any] | None = None,
) -> AgentConfig:
    """Add a version without deploying it. Raises InvalidSettings."""
    typed = parse(agent, settings)
    deployed(agent)
    with transaction.atomic():
        DeployedConfig.objects.select_for_update().get(agent=agent)
        last = AgentConfig.objects.filter(agent=agent).aggregate(last=Max("version"))["last"]
        config = AgentConfig.objects.create(
            agent=agent,
            version=last + 1,
            settings=typed.model_dump(mode="json"),
            note=note,
            report=report or {},
            created_by=by,
        )
        audit.record(
            "config.created",
            f"{by} made version {config.version} of {agent.capitalize()}: {note or 'no note'}",
            actor=by,
            actor_kind=AuditEntry.ActorKind.USER,
            obj=config,
            data={"diff": diff(deployed(agent), config)},
        )
        live.broadcast("agents", f"agent:{agent}")
    return config


def deploy(config: AgentConfig, *, by: str, note: str = "") -> None:
    """Run the agent on this version from its next run on."""
    before = deployed(config.agent)
    parse(config.agent, config.settings)
    with transaction.atomic():
        DeployedConfig.objects.filter(agent=config.agent).update(
            config=config, deployed_by=by, deployed_at=timezone.now()
        )
        audit.record(
            "config.deployed",
            f"{by} deployed version {config.version} of {config.agent.capitalize()}"
            f" in place of {before.version}" + (f": {note}" if note else ""),
            actor=by,
            actor_kind=AuditEntry.ActorKind.USER,
            obj=config,
            data={"diff": diff(before, config), "note": note},
        )
        live.broadcast("agents", f"agent:{config.agent}")


def roll_back(to: AgentConfig, *, by: str, note: str = "") -> AgentConfig:
    """Deploy a new version with the settings of an old one."""
    words = f"Back to version {to.version}" + (f": {note}" if note else "")
    config = create(to.agent, to.settings, by=by, note=words[:300])
    deploy(config, by=by)
    return config


def diff(old: AgentConfig, new: AgentConfig) -> dict[str, dict[str, Any]]:
    """Return what differs, as dotted field → {from, to}."""
    before, after = _flat(old.settings), _flat(new.settings)
    return {
        field: {"from": before.get(field), "to": after.get(field)}
        for field in sorted(before.keys() | after.keys())
        if before.get(field) != after.get(field)
    }


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= _flat(inner, f"{prefix}.{key}" if prefix else key)
    return flat
