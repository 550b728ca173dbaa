"""Winning a deal: a client with its contract and subscription, once, by whatever way."""

import datetime as dt
import threading
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from agency import clock
from agency.models import AuditEntry, Client
from billing import payments, prices
from billing.models import Contract, Package, Payment, Subscription
from dashboard.sales import paying
from jobs.models import Event
from pipeline.models import Deal, DealStage, Lead, Proposal, Signature
from pipeline.selling import deals, won
from tests import factories, offers


def make_deal(**fields: Any) -> Deal:
    return deals.open_for(factories.make_lead(timezone="America/Phoenix", **fields))


def signed(deal: Deal, *, monthly: Decimal = Decimal(600)) -> Proposal:
    """Return a proposal for a deal, signed."""
    prices.ensure()
    now = clock.now()
    proposal = Proposal.objects.create(
        world="sandbox",
        deal=deal,
        version=1,
        status=Proposal.Status.SIGNED,
        package=Package.objects.get(slug="website-lead-autopilot"),
        setup_usd=Decimal(1500),
        monthly_usd=monthly,
        term_months=12,
        document={"title": "Website lead autopilot"},
        document_sha256="a" * 64,
        valid_until=now + dt.timedelta(days=14),
        sent_at=now,
    )
    Signature.objects.create(
        proposal=proposal,
        name="Dana Reyes",
        email="dana@harborplumbing.example",
        consent="I agree.",
        address="127.0.0.1",
        document_sha256="a" * 64,
        signed_at=timezone.now(),
        pdf=b"%PDF",
        pdf_sha256="b" * 64,
    )
    return proposal


def payment_for(proposal: Proposal) -> Payment:
    """Return the payment of a proposal, not paid yet."""
    return Payment.objects.create(
        world="sandbox",
        provider="sandbox",
        purpose=won.PURPOSE,
        reference=proposal.pk,
        description="Setup and the first month",
        amount_usd=proposal.setup_usd + proposal.monthly_usd,
    )


def test_a_paid_proposal_makes_the_client_with_what_was_agreed(db: None) -> None:
    deal = make_deal()
    proposal = signed(deal)
    payments.mark_paid(payment_for(proposal), by="olivia")
    factories.work_off()
    client = Client.objects.get()
    assert (client.name, client.slug) == ("Harbor Plumbing", "harbor-plumbing")
    assert client.status == Client.Status.ONBOARDING
    assert client.timezone == "America/Phoenix"
    contract = Contract.objects.get()
    assert (contract.client, contract.reference) == (client, proposal.pk)
    assert (contract.document_sha256, contract.signed_by) == ("a" * 64, "Dana Reyes")
    subscription = Subscription.objects.get()
    assert (subscription.monthly_usd, subscription.contract) == (Decimal(600), contract)
    assert subscription.period_ends_at == won.month_after(subscription.period_starts_at)
    deal.refresh_from_db()
    assert (deal.stage, deal.client, deal.chance) == (DealStage.WON, client, 100)
    assert deal.lead.outcome == Lead.Outcome.WON
    proposal.refresh_from_db()
    assert proposal.status == Proposal.Status.PAID
    assert Payment.objects.get().client == client
    event = Event.objects.get(name="deal.won")
    assert (event.client, event.subject_id) == (client, str(deal.pk))


def test_won_twice_is_one_client(db: None) -> None:
    deal = make_deal()
    proposal = signed(deal)
    first = won.win(deal, by="the house", proposal=proposal)
    assert won.win(deal, by="the house", proposal=proposal) == first
    assert (Client.objects.count(), Contract.objects.count()) == (1, 1)
    assert Event.objects.filter(name="deal.won").count() == 1
    assert AuditEntry.objects.filter(verb="deal.won").count() == 1


def test_two_at_once_make_one_client(committed: str) -> None:
    deal = make_deal()
    proposal = signed(deal)
    together = threading.Barrier(4)
    made: list[int] = []

    def win() -> None:
        together.wait()
        made.append(won.win(deal, by="the house", proposal=proposal).pk)
        connection.close()

    threads = [threading.Thread(target=win) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert set(made) == set(Client.objects.values_list("pk", flat=True))
    assert Event.objects.filter(name="deal.won").count() == 1


def test_nothing_signed_is_not_won(db: None) -> None:
    deal = make_deal()
    with pytest.raises(won.NotWon):
        won.win(deal, by="the house")
    assert not Client.objects.exists()


def test_by_hand_it_is_won_without_a_signature_and_says_so(db: None) -> None:
    prices.ensure()
    deal = make_deal()
    deal.package = Package.objects.get(slug="missed-call-text-back")
    deal.setup_usd, deal.monthly_usd = Decimal(500), Decimal(250)
    deal.save()
    client = won.win(deal, by="olivia", by_hand=True)
    contract = Contract.objects.get(client=client)
    assert contract.signed_by == "Not signed here; entered by olivia"
    assert contract.document_sha256 == ""
    assert Subscription.objects.get().monthly_usd == Decimal(250)


def test_by_hand_without_a_package_there_is_only_the_client(db: None) -> None:
    client = won.win(make_deal(), by="olivia", by_hand=True)
    assert Client.objects.get() == client
    assert not Contract.objects.exists()


def test_nothing_to_pay_each_month_is_no_subscription(db: None) -> None:
    deal = make_deal()
    won.win(deal, by="the house", proposal=signed(deal, monthly=Decimal(0)))
    assert Contract.objects.exists()
    assert not Subscription.objects.exists()


def test_two_companies_of_one_name_get_an_address_each(db: None) -> None:
    won.win(make_deal(), by="olivia", by_hand=True)
    won.win(make_deal(email="joe@other.example"), by="olivia", by_hand=True)
    slugs = set(Client.objects.values_list("slug", flat=True))
    assert slugs == {"harbor-plumbing", "harbor-plumbing-2"}


def test_a_name_without_letters_still_has_an_address(db: None) -> None:
    won.win(make_deal(company="株式会社"), by="olivia", by_hand=True)
    assert Client.objects.get().slug == "client"


def test_a_second_deal_with_the_same_people_is_the_same_client(db: None) -> None:
    deal = make_deal()
    first = won.win(deal, by="olivia", by_hand=True)
    again = deals.open_for(deal.lead)
    assert again != deal
    assert won.win(again, by="olivia", by_hand=True) == first


def test_a_lost_deal_that_is_paid_after_all_is_won(db: None) -> None:
    deal = make_deal()
    proposal = signed(deal)
    deals.lose(deal, Deal.Lost.NO_ANSWER, by="olivia")
    payments.mark_paid(payment_for(proposal), by="olivia")
    factories.work_off()
    deal.refresh_from_db()
    assert (deal.stage, deal.lost_reason) == (DealStage.WON, "")


def test_money_that_comes_after_it_was_won_by_hand_belongs_to_the_client(db: None) -> None:
    deal = make_deal()
    proposal = signed(deal)
    payment = payment_for(proposal)
    client = won.win(deal, by="olivia", by_hand=True)
    payments.mark_paid(payment, by="olivia")
    factories.work_off()
    payment.refresh_from_db()
    proposal.refresh_from_db()
    assert (payment.client, proposal.status) == (client, Proposal.Status.PAID)


@pytest.mark.parametrize(
    ("day", "after"),
    [
        ((2026, 1, 31), (2026, 2, 28)),
        ((2027, 12, 15), (2028, 1, 15)),
        ((2028, 1, 30), (2028, 2, 29)),
    ],
)
def test_a_month_ends_on_its_last_day(
    day: tuple[int, int, int], after: tuple[int, int, int]
) -> None:
    found = won.month_after(dt.datetime(*day, 9, tzinfo=dt.UTC))
    assert found == dt.datetime(*after, 9, tzinfo=dt.UTC)


def test_what_costs_nothing_is_won_when_it_is_signed(db: None) -> None:
    proposal = offers.make_sent(setup_usd=Decimal(0), monthly_usd=Decimal(0))
    offers.sign(proposal)
    factories.work_off()
    proposal.refresh_from_db()
    proposal.deal.refresh_from_db()
    assert (proposal.status, proposal.deal.stage) == ("paid", "won")
    assert paying.begin(proposal) == ""
    assert paying.stand(proposal, came_back=False).state == "paid"
    assert not Payment.objects.exists()
