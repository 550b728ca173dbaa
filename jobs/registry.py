"""Which function runs a kind of job. An unknown kind is an error at enqueue, never a default."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.models import Job, Lane

if TYPE_CHECKING:
    from jobs.lease import Lease

Handler = Callable[[Job, "Lease"], None]
Settler = Callable[[list[Job], str], None]


class UnknownKind(LookupError):
    """No handler is registered for this kind of job."""


@dataclass(frozen=True)
class Kind:
    """How a kind of job is run. A `short` one touches the database only: its work and its
    completion are one transaction."""

    name: str
    handler: Handler
    lane: Lane
    max_attempts: int
    short: bool


@dataclass(frozen=True)
class Recurring:
    """A job enqueued every `every_seconds`, wall time."""

    name: str
    kind: str
    every_seconds: int


_kinds: dict[str, Kind] = {}
recurring: dict[str, Recurring] = {}
_settlers: dict[str, Settler] = {}


def register(
    name: str, *, lane: Lane = Lane.NORMAL, max_attempts: int = 5, short: bool = False
) -> Callable[[Handler], Handler]:
    """Make the decorated function the handler of jobs of kind `name`."""

    def decorate(handler: Handler) -> Handler:
        if name in _kinds:
            raise ValueError(f"job kind {name} is registered twice")
        _kinds[name] = Kind(name, handler, lane, max_attempts, short)
        return handler

    return decorate


def get(name: str) -> Kind:
    """Return the kind; raise UnknownKind."""
    try:
        return _kinds[name]
    except KeyError:
        raise UnknownKind(f"no handler for jobs of kind “{name}”") from None


def names(*, short: bool = False) -> list[str]:
    """Return the names of all kinds, or of the short ones."""
    return [kind.name for kind in _kinds.values() if kind.short or not short]


def every(seconds: int, kind: str) -> None:
    """Enqueue a job of `kind` every `seconds`."""
    recurring[kind] = Recurring(kind, kind, seconds)


def given_up(kind: str) -> Callable[[Settler], Settler]:
    """Call the decorated function when a person cancels or discards jobs of `kind`, with why.

    In the same transaction, so that what such a job was to do never waits for it in vain.
    """

    def decorate(settler: Settler) -> Settler:
        if kind in _settlers:
            raise ValueError(f"given-up jobs of kind {kind} are settled twice")
        _settlers[kind] = settler
        return settler

    return decorate


def settle_given_up(jobs: Iterable[Job], why: str) -> None:
    """Let those who wait for these jobs know that they will not be done."""
    by_kind: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        by_kind[job.kind].append(job)
    for kind in by_kind.keys() & _settlers.keys():
        _settlers[kind](by_kind[kind], why)
