"""What an agent is: a subject to look at, a decision, a list of proposals. It never acts."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from django.db import models
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from agents.case import Case

S = TypeVar("S", bound=BaseModel)
F = TypeVar("F", bound=BaseModel)


class Limits(BaseModel):
    """What one run may use. Money in US dollars, time in seconds, tokens in plus out."""

    model_config = ConfigDict(frozen=True)

    calls: int = 15
    output_tokens: int = 5_000
    expected_tokens: int = 6_000
    usd: Decimal = Decimal("0.50")
    seconds: float = 300.0


class Agent(Generic[S, F]):
    """One agent. Its docstring is its whiteboard: the app shows it as it stands."""

    name: ClassVar[str]
    quadrant: ClassVar[str]
    on: ClassVar[tuple[str, ...]]
    reads: ClassVar[tuple[str, ...]]
    proposes: ClassVar[tuple[str, ...]]
    emits: ClassVar[tuple[str, ...]]
    never: ClassVar[tuple[str, ...]]
    subject: ClassVar[type[models.Model]]
    lane: ClassVar[str] = "normal"
    limits: ClassVar[Limits] = Limits()
    settings: type[S]
    facts: type[F]

    def read(self, subject: Any) -> F:
        """Return all the run will look at; a replay starts from a stored copy of it."""
        raise NotImplementedError

    def run(self, case: "Case[S, F]") -> None:
        """Decide and propose through `case`."""
        raise NotImplementedError
