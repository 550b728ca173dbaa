"""A proposal by its link: read, signed, paid, declined, without a login; and a PDF is checked."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agency import clock
from billing import payments
from billing.models import Payment
from control.models import Alert
from dashboard import rates
from dashboard.sales import paying
from integrations.errors import ServiceError
from jobs.models import Event
from pipeline.models import Proposal, Signature
from pipeline.selling import proposal_links, proposals
from tests import offers
from tests.dashboard.conftest import text_of

pytestmark = pytest.mark.usefixtures("db")

CHECKOUT = "https://checkout.example/c/1"


@pytest.fixture
def proposal() -> Proposal:
    return offers.make_sent()


@pytest.fixture(autouse=True)
def checkout(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stand for the payment provider, which is asked over the network."""
    asked: dict[str, Any] = {}

    def begin(**order: Any) -> Payment:
        if asked.get("away"):
            raise ServiceError("the provider is away", permanent=False)
        asked.update(order)
        wanted = {name: order[name] for name in ("world", "amount_usd", "description")}
        payment, _ = Payment.objects.get_or_create(
            purpose=order["purpose"],
            reference=order["reference"],
            defaults={**wanted, "provider": "sandbox", "checkout_url": CHECKOUT},
        )
        return payment

    monkeypatch.setattr(payments, "begin", begin)
    return asked


def path(proposal: Proposal) -> str:
    return proposal_links.path(proposal.pk)


def signing(proposal: Proposal, **fields: str) -> dict[str, str]:
    wanted = {
        "do": "sign",
        "name": "Dana  Reyes",
        "email": "dana@harborplumbing.example",
        "consent": "on",
        "document_sha256": proposal.document_sha256,
    }
    return wanted | fields


def test_it_says_scope_price_and_terms_and_who_looked(client: Client, proposal: Proposal) -> None:
    with CaptureQueriesContext(connection) as queries:
        response = client.get(path(proposal))
    text = text_of(response)
    for words in ("A text back within a minute", "$500", "$750", "30 days’ notice", "Harbor"):
        assert words in text
    assert proposal.document_sha256 in text
    assert response["X-Robots-Tag"] == "noindex"
    assert response["Referrer-Policy"] == "no-referrer"
    assert len(queries) <= 30
    client.get(path(proposal))
    client.head(path(proposal))
    proposal.refresh_from_db()
    assert (proposal.seen_count, proposal.first_seen_at is not None) == (2, True)
    assert Event.objects.filter(name="proposal.seen").count() == 1


def test_the_operators_own_look_is_not_counted(browser: Client, proposal: Proposal) -> None:
    browser.get(path(proposal))
    proposal.refresh_from_db()
    assert proposal.seen_count == 0


def test_signed_it_goes_straight_on_to_the_payment(
    client: Client, proposal: Proposal, checkout: dict[str, Any]
) -> None:
    response = client.post(path(proposal), signing(proposal))
    assert (response.status_code, response["Location"]) == (302, CHECKOUT)
    assert (checkout["amount_usd"], checkout["purpose"]) == (750, "proposal")
    assert checkout["return_url"] == f"{proposal_links.url(proposal.pk)}?back=1"
    signature = Signature.objects.get()
    assert (signature.name, signature.address) == ("Dana Reyes", "127.0.0.1")
    again = client.post(path(proposal), signing(proposal, name="Somebody Else"))
    assert again["Location"] == CHECKOUT
    assert Signature.objects.get().name == "Dana Reyes"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": " "}, "Type your full name"),
        ({"email": "dana"}, "This is no e-mail address"),
        ({"consent": ""}, "Tick the box"),
        ({"name": "x" * 201}, "at most 200"),
        ({"name": "Da\x00na"}, "Null characters"),
    ],
)
def test_what_is_missing_is_said_beside_its_field(
    fields: dict[str, str], said: str, client: Client, proposal: Proposal
) -> None:
    data = signing(proposal, **fields)
    if fields.get("consent") == "":
        del data["consent"]
    response = client.post(path(proposal), data)
    assert response.status_code == 422
    assert said in text_of(response)
    assert not Signature.objects.exists()


def test_another_document_than_that_on_the_page_is_refused(
    client: Client, proposal: Proposal
) -> None:
    response = client.post(path(proposal), signing(proposal, document_sha256="0" * 64))
    assert response.status_code == 409
    assert "Look again" in text_of(response)
    assert not Signature.objects.exists()


def test_an_older_link_leads_to_the_newest_version(client: Client, proposal: Proposal) -> None:
    newer = offers.make_sent(proposal.deal)
    response = client.get(path(proposal))
    text = text_of(response)
    assert path(newer) in text
    assert 'value="sign"' not in text
    assert client.post(path(proposal), signing(proposal)).status_code == 409


def test_what_lapsed_says_so(client: Client, proposal: Proposal) -> None:
    Proposal.objects.update(valid_until=clock.now())
    text = text_of(client.get(path(proposal)))
    assert "has lapsed" in text
    assert 'value="sign"' not in text


def test_a_draft_shows_nothing_yet(client: Client) -> None:
    package = offers.make_package()
    draft = proposals.draft(
        offers.make_deal(), package, setup_usd=package.setup_usd, monthly_usd=package.monthly_usd
    )
    response = client.get(path(draft))
    assert "on its way" in text_of(response)
    assert "$500" not in text_of(response)
    assert client.post(path(draft), signing(draft)).status_code == 409


def test_it_is_declined_with_a_reason_once(client: Client, proposal: Proposal) -> None:
    for _ in range(2):
        response = client.post(path(proposal), {"do": "decline", "reason": "Too\nexpensive"})
        assert response.status_code == 302
    proposal.refresh_from_db()
    assert (proposal.status, proposal.decline_reason) == ("declined", "Too expensive")
    assert Event.objects.filter(name="proposal.declined").count() == 1
    assert client.post(path(proposal), signing(proposal)).status_code == 409


def test_a_payment_page_that_is_away_leaves_the_signature(
    client: Client, proposal: Proposal, checkout: dict[str, Any]
) -> None:
    checkout["away"] = True
    response = client.post(path(proposal), signing(proposal))
    assert response.status_code == 503
    assert "Your signature is safe" in text_of(response)
    assert Signature.objects.count() == 1
    checkout["away"] = False
    assert client.post(path(proposal), {"do": "pay"})["Location"] == CHECKOUT


@pytest.mark.parametrize(
    ("status", "back", "said"),
    [
        ("open", "", "One thing is left"),
        ("open", "?back=1", "being confirmed"),
        ("failed", "?back=1", "Your card was declined. Nothing was taken"),
        ("expired", "", "lapsed before it was paid"),
        ("paid", "?back=1", "Signed and paid"),
        ("unknown", "", "being confirmed"),
    ],
)
def test_the_page_says_honestly_where_the_payment_stands(
    status: str, back: str, said: str, client: Client, proposal: Proposal
) -> None:
    client.post(path(proposal), signing(proposal))
    failure = "Your card was declined." if status == "failed" else ""
    Payment.objects.update(status=status, failure=failure)
    text = text_of(client.get(path(proposal) + back))
    assert said in text
    assert ("Signed and paid" in text) is (status == "paid")
    assert ('value="pay"' in text) is (status in {"failed", "expired"} or said.startswith("One"))


def test_paid_by_hand_needs_nothing_more(client: Client, proposal: Proposal) -> None:
    offers.sign(proposal)
    Payment.objects.create(
        world="sandbox", provider="hand", purpose="proposal", reference=proposal.pk, amount_usd=750
    )
    assert "We write to you" in text_of(client.get(path(proposal)))


def test_the_signed_pdf_is_handed_out_as_it_was_made(client: Client, proposal: Proposal) -> None:
    address = reverse("proposal-public-pdf", args=[proposal_links.token(proposal.pk)])
    assert client.get(address).status_code == 404
    signature = offers.sign(proposal)
    response = client.get(address)
    assert (response.content, response["Content-Type"]) == (signature.pdf, "application/pdf")


def test_a_document_that_was_changed_has_a_red_banner_and_tells_the_operator(
    client: Client, proposal: Proposal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row itself is changed in tests/pipeline/test_signing.py; here the page is looked at."""
    offers.sign(proposal)
    monkeypatch.setattr("pipeline.selling.documents.sha256", lambda document: "f" * 64)
    text = text_of(client.get(path(proposal)))
    assert "This is not the document that was signed" in text
    assert Alert.objects.get(dedupe_key=f"proposal:changed:{proposal.pk}").severity == "critical"


def test_wrong_links_are_counted_and_say_nothing(client: Client) -> None:
    for token in ("x", "a" * 2000, "%00", "💥", "0" * 32 + ".sig"):
        response = client.get(f"/p/{token}/")
        assert response.status_code in (404, 429)
        assert "not whole" in text_of(response)
    codes = {client.get("/p/guess/").status_code for _ in range(25)}
    assert 429 in codes


def test_posts_are_limited(
    client: Client, proposal: Proposal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "is_over", lambda *args: True)
    response = client.post(path(proposal), signing(proposal))
    assert (response.status_code, Signature.objects.exists()) == (429, False)


@pytest.mark.parametrize("do", ["", "pay", "win", "\x00"])
def test_nonsense_changes_nothing(do: str, client: Client, proposal: Proposal) -> None:
    assert client.post(path(proposal), {"do": do}).status_code == 422
    assert client.put(path(proposal)).status_code == 405
    proposal.refresh_from_db()
    assert proposal.status == "sent"


class TestChecking:
    def upload(self, client: Client, content: bytes) -> Any:
        file = SimpleUploadedFile("a.pdf", content, content_type="application/pdf")
        return client.post(reverse("proposal-check"), {"file": file})

    def test_ours_is_known_to_the_last_byte(self, client: Client, proposal: Proposal) -> None:
        signature = offers.sign(proposal)
        assert "Yes, to the last byte" in text_of(self.upload(client, bytes(signature.pdf)))
        changed = bytearray(signature.pdf)
        changed[-20] ^= 1
        text = text_of(self.upload(client, bytes(changed)))
        assert "changed after it was signed" in text
        assert "Dana" not in text

    def test_what_is_not_ours_says_so(self, client: Client) -> None:
        assert "no document that was signed here" in text_of(self.upload(client, b"%PDF-1.7 x"))
        assert self.upload(client, b"").status_code == 422
        assert client.post(reverse("proposal-check")).status_code == 422
        assert client.get(reverse("proposal-check")).status_code == 200

    def test_a_file_too_large_is_refused(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("dashboard.sales.offer_forms.CheckForm.MOST_BYTES", 10)
        assert "larger than any" in text_of(self.upload(client, b"%PDF-1.7 too much"))


def test_states_of_paying_are_words(proposal: Proposal) -> None:
    offers.sign(proposal)
    assert paying.stand(proposal, came_back=False).can_pay
