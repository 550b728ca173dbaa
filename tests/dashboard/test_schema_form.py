"""A form made from a pydantic schema: it fills in, reads back, and says which field is wrong."""

from typing import Any, Literal

import pytest
from django.http import QueryDict
from pydantic import BaseModel, ConfigDict, Field

from agents.fleet.qualifier import QualifierSettings
from dashboard.fleet import schema_form
from dashboard.fleet.schema_form import Part


class Inner(BaseModel):
    depth: int = 1


class Sample(BaseModel):
    model_config = ConfigDict(extra="forbid")

    points: int = Field(default=5, ge=1, le=10, title="Points (of ten)", description="How many.")
    rate: float = 0.5
    on: bool = True
    tone: Literal["warm", "plain"] = "plain"
    note: str = Field(default="", max_length=2_000)
    limit: int | None = None
    words: list[str] = Field(default_factory=list, max_length=2)
    weights: dict[str, float] = Field(default_factory=lambda: {"soon": 1.0})
    places: dict[str, list[str]] = Field(default_factory=lambda: {"us": ["Tucson"]})
    inner: Inner = Inner()
    extra: dict[str, Any] = Field(default_factory=dict)


def posted(found: list[Part], **changes: str | list[str]) -> QueryDict:
    """Return what a browser sends for these parts, with some fields filled in otherwise."""
    data = QueryDict(mutable=True)

    def add(part: Part) -> None:
        if part.kind == "flag":
            if part.value:
                data[part.input] = "on"
        elif part.kind in ("list", "map", "group"):
            for inner in part.parts:
                add(inner)
        else:
            data.appendlist(part.input, str(part.value))

    for part in found:
        add(part)
    for name, value in changes.items():
        key = f"s.{name.replace('__', '.')}"
        data.setlist(key, value if isinstance(value, list) else [value])
    return data


def test_what_it_shows_reads_back_as_the_same() -> None:
    for model in (Sample, QualifierSettings):
        values = model().model_dump(mode="json")
        filled = schema_form.read(model, posted(schema_form.parts(model, values)))
        assert filled.ok, filled.errors
        assert model.model_validate(filled.values).model_dump(mode="json") == values


def test_each_field_has_the_control_its_type_asks_for() -> None:
    parts = {part.name: part for part in schema_form.parts(Sample, Sample().model_dump())}
    assert {name: part.kind for name, part in parts.items()} == {
        "points": "integer",
        "rate": "number",
        "on": "flag",
        "tone": "choice",
        "note": "long",
        "limit": "integer",
        "words": "list",
        "weights": "map",
        "places": "map",
        "inner": "group",
        "extra": "json",
    }
    points = parts["points"]
    assert (points.label, points.hint, points.range) == ("Points (of ten)", "How many.", "1 to 10")
    assert parts["tone"].choices == [("warm", "warm"), ("plain", "plain")]


@pytest.mark.parametrize(
    ("changes", "field", "why"),
    [
        ({"points": "0"}, "points", "greater than or equal to 1"),
        ({"points": "11"}, "points", "less than or equal to 10"),
        ({"points": "many"}, "points", "valid integer"),
        ({"points": ""}, "points", "valid integer"),
        ({"tone": "loud"}, "tone", "'warm' or 'plain'"),
        ({"note": "x" * 2_001}, "note", "at most 2000"),
        ({"words": ["a", "b", "c"]}, "words", "at most 2 items"),
        ({"weights__soon": "lots"}, "weights.soon", "valid number"),
        ({"inner__depth": "deep"}, "inner.depth", "valid integer"),
        ({"extra": "{"}, "extra", "no valid JSON"),
        ({"extra": "[]"}, "extra", "valid dictionary"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field(
    changes: dict[str, Any], field: str, why: str
) -> None:
    data = posted(schema_form.parts(Sample, Sample().model_dump()), **changes)
    filled = schema_form.read(Sample, data)
    assert why in filled.errors[field]
    shown = schema_form.parts(Sample, filled.values, filled.errors)
    assert any(part.error for part in schema_form._all(shown))
    assert schema_form.unplaced(shown, filled.errors) == []


def test_every_wrong_field_is_named_at_once() -> None:
    data = posted(schema_form.parts(Sample, Sample().model_dump()), points="0", tone="loud")
    assert set(schema_form.read(Sample, data).errors) == {"points", "tone"}


def test_an_empty_box_is_none_where_none_may_be_and_blank_lines_fall_away() -> None:
    data = posted(
        schema_form.parts(Sample, Sample().model_dump()),
        limit="",
        words=["one\r\nword", " ", ""],
        places__us="Tucson\r\n\r\nPhoenix",
    )
    values = schema_form.read(Sample, data).values
    assert values["limit"] is None
    assert values["words"] == ["one\nword"]
    assert values["places"] == {"us": ["Tucson", "Phoenix"]}


def test_a_rule_over_two_fields_is_said_at_the_one_it_names() -> None:
    values = QualifierSettings().model_dump(mode="json")
    data = posted(schema_form.parts(QualifierSettings, values), review_from="80")
    errors = schema_form.read(QualifierSettings, data).errors
    assert errors == {"review_from": "must be below “qualified from”"}
