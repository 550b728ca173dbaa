"""What is offered to a deal by mail: a proposal, a reminder of it, another price."""

import uuid
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from django.db.models import QuerySet
from pydantic import AfterValidator, Field

from agency import clock
from agency.models import AgencyProfile
from billing import prices
from billing.models import Package
from control import by_person, kinds
from control.models import Action
from pipeline.kinds import letters
from pipeline.models import Deal, Lead, Proposal
from pipeline.selling import documents, proposal_links, proposals

Dollars = Annotated[
    Decimal,
    Field(ge=0, max_digits=10, decimal_places=2),
    AfterValidator(lambda amount: amount.quantize(documents.CENT)),
]
PRICE = ("package", "setup_usd", "monthly_usd", "term_months")
Line = Annotated[str, Field(min_length=1, max_length=300)]


class ProposalParams(letters.LetterParams):
    """What is offered, for how much, and the mail that says so; its link is added."""

    package: str
    setup_usd: Dollars
    monthly_usd: Dollars
    term_months: int = Field(ge=1, le=60)
    about: str = Field(min_length=1, max_length=1_500)
    scope: list[Line] = Field(min_length=1, max_length=20)


@kinds.register
class SendProposal(letters.LetterToLead[ProposalParams]):
    """Send a proposal: a page to read, sign and pay. What was sent stays; a newer one replaces it.

    In no phase does a price outside the price book leave without a person.
    """

    name = "send_proposal"
    label = "Proposals"
    word = "Proposal"
    params = ProposalParams
    stakes = Action.Stakes.HIGH
    topic = "money"
    auto_from_phase = 4
    editable: ClassVar[tuple[str, ...]] = (
        *("setup_usd", "monthly_usd", "term_months", "about", "subject", "body"),
    )
    emits: ClassVar[tuple[str, ...]] = (
        *("proposal.sent", "proposal.seen", "proposal.signed", "proposal.declined"),
    )

    def summary(self, action: Action, params: ProposalParams) -> str:
        """Say to whom, what and for how much."""
        return f"Proposal to {letters.deal(action)}: {_package(params)}, {priced(params)}"

    def consequence(self, action: Action, params: ProposalParams) -> str:
        """Say what follows."""
        goes = super().consequence(action, params)
        return f"{goes} They can sign and pay at this price for {documents.VALID_DAYS} days."

    def asks(self, action: Action, params: ProposalParams) -> str:
        """Ask whenever the price leaves the price book's bounds."""
        package = Package.objects.filter(slug=params.package).first()
        if package is None:
            return f"there is no package “{params.package}” any more"
        return prices.objection(package, params.setup_usd, params.monthly_usd)

    def objection(self, action: Action, params: ProposalParams) -> str:
        """Refuse what can no longer be offered, and a second offer beside one that is under way.

        Within the deal's lock: two runs that offer at once are one offer. What only waits is put
        aside by a person's own.
        """
        deal = _locked(action)
        under_way = _open(action)
        if action.agent == by_person.OPERATOR:
            waits = [Action.Status.WAITING, Action.Status.HELD]
            under_way = under_way.exclude(kind=action.kind, status__in=waits)
        if under_way.exists():
            return "another offer to them is under way"
        return self.too_late(deal)

    def already(self, action: Action, params: ProposalParams) -> str:
        """Refuse a first offer beside another, whether it waits, leaves or was sent."""
        deal = _locked(action)
        if _open(action).exists():
            return "an offer to them is under way"
        newest = proposals.newest(deal)
        return f"they have version {newest.version} already" if newest is not None else ""

    def too_late(self, deal: Deal) -> str:
        """Return why nothing can be offered to a deal any more, or nothing."""
        if not deal.is_open:
            return "the deal is closed"
        if deal.proposals.filter(status__in=proposals.SETTLED).exists():
            return "they have signed already"
        return ""

    def render(self, action: Action, params: ProposalParams) -> dict[str, Any]:
        """Return the mail and the document behind its link, as both go out."""
        deal, package = letters.deal(action), _package(params)
        document = documents.compose(
            deal,
            package,
            pk=action.pk,
            version=proposals.next_version(deal, besides=action.pk),
            setup_usd=params.setup_usd,
            monthly_usd=params.monthly_usd,
            term_months=params.term_months,
            summary=params.about,
            scope=params.scope,
        )
        mail = super().render(action, params)
        return mail | {
            "body": with_link(params.body, action.pk),
            "document": document,
            "document_sha256": documents.sha256(document),
        }

    def execute(self, action: Action, params: ProposalParams, guard: kinds.Guard) -> dict[str, Any]:
        """Write the version down, then send the mail with its link."""
        try:
            proposal = proposals.draft(
                letters.deal(action),
                _package(params),
                setup_usd=params.setup_usd,
                monthly_usd=params.monthly_usd,
                term_months=params.term_months,
                pk=action.pk,
                document=action.rendered["document"],
            )
        except proposals.NotPossible as why:
            raise kinds.Blocked(str(why)) from why

        def still_open() -> None:
            guard()
            why = self.too_late(letters.deal(action))
            if why:
                raise kinds.Blocked(why)

        effect = super().execute(action, params, still_open)
        return effect | {"proposal": str(proposal.pk), "version": proposal.version}

    def done(self, action: Action, params: ProposalParams) -> None:
        """Put the version in force; who wrote was answered with it."""
        proposal = Proposal.objects.select_related("deal").get(pk=action.pk)
        proposals.send(proposal, by=action.agent)
        Lead.objects.filter(pk=proposal.deal.lead_id).update(flagged_at=None)


@kinds.register
class Negotiate(SendProposal):
    """Send another version at another price, to who asked for it."""

    name = "negotiate"
    label = "New prices"
    word = "New price"
    emits = ("proposal.sent",)

    def summary(self, action: Action, params: ProposalParams) -> str:
        """Say to whom, and what it costs now."""
        off = prices.discount(_package(params), params.setup_usd, params.monthly_usd)
        cut = f", {prices.percent(off)} off" if off else ""
        return f"New price for {letters.deal(action)}: {priced(params)}{cut}"

    def already(self, action: Action, params: ProposalParams) -> str:
        """Refuse what they have in hand, or what waits for them: this package at this price.

        The deal is not locked yet: what waits is put aside after this, and actions come first.
        """
        price = params.model_dump(mode="json", include=set(PRICE))
        if _open(action).filter(params__contains=price).exists():
            return "an offer at this price is under way"
        newest = proposals.newest(letters.deal(action))
        if newest is None or newest.status != Proposal.Status.SENT:
            return ""
        offered = (newest.package.slug, newest.setup_usd, newest.monthly_usd, newest.term_months)
        wanted = (params.package, params.setup_usd, params.monthly_usd, params.term_months)
        return "they have this price already" if offered == wanted else ""

    def objection(self, action: Action, params: ProposalParams) -> str:
        """Refuse where there is nothing to negotiate about."""
        if proposals.newest(letters.deal(action)) is None:
            return "they have no proposal yet"
        return super().objection(action, params)


class FollowUpParams(letters.LetterParams):
    """A reminder of a proposal; its link is added."""

    proposal: uuid.UUID
    number: int = Field(ge=1, le=3)


@kinds.register
class FollowUpProposal(letters.LetterToLead[FollowUpParams]):
    """Remind of a proposal that nobody signed or declined. Nothing leaves once they have."""

    name = "follow_up_proposal"
    label = "Proposal reminders"
    word = "Reminder"
    params = FollowUpParams
    auto_from_phase = 2

    def summary(self, action: Action, params: FollowUpParams) -> str:
        """Say to whom, and which it is."""
        return f"Reminder {params.number} to {letters.deal(action)}: {params.subject}"

    def objection(self, action: Action, params: FollowUpParams) -> str:
        """Refuse once it is settled, or was reminded of since."""
        found = letters.deal(action).proposals.filter(pk=params.proposal).first()
        if found is None:
            return "the proposal is no longer there"
        if found.status != Proposal.Status.SENT:
            return f"the proposal is {found.get_status_display().lower()}"
        if found.valid_until <= clock.now():
            return "the proposal has lapsed"
        if found.followed_up >= params.number:
            return "they were reminded already"
        return ""

    def render(self, action: Action, params: FollowUpParams) -> dict[str, Any]:
        """Return the mail as it goes out."""
        mail = super().render(action, params)
        return mail | {"body": with_link(params.body, params.proposal)}

    def execute(self, action: Action, params: FollowUpParams, guard: kinds.Guard) -> dict[str, Any]:
        """Send it, unless they signed or declined up to the last moment."""

        def still_open() -> None:
            guard()
            why = self.objection(action, params)
            if why:
                raise kinds.Blocked(why)

        still_open()
        return super().execute(action, params, still_open)

    def done(self, action: Action, params: FollowUpParams) -> None:
        """Count it."""
        Proposal.objects.filter(pk=params.proposal).update(
            followed_up=params.number, followed_up_at=clock.now()
        )
        proposals.show(Proposal.objects.get(pk=params.proposal))


def with_link(body: str, pk: uuid.UUID) -> str:
    """Return a mail's text with the link to a proposal, and signed by whoever sends for us."""
    profile = AgencyProfile.load()
    link = f"Read it, sign it or say no here:\n{proposal_links.url(pk)}"
    return f"{body}\n\n{link}\n\nBest,\n{profile.sender_name}\n{profile.name}"


def priced(params: ProposalParams) -> str:
    """Return a price in a line."""
    setup, monthly = prices.dollars(params.setup_usd), prices.dollars(params.monthly_usd)
    return f"{setup} setup, {monthly} a month"


def _package(params: ProposalParams) -> Package:
    """Return the package. Raises Blocked if it is gone."""
    found = Package.objects.filter(slug=params.package).first()
    if found is None:
        raise kinds.Blocked(f"there is no package “{params.package}” any more")
    return found


def _locked(action: Action) -> Deal:
    """Return the deal, taken: who offers at the same time comes before or after."""
    return Deal.objects.select_for_update(of=("self",), no_key=True).get(pk=action.subject_id)


def _open(action: Action) -> QuerySet[Action]:
    """Return the other offers to the deal that wait, leave, or may have left."""
    return Action.objects.filter(
        kind__in=proposals.OFFERS,
        subject_type=action.subject_type,
        subject_id=action.subject_id,
        status__in=Action.UNSETTLED,
    ).exclude(pk=action.pk)
