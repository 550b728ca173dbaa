"""A proposal is signed once, exactly as it was seen; a changed byte of it is found."""

import datetime as dt
import hashlib
import threading
from decimal import Decimal
from io import BytesIO

import pypdf
import pytest
from django.db import InternalError, ProgrammingError, connection, connections, transaction

from agency import clock
from agency.models import AuditEntry
from control import by_person
from control.models import Action
from jobs.models import Event
from pipeline.kinds import FollowUpParams
from pipeline.models import Deal, Proposal, Signature
from pipeline.selling import deals, documents, pdf, proposals
from tests import offers
from tests.factories import make_user

FORBIDDEN = (InternalError, ProgrammingError)


@pytest.mark.usefixtures("db")
class TestSigning:
    def test_it_keeps_who_signed_what_when_from_where(self) -> None:
        proposal = offers.make_sent()
        signature = offers.sign(proposal)

        assert (signature.name, signature.address) == ("Dana Reyes", "203.0.113.9")
        assert signature.document_sha256 == proposal.document_sha256
        assert abs(signature.signed_at - clock.wall()) < dt.timedelta(seconds=5)
        assert proposal.status == "signed"
        deal = Deal.objects.get(pk=proposal.deal_id)
        assert (deal.stage, deal.package) == ("signed", proposal.package)
        assert deal.setup_usd == 500
        said = AuditEntry.objects.get(verb="proposal.signed")
        assert said.data["document_sha256"] == proposal.document_sha256
        assert Event.objects.get(name="proposal.signed").subject_id == str(deal.pk)
        assert documents.check(proposal).ok

    def test_twice_is_the_same_signature(self) -> None:
        proposal = offers.make_sent()
        first = offers.sign(proposal)
        assert offers.sign(proposal, name="Somebody Else") == first
        assert Signature.objects.get().name == "Dana Reyes"
        assert Event.objects.filter(name="proposal.signed").count() == 1

    def test_another_hash_than_that_on_the_page_is_refused(self) -> None:
        proposal = offers.make_sent()
        with pytest.raises(proposals.Changed, match="Look again"):
            offers.sign(proposal, seen_sha256="0" * 64)
        assert not Signature.objects.exists()

    def test_what_lapsed_was_replaced_declined_or_lost_is_refused(self) -> None:
        lapsed = offers.make_sent()
        Proposal.objects.filter(pk=lapsed.pk).update(valid_until=clock.now())
        replaced = offers.make_sent()
        offers.make_sent(replaced.deal)
        declined = offers.make_sent()
        proposals.decline(declined, "too much")
        lost = offers.make_sent()
        deals.lose(lost.deal, "timing", by="olivia")
        for proposal, why in (
            (lapsed, "lapsed"),
            (replaced, "newer version"),
            (declined, "declined"),
            (lost, "cannot be signed"),
        ):
            with pytest.raises(proposals.NotPossible, match=why):
                offers.sign(proposal)
        assert not Signature.objects.exists()

    def test_what_waits_for_the_deal_is_withdrawn_with_the_signature(self) -> None:
        proposal = offers.make_sent()
        words = FollowUpParams(
            proposal=proposal.pk, number=1, subject="Did you see it?", body="Hi Dana,"
        )
        action = by_person.do("follow_up_proposal", words, proposal.deal, make_user())
        assert action.status == "approved"
        offers.sign(proposal)
        action.refresh_from_db()
        assert (action.status, action.error) == ("expired", "they signed")

    def test_a_signature_that_is_refused_withdraws_nothing(self) -> None:
        proposal = offers.make_sent()
        words = FollowUpParams(proposal=proposal.pk, number=1, subject="Hello", body="Hi Dana,")
        by_person.do("follow_up_proposal", words, proposal.deal, make_user())
        with pytest.raises(proposals.Changed):
            offers.sign(proposal, seen_sha256="1" * 64)
        assert Action.objects.get().status == "approved"

    def test_a_newer_version_comes_too_late_for_what_was_signed(self) -> None:
        first = offers.make_sent()
        package = offers.make_package()
        later = proposals.draft(
            first.deal, package, setup_usd=Decimal(450), monthly_usd=Decimal(225)
        )
        offers.sign(first)
        assert not proposals.send(later, by="closer")
        later.refresh_from_db()
        first.refresh_from_db()
        assert (first.status, later.status) == ("signed", "superseded")
        with pytest.raises(proposals.NotPossible, match="signed already"):
            proposals.draft(first.deal, package, setup_usd=Decimal(1), monthly_usd=Decimal(1))


@pytest.mark.usefixtures("db")
class TestDocuments:
    def test_a_sent_document_cannot_be_changed_by_the_app(self) -> None:
        proposal = offers.make_sent()
        proposal.document["price"]["monthly"] = "1.00"
        with pytest.raises(FORBIDDEN), transaction.atomic():
            proposal.save()
        signature = offers.sign(Proposal.objects.get(pk=proposal.pk))
        with pytest.raises(FORBIDDEN), transaction.atomic():
            Signature.objects.filter(pk=signature.pk).update(name="Nobody")

    def test_the_document_survives_the_database(self) -> None:
        proposal = offers.make_sent(summary="Zoë’s “calls”\n— 50 %\u2028 ✓")
        again = Proposal.objects.get(pk=proposal.pk)
        assert documents.sha256(again.document) == proposal.document_sha256

    def test_the_pdf_is_the_same_bytes_each_time_and_says_its_hash(self) -> None:
        signature = offers.sign(offers.make_sent(), name="Łukasz Żółć")
        assert pdf.make(signature) == signature.pdf
        assert hashlib.sha256(signature.pdf).hexdigest() == signature.pdf_sha256
        read = pypdf.PdfReader(BytesIO(signature.pdf))
        text = "\n".join(page.extract_text() for page in read.pages)
        assert signature.document_sha256 in text
        assert "Zólc" in text
        assert "203.0.113.9" in text
        (kept,) = read.attachments["proposal.json"]
        assert hashlib.sha256(kept).hexdigest() == signature.document_sha256

    def test_a_pdf_changed_by_one_byte_is_not_ours(self) -> None:
        signature = offers.sign(offers.make_sent())
        content = bytes(signature.pdf)
        assert documents.check_pdf(content).ok
        for at in (0, len(content) // 2, len(content) - 1):
            changed = bytearray(content)
            changed[at] ^= 1
            found = documents.check_pdf(bytes(changed))
            assert (found.ok, "changed after" in found.why) == (False, True)
        assert "no document" in documents.check_pdf(b"%PDF-1.4 something else").why
        assert not documents.check_pdf(content + b"\n").ok


def test_a_row_changed_past_the_app_is_found(committed: None) -> None:
    """As the owner, with the trigger off: what a person with the database in hand can do."""
    proposal = offers.make_sent()
    offers.sign(proposal)
    _as_owner(
        "UPDATE pipeline_proposal SET document = jsonb_set(document, '{summary}', '\"Fine.\"')"
    )
    found = documents.check(Proposal.objects.get(pk=proposal.pk))
    assert (found.ok, "hash does not match" in found.why) == (False, True)

    # Whoever also mends the hash is told by the signature, and then by the trail.
    changed = Proposal.objects.get(pk=proposal.pk)
    sha256 = documents.sha256(changed.document)
    _as_owner(f"UPDATE pipeline_proposal SET document_sha256 = '{sha256}'")  # noqa: S608
    assert "not the text that was signed" in documents.check(_again(proposal)).why
    _as_owner(f"UPDATE pipeline_signature SET document_sha256 = '{sha256}'")  # noqa: S608
    assert "audit trail" in documents.check(_again(proposal)).why


def _again(proposal: Proposal) -> Proposal:
    return Proposal.objects.get(pk=proposal.pk)


def _as_owner(sql: str) -> None:
    with connections["owner"].cursor() as cursor:
        for table in ("proposal", "signature"):
            cursor.execute(f"ALTER TABLE pipeline_{table} DISABLE TRIGGER USER")
        cursor.execute(sql)
        for table in ("proposal", "signature"):
            cursor.execute(f"ALTER TABLE pipeline_{table} ENABLE TRIGGER USER")


def test_many_at_once_are_one_signature(committed: None) -> None:
    proposal = offers.make_sent()
    found: list[int] = []
    together = threading.Barrier(8)

    def signs(number: int) -> None:
        together.wait()
        try:
            found.append(offers.sign(_again(proposal), name=f"Dana Reyes {number}").pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=signs, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == Signature.objects.count() == 1
    assert Event.objects.filter(name="proposal.signed").count() == 1


def test_one_signs_while_another_declines(committed: None) -> None:
    proposal = offers.make_sent()
    said: list[str] = []
    together = threading.Barrier(2)

    def does(what: str) -> None:
        together.wait()
        try:
            if what == "sign":
                offers.sign(_again(proposal))
            else:
                proposals.decline(_again(proposal), "no")
            said.append(what)
        except proposals.NotPossible:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=does, args=[what]) for what in ("sign", "decline")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 1
    assert _again(proposal).status == {"sign": "signed", "decline": "declined"}[said[0]]
