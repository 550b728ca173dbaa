"""The sandbox mailbox: what went out while nobody real is contacted."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from dashboard.web import page
from integrations import mail, mailbox

PAGE_SIZE = 50


@require_safe
def mailbox_list(request: HttpRequest) -> HttpResponse:
    """List the mail, newest first; say so when mail is real."""
    if mail.world() != "sandbox":
        return page(request, "dashboard/mailbox_list.html", {"real": True})
    text = request.GET.get("page", "1")[:6]
    number = int(text) if text.isdecimal() and 0 < int(text) < 10_000 else 1
    total = mailbox.count()
    context = {
        "mails": mailbox.list_mail(PAGE_SIZE, (number - 1) * PAGE_SIZE),
        "total": total,
        "newer": number - 1,
        "older": number + 1 if total > number * PAGE_SIZE else 0,
    }
    return page(request, "dashboard/mailbox_list.html", context, partials=["mail-table"])


@require_safe
def mailbox_detail(request: HttpRequest, key: str) -> HttpResponse:
    """Show one mail with all its headers."""
    if mail.world() != "sandbox":
        raise Http404
    try:
        found = mailbox.get_mail(key)
    except (mailbox.MailNotFound, OSError) as missing:
        raise Http404 from missing
    return page(request, "dashboard/mailbox_detail.html", {"mail": found})
