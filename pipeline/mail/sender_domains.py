"""The domains mail is sent from: their keys, and whether DNS says what mail providers ask for.

SPF (RFC 7208) says which servers may send, DKIM (RFC 6376) holds the key of the signatures, DMARC
(RFC 7489) says what to do with mail that has neither.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import tldextract
from django.conf import settings

from agency import audit, clock, live
from agency.models import AuditEntry
from control import alerts
from integrations import dns, mail, signing
from integrations.errors import ServiceError
from jobs import registry
from jobs.lease import Lease
from jobs.models import Job, Lane
from pipeline.models import SenderDomain

Lookup = Callable[[str], list[str]]

CHECK = "pipeline.check_sender_domains"
MAX_LOOKUPS = 10
"""RFC 7208, section 4.6.4: a record that needs more is no record."""

# What the large providers ask to be included, by the host mail is handed to.
INCLUDES = {
    "mailgun.org": "include:mailgun.org",
    "gmail.com": "include:_spf.google.com",
    "google.com": "include:_spf.google.com",
    "office365.com": "include:spf.protection.outlook.com",
    "outlook.com": "include:spf.protection.outlook.com",
    "sendgrid.net": "include:sendgrid.net",
    "amazonaws.com": "include:amazonses.com",
    "postmarkapp.com": "include:spf.mtasv.net",
    "brevo.com": "include:spf.brevo.com",
    "zoho.com": "include:zoho.com",
}
_extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


@dataclass(frozen=True)
class Record:
    """What stands in DNS, or should."""

    host: str
    value: str
    type: str = "TXT"

    def __str__(self) -> str:
        return f"Host: {self.host}\nType: {self.type}\nValue: {self.value}"


@dataclass(frozen=True)
class Finding:
    """What DNS says now. `ok` is None where it was not asked; `fix` says what to put there."""

    ok: bool | None
    says: str
    fix: str = ""


def add(domain: str, *, by: str = "") -> SenderDomain:
    """Return the domain, with a key of its own from the first time on."""
    name = domain.strip().lower().rstrip(".")
    found = SenderDomain.objects.filter(domain=name).first()
    if found is not None:
        return found
    private, public = signing.generate()
    sender, created = SenderDomain.objects.get_or_create(
        domain=name, defaults={"dkim_private_key": private, "dkim_public_key": public}
    )
    if created:
        audit.record(
            "sender_domain.added",
            f"Mail may be signed for {name}",
            actor=by or "the house",
            actor_kind=AuditEntry.ActorKind.USER if by else AuditEntry.ActorKind.SYSTEM,
            obj=sender,
        )
    return sender


def key(sender: SenderDomain) -> signing.Key:
    """Return what mail of this domain is signed with."""
    return signing.Key(sender.domain, sender.dkim_selector, sender.dkim_private_key)


def records(sender: SenderDomain) -> dict[str, Record]:
    """Return what DNS should say, as if nothing stood there yet."""
    domain = sender.domain
    spf = " ".join(["v=spf1", *_mechanisms(sender), "~all"])
    return {
        "spf": Record(domain, spf),
        "dkim": Record(
            f"{sender.dkim_selector}._domainkey.{domain}", signing.record(sender.dkim_public_key)
        ),
        "dmarc": Record(f"_dmarc.{domain}", f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}"),
    }


def check(sender: SenderDomain, *, lookup: Lookup = dns.txt) -> dict[str, Finding]:
    """Ask DNS, write down what it says and what to change. Raises ServiceError.

    In the sandbox nothing is asked: its domains are in no DNS, and no mail leaves the house.
    """
    if mail.world() == "sandbox":
        says = "Sandbox: nothing is asked, no mail leaves this house. Real mail needs this record."
        found = {name: Finding(None, says, str(row)) for name, row in records(sender).items()}
    else:
        found = {
            "spf": _spf(sender, lookup),
            "dkim": _dkim(sender, lookup),
            "dmarc": _dmarc(sender, lookup),
        }
    sender.checks = {name: vars(finding) for name, finding in found.items()}
    sender.checked_at = clock.wall()
    sender.save(update_fields=["checks", "checked_at"])
    live.broadcast("deliverability")
    return found


@registry.register(CHECK, lane=Lane.BULK)
def check_all(job: Job, lease: Lease) -> None:
    """Check every domain, each day; what is wrong with one opens an alert."""
    failed: ServiceError | None = None
    for sender in SenderDomain.objects.order_by("pk"):
        lease.check()
        try:
            found = check(sender)
        except ServiceError as error:
            failed = error  # the others are asked all the same
            continue
        wrong = [f"{name.upper()}: {f.says}" for name, f in found.items() if f.ok is False]
        if wrong:
            alerts.raise_alert(
                f"dns:{sender.domain}",
                f"{sender.domain} is not set up for sending",
                body="\n".join(wrong),
            )
    if failed is not None:
        raise failed


registry.every(86_400, CHECK)


# SPF


def _mechanisms(sender: SenderDomain) -> list[str]:
    """Return what lets the servers in that this domain's mail goes through."""
    urls = [box.smtp_url or settings.EMAIL_URL for box in sender.mailboxes.filter(active=True)]
    hosts = {urlsplit(url).hostname or "" for url in urls or [settings.EMAIL_URL]}
    return sorted({_mechanism(host) for host in hosts if host}) or ["a"]


def _mechanism(host: str) -> str:
    known = [how for end, how in INCLUDES.items() if host == end or host.endswith(f".{end}")]
    return known[0] if known else f"a:{host}"


def _spf(sender: SenderDomain, lookup: Lookup) -> Finding:
    wanted = records(sender)["spf"]
    found = sorted(row for row in lookup(sender.domain) if _is_spf(row))
    if not found:
        return Finding(False, "There is no SPF record.", f"Add:\n{wanted}")
    if len(found) > 1:
        return Finding(
            False,
            f"There are {len(found)} SPF records, which counts as none (RFC 7208, 4.5).",
            f"Leave one, and delete the others:\n{Record(wanted.host, _with(found[0], sender))}",
        )
    terms = found[0].lower().split()[1:]
    better = f"Change it to:\n{Record(wanted.host, _with(found[0], sender))}"
    missing = [how for how in _mechanisms(sender) if how not in {t.lstrip("+") for t in terms}]
    if "+all" in terms or "all" in terms:
        return Finding(False, "It lets every server on earth send in your name (+all).", better)
    if missing:
        return Finding(False, f"It does not let your mail server in: {missing[0]}.", better)
    if _lookups(found[0], lookup) > MAX_LOOKUPS:
        return Finding(
            False,
            f"It needs more than {MAX_LOOKUPS} further look-ups, which counts as none.",
            f"Take out what you no longer send through:\n{Record(wanted.host, found[0])}",
        )
    return Finding(True, found[0])


def _is_spf(row: str) -> bool:
    return row.lower() == "v=spf1" or row.lower().startswith("v=spf1 ")


def _with(record: str, sender: SenderDomain) -> str:
    """Return the record with our servers let in and everybody else not."""
    terms = record.split()[1:]
    last = [term for term in terms if term.lower().lstrip("-~?+") == "all"]
    kept = [term for term in terms if term not in last]
    missing = [how for how in _mechanisms(sender) if how not in {t.lstrip("+") for t in kept}]
    end = last[0] if last and last[0][0] in "-~" else "~all"
    redirected = not last and any(term.lower().startswith("redirect=") for term in kept)
    return " ".join(["v=spf1", *missing, *kept, *([] if redirected else [end])])


def _lookups(record: str, lookup: Lookup) -> int:
    """Count the look-ups a record needs, those of what it includes too; stop when too many."""
    count, waiting = 0, [record]
    while waiting and count <= MAX_LOOKUPS:
        for term in waiting.pop().lower().split()[1:]:
            name, _, value = term.lstrip("+-~?").replace("redirect=", "redirect:").partition(":")
            if name.partition("/")[0] not in {"include", "a", "mx", "ptr", "exists", "redirect"}:
                continue
            count += 1
            if name in {"include", "redirect"} and "%" not in value and count <= MAX_LOOKUPS:
                waiting += [row for row in lookup(value) if _is_spf(row)][:1]
    return count


# DKIM and DMARC


def _dkim(sender: SenderDomain, lookup: Lookup) -> Finding:
    wanted = records(sender)["dkim"]
    found = [tags for row in lookup(wanted.host) if "p" in (tags := _tags(row))]
    pieces = "Where only 255 characters fit, put it there in pieces; they are read as one."
    if not found:
        return Finding(False, "There is no DKIM key.", f"Add:\n{wanted}\n{pieces}")
    if len(found) > 1:
        return Finding(False, f"There are {len(found)} keys; one may be.", f"Leave only:\n{wanted}")
    if not found[0]["p"]:
        return Finding(False, "The key there is revoked (p= is empty).", f"Change it to:\n{wanted}")
    if found[0]["p"] != sender.dkim_public_key:
        return Finding(
            False,
            "Another key stands there, or a part of it is missing.",
            f"Change it to:\n{wanted}\n{pieces}",
        )
    if found[0].get("t") == "y":
        return Finding(False, "It says it is only a test (t=y).", f"Change it to:\n{wanted}")
    return Finding(True, f"The key of {wanted.host} is ours.")


def _dmarc(sender: SenderDomain, lookup: Lookup) -> Finding:
    wanted = records(sender)["dmarc"]
    over = _extract(sender.domain).top_domain_under_public_suffix
    hosts = dict.fromkeys([wanted.host, f"_dmarc.{over}" if over else wanted.host])
    for host in hosts:
        found = [tags for row in lookup(host) if (tags := _tags(row)).get("v") == "DMARC1"]
        if len(found) > 1:
            return Finding(
                False,
                f"There are {len(found)} DMARC records at {host}, which counts as none.",
                f"Leave only:\n{Record(host, wanted.value)}",
            )
        if found:
            return _policy(host, found[0], wanted)
    return Finding(False, "There is no DMARC record.", f"Add:\n{wanted}")


def _policy(host: str, tags: dict[str, str], wanted: Record) -> Finding:
    policy = tags.get("p", "").lower()
    if policy not in {"none", "quarantine", "reject"}:
        says = f"Its policy p={policy or '(missing)'} is none that is known."
        return Finding(False, says, f"Change it to:\n{Record(host, wanted.value)}")
    if policy == "none":
        return Finding(True, f"{host} only watches (p=none): enough to be let in.")
    return Finding(True, f"{host} says p={policy}.")


def _tags(row: str) -> dict[str, str]:
    """Return the tags of a record such as `v=DMARC1; p=none`."""
    pairs = (part.partition("=") for part in row.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, _, value in pairs}
