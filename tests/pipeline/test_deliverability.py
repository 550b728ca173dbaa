"""Whether mail arrives: the stop at too many bounces or complaints, and what DNS must say."""

from functools import partial
from typing import Any

import pytest
from django.conf import settings

from agency import clock
from control import switches
from control.models import Alert, KillSwitch
from integrations import dns, signing
from integrations.errors import ServiceError
from jobs import queue
from pipeline.mail import correspondence, deliverability, returns, sender_domains
from pipeline.models import Prospect, SenderDomain, Touch
from tests.factories import work_off
from tests.letters import make_mailbox, make_prospect, make_touch
from tests.nameserver import Zone, serving

pytestmark = pytest.mark.django_db


@pytest.fixture
def prospect() -> Prospect:
    return make_prospect()


def sent(prospect: Prospect, count: int, **fields: Any) -> list[Touch]:
    """Return so many mails that went out."""
    return [make_touch(prospect, to_address=f"{n}@a.example", **fields) for n in range(count)]


def come_back(touches: list[Touch]) -> None:
    for touch in touches:
        about = correspondence.of_ids([touch.message_id])
        returns.bounced(about, permanent=True, says="550 5.1.1 no such user")


def complain(touches: list[Touch]) -> None:
    for touch in touches:
        returns.complained(correspondence.of_ids([touch.message_id]))


def stopped() -> bool:
    return KillSwitch.objects.filter(scope="kind", value="send_email", released_at=None).exists()


def test_the_rates_are_those_of_the_last_500(prospect: Prospect) -> None:
    sent(prospect, 20, bounced_at=clock.now())
    sent(prospect, 498)
    for one in (prospect, make_prospect("Quay", email="sam@quay.example")):
        sent(one, 1, complained_at=clock.now())
    found = deliverability.rates()
    assert (found.sent, found.bounced, found.complained) == (500, 0, 2)
    assert found.complaint_rate == pytest.approx(0.004)


def test_a_linkedin_note_is_no_mail(prospect: Prospect) -> None:
    make_touch(prospect, channel="linkedin")
    assert deliverability.rates().sent == 0
    assert deliverability.rates().bounce_rate == 0


def test_more_than_three_bounces_of_a_hundred_stop_cold_mail(prospect: Prospect) -> None:
    touches = sent(prospect, 100)
    come_back(touches[:3])
    assert not stopped()
    come_back(touches[3:4])
    assert stopped()
    alert = Alert.objects.get(dedupe_key__startswith="trip:kind:send_email")
    assert "4 of the last 100 cold mails bounced: 4.0%" in alert.body


def test_a_few_mails_say_nothing_about_bounces(prospect: Prospect) -> None:
    come_back(sent(prospect, deliverability.MIN_SENT - 1)[:5])
    assert not stopped()


def test_the_same_bounce_twice_counts_once(prospect: Prospect) -> None:
    touches = sent(prospect, 100)
    come_back([*touches[:3], *touches[:3]])
    assert deliverability.rates().bounced == 3
    assert not stopped()


def test_one_complaint_is_told_and_the_second_stops_cold_mail(prospect: Prospect) -> None:
    touches = sent(prospect, 10)
    complain(touches[:1])
    assert not stopped()
    assert Alert.objects.filter(dedupe_key="mail:complaint").exists()
    complain(touches[1:2])
    assert not stopped()  # a single person stops nobody else's mail
    other = make_prospect("Quay", email="sam@quay.example")
    complain(sent(other, 1))
    assert stopped()
    assert "2 of the last 11" in Alert.objects.get(dedupe_key__startswith="trip:").body


def test_only_a_person_lets_it_go_on_and_then_it_counts_anew(prospect: Prospect) -> None:
    touches = sent(prospect, 100)
    come_back(touches[:4])
    switch = KillSwitch.objects.get(value="send_email")
    assert switch.automatic
    switches.release(switch, by="olivia")
    come_back(touches[4:5])
    assert not stopped()
    come_back(sent(prospect, 60)[:2])
    assert stopped()


# DNS


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "EMAIL_URL", "smtp://u:p@smtp.mailgun.org:587")


@pytest.fixture
def sender() -> SenderDomain:
    return sender_domains.add("Northwind.example.")


def zone(sender: SenderDomain, **changed: list[str] | None) -> Zone:
    """Return a zone in which everything is right but what is changed."""
    rows = {
        "spf": ("northwind.example", ["v=spf1 include:mailgun.org ~all", "other=1"]),
        "dkim": ("cc1._domainkey.northwind.example", [signing.record(sender.dkim_public_key)]),
        "dmarc": ("_dmarc.northwind.example", ["v=DMARC1; p=quarantine"]),
    }
    kept = {host: changed.get(name, values) for name, (host, values) in rows.items()} | {
        "mailgun.org": ["v=spf1 ip4:192.0.2.0/24 ~all"]
    }
    return {host: values for host, values in kept.items() if values is not None}


def check(sender: SenderDomain, served: Zone) -> dict[str, sender_domains.Finding]:
    with serving(served) as resolver:
        return sender_domains.check(sender, lookup=partial(dns.txt, resolver=resolver))


def test_what_is_right_is_said_to_be(real: None, sender: SenderDomain) -> None:
    found = check(sender, zone(sender))
    assert {name: finding.ok for name, finding in found.items()} == {
        "spf": True,
        "dkim": True,
        "dmarc": True,
    }
    sender.refresh_from_db()
    assert sender.checks["spf"] == {
        "ok": True,
        "says": "v=spf1 include:mailgun.org ~all",
        "fix": "",
    }
    assert sender.checked_at is not None


def test_nothing_there_says_host_type_and_value(real: None, sender: SenderDomain) -> None:
    found = check(sender, {})
    assert found["spf"].fix == (
        "Add:\nHost: northwind.example\nType: TXT\nValue: v=spf1 include:mailgun.org ~all"
    )
    assert "Host: cc1._domainkey.northwind.example\nType: TXT\nValue: v=DKIM1; k=rsa; p=" in (
        found["dkim"].fix
    )
    assert sender.dkim_public_key in found["dkim"].fix
    assert (
        "Host: _dmarc.northwind.example\nType: TXT\nValue: v=DMARC1; p=none" in found["dmarc"].fix
    )


@pytest.mark.parametrize(
    ("record", "says", "value"),
    [
        (
            ["v=spf1 include:_spf.google.com -all"],
            "does not let your mail server in: include:mailgun.org",
            "v=spf1 include:mailgun.org include:_spf.google.com -all",
        ),
        (
            ["v=spf1 include:mailgun.org +all"],
            "every server on earth",
            "v=spf1 include:mailgun.org ~all",
        ),
        (["v=spf1 a ~all", "v=spf1 mx ~all"], "2 SPF records", "v=spf1 include:mailgun.org a ~all"),
        (
            ["v=spf1 redirect=_spf.other.example"],
            "does not let your mail server in",
            "v=spf1 include:mailgun.org redirect=_spf.other.example",
        ),
        (
            ["v=spf1 include:mailgun.org " + " ".join(f"a:h{n}.example" for n in range(10))],
            "more than 10 further look-ups",
            "v=spf1 include:mailgun.org a:h0.example",
        ),
        (["v=spf10 nonsense"], "There is no SPF record", "v=spf1 include:mailgun.org ~all"),
    ],
)
def test_what_is_wrong_with_spf_is_said_with_what_to_put_there(
    real: None, sender: SenderDomain, record: list[str], says: str, value: str
) -> None:
    found = check(sender, zone(sender, spf=record))["spf"]
    assert found.ok is False
    assert says in found.says
    assert f"Host: northwind.example\nType: TXT\nValue: {value}" in found.fix


def test_an_include_that_includes_itself_ends(real: None, sender: SenderDomain) -> None:
    served = zone(sender) | {"mailgun.org": ["v=spf1 include:mailgun.org ~all"]}
    assert "more than 10" in check(sender, served)["spf"].says


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (["v=DKIM1; k=rsa; p=AAAA"], "Another key"),
        (["v=DKIM1; k=rsa; p="], "revoked"),
        (["v=DKIM1; p=AAAA", "v=DKIM1; p=BBBB"], "2 keys"),
        (["hello"], "no DKIM key"),
        ([], "no DKIM key"),
    ],
)
def test_what_is_wrong_with_dkim_is_said(
    real: None, sender: SenderDomain, record: list[str], says: str
) -> None:
    found = check(sender, zone(sender, dkim=record))["dkim"]
    assert found.ok is False
    assert says in found.says
    assert sender.dkim_public_key in found.fix


def test_a_key_with_blanks_in_it_is_the_same_key(real: None, sender: SenderDomain) -> None:
    text = signing.record(sender.dkim_public_key).replace("p=", "p = ")
    halves = text[:200] + " " + text[200:]
    assert check(sender, zone(sender, dkim=[halves]))["dkim"].ok


@pytest.mark.parametrize(
    ("record", "ok", "says"),
    [
        (["v=DMARC1; p=reject"], True, "p=reject"),
        (["v=DMARC1; p=none"], True, "only watches"),
        (["v=DMARC1"], False, "(missing)"),
        (["v=DMARC1; p=maybe"], False, "p=maybe"),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], False, "2 DMARC records"),
    ],
)
def test_what_dmarc_says_is_said(
    real: None, sender: SenderDomain, record: list[str], ok: bool, says: str
) -> None:
    found = check(sender, zone(sender, dmarc=record))["dmarc"]
    assert found.ok is ok
    assert says in found.says


def test_a_subdomain_is_covered_by_the_dmarc_of_its_domain(real: None) -> None:
    sender = sender_domains.add("mail.northwind.co.uk")
    found = check(sender, {"_dmarc.northwind.co.uk": ["v=DMARC1; p=reject"]})
    assert found["dmarc"].ok


def test_the_mail_server_of_a_mailbox_must_be_let_in(real: None, sender: SenderDomain) -> None:
    mailbox = make_mailbox()
    mailbox.smtp_url = "smtps://u:p@mail.own.example"
    mailbox.save()
    assert sender_domains.records(sender)["spf"].value == "v=spf1 a:mail.own.example ~all"


def test_dns_that_does_not_answer_is_no_finding(real: None, sender: SenderDomain) -> None:
    broken = frozenset({"northwind.example"})
    with serving(zone(sender), broken=broken) as resolver, pytest.raises(ServiceError) as raised:
        sender_domains.check(sender, lookup=partial(dns.txt, resolver=resolver))
    assert not raised.value.permanent
    sender.refresh_from_db()
    assert sender.checks == {}


def test_in_the_sandbox_it_says_so_and_shows_the_records(sender: SenderDomain) -> None:
    found = sender_domains.check(sender)
    assert {finding.ok for finding in found.values()} == {None}
    assert all("Sandbox" in finding.says for finding in found.values())
    assert sender.dkim_public_key in found["dkim"].fix


def test_a_domain_keeps_its_key(sender: SenderDomain) -> None:
    again = sender_domains.add("northwind.example")
    assert again.pk == sender.pk
    assert sender_domains.key(again).private_key == sender.dkim_private_key


def test_every_domain_is_checked_each_day(sender: SenderDomain) -> None:
    queue.enqueue(sender_domains.CHECK, {})
    work_off()
    sender.refresh_from_db()
    assert set(sender.checks) == {"spf", "dkim", "dmarc"}
