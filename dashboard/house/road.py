"""The road: from doing everything by hand to an agency that runs itself, and where we stand."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """One stretch of the road. Money is revenue a month, hours are the operator's a week."""

    name: str
    revenue: str
    clients: str
    hours: str


STAGES = (
    Stage("Foundation", "$0–10K", "1–10 clients", "40+ h a week"),
    Stage("AI sales", "$10–50K", "10–30 clients", "30 h a week"),
    Stage("AI delivery", "$50–200K", "30–100 clients", "20 h a week"),
    Stage("Autonomous", "$200K–1M", "100–500 clients", "10 h a week"),
    Stage("At scale", "$1–10M+", "500+ clients", "5 h a week"),
)


def stages(phase: int) -> list[tuple[Stage, str]]:
    """Return each stage, and whether it is past, now or ahead.

    Only the phase says so: how far along a stage is would be known from revenue, and none is
    recorded before there are invoices.
    """
    return [
        (stage, "past" if number < phase else "now" if number == phase else "ahead")
        for number, stage in enumerate(STAGES, start=1)
    ]
