"""A form for any pydantic model, made from its JSON schema: typed fields, each with its error."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from pydantic import BaseModel

from agents import configs

PREFIX = "s"
LONG = 100
NUMBERS = ("integer", "number")

Schema = dict[str, Any]


@dataclass
class Part:
    """One field as the form shows it; a list, map or group has parts of its own."""

    name: str
    kind: str
    label: str
    value: Any = ""
    hint: str = ""
    error: str = ""
    minimum: Any = None
    maximum: Any = None
    max_length: int | None = None
    choices: list[tuple[str, str]] = field(default_factory=list)
    parts: list["Part"] = field(default_factory=list)

    @property
    def input(self) -> str:
        """The name it is posted under."""
        return f"{PREFIX}.{self.name}"

    @property
    def range(self) -> str:
        """The bounds in words."""
        if self.minimum is not None and self.maximum is not None:
            return f"{self.minimum} to {self.maximum}"
        if self.minimum is not None:
            return f"at least {self.minimum}"
        return f"at most {self.maximum}" if self.maximum is not None else ""


@dataclass(frozen=True)
class Filled:
    """What was posted: the values, why some do not fit, and those no field shows."""

    values: dict[str, Any]
    errors: dict[str, str]

    @property
    def ok(self) -> bool:
        """Whether the values fit."""
        return not self.errors


def parts(
    model: type[BaseModel], values: dict[str, Any], errors: dict[str, str] | None = None
) -> list[Part]:
    """Return the form's fields, filled with `values`, each beside its own error."""
    schema = model.model_json_schema()
    left = dict(errors or {})
    return [
        _part(schema, name, inner, values.get(name, inner.get("default", "")), left)
        for name, inner in schema.get("properties", {}).items()
    ]


def unplaced(found: list[Part], errors: dict[str, str]) -> list[str]:
    """Return the errors that no field of the form shows."""
    placed = {part.name for part in _all(found) if part.error}
    return [
        f"{name}: {why}" if name else why
        for name, why in errors.items()
        if not any(name == one or name.startswith(f"{one}.") for one in placed)
    ]


def read(model: type[BaseModel], posted: QueryDict) -> Filled:
    """Return what was posted, as the model takes it, and why parts of it do not fit."""
    schema = model.model_json_schema()
    broken: dict[str, str] = {}
    values = {
        name: _read(schema, name, inner, posted, broken)
        for name, inner in schema.get("properties", {}).items()
        if _is_posted(name, posted) or _kind(_resolved(schema, inner)) in ("flag", "list", "map")
    }
    return Filled(
        values,
        broken
        | {
            name: why
            for name, why in configs.problems_of(model, values).items()
            if name not in broken
        },
    )


def is_posted(posted: QueryDict) -> bool:
    """Whether the form's own fields were sent, and not raw JSON."""
    return any(name.startswith(f"{PREFIX}.") for name in posted)


def _all(found: list[Part]) -> Iterator[Part]:
    for part in found:
        yield part
        yield from _all(part.parts)


def _is_posted(name: str, posted: QueryDict) -> bool:
    key = f"{PREFIX}.{name}"
    return key in posted or any(each.startswith(f"{key}.") for each in posted)


def _resolved(schema: Schema, inner: Schema) -> Schema:
    """Return a field's schema with its reference followed and `or null` taken off."""
    found = dict(inner)
    if "$ref" in found:
        found = schema["$defs"][found["$ref"].rpartition("/")[2]] | found
    options = [one for one in found.get("anyOf", []) if one.get("type") != "null"]
    if len(options) == 1:
        found = _resolved(schema, options[0]) | {k: v for k, v in found.items() if k != "anyOf"}
        found["nullable"] = True
    if len(found.get("allOf", [])) == 1:
        found = _resolved(schema, found["allOf"][0]) | found
    return found


def _kind(resolved: Schema) -> str:
    """Return how a field is filled in; what no field fits is JSON."""
    if "enum" in resolved or "const" in resolved:
        return "choice"
    kind = resolved.get("type")
    if kind == "boolean":
        return "flag"
    if kind in NUMBERS:
        return str(kind)
    if kind == "string":
        return "text"
    if kind == "array" and resolved.get("items", {}).get("type") == "string":
        return "list"
    if kind == "object" and "properties" in resolved:
        return "group"
    if kind == "object" and isinstance(resolved.get("additionalProperties"), dict):
        inner = resolved["additionalProperties"]
        if inner.get("type") in (*NUMBERS, "string"):
            return "map"
        if inner.get("type") == "array" and inner.get("items", {}).get("type") == "string":
            return "map"
    return "json"


def _label(name: str, resolved: Schema) -> str:
    last = name.rpartition(".")[2]
    title = str(resolved.get("title", ""))
    made_up = last.replace("_", " ").title()
    return title if title and title != made_up else last.replace("_", " ").capitalize()


def _part(schema: Schema, name: str, inner: Schema, value: Any, errors: dict[str, str]) -> Part:
    resolved = _resolved(schema, inner)
    kind = _kind(resolved)
    part = Part(
        name,
        kind,
        _label(name, resolved),
        value,
        str(resolved.get("description", "")),
        errors.get(name, ""),
        *_bounds(resolved),
        max_length=resolved.get("maxLength"),
    )
    if kind == "text" and _is_long(part):
        part.kind = "long"
    elif kind == "choice":
        options = resolved.get("enum") or [resolved["const"]]
        part.choices = [(str(one), str(one).replace("_", " ")) for one in options]
    elif kind == "list":
        _fill_list(part, value, errors)
    elif kind == "map":
        _fill_map(part, resolved, value, errors)
    elif kind == "group":
        given = value if isinstance(value, dict) else {}
        part.parts = [
            _part(schema, f"{name}.{key}", one, given.get(key, one.get("default", "")), errors)
            for key, one in resolved["properties"].items()
        ]
    elif kind == "json" and not isinstance(value, str):
        part.value = json.dumps(value, indent=2, ensure_ascii=False)
    if part.value is None:
        part.value = ""
    return part


def _bounds(resolved: Schema) -> tuple[Any, Any]:
    return (
        resolved.get("minimum", resolved.get("exclusiveMinimum")),
        resolved.get("maximum", resolved.get("exclusiveMaximum")),
    )


def _is_long(part: Part) -> bool:
    text = str(part.value)
    return (part.max_length or 0) > LONG * 2 or len(text) > LONG or "\n" in text


def _fill_list(part: Part, value: Any, errors: dict[str, str]) -> None:
    items = [str(one) for one in value] if isinstance(value, list) else []
    part.parts = [
        Part(
            part.name,
            "item",
            f"{part.label}, {at + 1}",
            one,
            error=errors.get(f"{part.name}.{at}", ""),
        )
        for at, one in enumerate([*items, ""])
    ]


def _fill_map(part: Part, resolved: Schema, value: Any, errors: dict[str, str]) -> None:
    inner = resolved["additionalProperties"]
    labels = dict(resolved.get("labels", []))
    kind = {"integer": "integer", "number": "number", "array": "lines"}.get(inner["type"], "text")
    given = value if isinstance(value, dict) else {}
    part.parts = [
        Part(
            f"{part.name}.{key}",
            kind,
            key.replace("_", " ").capitalize(),
            "\n".join(map(str, one)) if isinstance(one, list) else one,
            str(labels.get(key, "")),
            _error_of(f"{part.name}.{key}", errors),
            *_bounds(inner),
        )
        for key, one in sorted(given.items(), key=lambda item: _order(item[0], labels))
    ]


def _order(key: str, labels: dict[str, str]) -> tuple[int, str]:
    """Return where a map's entry stands: as the schema lists them, what it does not know last."""
    names = list(labels)
    return (names.index(key) if key in names else len(names), key)


def _error_of(name: str, errors: dict[str, str]) -> str:
    """Return the error of a field, or of the first thing in it."""
    inside = (why for one, why in errors.items() if one == name or one.startswith(f"{name}."))
    return next(inside, "")


def _read(
    schema: Schema, name: str, inner: Schema, posted: QueryDict, broken: dict[str, str]
) -> Any:
    resolved, key = _resolved(schema, inner), f"{PREFIX}.{name}"
    kind = _kind(resolved)
    text = posted.get(key, "").replace("\r\n", "\n")
    if kind == "flag":
        return key in posted
    if kind == "list":
        given = (one.replace("\r\n", "\n").strip() for one in posted.getlist(key))
        return [one for one in given if one]
    if kind == "map":
        return _read_map(key, resolved, posted)
    if kind == "group":
        return {
            each: _read(schema, f"{name}.{each}", one, posted, broken)
            for each, one in resolved["properties"].items()
        }
    if not text.strip() and resolved.get("nullable"):
        return None
    if kind == "json":
        return _read_json(name, text, broken)
    return text


def _read_map(key: str, resolved: Schema, posted: QueryDict) -> dict[str, Any]:
    lists = resolved["additionalProperties"]["type"] == "array"
    found: dict[str, Any] = {}
    for each in posted:
        if each.startswith(f"{key}."):
            text = posted.get(each, "").replace("\r\n", "\n")
            lines = [line.strip() for line in text.split("\n") if line.strip()]
            if lists:
                found[each.removeprefix(f"{key}.")] = lines
            elif text.strip():
                found[each.removeprefix(f"{key}.")] = text
    return found


def _read_json(name: str, text: str, broken: dict[str, str]) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is a ValueError
        where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        broken[name] = f"is no valid JSON{where}"
        return text
