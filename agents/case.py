"""A case: what an agent is handed for one run, and where it puts what it found."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from django.utils import timezone
from pydantic import BaseModel

from agents import configs
from agents.brain import Brain
from agents.contract import F, S
from agents.models import Step
from control import trips
from control.actions import Evidence, Proposal
from control.models import KillSwitch

T = TypeVar("T", bound=BaseModel)

SAME_STEP = 2


class Looping(Exception):
    """The agent repeats a step; its run was stopped."""


class Case(Generic[S, F]):
    """The facts and settings of one run, its steps, its decision path and its proposals."""

    def __init__(
        self,
        brain: Brain,
        settings: S,
        facts: F,
        note: str = "",
        recalled: dict[str, list[dict[str, Any]]] | None = None,
    ) -> None:
        self.settings = settings
        self.facts = facts
        self.note = note
        self.steps: list[Step] = []
        self.path: list[str] = []
        self.proposals: list[Proposal] = []
        self.outcome = ""
        self._brain = brain
        self._step: Step | None = None
        self._recalled = recalled or {}
        self._seen: Counter[str] = Counter()

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, Any]]:
        """Time a named step; put into the yielded dict what came of it. Raises Looping."""
        self._seen[name] += 1
        if self._seen[name] > SAME_STEP:
            agent = self._brain.run.agent
            reason = f"it did “{name}” {self._seen[name]} times in one run"
            trips.trip(KillSwitch.Scope.AGENT, agent, cause="going in circles", reason=reason)
            raise Looping(reason)
        self._brain.check()
        record = Step(
            run=self._brain.run,
            number=len(self.steps) + 1,
            name=name,
            started_at=timezone.now(),
            duration_ms=0,
        )
        self.steps.append(record)
        began = time.monotonic()
        outer, self._step = self._step, record
        try:
            yield record.result
        except Exception as error:
            record.error = f"{type(error).__name__}: {error}"
            raise
        finally:
            self._step = outer
            record.duration_ms = round((time.monotonic() - began) * 1000)

    def decide(
        self,
        schema: type[T],
        *,
        model: str,
        system: str,
        prompt: str,
        rules: Callable[[], T],
        max_tokens: int = 1_000,
        distrust: str = "",
    ) -> T:
        """Ask the brain, see `Brain.decide`; what an earlier run decided in this step stands."""
        name = self._step.name if self._step is not None else ""
        kept = self._recalled.get(name)
        if kept:
            answer = kept.pop(0)
            value = schema.model_validate(answer["value"])
            self._brain.engines.append(answer["engine"])
        else:
            value = self._brain.decide(
                schema,
                model=model,
                system=system,
                prompt=prompt,
                rules=rules,
                max_tokens=max_tokens,
                step=name,
                distrust=distrust,
            )
        if self._step is not None and configs.can_be_kept(value):
            decided = {"value": value.model_dump(mode="json"), "engine": self._brain.engines[-1]}
            self._step.decided.append(decided)
        return value

    @property
    def engine(self) -> str:
        """Who decided."""
        return self._brain.engine

    @property
    def engine_reason(self) -> str:
        """Why it was not the model, where it was not."""
        return "; ".join(dict.fromkeys(self._brain.reasons))

    def by_model(self) -> bool:
        """Whether the last decision was the model's, so that its text needs checking."""
        return bool(self._brain.engines) and self._brain.engines[-1] != "rules"

    def say(self, sentence: str) -> None:
        """Add a sentence to the decision path."""
        self.path.append(sentence)

    def propose(
        self, kind: str, params: BaseModel, *, reason: str, evidence: tuple[Evidence, ...] = ()
    ) -> None:
        """Ask the house to do something when the run ends."""
        self.proposals.append(Proposal(kind, params, reason, evidence))
