"""An agent that does what a test tells it to."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from agents import fleet
from agents.case import Case
from agents.contract import Agent, Limits
from control.models import Action
from jobs.models import Job
from pipeline.models import Lead

Act = Callable[[Case[Any, Any]], None]


class ProbeSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    patience: int = Field(default=3, ge=1)


class ProbeFacts(BaseModel):
    name: str


class Probe(Agent[ProbeSettings, ProbeFacts]):
    """Does what a test tells it to."""

    name = "probe"
    quadrant = "acquire"
    on = ()
    reads = ("a lead",)
    proposes = ("qualify_lead", "reply_to_lead")
    emits = ()
    never = ("anything by itself",)
    subject = Lead
    settings = ProbeSettings
    facts = ProbeFacts

    def __init__(self, act: Act) -> None:
        self.act = act

    def read(self, subject: Lead) -> ProbeFacts:
        return ProbeFacts(name=subject.name)

    def run(self, case: Case[ProbeSettings, ProbeFacts]) -> None:
        self.act(case)


class Frugal(Probe):
    """Expects to use next to nothing."""

    limits = Limits(expected_tokens=100)


class Hurried(Probe):
    """Has no time at all."""

    limits = Limits(seconds=0)


def join(agent: Probe) -> Probe:
    """Make `agent` one of the fleet until `leave`."""
    fleet.all_agents()[agent.name] = agent
    return agent


def leave() -> None:
    """Take the probe out of the fleet."""
    fleet.all_agents().pop(Probe.name, None)


def its_job() -> Job:
    return Job.objects.get(kind="agents.run", payload__agent=Probe.name)


def its_actions() -> list[Action]:
    return list(Action.objects.filter(agent=Probe.name).order_by("pk"))
