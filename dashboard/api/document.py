"""The API's description as people read it: operations by group, with what goes in and comes out."""

from dataclasses import dataclass, field
from typing import Any

from dashboard.api import v1

OK = ("200", "201")


@dataclass(frozen=True)
class Field:
    """One thing that goes in or comes out."""

    name: str
    kind: str
    words: str = ""
    needed: bool = False


@dataclass(frozen=True)
class Call:
    """One operation."""

    key: str
    method: str
    path: str
    summary: str
    words: list[tuple[str, bool]]
    asked: list[Field]
    body: list[Field]
    answer: str
    many: bool
    codes: list[tuple[str, str]]


@dataclass(frozen=True)
class Group:
    """Operations that belong together, and the records they answer with."""

    name: str
    calls: list[Call] = field(default_factory=list)
    records: dict[str, list[Field]] = field(default_factory=dict)


def spans(text: str) -> list[tuple[str, bool]]:
    """Return a text in parts, each with whether it is code, as backticks say in Markdown."""
    parts = " ".join(text.split()).split("`")
    return [(part, bool(number % 2)) for number, part in enumerate(parts)]


def groups() -> list[Group]:
    """Return everything the API does, in its order."""
    found: dict[str, Group] = {}
    schemas = v1.description()["components"]["schemas"]
    for path, methods in v1.description()["paths"].items():
        for method, said in methods.items():
            (name,) = said["tags"]
            group = found.setdefault(name, Group(name))
            group.calls.append(_call(path, method, said, schemas))
            record = _record(said)
            if record:
                group.records.setdefault(record.removesuffix("Out"), _fields(schemas[record]))
    return list(found.values())


def _call(path: str, method: str, said: dict[str, Any], schemas: dict[str, Any]) -> Call:
    body = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = schemas[_name(body["schema"])] if body else {}
    return Call(
        key=said["operationId"],
        method=method.upper(),
        path=path,
        summary=said["summary"],
        words=spans(said["description"]),
        asked=[
            Field(one["name"], _kind(one["schema"]), one.get("description", ""), one["required"])
            for one in said.get("parameters", [])
        ],
        body=_fields(schema) if schema else [],
        answer=_record(said).removesuffix("Out"),
        many=said["operationId"].startswith("list_"),
        codes=[(code, one["description"]) for code, one in said["responses"].items()],
    )


def _record(said: dict[str, Any]) -> str:
    """Return the schema an operation answers with; of a list, that of its items."""
    content = next(said["responses"][code]["content"] for code in OK if code in said["responses"])
    return _item(_name(content["application/json"]["schema"]))


def _item(name: str) -> str:
    """Return the schema of a page's items; a record's own as it is."""
    return name.removeprefix("Page_").removesuffix("_")


def _name(schema: dict[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _fields(schema: dict[str, Any]) -> list[Field]:
    needed = schema.get("required", [])
    return [
        Field(name, _kind(one), one.get("description", ""), name in needed)
        for name, one in schema["properties"].items()
    ]


def _kind(schema: dict[str, Any]) -> str:
    """Return a schema's type in a few words."""
    if "anyOf" in schema:
        kinds = [_kind(one) for one in schema["anyOf"]]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind))
    if "allOf" in schema:
        return _kind(schema["allOf"][0])
    if "$ref" in schema:
        named = v1.description()["components"]["schemas"][_name(schema)]
        return _kind(named) if "enum" in named else _name(schema).removesuffix("Out")
    if "enum" in schema:
        return ", ".join(str(one) for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {})) or 'anything'}"
    return str(schema.get("format") or schema.get("type", ""))
