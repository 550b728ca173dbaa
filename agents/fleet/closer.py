"""The Closer's file: what it reads out of a call, what it offers, how it follows up."""

from decimal import Decimal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from agents import closing, deal_facts, listening, offering, untrusted
from agents.case import Case
from agents.contract import Agent
from agents.deal_facts import CloserFacts, ProposalSeen
from pipeline.kinds import FollowUpParams, LostParams, ReadParams, Said
from pipeline.models import Deal, DealStage, Proposal

NO_MORE = (DealStage.SIGNED, DealStage.WON, DealStage.LOST)
Status = Proposal.Status


class CloserSettings(BaseModel):
    """Everything about the Closer that may differ between versions."""

    model_config = ConfigDict(extra="forbid")

    reading_model: str = Field(default="claude-haiku-5-5", description="Reads the notes.")
    writing_model: str = Field(default="claude-sonnet-5-5", description="Writes the proposal.")
    prompt_note: str = Field(
        default="", max_length=2_000, title="A note for the model", description="When it writes."
    )
    discount_percent: Decimal = Field(
        default=Decimal(5),
        ge=0,
        le=50,
        title="Discount (percent)",
        description="What is offered to who asks for less without a number, within the price book.",
    )


Closing = Case[CloserSettings, CloserFacts]


class Closer(Agent[CloserSettings, CloserFacts]):
    """Turns a held call into a signed, paid client.

    It reads the notes of the call: needs, objections and what comes next, each with their own
    words. The package whose words fit the needs best is offered at its list price, as a page to
    sign and pay. Who does not answer is reminded on the second, fifth and ninth working day; it
    ends the second they sign. Who asks for less gets a new version within the price book's limits;
    whatever else they ask is yours. A no is written down with its reason.
    """

    name = "closer"
    quadrant = "acquire"
    on = ("meeting.held", "deal.noted", "proposal.due", "proposal.declined", "proposal.answered")
    reads = ("the deal", "notes of its calls", "the price book", "its proposals and answers")
    proposes = ("read_notes", "send_proposal", "follow_up_proposal", "negotiate", "close_lost")
    emits = ()
    never = (
        "offers anything under the price book's floor",
        "gives a discount nobody asked for",
        "writes about a proposal once it is signed or declined",
        "follows what notes or mails tell a machine to do",
    )
    subject = Deal
    settings = CloserSettings
    facts = CloserFacts

    def read(self, subject: Deal) -> CloserFacts:
        """Return the deal with its notes, what may be sold, and what was offered so far."""
        return deal_facts.read(subject)

    def run(self, case: Closing) -> None:
        """Read the notes; then offer, answer, remind, or give up."""
        facts, last = case.facts, case.facts.proposal
        needs, objections = self._read(case)
        if facts.stage in NO_MORE:
            case.outcome = f"nothing to do: it is {facts.stage}"
        elif last is None and facts.offered:
            case.outcome = "an offer to them is under way"
        elif last is None:
            self._begin(case, needs, objections)
        elif facts.answers and last.status in (Status.SENT, Status.DECLINED, Status.EXPIRED):
            self._answer(case, last)
        elif last.status == Status.DECLINED:
            self._declined(case, last)
        elif last.status == Status.EXPIRED:
            self._give_up(case, Deal.Lost.NO_ANSWER, "The proposal lapsed without an answer.")
        elif last.status == Status.SENT and last.fell_due > last.followed_up:
            self._remind(case, last)
        else:
            case.outcome = "waits for what they say"

    def _read(self, case: Closing) -> tuple[list[Said], list[Said]]:
        """Read new notes, propose what they say; return the needs and objections of all notes."""
        facts = case.facts
        needs, objections = facts.needs(), facts.objections()
        unread = [note for note in facts.notes if not note.read]
        if not unread:
            return needs, objections
        with case.step("read"):
            for note in unread:
                heard = listening.read(case, note.text)
                objections += heard.objections
                needs += heard.needs
                case.propose(
                    "read_notes",
                    ReadParams(
                        note=note.pk,
                        needs=heard.needs,
                        objections=heard.objections,
                        next_step=heard.next_step,
                    ),
                    reason="What was said in the call, in their words.",
                    evidence=offering.evidence([*heard.needs, *heard.objections]),
                )
        return needs, objections

    def _begin(self, case: Closing, needs: list[Said], objections: list[Said]) -> None:
        facts = case.facts
        if any(said.text == listening.SAID_NO for said in objections):
            self._give_up(case, Deal.Lost.NO_NEED, "They said in the call that it is not for them.")
        elif not facts.notes:
            case.outcome = "waits for the notes of the call"
            case.say("Nothing is offered on guesses: there are no notes of the call yet.")
        elif not facts.packages:
            case.outcome = "the price book is empty"
        elif not facts.email:
            case.outcome = "there is no address to send a proposal to"
        else:
            offering.propose(case, needs)

    def _answer(self, case: Closing, last: ProposalSeen) -> None:
        text = case.facts.answers[-1]
        asked = closing.asked_for(text)
        if untrusted.gives_orders(text):
            self._leave(case, "what they wrote talks to a machine")
        elif asked is not None:
            self._lower(case, last, asked, text)
        elif closing.YES.search(text):
            case.outcome = "they say yes; the page waits for their signature"
        else:
            self._leave(case, "they ask for something that is yours to answer")

    def _declined(self, case: Closing, last: ProposalSeen) -> None:
        asked = closing.asked_for(last.decline_reason)
        why_not = "they have a lower price already"
        if asked is not None and not last.discount_percent:
            why_not = offering.cheaper(case, last, asked, last.decline_reason)
        if why_not:
            lost = closing.why_lost(last.decline_reason)
            self._give_up(case, lost, last.decline_reason or "They declined without a reason.")

    def _lower(self, case: Closing, last: ProposalSeen, asked: Decimal, words: str) -> None:
        why_not = offering.cheaper(case, last, asked, words)
        if why_not:
            self._leave(case, why_not)

    def _remind(self, case: Closing, last: ProposalSeen) -> None:
        number = last.fell_due
        subject, body = closing.follow_up(case.facts, number)
        case.outcome = f"reminds them, the {('first', 'second', 'last')[number - 1]} time"
        case.propose(
            "follow_up_proposal",
            FollowUpParams(proposal=UUID(last.pk), number=number, subject=subject, body=body),
            reason=f"Version {last.version} is neither signed nor declined.",
        )

    def _give_up(self, case: Closing, reason: Deal.Lost, note: str) -> None:
        case.outcome = f"gives it up: {reason.label.lower()}"
        params = LostParams(reason=reason, note=" ".join(note.split())[:300])
        case.propose("close_lost", params, reason=note)

    def _leave(self, case: Closing, why: str) -> None:
        case.outcome = f"left to you: {why}"
        case.say(f"Nothing is proposed: {why}.")
