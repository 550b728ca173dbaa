"""One deal: what was said, what is offered, what comes next, and everything that happened."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast

from agents.models import Run
from control.models import Action, Override, Takeover
from dashboard import gathered
from dashboard.sales import deal_board
from pipeline.models import Deal, DealNote, Meeting, Proposal

MOST = 50


@dataclass(frozen=True)
class Said:
    """A need or an objection, with the words that say so."""

    text: str
    quote: str


@dataclass(frozen=True)
class Heard:
    """What was read out of the notes of all calls, the newest first, each thing once."""

    needs: list[Said]
    objections: list[Said]


@dataclass(frozen=True)
class Record:
    """A deal with the small tables around it, read in one round trip."""

    deal: Deal
    meetings: list[Meeting]
    """The latest first."""
    overrides: list[Override]
    takeover: Takeover | None


def read(pk: UUID) -> Record:
    """Return a deal and what stands around it. Raises Deal.DoesNotExist."""
    about = Q(subject_type=deal_board.LABEL, subject_id=Cast(OuterRef("pk"), TextField()))
    parts: dict[str, tuple[QuerySet[Any], tuple[str, ...]]] = {
        "meetings": (
            Meeting.objects.filter(deal=OuterRef("pk")).order_by("-starts_at")[:MOST],
            ("id", "title", "status", "starts_at"),
        ),
        "overrides": (
            Override.objects.filter(about, lifted_at=None).order_by("pk"),
            ("field", "value", "by", "reason"),
        ),
        "takeovers": (
            Takeover.objects.filter(about, handed_back_at=None),
            ("id", "by", "taken_at"),
        ),
    }
    around = {f"the_{name}": gathered.together(*part) for name, part in parts.items()}
    deal = (
        Deal.objects.select_related("lead", "prospect", "client", "package")
        .annotate(**around)
        .get(pk=pk)
    )
    found = {
        name: gathered.rows(rows, getattr(deal, f"the_{name}")) for name, (rows, _) in parts.items()
    }
    takeover = next(iter(found["takeovers"]), None)
    return Record(deal, found["meetings"], found["overrides"], takeover)


def notes(deal: Deal) -> list[DealNote]:
    """Return what was said, newest first."""
    return list(deal.notes.select_related("meeting")[:MOST])


def heard(of_deal: list[DealNote]) -> Heard:
    """Return needs and objections of these notes."""
    return Heard(
        _said([one for note in of_deal for one in note.needs]),
        _said([one for note in of_deal for one in note.objections]),
    )


def _said(found: list[dict[str, str]]) -> list[Said]:
    by_words = {one["text"].casefold(): one for one in reversed(found)}
    return [Said(one["text"], one.get("quote", "")) for one in reversed(by_words.values())]


def proposals(deal: Deal) -> list[Proposal]:
    """Return the versions of the offer, the newest first."""
    found = deal.proposals.select_related("package").defer("document")
    return list(found.order_by("-version")[:MOST])


def actions_of(deal: Deal) -> QuerySet[Action]:
    """Return everything agents proposed for a deal, newest first."""
    found = Action.objects.filter(subject_type=deal_board.LABEL, subject_id=str(deal.pk))
    return found.order_by("-pk")


def runs_of(deal: Deal) -> list[Run]:
    """Return the runs that looked at a deal, newest first."""
    found = Run.objects.filter(subject_type=deal_board.LABEL, subject_id=str(deal.pk))
    return list(found.order_by("-pk")[:MOST])
