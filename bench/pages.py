"""How long each page takes on a large data set, over a kept-alive connection to the web server.

`python -m bench.pages [rounds]` measures the house that the settings point at, as `make run` or
`manage.py seed` left it, and prints one line a page.
"""

import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.urls import URLPattern, reverse

from bench.browser import Browser

MORE = {
    "approval-list": ({"show": "snoozed"}, {"agent": "outreach"}),
    "pipeline-table": ({"q": "plumb"}, {"q": "zzzz"}),
    "find": ({"q": "plumb"}, {"q": "zzzz"}),
    "lead-list": ({"q": "plumb"}, {"q": "zzzz"}, {"status": "review"}, {"status": "won"}),
    "activity-list": ({"q": "rejected"}, {"q": "zzzz"}, {"actor": "user"}, {"verb": "run.failed"}),
    "prospect-list": (
        {"sort": "newest"},
        {"q": "plumb"},
        {"q": "zzzz"},
        {"status": "researched", "fit_from": "80"},
        {"status": "declined", "sort": "newest"},
        {"customer": "2", "fit_to": "70"},
        {"signal": "hiring"},
        {"signal": "hiring", "status": "contacted", "q": "tucson", "sort": "newest"},
    ),
    "deal-table": (
        {"q": "plumb"},
        {"q": "zzzz"},
        {"stage": "lost"},
        {"risk": "yes", "sort": "expected"},
    ),
    "task-list": ({"view": "settled"},),
    "inbox": ({"show": "unread"}, {"show": "interested"}, {"q": "plumb"}, {"q": "zzzz"}),
    "suppression-list": ({"q": "plumb"}, {"q": "zzzz"}, {"scope": "domain"}),
    "job-list": (
        {"status": "discarded"},
        {"status": "held"},
        {"kind": "control.execute"},
        {"lane": "bulk"},
    ),
}
"""What else is asked of a page than it all."""

SKIPPED = {
    *("login-link", "logout", "login", "metrics", "healthz", "readyz"),
    *("pipeline-export", "deal-export", "suppression-export", "proposal-pdf"),
    *("activity-csv", "activity-jsonl"),
}


def addresses() -> dict[str, str]:
    """Return the address of every page by name, with something typical to show."""
    from dashboard.urls import urlpatterns

    keys = dict(_keys())
    found: dict[str, str] = {}
    for pattern in urlpatterns:
        name = str(getattr(pattern, "name", "") or "")
        if not isinstance(pattern, URLPattern) or not name or name in SKIPPED:
            continue
        wanted = [*pattern.pattern.regex.groupindex]
        args = keys.get(name, ["qualifier"] if wanted == ["name"] else [])
        if len(args) != len(wanted):
            continue
        found[name] = reverse(name, args=args)
        for number, query in enumerate(MORE.get(name, ()), 1):
            found[f"{name}_{number}"] = f"{found[name]}?{urlencode(query)}"
    cold = _cold_draft()
    for name in ("approval-detail", "approval-source"):
        found[f"{name}_cold"] = reverse(name, args=[cold])
    return found


def _cold_draft() -> object:
    """Return the key of a mail to somebody who has not asked."""
    from control.models import Action

    return Action.objects.filter(status="waiting", kind="send_email").latest("created_at").pk


def _keys() -> Iterator[tuple[str, list[object]]]:
    """Give what pages about one thing are about."""
    from agency.models import Client
    from agents.models import Run
    from control.models import Action
    from jobs.models import Job
    from pipeline.models import Lead

    yield from _outward_keys()
    yield from _sold_keys()
    drafts = Action.objects.filter(status="waiting", kind="reply_to_lead")
    waiting = drafts.latest("created_at")
    answered = Lead.objects.exclude(answered_at=None).latest("received_at")
    served = Lead.objects.exclude(client=None).latest("received_at").client
    yield "approval-detail", [waiting.pk]
    yield "lead-detail", [answered.pk]
    yield "timeline", ["lead", answered.pk]
    yield "client-detail", [(served or Client.objects.earliest("pk")).slug]
    yield "config-detail", ["qualifier", 2]
    yield "run-detail", [Run.objects.filter(calls__gt=0).latest("started_at").pk]
    yield "job-detail", [Job.objects.filter(kind="control.execute").latest("pk").pk]


def _outward_keys() -> Iterator[tuple[str, list[object]]]:
    """Give those of finding and writing, each with the most to show."""
    from django.db.models import Count

    from pipeline.mail import unsubscribe
    from pipeline.models import (
        Contact,
        IdealCustomer,
        InboundMail,
        Prospect,
        ProspectImport,
        Sequence,
        Source,
        Thread,
        Variant,
    )

    def most(model: type[Any], what: str) -> Any:
        return model.objects.annotate(n=Count(what)).order_by("-n", "pk")[0]

    ideal, sequence = most(IdealCustomer, "prospects"), most(Sequence, "enrollments")
    variant = most(Variant, "touches")
    answered = Prospect.objects.filter(status="lead")
    prospect = answered.annotate(n=Count("touches")).order_by("-n", "pk")[0]
    yield "prospect-detail", [prospect.pk]
    yield "ideal-edit", [ideal.pk]
    yield "source-create", [ideal.pk]
    yield "source-edit", [most(Source, "prospects").pk]
    yield "import-detail", [ProspectImport.objects.order_by("-rows")[0].pk]
    yield "sequence-detail", [sequence.pk]
    yield "wording-new", [variant.step_id]
    yield "wording-detail", [variant.pk]
    yield "thread-detail", [most(Thread, "mails").pk]
    yield "mail-source", [InboundMail.objects.filter(kind="reply").latest("received_at").pk]
    yield "unsubscribe", [unsubscribe.token(Contact.objects.exclude(email="").latest("pk"))]


def _sold_keys() -> Iterator[tuple[str, list[object]]]:
    """Give those of deals, calls, proposals and prices."""
    from billing.models import Package
    from pipeline.meetings import links
    from pipeline.models import Deal, Meeting, Proposal
    from pipeline.selling import proposal_links

    offered = Proposal.objects.filter(status="sent").latest("sent_at")
    signed = Proposal.objects.filter(status="paid").latest("sent_at")
    ahead = Meeting.objects.filter(status="booked").latest("starts_at")
    yield "deal-detail", [offered.deal_id]
    yield "deal-move", [offered.deal_id]
    yield "proposal-new", [Deal.objects.filter(stage="held").latest("opened_at").pk]
    yield "meeting-detail", [Meeting.objects.filter(status="held").latest("starts_at").pk]
    yield "meeting-guest", [links.meeting_token(ahead)]
    yield "meeting-invitation", [links.meeting_token(ahead)]
    yield "book-lead", [links.lead_token(ahead.lead)]
    yield "proposal-public", [proposal_links.token(offered.pk)]
    yield "proposal-detail", [signed.pk]
    yield "price-edit", [Package.objects.earliest("pk").slug]


def measure(port: int, rounds: int) -> dict[str, float]:
    """Return the p95 in milliseconds of every page that can be had by GET, taken in turns."""
    from bench.latency import percentile

    browser = Browser(port)
    pages = {}
    for name, url in addresses().items():
        status, _, _ = browser.get(url)
        if status == 200:
            pages[name] = url
        elif status not in (302, 405):
            raise RuntimeError(f"{url} was answered {status}")
    times: dict[str, list[float]] = {name: [] for name in pages}
    for _ in range(rounds):
        for name, url in pages.items():
            times[name].append(browser.get(url)[2])
    return {name: percentile(values, 0.95) for name, values in times.items()}


def main() -> None:
    """Measure the house that runs."""
    import django

    django.setup()
    from django.conf import settings

    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    found = measure(settings.PORT, rounds)
    for name, took in sorted(found.items(), key=lambda pair: -pair[1]):
        sys.stdout.write(f"{name:30} {took:9.1f} ms\n")


if __name__ == "__main__":
    main()
