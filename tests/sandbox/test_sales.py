"""How people are sold to: they book, come or not, haggle, sign, pay, over HTTP and mail alone."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from email import message_from_string, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from sandbox.market import buyers, calls, letters, pages, rates
from sandbox.market.world import Company, Person
from tests.sandbox import agency as agencies
from tests.sandbox import answering
from tests.sandbox.agency import Agency
from tests.sandbox.answering import ME, WORLD, Market, until, warm_mail

PEOPLE = [(company, person) for company in WORLD.companies for person in company.people]
EVERYBODY = [person for _, person in PEOPLE]


@pytest.fixture
def agency() -> Iterator[Agency]:
    with agencies.serving() as found:
        yield found


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    return tmp_path / "mailbox"


@pytest.fixture
def market(agency: Agency, maildir: Path) -> Iterator[Market]:
    with opened(agency, maildir) as found:
        yield found
        assert found.stop() == ("", "")


def opened(agency: Agency, maildir: Path) -> Any:
    hook = f"{agency.url}/hooks/meetings/token"
    more = ("--meetings-hook", hook, "--epoch", str(agency.epoch))
    return answering.running(maildir, agency.url, *more, speed=agencies.SPEED)


def offer(agency: Agency, person: Person, number: int = 1) -> EmailMessage:
    words = f"Hi,\n\nPick a time here: {agency.url}/book/token/\n\nAlex\n"
    return warm_mail(person.email, words, number)


def proposal(agency: Agency, person: Person, number: int = 1) -> EmailMessage:
    words = f"Hi,\n\nHere is the proposal: {agency.url}/p/token/.\n\nAlex\n"
    return warm_mail(person.email, words, number)


def read(mail: EmailMessage, person: Person) -> letters.Letter:
    return letters.read(ME, person.email, mail.as_bytes())


def about_offer(agency: Agency, person: Person) -> str:
    deed = buyers.about_offer(person, read(offer(agency, person), person), nth=1, again=False)
    return deed.act if deed else ""


def about_proposal(person: Person) -> str:
    deed = buyers.about_proposal(person, nth=1, state="")
    return deed.act if deed else ""


def who(does: Callable[[Person], bool]) -> tuple[Company, Person]:
    return next((one, person) for one, person in PEOPLE if does(person))


def test_who_is_offered_a_call_books_comes_and_is_written_down(
    agency: Agency, market: Market, maildir: Path
) -> None:
    company, person = who(
        lambda one: (
            about_offer(agency, one) == "book"
            and buyers.about_call(one.email, "call-1@agency", 0) == "attend"
        )
    )
    market.send(offer(agency, person))
    until(lambda: agency.reports, "what was said in the call")
    (report,) = agency.reports
    assert (report["uid"], report["attended"]) == ("call-1@agency", True)
    assert report["transcript"] == calls.transcript(company, person, "call-1@agency")
    assert agency.now().isoformat() > agency.call["starts_at"]
    until(lambda: answering.idle(maildir), "rest")
    market.send(offer(agency, person, 2))
    until(lambda: answering.settled(maildir, 2), "rest")
    assert len(agency.sent("/book/")) == 1


@pytest.mark.parametrize("fate", ["miss", "move", "cancel"])
def test_some_do_not_come_move_it_or_cancel(agency: Agency, market: Market, fate: str) -> None:
    _, person = who(
        lambda one: (
            about_offer(agency, one) == "book"
            and buyers.about_call(one.email, "call-1@agency", 0) == fate
            and buyers.about_call(one.email, "call-1@agency", 1) == "attend"
        )
    )
    market.send(offer(agency, person))
    if fate == "cancel":
        until(lambda: agency.sent("/meetings/"), "that it is cancelled")
        assert agency.sent("/meetings/")[0] == {"do": "cancel"}
        return
    until(lambda: agency.reports, "how it went")
    assert [one["attended"] for one in agency.reports] == [fate == "move"]
    assert len(agency.sent("/meetings/")) == (fate == "move")


def test_who_is_sent_times_answers_with_one_of_them(agency: Agency, market: Market) -> None:
    listed = "Tuesday, March 3 at 10:00 AM\nWednesday, March 4 at 2:30 PM (Phoenix)\n"

    def mail(person: Person) -> EmailMessage:
        return warm_mail(person.email, f"Hi,\n\n{listed}\nOr: {agency.url}/book/token/\n")

    def names_one(person: Person) -> bool:
        deed = buyers.about_offer(person, read(mail(person), person), nth=1, again=False)
        return deed is not None and deed.act == "name_time"

    _, person = who(names_one)
    market.send(mail(person))
    until(lambda: agency.mails, "an answer")
    answer = message_from_string(agency.mails[0]["body-mime"], EmailMessage, policy=policy.default)
    body = answer.get_body(("plain", "html"))
    assert body is not None
    said = body.get_content()
    assert "Tuesday at 10:00 AM" in said or "Wednesday at 2:30 PM" in said
    assert not agency.sent("/book/")


def test_an_invitation_by_mail_is_taken_down_moved_and_taken_back(
    agency: Agency, market: Market, maildir: Path
) -> None:
    agency.call = {"starts_at": agency.times()[0], "sequence": "0"}
    _, person = who(lambda one: buyers.about_call(one.email, "call-1@agency", 0) == "attend")

    def invitation(number: int, method: str = "REQUEST") -> EmailMessage:
        mail = warm_mail(person.email, "See you then.\n", number, Auto_Submitted="auto-generated")
        text = agencies.ics(agency).replace("METHOD:REQUEST", f"METHOD:{method}")
        mail.add_attachment(text.encode(), maintype="text", subtype="calendar", filename="c.ics")
        return mail

    far = agency.times()[-1]
    agency.call = {"starts_at": f"2126{far[4:]}", "sequence": "0"}
    market.send(invitation(1))
    until(lambda: answering.settled(maildir, 1), "the invitation")
    assert not answering.idle(maildir)
    agency.call["sequence"] = "1"
    market.send(invitation(2, "CANCEL"))
    until(lambda: answering.idle(maildir), "rest")
    agency.call = {"starts_at": agency.times()[0], "sequence": "2"}
    market.send(invitation(3))
    until(lambda: agency.reports, "how it went")


def test_a_proposal_is_signed_and_paid_also_with_a_second_card(
    agency: Agency, market: Market
) -> None:
    _, person = who(lambda one: about_proposal(one) == "sign" and buyers.first_card_declined(one))
    market.send(proposal(agency, person))
    until(lambda: agency.state == "paid", "the money")
    assert agency.cards == [pages.DECLINED_CARD, pages.GOOD_CARD]
    assert [one["do"] for one in agency.sent("/p/")] == ["sign"]


def test_who_wants_a_discount_looks_and_asks_and_then_decides(
    agency: Agency, market: Market
) -> None:
    _, person = who(lambda one: about_proposal(one) == "haggle")
    market.send(proposal(agency, person))
    until(lambda: agency.mails, "a question")
    assert "%" in agency.mails[0]["body-mime"]
    assert agency.seen == ["/p/token/"]
    market.send(warm_mail(person.email, "That is my best price.\n", 2))
    until(lambda: agency.state in {"paid", "declined"}, "a decision")


def test_who_only_looks_is_asked_again(agency: Agency, market: Market, maildir: Path) -> None:
    def signs_then(person: Person) -> bool:
        again = buyers.about_proposal(person, nth=2, state="open")
        return about_proposal(person) == "look" and again is not None and again.act == "sign"

    _, person = who(signs_then)
    market.send(proposal(agency, person))
    until(lambda: agency.seen, "a look")
    until(lambda: answering.idle(maildir), "rest")
    assert agency.state == "sent"
    market.send(proposal(agency, person, 2))
    until(lambda: agency.state == "paid", "the money")


def test_killed_before_a_visit_it_is_made_afterwards_once(agency: Agency, maildir: Path) -> None:
    _, person = who(
        lambda one: about_proposal(one) == "sign" and not buyers.first_card_declined(one)
    )
    with opened(agency, maildir) as market:
        market.send(proposal(agency, person))
        market.process.kill()
        market.process.wait()
    with opened(agency, maildir):
        until(lambda: agency.state == "paid", "the money")
        until(lambda: answering.idle(maildir), "rest")
    with opened(agency, maildir):
        time.sleep(0)
    assert (len(agency.sent("/p/")), len(agency.cards)) == (1, 1)


def test_the_shares_are_those_of_the_rates(agency: Agency) -> None:
    interested = [one for one in EVERYBODY if one.temper == "interested"]
    first = Counter(about_offer(agency, one) for one in interested)
    expected = rates.BOOKS["interested"] * rates.BOOKS_AT_ONCE
    assert first["book"] / len(interested) == pytest.approx(expected, abs=0.08)
    fates = Counter(buyers.about_call(one.email, "uid", 0) for one in EVERYBODY)
    decided = Counter(about_proposal(one) for one in EVERYBODY if not buyers.is_unfit(one))
    for found, shares in ((fates, rates.CALLS), (decided, rates.PROPOSALS)):
        for name, share in shares.items():
            assert found[name] / found.total() == pytest.approx(share, abs=0.05), name
    assert not any(about_offer(agency, one) for one in EVERYBODY if one.temper == "silent")


def test_a_call_is_written_down_with_needs_objections_and_money() -> None:
    for number, (company, person) in enumerate(PEOPLE[:200]):
        said = calls.transcript(company, person, str(number))
        assert "{" not in said
        assert all(calls.NEEDS[signal] in said for signal in company.signals)
        assert buyers.is_unfit(person) or " a month" in said
    assert len({calls.transcript(*PEOPLE[0], str(number)) for number in range(50)}) > 20


def test_times_are_found_however_they_are_written() -> None:
    text = "- Tuesday, March 3 at 10:00 AM (Phoenix)\n> Friday at 9:00\nThursday 14:30\non Monday\n"
    assert letters.times(text) == ["Tuesday at 10:00 AM", "Thursday at 14:30"]
