"""Stages that fewer and fewer pass."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString

from dashboard.charts import frame, rows
from dashboard.charts.words import apart, exact, short

START = "of the stage before"


@dataclass(frozen=True)
class Stage:
    """How many came so far; `note` stands under the name, `href` is where they are listed.

    `through` is how many of them came through the stage before, where others came in beside it.
    """

    label: str
    count: int
    note: str = ""
    href: str = ""
    through: int | None = None


def funnel(title: str, stages: Sequence[Stage]) -> SafeString:
    """Draw the stages as bars from zero, each with its share of the one before."""
    if not stages or not any(stage.count for stage in stages):
        return frame.nothing("funnel", title)
    most = max(stage.count for stage in stages)
    shares = ["", *(_share(a, b) for a, b in itertools.pairwise(stages))]
    listed = [
        rows.Row(
            stage.label,
            0.0,
            rows.percent_of(max(0, stage.count), 0, most),
            short(stage.count),
            f"{apart(stage.label)}: {exact(stage.count)}{f', {share} {START}' if share else ''}",
            note=stage.note,
            share=share or "\u00a0",
            href=stage.href,
        )
        for stage, share in zip(stages, shares, strict=True)
    ]
    table = frame.Table(
        ["", "Count", f"Share {START}"],
        [[s.label, exact(s.count), share or "–"] for s, share in zip(stages, shares, strict=True)],
    )
    return frame.figure("funnel", title, rows.rows(listed), table)


def _share(before: Stage, now: Stage) -> str:
    if before.count <= 0:
        return "–"
    came = now.count if now.through is None else now.through
    share = 100 * came / before.count
    return short(share if share < 1 else round(share), "%")
