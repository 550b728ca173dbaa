"""What the style guide shows: the project's own icons and tokens, and hard values for charts."""

import datetime as dt
import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.utils.safestring import SafeString

from dashboard import charts

STATIC = Path(settings.BASE_DIR) / "static"
DAYS = 30
LONG = (
    "Sonoran Desert Heating, Cooling, Refrigeration & Indoor Air Quality Contractors of Pima County"
)
ARABIC = "شركة النور للسباكة والتدفئة"
HEBREW = "אינסטלציה צפון בע״מ"


@dataclass(frozen=True)
class Sample:
    """One drawing, and what it tests."""

    about: str
    drawing: SafeString


@dataclass(frozen=True)
class Group:
    """Every kind of chart with its hard cases."""

    name: str
    samples: list[Sample]


class SampleForm(forms.Form):
    """A field of each kind."""

    name = forms.CharField(initial="Northwind Automations", max_length=200)
    zone = forms.CharField(label="Time zone", help_text="Where you are, as in Europe/Vienna.")
    mail = forms.EmailField(label="E-mail", required=False)
    phase = forms.ChoiceField(choices=[("1", "Foundation"), ("2", "AI sales")])
    note = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "In a few words."}), required=False
    )
    trades = forms.CharField(
        initial="plumbing\nhvac\nhome services and everything else around a house",
        widget=forms.Textarea(attrs={"rows": 2, "data-chips": "", "spellcheck": "false"}),
        help_text="Enter or a comma adds one.",
        required=False,
    )
    fixed = forms.CharField(
        label="Address of the webhook",
        initial="https://northwind.example/hooks/leads",
        disabled=True,
        help_text="It cannot be changed here.",
    )


def wrong_form() -> SampleForm:
    """Return the form as it comes back with errors."""
    form = SampleForm(
        {"name": "", "zone": "Mars/Olympus", "mail": "alex@", "phase": "7"}, auto_id="wrong_%s"
    )
    form.add_error("zone", "“Mars/Olympus” is no time zone.")
    return form


@cache
def icons() -> list[str]:
    """Return the names in the sprite."""
    return re.findall(r'symbol id="([^"]+)"', (STATIC / "icons.svg").read_text())


@cache
def colours() -> list[str]:
    """Return the names of the colour tokens."""
    tokens = (STATIC / "css/tokens.css").read_text()
    return re.findall(r"--([\w-]+): light-dark\(#", tokens)


@cache
def spaces() -> list[tuple[str, int]]:
    """Return the steps of the spacing scale in pixels."""
    tokens = (STATIC / "css/tokens.css").read_text()
    return [(name, int(size)) for name, size in re.findall(r"--(s\d): (\d+)px", tokens)]


def days(count: int = DAYS) -> list[str]:
    """Return days as charts label them."""
    first = dt.date(2026, 5, 3)
    return [f"{day.day} {day:%b}" for day in (first + dt.timedelta(n) for n in range(count))]


def wave(count: int, base: float, swing: float, step: float = 0.0) -> list[float]:
    """Return values that go up and down around a rising base."""
    return [
        round(base + step * n + swing * math.sin(n / 2.3) + swing * 0.4 * math.cos(n * 1.7), 2)
        for n in range(count)
    ]


def chart_groups() -> list[Group]:
    """Return every kind of chart, first as it is meant and then with what strains it."""
    return [_sparklines(), _lines(), _bars(), _stacks(), _stages(), _strips()]


def _sparklines() -> Group:
    cases: list[tuple[str, list[Any]]] = [
        ("As meant", wave(24, 40, 8, 1.2)),
        ("One value", [7]),
        ("All the same", [5] * 12),
        ("All zero", [0] * 12),
        ("With gaps", [3, 4, None, None, 6, 5, None, 8]),
        ("Negative", [4, 2, -1, -6, -2, 3]),
        ("Huge", [1_200_000, 900_000, 2_400_000, 9_800_000]),
        ("Very many", wave(900, 40, 8)),
        ("None", []),
    ]
    drawn = [Sample(about, charts.sparkline(values, title=about)) for about, values in cases]
    tones = [
        Sample(f"Tone {tone}", charts.sparkline(wave(14, 9, 3), title=tone, tone=tone))
        for tone in ("ok", "warn", "bad", "ai", "off")
    ]
    return Group("Sparkline", [*drawn, *tones])


def _lines() -> Group:
    now, past = wave(DAYS, 30, 6, 0.7), wave(DAYS, 24, 5, 0.5)
    band = ([v - 7 for v in past], [v + 9 for v in past])
    gaps = [None if n in {4, 5, 6, 15} or 20 <= n < 23 else v for n, v in enumerate(now)]
    many = [charts.Series(f"Agent {n + 1}", wave(DAYS, 4 + 5 * n, 2)) for n in range(8)]
    three = [
        charts.Series("Answered", wave(DAYS, 60, 6, 0.5)),
        charts.Series(LONG, wave(DAYS, 42, 5)),
        charts.Series(ARABIC, wave(DAYS, 41, 3)),
    ]
    spent = [charts.Series("Spent", now)]
    return Group(
        "Line",
        [
            Sample(
                "With the usual range and the period before",
                charts.line("Spent a day", days(), spent, unit="$", band=band, before=past),
            ),
            Sample("Alone", charts.line("Answer time", days(), spent, unit="ms")),
            Sample("Three, names long and right to left", charts.line("Calls", days(), three)),
            Sample("Eight, of which five are named", charts.line("Runs", days(), many)),
            Sample(
                "Gaps", charts.line("Healthy", days(), [charts.Series("Share", gaps)], unit="%")
            ),
            Sample(
                "Negative",
                charts.line("Margin", days(), [charts.Series("m", wave(DAYS, 0, 900))], unit="$"),
            ),
            Sample("One value", charts.line("New", ["3 May"], [charts.Series("Leads", [12])])),
            Sample("All zero", charts.line("Lost", days(), [charts.Series("Leads", [0] * DAYS)])),
            Sample(
                "Huge numbers",
                charts.line(
                    "MRR",
                    days(6),
                    [charts.Series("MRR", [1.2e6, 2e6, 1.9e6, 4e6, 8e6, 9.87e9])],
                    unit="$",
                ),
            ),
            Sample(
                "Very many",
                charts.line(
                    "A year by the hour", days(900), [charts.Series("Runs", wave(900, 60, 20))]
                ),
            ),
            Sample("No value", charts.line("Revenue", [], [])),
        ],
    )


def _bars() -> Group:
    week = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    names = [LONG, "Vale Dental", ARABIC, HEBREW, "<b>Pine & Sons</b>", "Orchard HVAC"]
    return Group(
        "Bars",
        [
            Sample("A week", charts.bars("Leads a day", week, [12, 18, 9, 22, 31, 4, 2])),
            Sample(
                "A month",
                charts.bars("Spent a day in May", days(), wave(DAYS, 5, 2, 0.1), unit="$"),
            ),
            Sample(
                "Negative",
                charts.bars("Change of MRR", week, [120, -80, 40, -310, 95, 0, 60], unit="$"),
            ),
            Sample(
                "Gaps and zero",
                charts.bars("Hours", week, [2.5, None, 0, 6.4, None, 1, 0], unit="h"),
            ),
            Sample("Very many", charts.bars("Runs a day", days(180), wave(180, 200, 80))),
            Sample(
                "Names",
                charts.bars("Cost by client", names, [1240, 310.5, 88, 41, 12, 0], unit="$"),
            ),
            Sample(
                "Names, negative",
                charts.bars(
                    "Margin by client", names, [1240, 310.5, -488, 41, -12, None], unit="$"
                ),
            ),
            Sample("One", charts.bars("Cost by one client", ["Vale Dental"], [3.5], unit="$")),
            Sample(
                "Huge",
                charts.bars("Tokens", ["Qualifier", "Scout", "Closer"], [9.87e9, 1.2e6, 640]),
            ),
            Sample("All zero", charts.bars("Refunds", week, [0] * 7)),
            Sample("No value", charts.bars("Refunds by client", [], [])),
        ],
    )


def _stacks() -> Group:
    agents = [
        "Qualifier",
        "Researcher",
        "Closer",
        "Supporter",
        "Outreach",
        "Scout",
        "Booker",
        "Caller",
    ]
    eight = [charts.Series(n, wave(DAYS, 3 + 2 * i, 1, 0.03)) for i, n in enumerate(agents)]
    return Group(
        "Stacked area",
        [
            Sample("Three", charts.stacked("Spent by agent", days(), eight[:3], unit="$")),
            Sample("Eight, small ones as one", charts.stacked("Tokens by agent", days(), eight)),
            Sample(
                "One that starts late, one right to left",
                charts.stacked(
                    "Calls by language",
                    days(),
                    [
                        charts.Series(ARABIC, [*([0] * 20), *wave(10, 9, 2)]),
                        charts.Series(LONG, [*([None] * 5), *wave(25, 4, 1)]),
                    ],
                ),
            ),
            Sample(
                "One day",
                charts.stacked(
                    "Spent",
                    ["3 May"],
                    [charts.Series("Qualifier", [3]), charts.Series("Scout", [1])],
                    unit="$",
                ),
            ),
            Sample("No value", charts.stacked("Spent last year", [], [])),
        ],
    )


def _stages() -> Group:
    return Group(
        "Funnel and waterfall",
        [
            Sample(
                "Funnel",
                charts.funnel(
                    "From reply to deal",
                    [
                        charts.Stage("Leads", 1284, "all sources", "#charts"),
                        charts.Stage("Qualified", 412, "70 points and more"),
                        charts.Stage("Answered", 398),
                        charts.Stage("Booked", 96),
                        charts.Stage("Won", 14),
                    ],
                ),
            ),
            Sample(
                "Funnel with an empty stage, and a wider one",
                charts.funnel(
                    "Odd funnel",
                    [
                        charts.Stage(LONG, 20),
                        charts.Stage(HEBREW, 0),
                        charts.Stage("Won", 3),
                        charts.Stage("Paid", 4),
                    ],
                ),
            ),
            Sample(
                "Waterfall",
                charts.waterfall(
                    "MRR, May to June",
                    [
                        ("May", 28_400),
                        ("New", 4_200),
                        ("Expansion", 1_150),
                        ("Contraction", -600),
                        ("Churn", -1_750),
                    ],
                    unit="$",
                ),
            ),
            Sample(
                "Waterfall through zero",
                charts.waterfall(
                    "Cash",
                    [("Opening", 900), ("Ads", -2_400), (LONG, 1_100), (ARABIC, 0)],
                    unit="$",
                ),
            ),
            Sample("No stage", charts.funnel("Empty funnel", [])),
        ],
    )


def _strips() -> Group:
    hours = [f"{hour:02d}" for hour in range(24)]
    week = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    busy = [
        [max(0, round(9 * math.sin((hour - 6) / 4) + 4 - 3 * (day > 4))) for hour in range(24)]
        for day in range(7)
    ]
    odd: list[list[float | None]] = [[None, 0, 3, -2, 8, 1_200_000]]
    return Group(
        "Heat strip",
        [
            Sample("A week", charts.heat("Messages by hour", week, hours, busy)),
            Sample(
                "One row, gaps, negative, huge", charts.heat("Odd", [LONG], list("abcdef"), odd)
            ),
            Sample("All zero", charts.heat("Nothing", week[:2], hours, [[0] * 24] * 2)),
        ],
    )
