"""What holds for every chart, whatever the values."""

import html
import itertools
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard import charts
from dashboard.charts import frame, scale
from dashboard.charts.words import exact, short

numbers = st.none() | st.integers(-(10**12), 10**12) | st.floats()
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=60)
units = st.sampled_from(["", "$", "%", "ms", "h"])
table_of_values = st.integers(1, 4).flatmap(
    lambda series: st.lists(
        st.lists(numbers, min_size=series, max_size=series), min_size=1, max_size=40
    )
)
ATTRIBUTES = ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height")


def drawings(labels: Sequence[str], columns: list[list[Any]], unit: str) -> dict[str, str]:
    """Return each kind of chart of the same values."""
    first = columns[0]
    series = [charts.Series(f"Series {n}", values) for n, values in enumerate(columns)]
    count = [int(v) if v is not None and math.isfinite(v) else 0 for v in first]
    return {
        "sparkline": charts.sparkline(first, title="Cost"),
        "line": charts.line("Cost", labels, series, unit=unit, before=columns[-1]),
        "band": charts.line("Cost", labels, series[:1], unit=unit, band=(first, columns[-1])),
        "bars": charts.bars("Cost", labels, first, unit=unit),
        "rows": charts.bars("Cost", [f"{label} in long" for label in labels], first, unit=unit),
        "stacked": charts.stacked("Cost", labels, series, unit=unit),
        "funnel": charts.funnel(
            "Cost", [charts.Stage(n, abs(c)) for n, c in zip(labels, count, strict=True)]
        ),
        "waterfall": charts.waterfall("Cost", list(zip(labels, count, strict=True)), unit=unit),
        "heat": charts.heat(
            "Cost",
            labels,
            [f"c{n}" for n in range(len(columns))],
            list(zip(*columns, strict=True)),
            unit=unit,
        ),
    }


def parsed(drawing: str) -> ET.Element:
    """Return the drawing as a tree; it is well-formed XML."""
    return ET.fromstring(drawing.replace(" data-peak", ' data-peak=""'))  # noqa: S314


@settings(max_examples=150, deadline=None)
@given(rows=table_of_values, unit=units)
def test_everything_is_finite_and_on_the_paper(rows: list[list[Any]], unit: str) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    labels = [f"d{number}" for number in range(len(rows))]
    for kind, drawing in drawings(labels, columns, unit).items():
        for element in parsed(drawing).iter():
            _stays_inside(kind, element)


def _stays_inside(kind: str, element: ET.Element) -> None:
    for name in ATTRIBUTES:
        value = element.get(name)
        if value is None or element.tag == "text":
            continue
        number = float(value.removesuffix("%"))
        assert math.isfinite(number), (kind, element.tag, name)
        most = 100.0 if value.endswith("%") else frame.HEIGHT
        assert -0.01 <= number <= most + 0.01, (kind, element.tag, name, value)
    for x, y in re.findall(r"([-\d.einfa]+) ([-\d.einfa]+)", element.get("d", "")):
        assert -0.1 <= float(x) <= frame.WIDE + 0.1, (kind, x)
        assert -0.01 <= float(y) <= frame.HEIGHT + 0.01, (kind, y)


@settings(max_examples=80, deadline=None)
@given(rows=table_of_values, unit=units)
def test_the_table_has_every_value(rows: list[list[Any]], unit: str) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    labels = [f"d{number}" for number in range(len(rows))]
    there = [[v for v in column if v is not None and math.isfinite(v)] for column in columns]
    if not there[0]:
        return
    made = drawings(labels, columns, unit)
    for kind in ("line", "stacked", "heat"):
        cells = {cell.text for cell in parsed(made[kind]).iter("td")}
        assert {exact(float(v), unit) for column in there for v in column} <= cells, kind
    for kind in ("bars", "rows"):
        cells = {cell.text for cell in parsed(made[kind]).iter("td")}
        assert {exact(float(value), unit) for value in there[0]} <= cells


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.floats(-1e9, 1e9), min_size=5, max_size=30))
def test_columns_start_at_zero(values: list[float]) -> None:
    tree = parsed(charts.bars("Cost", [str(n) for n in range(len(values))], values))
    zero = next(line for line in tree.iter("line") if line.get("class") == "zero")
    base = float(zero.get("y1", ""))
    drawn = [rect for rect in tree.iter("rect") if rect.get("class") == "bar"]
    assert len(drawn) == len(values)
    for value, rect in zip(values, drawn, strict=True):
        top, height = float(rect.get("y", "")), float(rect.get("height", ""))
        foot = top + height if value >= 0 else top
        assert foot == pytest.approx(base, abs=0.02)


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=4))
def test_rows_start_at_zero(values: list[float]) -> None:
    tree = parsed(charts.bars("Cost", [f"A longer name {n}" for n in range(len(values))], values))
    drawn = [rect for rect in tree.iter("rect") if rect.get("class") == "bar"]
    lines = [line for line in tree.iter("line") if line.get("class") == "zero"]
    for value, rect, line in zip(values, drawn, lines, strict=True):
        zero = float(line.get("x1", "").removesuffix("%"))
        left = float(rect.get("x", "").removesuffix("%"))
        long = float(rect.get("width", "").removesuffix("%"))
        assert (left if value >= 0 else left + long) == pytest.approx(zero, abs=0.02)


@settings(max_examples=100, deadline=None)
@given(name=names)
def test_names_are_escaped(name: str) -> None:
    evil = f'{name}<script>alert("&")</script>'
    series = [charts.Series(evil, [1, 2, 3]), charts.Series("b", [3, None, 1])]
    labels = [evil, "b", evil]
    for drawing in (
        charts.sparkline([1, 2], title=evil),
        charts.line(evil, labels, series),
        charts.bars(evil, labels, [1, 2, 3]),
        charts.stacked(evil, labels, series),
        charts.funnel(evil, [charts.Stage(evil, 3, evil, f"/?q={evil}")]),
        charts.waterfall(evil, [(evil, 3.0)]),
        charts.heat(evil, [evil], [evil], [[1]]),
    ):
        assert "<script" not in drawing
        assert " style=" not in drawing
        assert evil in html.unescape(drawing)


@settings(max_examples=200, deadline=None)
@given(low=st.floats(-1e15, 1e15), high=st.floats(-1e15, 1e15))
def test_ticks_are_round_and_hold_the_values(low: float, high: float) -> None:
    for axis in (scale.for_line([low, high], 0, 100), scale.from_zero([low, high], 0, 100)):
        assert axis.low <= axis.high
        assert len(axis.ticks) <= scale.TICKS + 3
        assert axis.y(low) >= axis.y(high) if low <= high else axis.y(high) >= axis.y(low)
        steps = [b - a for a, b in zip(axis.ticks, axis.ticks[1:], strict=False)]
        for step in steps:
            assert step == pytest.approx(steps[0], rel=1e-6)
            digits = f"{steps[0]:.3e}"[0]
            assert digits in {"1", "2", "5", "9", "4"}


@settings(max_examples=200, deadline=None)
@given(
    wanted=st.lists(st.floats(0, 100), min_size=1, max_size=12),
    gap=st.floats(1, 30),
)
def test_labels_at_the_end_never_cover_each_other(wanted: list[float], gap: float) -> None:
    placed = sorted(scale.spread(wanted, gap, 0, 100))
    least = min(gap, 100 / max(1, len(wanted) - 1))
    assert placed[0] >= -1e-6
    assert placed[-1] <= 100 + 1e-6
    for a, b in itertools.pairwise(placed):
        assert b - a >= least - 1e-6


@pytest.mark.parametrize("values", [[], [None], [None, None], [float("nan")]])
def test_without_a_value_it_is_a_sentence(values: list[Any]) -> None:
    labels = [str(n) for n in range(len(values))]
    for drawing in (
        charts.line("Cost", labels, [charts.Series("a", values)] if values else []),
        charts.bars("Cost", labels, values),
        charts.stacked("Cost", labels, [charts.Series("a", values)] if values else []),
        charts.funnel("Cost", []),
        charts.waterfall("Cost", []),
        charts.heat("Cost", ["a"], labels, [values]),
    ):
        assert "Nothing to draw yet" in drawing
        assert "<svg" not in drawing
    assert "no value yet" in charts.sparkline(values, title="Cost")


def test_a_sparkline_starts_at_zero_so_that_little_change_looks_like_little() -> None:
    drawing = charts.sparkline([97, 95, 97, 96], title="Success", unit="%")
    stroke = re.findall(r'class="over" d="([^"]+)"', drawing)[0]
    heights = [float(point.split()[1]) for point in stroke[1:].split("L")]
    assert max(heights) - min(heights) < 1
    assert "drawn from zero" in drawing


def test_values_and_labels_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="2 values for 1 labels"):
        charts.bars("Cost", ["a"], [1, 2])
    with pytest.raises(ValueError, match="1 values for 2 labels"):
        charts.line("Cost", ["a", "b"], [charts.Series("a", [1])])


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (None, "", "–"),
        (0, "$", "$0"),
        (0.0031, "$", "$0.0031"),
        (4.12, "$", "$4.12"),
        (31400, "$", "$31.4K"),
        (1_234_567, "", "1.2M"),
        (999_950, "", "1M"),
        (-1150, "$", "\u2212$1,150"),
        (97.55, "%", "97.5\u00a0%"),
        (1400, "ms", "1.4\u00a0s"),
        (6.4, "h", "6.4\u00a0h"),
        (1e18, "", "1.0e+18"),
    ],
)
def test_numbers_are_short(value: float | None, unit: str, words: str) -> None:
    assert short(value, unit) == words


def test_a_long_line_stays_small_and_its_table_whole() -> None:
    labels = [str(number) for number in range(2000)]
    drawing = charts.line("Cost", labels, [charts.Series("a", list(range(2000)))])
    assert drawing.count('class="hit"') <= frame.MOST_REGIONS
    assert drawing.count('<th scope="row"') == 2000
