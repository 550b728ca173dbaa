"""Outreach's file: who is written to, in which words, and what an answer is."""

from pydantic import BaseModel, ConfigDict, Field

from agents import correspondence, letters, sorting, untrusted
from agents.case import Case
from agents.contract import Agent
from agents.correspondence import Answer, OutreachFacts
from agents.letters import ContactFacts, Step, VariantSeen
from control.actions import Evidence
from pipeline.kinds import EmailParams, EnrollParams, HandParams, SortParams
from pipeline.models import InboundMail, Prospect, SequenceStep


class OutreachSettings(BaseModel):
    """Everything about Outreach that may differ between versions."""

    model_config = ConfigDict(extra="forbid")

    writing_model: str = Field(default="claude-sonnet-5-5", description="Writes the mails.")
    sorting_model: str = Field(default="claude-haiku-5-5", description="Sorts the answers.")
    prompt_note: str = Field(
        default="",
        max_length=2_000,
        title="A note for the model",
        description="Added to its instructions for writing.",
    )
    most_words: int = Field(
        default=120, ge=40, le=250, title="Words at most", description="Of a mail's body."
    )


class Sorted(BaseModel):
    """What an answer is."""

    label: InboundMail.Label
    quote: str = Field(max_length=300, description="Their words that say so, verbatim.")


class Outreach(Agent[OutreachSettings, OutreachFacts]):
    """Writes to companies that fit, step by step, and sorts what they answer.

    A researched prospect with enough fit goes into a sequence. When a step falls due, the mail is
    written from the facts that were found, one idea, under 120 words, in one of two wordings: the
    one that gets more replies is used more often. A LinkedIn note or a call is laid ready for your
    hands. Any answer stops the sequence at once; this agent then says what it is: the interested
    become leads, whoever wants peace gets it.
    """

    name = "outreach"
    quadrant = "acquire"
    on = ("prospect.researched", "step.due", "reply.received")
    reads = ("the prospect", "its facts", "its sequence", "what they answered")
    proposes = ("enroll_prospect", "send_email", "linkedin_task", "call_task", "sort_reply")
    emits = ()
    never = (
        "writes to anybody suppressed, or who bounced, complained or unsubscribed",
        "sends more than one mail a person in 7 days outside a sequence",
        "sends outside 8 to 18 in their time zone, or past the mailbox's warm-up",
        "sends without sender, postal address, visible and one-click unsubscribe",
        "claims what no fact supports, or puts in a link or address of its own",
        "touches LinkedIn itself",
    )
    subject = Prospect
    settings = OutreachSettings
    facts = OutreachFacts

    def read(self, subject: Prospect) -> OutreachFacts:
        """Return the prospect, where it stands in its sequence, and what it answered."""
        return correspondence.read(subject)

    def run(self, case: Case[OutreachSettings, OutreachFacts]) -> None:
        """Sort what came in; else write the step that is due; else enroll."""
        facts = case.facts
        if facts.answers:
            self._sort(case)
        elif facts.step is not None:
            self._write(case, facts.step)
        elif facts.enrollment:
            case.outcome = "nothing is due"
        else:
            self._enroll(case)

    def _enroll(self, case: Case[OutreachSettings, OutreachFacts]) -> None:
        facts = case.facts
        why_not = ""
        if facts.status != Prospect.Status.RESEARCHED:
            why_not = f"it is {facts.status}"
        elif facts.fit < facts.min_fit:
            why_not = f"{facts.fit} points of fit are fewer than {facts.min_fit}"
        elif facts.contact is None:
            why_not = "no address is known"
        elif facts.sequence is None:
            why_not = "no sequence is active"
        if why_not or facts.contact is None or facts.sequence is None:
            case.outcome = f"not enrolled: {why_not}"
            case.say(f"{facts.prospect} is not written to: {why_not}.")
            return
        case.say(f"{facts.fit} of 100 points of fit, and {facts.contact.email} is its address.")
        case.outcome = "enrolled"
        case.propose(
            "enroll_prospect",
            EnrollParams(contact=facts.contact.pk, sequence=facts.sequence),
            reason=f"It fits with {facts.fit} points, and there is an address to write to.",
        )

    def _write(self, case: Case[OutreachSettings, OutreachFacts], step: Step) -> None:
        facts, contact = case.facts, case.facts.contact
        if contact is None:
            case.outcome = "nobody to write to"
            return
        evidence = tuple(
            Evidence(claim=fact.claim, quote=fact.quote, source=fact.url) for fact in facts.facts
        )
        if step.channel != SequenceStep.Channel.EMAIL:
            kind = "call_task" if step.channel == SequenceStep.Channel.CALL else "linkedin_task"
            with case.step("write"):
                text = letters.by_hand(step, facts.facts, contact, facts)
            case.outcome = f"day {step.day}: {step.channel} laid ready"
            case.propose(
                kind,
                HandParams(enrollment=facts.enrollment, position=step.position, text=text),
                reason=f"Day {step.day} of the sequence is a step by hand.",
                evidence=evidence,
            )
            return
        chosen = letters.chosen(step, facts.enrollment)
        if chosen is None:
            case.outcome = "this step has no wording"
            case.say("The step has no active variant, so nothing is written.")
            return
        case.say(f"Wording “{chosen.name}”: {chosen.replied} replies to {chosen.sent} sent so far.")
        draft = self._draft(case, step, chosen, contact)
        used = {claim.fact for claim in draft.claims}
        case.outcome = f"day {step.day}: mail to {contact.email}"
        case.propose(
            "send_email",
            EmailParams(
                enrollment=facts.enrollment,
                position=step.position,
                variant=chosen.pk,
                subject=draft.subject,
                body=letters.signed(draft.body, facts),
                claims=draft.claims,
            ),
            reason=f"Day {step.day} of the sequence; it fits with {facts.fit} of 100 points.",
            evidence=tuple(
                item for fact, item in zip(facts.facts, evidence, strict=True) if fact.pk in used
            ),
        )

    def _draft(
        self,
        case: Case[OutreachSettings, OutreachFacts],
        step: Step,
        chosen: VariantSeen,
        contact: ContactFacts,
    ) -> letters.Draft:
        facts = case.facts
        by_rules = letters.template(chosen, step, facts.facts, contact, facts)
        told = " ".join(f"{fact.claim} {fact.quote}" for fact in facts.facts)
        distrust = "a page gives orders to a machine" if untrusted.gives_orders(told) else ""
        if distrust:
            case.say("What was found on their pages gives orders to a machine: the rules write.")
        with case.step("write") as result:
            system = letters.system(facts, chosen, case.settings.most_words) + (
                f"\n\nFrom the operator: {case.settings.prompt_note}"
                if case.settings.prompt_note
                else ""
            )
            draft = case.decide(
                letters.Draft,
                model=case.settings.writing_model,
                system=system,
                prompt=letters.prompt(facts.facts, contact, facts, facts.earlier, case.note),
                rules=lambda: by_rules,
                max_tokens=1_200,
                distrust=distrust,
            )
            if case.by_model():
                wrong = letters.objection(
                    draft, facts, chosen, facts.facts, case.settings.most_words, case.note
                )
                if wrong:
                    case.say(f"The model's text was not used: {wrong}.")
                    draft = by_rules
            result |= {"variant": chosen.name, "claims": len(draft.claims)}
        return draft

    def _sort(self, case: Case[OutreachSettings, OutreachFacts]) -> None:
        labels = []
        with case.step("sort") as result:
            for answer in case.facts.answers:
                found, quote = sorting.label(
                    answer.text, subject=answer.subject, automatic=answer.automatic
                )
                said = self._by_model(case, answer, found, quote)
                labels.append(said.label)
                case.say(
                    f"{answer.from_email}: {InboundMail.Label(said.label).label}, {said.quote}."
                )
                case.propose(
                    "sort_reply",
                    SortParams(mail=answer.mail, label=said.label, reason=said.quote),
                    reason=f"They wrote {said.quote}.",
                    evidence=(Evidence(claim=said.label, quote=answer.text[:300], source="mail"),),
                )
            result["labels"] = [str(label) for label in labels]
        case.outcome = f"answered: {', '.join(InboundMail.Label(one).label for one in labels)}"

    def _by_model(
        self,
        case: Case[OutreachSettings, OutreachFacts],
        answer: Answer,
        found: str,
        quote: str,
    ) -> Sorted:
        """Ask the model; it cannot overrule a wish to be left alone, nor what it cannot quote."""
        by_rules = Sorted(label=InboundMail.Label(found), quote=quote)
        if found in (InboundMail.Label.UNSUBSCRIBE, InboundMail.Label.OUT_OF_OFFICE):
            return by_rules
        orders = untrusted.gives_orders(answer.text)
        said = case.decide(
            Sorted,
            model=case.settings.sorting_model,
            system=letters.SORTING,
            prompt=untrusted.fence("answer", f"{answer.subject}\n\n{answer.text}"),
            rules=lambda: by_rules,
            max_tokens=300,
            distrust="the answer gives orders to a machine" if orders else "",
        )
        if case.by_model() and not untrusted.is_quoted(said.quote, answer.text):
            case.say("The model quoted what they did not write; the rules decide.")
            return by_rules
        return said
