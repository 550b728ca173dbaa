"""A mail that came in, taken apart."""

from contextlib import suppress
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations import inbound
from tests.letters import BOUNCES, DANA, write

OUR_ID = "<0195c1a2-7b10-7d3e-9c11-5f0a4e6b8d{}@northwind.example>"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("postfix", 21),
        ("exim", 22),
        ("exchange", 23),
        ("gmail", 24),
        ("qmail", 25),
        ("yahoo", 26),
    ],
)
def test_bounces_of_six_mail_systems_name_who_is_gone_and_which_mail_it_was(
    name: str, number: int
) -> None:
    parsed = inbound.parse((BOUNCES / f"{name}.eml").read_bytes())
    assert parsed.kind == "bounce"
    assert [(found.address, found.permanent) for found in parsed.bounced] == [(DANA, True)]
    assert parsed.original_message_id == OUR_ID.format(number)


def test_a_full_mailbox_is_a_bounce_that_may_end() -> None:
    parsed = inbound.parse((BOUNCES / "postfix_full.eml").read_bytes())
    assert [(found.address, found.permanent) for found in parsed.bounced] == [(DANA, False)]


def test_a_delay_is_no_failure() -> None:
    parsed = inbound.parse((BOUNCES / "postfix_delayed.eml").read_bytes())
    assert parsed.kind == "bounce"
    assert parsed.bounced == ()


def test_a_complaint_names_the_mail_and_who_complained() -> None:
    parsed = inbound.parse((BOUNCES / "complaint.eml").read_bytes())
    assert parsed.kind == "complaint"
    assert parsed.bounced[0].address == DANA
    assert parsed.original_message_id == OUR_ID.format(29)


def test_a_complaint_that_is_taken_back_is_none() -> None:
    raw = (BOUNCES / "complaint.eml").read_bytes()
    assert inbound.parse(raw.replace(b"Type: abuse", b"Type: not-spam")).kind == "auto_reply"


def test_a_bounce_that_a_person_forwards_is_their_mail() -> None:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = DANA, "Fwd: Undelivered Mail"
    mail.set_content("This came back to me, use my other address.")
    mail.add_attachment((BOUNCES / "postfix.eml").read_bytes(), "message", "rfc822", cte="7bit")
    assert inbound.parse(mail.as_bytes()).kind == "reply"


@pytest.mark.parametrize(
    ("code", "permanent"),
    [
        ("550 5.1.1 no such user", True),
        ("5.1.10", True),
        ("550 No such user here", True),
        ("452 4.2.2 over quota", False),
        ("552 5.2.2 mailbox full", False),
        ("550 5.7.1 blocked, 192.0.2.5 is on a list", False),
        ("421 try again later", False),
        ("connection from 10.5.1.1 refused: 550 unknown", True),
    ],
)
def test_only_an_address_that_does_not_exist_is_gone_for_good(code: str, permanent: bool) -> None:
    assert inbound.is_permanent(code) is permanent


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto-Submitted": "auto-replied"},
        {"Auto-Submitted": "auto-generated (vacation)"},
        {"X-Autoreply": "yes"},
        {"Precedence": "auto_reply"},
    ],
)
def test_a_machine_that_answers_is_no_person(headers: dict[str, str]) -> None:
    assert inbound.parse(write("I am away.", headers=headers)).kind == "auto_reply"


@pytest.mark.parametrize(
    "subject",
    ["Automatic reply: Missed calls", "Out of office Re: Missed calls", "Abwesenheit: bis Montag"],
)
def test_an_automatic_reply_without_its_header_is_known_by_its_subject(subject: str) -> None:
    assert inbound.parse(write("I am away.", subject=subject)).kind == "auto_reply"


def test_who_writes_as_postmaster_may_be_a_person() -> None:
    assert inbound.parse(write(sender="postmaster@harborplumbing.example")).kind == "reply"
    assert inbound.parse(write(sender="mailer-daemon@mx.example")).kind == "auto_reply"


def test_what_nobody_can_answer_was_written_by_a_machine() -> None:
    assert inbound.parse(b"Return-Path: <>\n" + write()).kind == "auto_reply"


def test_a_person_whose_program_says_so_is_a_person() -> None:
    assert inbound.parse(write(headers={"Auto-Submitted": "no"})).kind == "reply"


def test_who_wrote_what_in_answer_to_what() -> None:
    parsed = inbound.parse(
        write(
            "Gerne!",
            sender='"Reyes, Dana" <Dana@HarborPlumbing.example>',
            answers="<one@northwind.example>",
            headers={"X-Other": "=?utf-8?q?=E2=9C=93?="},
            subject="Re: Café",
        )
    )
    assert (parsed.from_name, parsed.from_email) == ("Reyes, Dana", DANA)
    assert parsed.to_email == "alex@northwind.example"
    assert parsed.subject == "Re: Café"
    assert parsed.in_reply_to == "<one@northwind.example>"
    assert parsed.references == ("<one@northwind.example>",)


@pytest.mark.parametrize(
    ("full", "text"),
    [
        (
            "Thanks, but please take me off your list.\n\nOn Mon, 2 Mar 2026 at 10:00, Alex Moreno"
            "\n<alex@northwind.example> wrote:\n\n> Hello\n> unsubscribe here\n",
            "Thanks, but please take me off your list.",
        ),
        ("Sure.\n\n-- \nDana\nOwner\n", "Sure."),
        ("- yes\n- no\n", "- yes\n- no"),
        ("Yes please\n\nSent from my iPhone\n\n> On Mar 2, Alex wrote:\n> \n> Hello", "Yes please"),
        (
            "Interested\n\nFrom: Alex <alex@northwind.example>\nSent: Monday\nTo: Dana\n"
            "Subject: Hello\n\nHi Dana, unsubscribe",
            "Interested",
        ),
        ("No.\n\n-----Original Message-----\nFrom: Alex\nTo: Dana\n\nHi", "No."),
        ("> Do you need it?\nYes!\n> The price?\nHow much?", "Yes!\nHow much?"),
        ("On Mon, 2 Mar 2026 at 10:00, Alex wrote:\n> Hello\n\nbelow", "below"),
        ("Nein.\n\nAm 2. März 2026 um 10:00 schrieb Alex <a@b.example>:\n> Hallo", "Nein."),
        ("", ""),
    ],
)  # fmt: skip
def test_quotes_and_signatures_are_left_out(full: str, text: str) -> None:
    assert inbound.newest(full) == text


def test_the_whole_mail_is_kept_beside_it() -> None:
    parsed = inbound.parse(write("Yes.\n\n> Hello\n"))
    assert parsed.text == "Yes."
    assert "> Hello" in parsed.full_text


def test_html_alone_is_read_as_words() -> None:
    mail = EmailMessage()
    mail["From"] = DANA
    mail.set_content("<p>Yes,<br>please.</p><script>alert(1)</script>", subtype="html")
    assert inbound.parse(mail.as_bytes()).text == "Yes,\nplease."


def test_files_are_kept_and_their_paths_are_not() -> None:
    mail = EmailMessage()
    mail["From"] = DANA
    mail.set_content("See attached.")
    mail.add_attachment(b"%PDF", "application", "pdf", filename="../../etc/quote.pdf")
    mail.add_attachment(b"MZ", "application", "octet-stream", filename="..\\evil.exe")
    parsed = inbound.parse(mail.as_bytes())
    assert [(f.filename, f.content_type, f.content) for f in parsed.attachments] == [
        ("quote.pdf", "application/pdf", b"%PDF"),
        ("evil.exe", "application/octet-stream", b"MZ"),
    ]


def test_what_postgres_cannot_hold_is_replaced() -> None:
    raw = b"From: a@b.example\r\nSubject: \xff\xfe\x00x\r\n\r\nnul \x00 here\r\n"
    parsed = inbound.parse(raw)
    assert "\x00" not in parsed.subject + parsed.text + parsed.full_text
    parsed.full_text.encode()


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"no headers at all"])
def test_what_is_no_mail_is_unreadable(raw: bytes) -> None:
    with pytest.raises(inbound.Unreadable):
        inbound.parse(raw)


def test_parts_in_parts_by_the_thousand_are_unreadable() -> None:
    part = "Content-Type: multipart/mixed; boundary=b{0}\n\n--b{0}\n"
    with pytest.raises(inbound.Unreadable):
        inbound.parse("".join(part.format(number) for number in range(5_000)).encode())


def test_only_the_beginning_is_searched_for_quotes_so_that_no_text_keeps_it_busy() -> None:
    assert len(inbound.newest("x" * 50_000)) == inbound.MAX_READ
    assert inbound.newest("\n" * 50_000 + "yes") == "yes"


@given(st.binary(max_size=400))
def test_any_bytes_are_a_mail_or_unreadable(raw: bytes) -> None:
    with suppress(inbound.Unreadable):
        inbound.parse(b"From: a@b.example\n" + raw)


@given(
    st.sampled_from(sorted(path.name for path in BOUNCES.glob("*.eml"))),
    st.integers(0, 5_000),
    st.binary(min_size=1, max_size=8),
)
def test_a_damaged_report_is_a_mail_or_unreadable(name: str, at: int, bad: bytes) -> None:
    raw = (BOUNCES / name).read_bytes()
    with suppress(inbound.Unreadable):
        inbound.parse(raw[:at] + bad + raw[at + len(bad) :])


@pytest.mark.parametrize(
    "header",
    [
        b"Subject: " + b"=?a?q?" * 500_000,
        b"From: " + b"=?a?q?" * 500_000 + b" <dana@harbor.example>",
        b'Content-Type: text/plain; a="' + b";" * 500_000,
        b"Content-Type: text/plain; x=" + b'"\\' * 300_000,
    ],
    ids=["encoded words", "encoded names", "parameters", "quotes"],
)
def test_a_header_that_goes_on_and_on_is_cut(header: bytes) -> None:
    """Taken apart whole, it would keep a worker busy for hours."""
    assert inbound.parse(header + b"\r\n\r\nYes, please.").text == "Yes, please."


def test_a_bounce_of_empty_lines_is_read() -> None:
    lines = b"\n" * 99_000
    raw = b"From: mailer-daemon@x.example\r\nX-Failed-Recipients: a@b.example\r\n\r\n" + lines
    assert inbound.parse(raw).kind == "bounce"


def test_html_that_nests_without_end_is_read_so_far() -> None:
    raw = b"Subject: x\r\nContent-Type: text/html\r\n\r\nYes." + b"<div>" * 400_000
    assert inbound.parse(raw).text == "Yes."


def test_a_mail_in_mails_in_mails_is_not_taken_apart() -> None:
    part = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n"
    nested = b"".join(part % (at, at) for at in range(200))
    with pytest.raises(inbound.Unreadable):
        inbound.parse(b"Subject: x\r\n" + nested + b"\r\n" + b"x\n" * 1_000_000)


def test_an_answer_below_the_quote_that_looks_like_a_signature_is_read() -> None:
    text = "On Thu, Nov 26, 2026 at 08:35 PM Alex <alex@n.example> wrote:\n> Hi\n\nThanks, not now."
    assert inbound.newest(text) == "Thanks, not now."
