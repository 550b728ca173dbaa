"""What may be done to a deal's record: write down what notes say, give it up."""

from typing import Any

from django.utils.dateparse import parse_datetime
from pydantic import BaseModel, ConfigDict, Field

from agency import clock, live
from control import kinds
from control.models import Action
from pipeline.kinds import letters
from pipeline.models import Deal, DealNote, DealStage
from pipeline.selling import deals, proposals

READ = ("needs", "objections", "next_step", "read_at")


class Said(BaseModel):
    """Something they said, with their own words."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=300)
    quote: str = Field(min_length=1, max_length=400)


class ReadParams(BaseModel):
    """What a note says: needs, objections, and what comes next."""

    model_config = ConfigDict(extra="forbid")

    note: int
    needs: list[Said] = Field(default_factory=list, max_length=12)
    objections: list[Said] = Field(default_factory=list, max_length=12)
    next_step: str = Field(default="", max_length=200)


@kinds.register
class ReadNotes(kinds.ActionKind[ReadParams]):
    """Write needs, objections and the next step of a call onto its notes and the deal."""

    name = "read_notes"
    label = "Notes read"
    word = "Notes"
    params = ReadParams
    stakes = Action.Stakes.LOW
    auto_from_phase = 1
    one_of_many = True

    def summary(self, action: Action, params: ReadParams) -> str:
        """Say what was found."""
        return (
            f"Notes on {letters.deal(action)}: needs {len(params.needs)}, objections"
            f" {len(params.objections)}"
        )

    def consequence(self, action: Action, params: ReadParams) -> str:
        """Say what follows."""
        return "It stands on the deal; nobody outside sees it."

    def already(self, action: Action, params: ReadParams) -> str:
        """Notes are read once, however many were woken by them."""
        notes = DealNote.objects.select_for_update(of=("self",)).filter(deal_id=action.subject_id)
        note = notes.filter(pk=params.note).first()
        waits = Action.objects.filter(
            kind=self.name,
            subject_type=action.subject_type,
            subject_id=action.subject_id,
            params__note=params.note,
            status__in=Action.UNSETTLED,
        ).exclude(pk=action.pk)
        read = note is not None and note.read_at is not None
        return "these notes were read already" if read or waits.exists() else ""

    def objection(self, action: Action, params: ReadParams) -> str:
        """Refuse a quote that is not in the notes."""
        note = DealNote.objects.filter(pk=params.note, deal=letters.deal(action)).first()
        if note is None:
            return "the notes are no longer there"
        text = " ".join(note.text.split()).casefold()
        for said in (*params.needs, *params.objections):
            if " ".join(said.quote.split()).casefold() not in text:
                return f"nobody said “{said.quote[:80]}”"
        return ""

    def execute(self, action: Action, params: ReadParams, guard: kinds.Guard) -> dict[str, Any]:
        """Write it down; a next step a person set stays."""
        deal = letters.deal(action)
        note = DealNote.objects.select_for_update().get(pk=params.note, deal=deal)
        read_at = note.read_at.isoformat() if note.read_at else None
        action.before = {
            "needs": note.needs,
            "objections": note.objections,
            "next_step": note.next_step,
            "read_at": read_at,
            "deal_next_step": deal.next_step,
        }
        note.needs = [said.model_dump() for said in params.needs]
        note.objections = [said.model_dump() for said in params.objections]
        note.next_step, note.read_at = params.next_step, clock.wall()
        note.save(update_fields=READ)
        step = {"next_step": params.next_step} if params.next_step and deal.is_open else {}
        return {"written": deals.write(deal, step, by=action.agent) if step else []}

    def done(self, action: Action, params: ReadParams) -> None:
        """Show it."""
        live.broadcast("deals", f"deal:{action.subject_id}")

    def undo(self, action: Action, params: ReadParams) -> None:
        """Put back what was written before."""
        note = DealNote.objects.select_for_update().get(pk=params.note)
        before = action.before
        note.needs, note.objections = before["needs"], before["objections"]
        note.next_step = before["next_step"]
        note.read_at = parse_datetime(before["read_at"]) if before["read_at"] else None
        note.save(update_fields=READ)
        deal = letters.deal(action)
        if action.effect.get("written") and deal.next_step == params.next_step:
            deals.write(deal, {"next_step": before["deal_next_step"]}, by="undo")
        live.broadcast("deals", f"deal:{action.subject_id}")


class LostParams(BaseModel):
    """Why a deal is given up."""

    model_config = ConfigDict(extra="forbid")

    reason: Deal.Lost
    note: str = Field(default="", max_length=300)


@kinds.register
class CloseLost(kinds.ActionKind[LostParams]):
    """Give a deal up, and say why. Undo takes it up again where it stood."""

    name = "close_lost"
    label = "Deals given up"
    word = "Give-up"
    params = LostParams
    stakes = Action.Stakes.MEDIUM
    auto_from_phase = 4
    emits = ("deal.lost",)

    def summary(self, action: Action, params: LostParams) -> str:
        """Say which, and why."""
        return f"{letters.deal(action)} is lost: {Deal.Lost(params.reason).label.lower()}"

    def consequence(self, action: Action, params: LostParams) -> str:
        """Say what follows."""
        return "The deal moves to Lost and nobody follows up. You can take it up again."

    def execute(self, action: Action, params: LostParams, guard: kinds.Guard) -> dict[str, Any]:
        """Close it, unless it moved on meanwhile."""
        deal = letters.deal(action)
        if deal.stage in (DealStage.SIGNED, DealStage.WON):
            raise kinds.Blocked("they have signed")
        action.before = {"stage": deal.stage}
        # Whoever signs takes these actions first, then the deal.
        proposals.withdraw(deal, "the deal was given up")
        if not deals.lose(deal, params.reason, params.note, by=action.agent):
            raise kinds.Blocked("the deal is closed already")
        proposals.close(deal, "the deal was given up")
        return {"reason": str(params.reason)}

    def undo(self, action: Action, params: LostParams) -> None:
        """Take it up again where it stood; a proposal that lapsed needs a new version."""
        try:
            deals.take_up(letters.deal(action), action.before["stage"], by="undo")
        except deals.NotPossible as why:
            raise kinds.Blocked(str(why)) from why
