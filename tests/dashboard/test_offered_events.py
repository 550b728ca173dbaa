"""What an outgoing webhook is offered is what the code emits, read from the code itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from dashboard.house.api_forms import EVENTS
from jobs import outgoing

ROOMS = ("agents", "billing", "control", "dashboard", "jobs", "pipeline")
OFFERED = {name for group in EVENTS.values() for name in group} - {outgoing.EVERY}
INSIDE = {
    "lead.unbooked": "the clock's word to the Booker",
    "proposal.answered": "`lead.wrote`, told to the Closer",
    "prospect.stale": "the schedule's word to the Researcher",
}
"""What is emitted for the fleet alone."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for path in sorted(Path(settings.BASE_DIR, room).rglob("*.py")):
            if "seed" not in path.parts and "migrations" not in path.parts:
                yield path.stem, ast.parse(path.read_text())


MODULES = list(sources())


def named() -> dict[str, set[str]]:
    """Return the module constants that hold names of events, one or a table of them."""
    found: dict[str, set[str]] = {}
    for _, module in MODULES:
        for node in module.body:
            if not isinstance(node, ast.Assign):
                continue
            (target,) = node.targets
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            else:
                pairs = [(target, node.value)]
            for name, value in pairs:
                if isinstance(name, ast.Name):
                    found.setdefault(name.id, set()).update(texts(value))
    return found


def texts(node: ast.AST) -> set[str]:
    return {
        one.value
        for one in ast.walk(node)
        if isinstance(one, ast.Constant)
        and isinstance(one.value, str)
        and outgoing.NAME.fullmatch(one.value)
    }


CONSTANTS = named()


def emitted() -> set[str]:
    """Return the names of all events that the code emits."""
    found: set[str] = set()
    for stem, module in MODULES:
        for function in ast.walk(module):
            if isinstance(function, ast.FunctionDef):
                for call in calls(function, "emit", of="events"):
                    found |= meant(call.args[0], function, stem)
    return found


def calls(within: ast.AST, name: str, *, of: str) -> Iterator[ast.Call]:
    """Yield the calls of a function: `of.name(…)`, or `name(…)`."""
    for node in ast.walk(within):
        if isinstance(node, ast.Call) and node.args:
            called = node.func
            owner = getattr(called.value, "id", "") if isinstance(called, ast.Attribute) else of
            last = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if (owner, last) == (of, name):
                yield node


def meant(node: ast.expr, function: ast.FunctionDef, stem: str) -> set[str]:
    """Return the names an argument may stand for: itself, a constant, what callers give."""
    if isinstance(node, ast.JoinedStr):
        prefix, part = node.values
        assert isinstance(prefix, ast.Constant) and isinstance(part, ast.FormattedValue)
        assert isinstance(part.value, ast.Name)
        given = list(arguments(part.value.id, function, stem))
        words = [one for each in given for one in ast.walk(each) if isinstance(one, ast.Constant)]
        return {f"{prefix.value!s}{one.value!s}" for one in words}
    if isinstance(node, ast.Name) and node.id in [one.arg for one in function.args.args]:
        given = list(arguments(node.id, function, stem))
        return {name for each in given for name in (texts(each) or constant(each))}
    if isinstance(node, ast.Name) and node.id not in CONSTANTS:
        return bound(node.id, function)
    return texts(node) or constant(node)


def constant(node: ast.expr) -> set[str]:
    if isinstance(node, ast.Subscript):
        node = node.value
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return CONSTANTS.get(name, set())


def bound(name: str, function: ast.FunctionDef) -> set[str]:
    """Return what a local name is bound to: a loop over names, or a look into a table."""
    for node in ast.walk(function):
        if isinstance(node, ast.For) and getattr(node.target, "id", "") == name:
            return texts(node.iter)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            tables = [one.id for one in ast.walk(node.value) if isinstance(one, ast.Name)]
            return {each for table in tables for each in CONSTANTS.get(table, set())}
    return set()


def arguments(name: str, function: ast.FunctionDef, stem: str) -> Iterator[ast.expr]:
    """Yield what a function's callers give as an argument, in its module and in others."""
    place = [one.arg for one in function.args.args].index(name)
    for other, module in MODULES:
        for call in calls(module, function.name, of=stem):
            local = isinstance(call.func, ast.Name)
            given = list(spread(call))
            if len(given) > place and (other == stem or not local):
                yield given[place]


def spread(call: ast.Call) -> Iterator[ast.expr]:
    """Yield the arguments of a call, a starred tuple's one by one."""
    for each in call.args:
        if isinstance(each, ast.Starred) and isinstance(each.value, ast.Tuple):
            yield from each.value.elts
        else:
            yield each


EMITTED = emitted()


@pytest.mark.parametrize("name", sorted(OFFERED))
def test_what_is_offered_is_emitted(name: str) -> None:
    assert name in EMITTED


def test_what_is_emitted_is_offered_unless_it_is_the_houses_own() -> None:
    outward = {name for name in EMITTED if outgoing.patterns(name)}
    assert outward - OFFERED == set(INSIDE)
