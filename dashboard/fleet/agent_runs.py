"""An agent's runs, narrowed by what indexes find, or looked for among the newest only."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from agents.brain import RULES
from agents.models import Run
from dashboard.sales import leads
from dashboard.web import asked
from pipeline.models import Lead

WINDOW = 10_000
"""So many of the newest are looked at one by one where no index narrows."""

MOST_SUBJECTS = 50
ENGINES = [("rules", "Rules"), ("model", "A model")]
FIELDS = ("status", "engine", "trigger", "subject")


@dataclass(frozen=True)
class RunFilter:
    """Which runs are wanted; what is empty, or makes no sense, does not narrow."""

    status: str = ""
    engine: str = ""
    trigger: str = ""
    subject: str = ""

    @classmethod
    def parse(cls, request: HttpRequest) -> "RunFilter":
        """Read the filter from the address."""
        given = {name: asked(request, name) for name in FIELDS}
        known = {"status": Run.Status.values, "trigger": Run.Trigger.values}
        known["engine"] = [name for name, _ in ENGINES]
        return cls(
            **{
                name: text if name not in known or text in known[name] else ""
                for name, text in given.items()
            }
        )

    def __bool__(self) -> bool:
        return any((self.status, self.engine, self.trigger, self.subject))

    @property
    def windowed(self) -> bool:
        """Whether only the newest are looked at."""
        return bool(self.engine or self.trigger) and not self.subject

    def rows(self, agent: str) -> QuerySet[Run]:
        """Return the runs of `agent` that are wanted."""
        found = Run.objects.filter(agent=agent)
        if self.windowed:
            newest = found.order_by("-pk").values_list("pk", flat=True)
            oldest = newest[WINDOW : WINDOW + 1].first()
            found = found.filter(pk__gt=oldest) if oldest else found
        if self.subject:
            subjects = [str(pk) for pk in _subjects(self.subject)]
            found = found.filter(subject_type=leads.LABEL, subject_id__in=subjects)
        if self.status:
            found = found.filter(status=self.status)
        if self.trigger:
            found = found.filter(trigger=self.trigger)
        if self.engine == RULES:
            found = found.filter(engine=RULES)
        elif self.engine:
            found = found.exclude(engine__in=["", RULES])
        return found


def _subjects(text: str) -> list[Any]:
    """Return the leads meant by an id or an e-mail address."""
    try:
        return [uuid.UUID(text)]
    except ValueError:
        wanted = {text, text.lower()}
        found = Lead.objects.filter(email__in=wanted).order_by("-received_at")
        return list(found.values_list("pk", flat=True)[:MOST_SUBJECTS])


def subjects(runs: list[Run]) -> dict[str, str]:
    """Return the names of what runs looked at, by id."""
    ids = [run.subject_id for run in runs if run.subject_type == leads.LABEL]
    found = Lead.objects.filter(pk__in=ids).only("name", "company", "email")
    return {str(lead.pk): str(lead) for lead in found}
