"""Kinds of action: what an agent may propose, how it looks, and the only code that does it."""

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel

from control.models import Action

P = TypeVar("P", bound=BaseModel)
Guard = Callable[[], None]
"""Raises when an effect must not start now: lease lost, or a kill switch engaged."""

NEVER = 5
"""A phase no agency is in: such a kind always asks."""


class UnknownActionKind(LookupError):
    """No such kind of action."""


class Irrevocable(Exception):
    """This cannot be undone; the message says how to correct it instead."""


class Blocked(Exception):
    """The world changed so that this action makes no sense any more."""


class ActionKind(Generic[P]):
    """One kind of action. Subclasses fill this in; instances hold no state."""

    name: ClassVar[str]
    label: ClassVar[str]
    word: ClassVar[str] = ""  # one of it, where the first word of its name does not say it
    params: type[P]
    stakes: ClassVar[str] = Action.Stakes.LOW
    outward: ClassVar[bool] = False
    channel: ClassVar[str] = ""
    topic: ClassVar[str] = ""  # money or config: what the queue files it under
    message_class: ClassVar[str] = ""  # cold, reply or transactional
    cost_usd: ClassVar[Decimal | None] = Decimal(0)  # None: no known price, so never done
    always_asks: ClassVar[bool] = False
    one_of_many: ClassVar[bool] = False  # a subject has many: a new one replaces none that waits
    auto_from_phase: ClassVar[int] = NEVER
    may_from_phase: ClassVar[int | None] = None  # earned; None: a phase before it runs
    expires_after: ClassVar[dt.timedelta] = dt.timedelta(days=7)
    editable: ClassVar[tuple[str, ...]] = ()
    emits: ClassVar[tuple[str, ...]] = ()  # events that may follow from the effect

    def summary(self, action: Action, params: P) -> str:
        """Return one line that says what it is."""
        raise NotImplementedError

    def consequence(self, action: Action, params: P) -> str:
        """Return what happens on approval, in a sentence."""
        raise NotImplementedError

    def render(self, action: Action, params: P) -> dict[str, Any]:
        """Return the message exactly as it will go out; empty for what is no message."""
        return {}

    def source(self, action: Action, params: P) -> str:
        """Return a message as it goes over the wire, headers and all; nothing if it is none."""
        return ""

    def objection(self, action: Action, params: P) -> str:
        """Return why no person should even be asked, such as a claim without a fact; or nothing."""
        return ""

    def already(self, action: Action, params: P) -> str:
        """Return that the same was proposed or done before; or nothing.

        Runs that were woken at once do not see each other's proposals. Who takes it late is refused
        without a fuss: it puts nothing aside and is no sign of an agent that gets nowhere.
        """
        return ""

    def asks(self, action: Action, params: P) -> str:
        """Return why this one asks in every phase, such as a price out of bounds; or nothing."""
        return ""

    def leaves_at(self, action: Action, params: P) -> dt.datetime | None:
        """Return the wall time before which it must not leave, such as their morning; or None."""
        return None

    def execute(self, action: Action, params: P, guard: Guard) -> dict[str, Any]:
        """Do it once and return the effect. An outward kind calls `guard` right before it.

        Raises ServiceError when it surely did not happen, OutcomeUnknown when it may have.
        """
        raise NotImplementedError

    def done(self, action: Action, params: P) -> None:
        """Record what follows from the effect, in the transaction that marks the action done."""

    def undo(self, action: Action, params: P) -> None:
        """Put things back. Raises Irrevocable."""
        raise Irrevocable("this cannot be undone")


_kinds: dict[str, ActionKind[Any]] = {}


def register(kind: type[ActionKind[Any]]) -> type[ActionKind[Any]]:
    """Make a kind known by its name."""
    if kind.name in _kinds:
        raise ValueError(f"action kind {kind.name} is registered twice")
    _kinds[kind.name] = kind()
    return kind


def get(name: str) -> ActionKind[Any]:
    """Return the kind; raise UnknownActionKind."""
    try:
        return _kinds[name]
    except KeyError:
        raise UnknownActionKind(f"no kind of action is called “{name}”") from None


def names() -> list[str]:
    """Return the names of all kinds, sorted."""
    return sorted(_kinds)


def parsed(action: Action) -> Any:
    """Return the action's params as its kind's model. Raises pydantic.ValidationError."""
    return get(action.kind).params.model_validate(action.params)


def tags(action: Action) -> list[str]:
    """Return what a kill switch can reach this action by."""
    found = [f"agent:{action.agent}", f"kind:{action.kind}"]
    if action.channel:
        found.append(f"channel:{action.channel}")
    if action.client_id is not None:
        found.append(f"client:{action.client_id}")
    return found


def content_hash(action: Action) -> str:
    """Return the SHA-256, in hex, of exactly what is approved."""
    return hashlib.sha256(content(action).encode()).hexdigest()


def content(action: Action) -> str:
    """Return what is hashed: kind, subject, client, params and the rendered message.

    Canonical JSON: sorted keys, no spaces, decimals as strings.
    """
    found = {
        "kind": action.kind,
        "subject": [action.subject_type, action.subject_id],
        "client": action.client_id,
        "params": action.params,
        "rendered": action.rendered,
    }
    return json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
