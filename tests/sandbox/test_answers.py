"""What people do about mail: real SMTP in, real HTTP out, as a process of its own."""

import hashlib
import hmac
import http.client
import json
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from email import message_from_string, policy
from email.message import EmailMessage, Message
from pathlib import Path

import psutil
import pytest
from anymail.webhooks.mailgun import MailgunInboundWebhookView
from django.test import RequestFactory
from flufl.bounce import all_failures

from sandbox.market import mime, notices, rates
from tests.sandbox import answering
from tests.sandbox.answering import KEY, ME, WORLD, Market, Receiver, cold_mail, somebody, until


@pytest.fixture(scope="module")
def app() -> Iterator[Receiver]:
    with answering.receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def maildir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("market") / "mailbox"


@pytest.fixture(scope="module")
def running(app: Receiver, maildir: Path) -> Iterator[Market]:
    form = f"{app.url}/hooks/leads/token"
    with answering.running(maildir, app.url, "--lead-form", form) as market:
        yield market
        assert market.stop() == ("", "")
        assert market.process.returncode == 0


@pytest.fixture
def market(running: Market, app: Receiver) -> Market:
    app.posts.clear()
    return running


def answer_to(
    market: Market, app: Receiver, mail: EmailMessage
) -> tuple[dict[str, str], EmailMessage]:
    """Send a mail and return the fields and the mail that come back."""
    market.send(mail)
    until(app.mails, f"an answer from {mail['To']}")
    (fields,) = app.mails()
    return fields, message_from_string(fields["body-mime"], EmailMessage, policy=policy.default)


@pytest.mark.parametrize(
    ("temper", "word"),
    [
        ("question", "?"),
        ("later", "again"),
        ("referral", "@"),
        ("not_interested", ""),
        ("injection", ""),
    ],
)
def test_a_person_answers_as_their_temper_is(
    market: Market, app: Receiver, temper: str, word: str
) -> None:
    person = somebody(temper)
    mail = cold_mail(person.email)
    fields, answer = answer_to(market, app, mail)
    assert fields["recipient"] == ME
    assert fields["sender"].partition("@")[2] == person.email.partition("@")[2]
    assert answer["In-Reply-To"] == mail["Message-ID"]
    assert answer["References"].split()[-1] == mail["Message-ID"]
    assert answer["Subject"] == f"Re: {mail['Subject']}"
    body = answer.get_body(("plain", "html"))
    assert body is not None
    assert word in body.get_content()


def test_the_answer_is_what_mailgun_would_post(market: Market, app: Receiver) -> None:
    fields, answer = answer_to(market, app, cold_mail(somebody("question", skip=1).email))
    view = MailgunInboundWebhookView(webhook_signing_key=KEY)
    request = RequestFactory().post("/anymail/mailgun/inbound/", fields)
    view.validate_request(request)
    (event,) = view.parse_events(request)
    assert event.message["Message-ID"] == answer["Message-ID"]
    assert event.message.envelope_recipient == ME
    signed = f"{fields['timestamp']}{fields['token']}".encode()
    right = hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest()
    assert fields["signature"] == right
    assert abs(int(fields["timestamp"]) - time.time()) < 60


def test_the_interested_answer_or_use_the_form(market: Market, app: Receiver) -> None:
    people = [somebody("interested", skip=n) for n in range(30)]
    market.send(*[cold_mail(person.email) for person in people])
    until(lambda: len(app.posts) == len(people), "an answer from each")
    by_form = [json.loads(body) for body in app.to("/hooks/leads/token")]
    assert 1 <= len(by_form) <= 12
    assert len(app.mails()) == len(people) - len(by_form)
    assert {form["email"] for form in by_form} <= {person.email for person in people}
    assert all("a month" in form["message"] for form in by_form)
    keys = [headers["Idempotency-Key"] for path, headers, _ in app.posts if "leads" in path]
    assert len(set(keys)) == len(by_form)


def test_out_of_office_is_said_by_a_machine(market: Market, app: Receiver) -> None:
    _, answer = answer_to(market, app, cold_mail(somebody("out_of_office").email))
    assert answer["Auto-Submitted"] == "auto-replied"


def permanent_failures(notice: Message) -> set[str]:
    """Return the addresses that another library takes for dead."""
    temporary, permanent = all_failures(notice)
    assert not temporary
    return {address.decode() for address in permanent}


@pytest.mark.parametrize("skip", range(6))
def test_a_bounce_can_be_read_by_others(market: Market, app: Receiver, skip: int) -> None:
    person = somebody("bounce", skip=skip)
    mail = cold_mail(person.email)
    fields, notice = answer_to(market, app, mail)
    assert fields["sender"] == ""
    assert permanent_failures(notice) == {person.email}
    assert mail["Message-ID"] in fields["body-mime"]


def test_each_mail_system_writes_its_own_bounce() -> None:
    company = WORLD.companies[0]
    letter = answering.letter(cold_mail(company.owner.email), company.owner.email)
    for write in notices.SYSTEMS:
        mail = EmailMessage(mime.WIRE)
        write(mail, company, letter)
        raw = mime.finished(mail, letter).decode()
        notice = message_from_string(raw, policy=policy.compat32)
        assert permanent_failures(notice) == {company.owner.email}, write
        assert letter.message_id in raw
        if mail.get_content_type() == "multipart/report":
            kinds = [part.get_content_type() for part in notice.walk()]
            assert {"message/delivery-status", "message/rfc822"} <= set(kinds)


def test_nobody_at_a_company_that_exists_bounces(market: Market, app: Receiver) -> None:
    address = f"nobody@{WORLD.companies[0].domain}"
    _, notice = answer_to(market, app, cold_mail(address))
    assert permanent_failures(notice) == {address}


def test_a_complaint_names_the_mail_it_is_about(market: Market, app: Receiver) -> None:
    person = next(p for one in WORLD.companies for p in one.people if p.temper == "complain")
    mails = [cold_mail(person.email, number) for number in (1, 2, 3)]
    market.send(*mails)
    until(app.mails, "a complaint")
    (fields,) = app.mails()
    report = message_from_string(fields["body-mime"], EmailMessage, policy=policy.default)
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "feedback-report"
    parts = list(report.walk())
    assert [part.get_content_type() for part in parts] == [
        *("multipart/report", "text/plain", "message/feedback-report", "text/plain"),
        *("message/rfc822", "text/plain"),
    ]
    assert parts[3]["Feedback-Type"] == "abuse"
    assert parts[3]["Original-Rcpt-To"] == f"<{person.email}>"
    assert parts[5]["Message-ID"].strip() == mails[person.answers_at - 1]["Message-ID"]


def test_some_unsubscribe_with_one_click_others_in_words(market: Market, app: Receiver) -> None:
    people = [somebody("unsubscribe", skip=n) for n in range(20)]
    link = f"<mailto:u@northwind.example>, <{app.url}/u/token/?a=1>"
    market.send(*[cold_mail(person.email, List_Unsubscribe=link) for person in people])
    until(lambda: len(app.posts) == len(people), "each of them")
    clicks = app.to("/u/token/?a=1")
    assert 3 <= len(clicks) <= 17
    assert set(clicks) == {b"List-Unsubscribe=One-Click"}
    assert not any("Cookie" in headers for _, headers, _ in app.posts)
    assert len(app.mails()) == len(people) - len(clicks)


def test_some_answer_only_the_second_or_third_mail(market: Market, app: Receiver) -> None:
    for nth in (2, 3):
        app.posts.clear()
        person = somebody("question", nth)
        mails = [cold_mail(person.email, number) for number in range(1, 5)]
        market.send(*mails)
        until(app.mails, f"an answer to mail {nth}")
        (fields,) = app.mails()
        assert f"In-Reply-To: {mails[nth - 1]['Message-ID']}" in fields["body-mime"]


def test_the_silent_and_those_written_to_by_machines_say_nothing(
    market: Market, app: Receiver, maildir: Path
) -> None:
    market.send(
        cold_mail(somebody("silent").email),
        cold_mail(somebody("question", skip=2).email, Auto_Submitted="auto-generated"),
        cold_mail("dana@harborplumbing.example"),
        cold_mail("operator@northwind.example"),
        cold_mail(somebody("question", skip=3).email),
    )
    until(app.posts.__len__, "the one answer")
    until(lambda: answering.idle(maildir), "rest")
    assert len(app.posts) == 1


def test_an_answer_to_them_is_answered_rarely_and_once(
    market: Market, app: Receiver, maildir: Path
) -> None:
    people = [somebody("question", skip=n) for n in range(4, 64)]
    for number in (1, 2):
        market.send(*[cold_mail(person.email, number, List_Unsubscribe="") for person in people])
    until(lambda: answering.idle(maildir), "rest")
    assert 1 <= len(app.mails()) <= len(people) * rates.THANKS * 3


def test_the_same_mail_handed_over_twice_is_answered_once(
    market: Market, app: Receiver, maildir: Path
) -> None:
    mail = cold_mail(somebody("later", skip=1).email)
    market.send(mail, mail)
    until(lambda: answering.idle(maildir), "rest")
    assert len(app.mails()) == 1


ODD = (
    b"",
    b"\xff\xfe\0",
    b"Subject: =?x?q?=ff?=\r\nFrom: ,,<\r\nMessage-ID: \xff\r\nList-Unsubscribe: x\r\n\r\nhello",
    b"Subject: =?utf-8?b?a?=\r\nList-Unsubscribe: x\r\nReply-To: a@b@c\r\n\r\n\xe9",
    b"Content-Type: multipart/mixed; boundary=x\r\nList-Unsubscribe: y\r\n\r\n--x\r\n\xff",
    b"Content-Type: text/plain; charset=nonsense\r\nList-Unsubscribe: z\r\n\r\n\xff",
)


def test_a_mail_that_is_hardly_one_does_no_harm(
    market: Market, app: Receiver, maildir: Path
) -> None:
    people = [somebody("question", skip=70 + number).email for number in range(len(ODD))]
    nobodies = [f"nobody{number}@{WORLD.companies[0].domain}" for number in range(len(ODD))]
    with smtplib.SMTP("127.0.0.1", market.smtp_port, "localhost") as smtp:
        for first, second, body in zip(people, nobodies, ODD, strict=True):
            smtp.sendmail("a@b.example", [first, second], body)
    # The first two of them are no cold mail, which people answer.
    until(lambda: len(app.mails()) >= len(ODD) * 2 - 2, "answers")
    until(lambda: answering.idle(maildir), "rest")
    assert {mail["recipient"] for mail in app.mails()} == {"a@b.example"}


def test_it_serves_the_sites_too(market: Market) -> None:
    company = next(one for one in WORLD.companies if not one.quirks)
    asked = http.client.HTTPConnection("127.0.0.1", market.web_port, timeout=10)
    asked.request("GET", "/", headers={"Host": company.domain})
    assert company.telephone in asked.getresponse().read().decode()
    asked.close()


def test_only_this_machine_can_reach_it(market: Market) -> None:
    listening = psutil.Process(market.process.pid).net_connections("inet")
    assert {found.laddr.ip for found in listening} == {"127.0.0.1"}


def test_nothing_is_sent_anywhere_but_to_the_app(tmp_path: Path, app: Receiver) -> None:
    with answering.receiving() as elsewhere:
        form = f"{elsewhere.url}/hooks/leads/token"
        link = f"<{elsewhere.url}/u/token/>"
        people = [somebody("unsubscribe", skip=n) for n in range(10)]
        people += [somebody("interested", skip=n) for n in range(20)]
        with answering.running(tmp_path / "mail", app.url, "--lead-form", form) as market:
            market.send(*[cold_mail(person.email, List_Unsubscribe=link) for person in people])
            until(lambda: answering.settled(tmp_path / "mail", len(people)), "rest")
            out, err = market.stop()
        assert out == ""
        assert all("is not the app’s" in line for line in err.splitlines())
        assert err
        assert elsewhere.posts == []


def test_what_cannot_be_posted_is_posted_later(tmp_path: Path) -> None:
    with (
        answering.receiving() as app,
        answering.running(tmp_path / "mail", app.url) as market,
    ):
        app.status = 0
        market.send(cold_mail(somebody("question").email))
        until(lambda: answering.tries(tmp_path / "mail") > 0, "a failed try")
        app.status = 503
        until(app.posts.__len__, "a refused try")
        app.status = 200
        until(lambda: answering.settled(tmp_path / "mail", 1), "rest")
        bodies = {mail["body-mime"] for mail in app.mails()}
        tokens = {mail["token"] for mail in app.mails()}
        assert len(bodies) == len(tokens) == 1
        assert market.stop() == ("", "")


def test_a_restart_answers_nobody_twice(tmp_path: Path) -> None:
    people = [person for one in WORLD.companies for person in one.people][:1000]
    with answering.receiving() as app:
        with answering.running(tmp_path / "mail", app.url) as market:
            market.send(*[cold_mail(person.email) for person in people])
            until(lambda: len(app.posts) > 100, "the first answers")
            market.process.kill()
            market.process.wait()
        with answering.running(tmp_path / "mail", app.url) as market:
            until(lambda: answering.settled(tmp_path / "mail", 1000), "rest", seconds=60)
            before = len(app.mails())
            assert market.stop()[0] == ""
        with answering.running(tmp_path / "mail", app.url) as market:
            market.send(cold_mail(somebody("question").email, 99))
            until(lambda: answering.settled(tmp_path / "mail", 1001), "rest")
        assert len(app.mails()) == before
    by_letter: dict[str, set[str]] = {}
    for mail in app.mails():
        by_letter.setdefault(mail["token"], set()).add(mail["body-mime"])
    # What was under way at the kill is posted again, byte for byte the same.
    assert all(len(bodies) == 1 for bodies in by_letter.values())
    assert 300 < len(by_letter) <= len(app.mails()) <= len(by_letter) + 8


def test_without_a_key_it_does_not_start(tmp_path: Path) -> None:
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "sandbox", "market", "--smtp-port", "0", "--web-port", "0"),
            *("--maildir", str(tmp_path), "--app-url", "http://127.0.0.1:1"),
        ],
        capture_output=True,
        text=True,
        env={},
        check=False,
    )
    assert answer.returncode == 1
    assert "MAILGUN_SIGNING_KEY" in answer.stderr
