"""Two runs side by side: what a replay decided otherwise."""

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from agents.models import Run
from control import kinds
from dashboard.fleet import difference
from dashboard.fleet.difference import Change


@dataclass(frozen=True)
class Pair:
    """What both runs proposed of one kind, and where they differ."""

    kind: str
    label: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    changes: list[Change]

    @property
    def main(self) -> list[Change]:
        """What differs of the proposal itself."""
        return [change for change in self.changes if "." not in change.field]

    @property
    def inner(self) -> list[Change]:
        """What differs in the lists and groups inside it."""
        return [change for change in self.changes if "." in change.field]

    @property
    def verdict(self) -> str:
        """What became of the proposal, in a word."""
        if self.before is None:
            return "only now"
        if self.after is None:
            return "no longer"
        return "changed" if self.changes else "the same"


@dataclass(frozen=True)
class Comparison:
    """An old run and a new one."""

    old: Run
    new: Run
    input: list[Change]
    pairs: list[Pair]

    @property
    def changed(self) -> int:
        """How many decisions differ."""
        return sum(pair.verdict != "the same" for pair in self.pairs)

    @property
    def outcome(self) -> Change | None:
        """How the outcome differs, if it does."""
        if self.old.outcome == self.new.outcome:
            return None
        before, after = difference.side_by_side(self.old.outcome, self.new.outcome)
        return Change("outcome", before, after)


def compare(old: Run, new: Run) -> Comparison:
    """Return both runs with their proposals of a kind beside each other."""
    before, after = _by_kind(old), _by_kind(new)
    pairs = [
        _pair(kind, one, other)
        for kind in dict.fromkeys([*before, *after])
        for one, other in zip_longest(before.get(kind, []), after.get(kind, []))
    ]
    return Comparison(old, new, difference.compare(old.input, new.input), pairs)


def _by_kind(run: Run) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for proposal in run.proposals:
        found.setdefault(proposal["kind"], []).append(proposal["params"])
    return found


def _pair(kind: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> Pair:
    label = kinds.get(kind).label if kind in kinds.names() else kind
    changes = difference.compare(before, after) if before and after else []
    return Pair(kind, label, before, after, changes)
