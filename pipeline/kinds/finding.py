"""What Scout may do with what a source holds: add a company, or pass it over for good."""

import hashlib
from typing import Any

from django.db.models import F
from pydantic import BaseModel, ConfigDict, Field

from agency import live
from control import kinds
from control.models import Action
from pipeline import prospects
from pipeline.finding import candidates, clues, fit
from pipeline.finding.candidates import Candidate
from pipeline.kinds.prospects import FoundSignal
from pipeline.models import Prospect, Sighting, Source


def mark(candidate: Candidate) -> str:
    """Return what tells an entry of a source from its others, as a hash."""
    told = [part for key in candidates.keys(candidate) for part in key]
    return hashlib.sha256("\x1f".join([candidate.name, *told]).encode()).hexdigest()


class AddParams(BaseModel):
    """A company, how well it fits, and why, in one sentence."""

    model_config = ConfigDict(extra="forbid")

    candidate: Candidate
    fit: int = Field(ge=0, le=100)
    reason: str = Field(max_length=300)
    signals: list[FoundSignal] = Field(default_factory=list, max_length=10)


@kinds.register
class AddProspect(kinds.ActionKind[AddParams]):
    """Add a company to the prospects, unless it is one. Undo takes it out again."""

    name = "add_prospect"
    label = "Adds prospects"
    params = AddParams
    stakes = Action.Stakes.LOW
    auto_from_phase = 1
    one_of_many = True
    emits = (prospects.ADDED,)

    def summary(self, action: Action, params: AddParams) -> str:
        """Say who is added."""
        return f"Add {params.candidate.name}, {params.fit} points of fit"

    def consequence(self, action: Action, params: AddParams) -> str:
        """Say what follows."""
        return "It is a prospect then, and Researcher reads its site."

    def execute(self, action: Action, params: AddParams, guard: kinds.Guard) -> dict[str, Any]:
        """Add it; what somebody else added meanwhile is not added again."""
        source = _source(action)
        measured = fit.Fit(
            params.fit,
            params.reason,
            (),
            tuple(clues.Clue(each.name, each.quote) for each in params.signals),
        )
        try:
            prospect, new = prospects.add(
                params.candidate,
                ideal=source.ideal_customer,
                source=source,
                measured=measured,
                correlation_id=action.correlation_id,
            )
        except prospects.OtherWorld as other:
            return {"prospect": "", "new": False, "why": str(other)}
        return {"prospect": str(prospect.pk), "new": new}

    def done(self, action: Action, params: AddParams) -> None:
        """Count what the source yields."""
        _count(action, 1)

    def undo(self, action: Action, params: AddParams) -> None:
        """Take it out again, unless somebody has written to it."""
        if not action.effect.get("new"):
            raise kinds.Blocked("it was a prospect before, and stays one")
        prospect = Prospect.objects.filter(pk=action.effect["prospect"]).first()
        if prospect is None:
            return
        if not prospects.remove(prospect, correlation_id=action.correlation_id):
            raise kinds.Blocked("it was written to, or merged; drop it instead")


class PassedOver(BaseModel):
    """An entry that does not fit, and why."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200)
    mark: str = Field(max_length=64)
    why: str = Field(max_length=300)


class PassOverParams(BaseModel):
    """The entries of one reading that do not fit."""

    model_config = ConfigDict(extra="forbid")

    entries: list[PassedOver] = Field(min_length=1, max_length=200)


@kinds.register
class PassOver(kinds.ActionKind[PassOverParams]):
    """Remember what does not fit, so that it is not judged again. Undo forgets it."""

    name = "pass_over"
    label = "Passes over"
    params = PassOverParams
    stakes = Action.Stakes.LOW
    auto_from_phase = 1
    one_of_many = True

    def summary(self, action: Action, params: PassOverParams) -> str:
        """Say how many, and name the first."""
        first = ", ".join(each.name for each in params.entries[:3])
        more = f" and {len(params.entries) - 3} more" if len(params.entries) > 3 else ""
        return f"Pass over {first}{more}"

    def consequence(self, action: Action, params: PassOverParams) -> str:
        """Say what follows."""
        return "They are not looked at again. Undo it, and they are at the next reading."

    def execute(self, action: Action, params: PassOverParams, guard: kinds.Guard) -> dict[str, Any]:
        """Write them down."""
        source = _source(action)
        rows = [
            Sighting(source=source, mark=each.mark, name=each.name, why=each.why)
            for each in params.entries
        ]
        Sighting.objects.bulk_create(rows, ignore_conflicts=True)
        return {"entries": len(rows)}

    def done(self, action: Action, params: PassOverParams) -> None:
        """Count what was read."""
        _count(action, len(params.entries))

    def undo(self, action: Action, params: PassOverParams) -> None:
        """Forget them."""
        source = _source(action)
        marks = [each.mark for each in params.entries]
        Sighting.objects.filter(source=source, mark__in=marks).delete()
        Source.objects.filter(pk=source.pk).update(etag="", last_modified="")


def _source(action: Action) -> Source:
    """Return the source. Raises Blocked if it is gone."""
    found = Source.objects.select_related("ideal_customer").filter(pk=action.subject_id).first()
    if found is None:
        raise kinds.Blocked("the source is no longer there")
    return found


def _count(action: Action, entries: int) -> None:
    Source.objects.filter(pk=action.subject_id).update(seen=F("seen") + entries)
    live.broadcast("sources")
