"""The inbox: conversations beside their list; labels put right; files and sources on demand."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_POST, require_safe

from dashboard.web import Request, asked, page
from dashboard.writing import inbox
from dashboard.writing.inbox import Scope
from dashboard.writing.outreach_forms import LabelForm
from pipeline.mail import threads
from pipeline.models import Attachment, InboundMail, Thread

TEMPLATE = "outreach/inbox.html"
PARTS = ["inbox", "inbox-list", "conversation"]
LIVE = ("inbox-list", "conversation")
SOURCE_SHOWN = 200_000


@require_safe
def show(request: Request) -> HttpResponse:
    """List the conversations."""
    return _render(request, None)


@require_safe
def thread_detail(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Show one conversation; who opens it has read it, a live update has not."""
    thread = _thread(pk)
    if request.htmx.target not in LIVE:
        threads.set_unread(thread, False)
    return _render(request, thread)


@require_POST
def mark_unread(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Mark a conversation unread, and leave it: open it would be read again."""
    if threads.set_unread(_thread(pk), True):
        messages.success(request, "Unread again.")
    return redirect(f"{reverse('inbox')}{_scope(request).query}")


@require_POST
def correct(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Say what a reply means, against the agent."""
    mail = get_object_or_404(
        InboundMail.objects.select_related("prospect", "thread", "touch").exclude(thread=None),
        pk=pk,
    )
    back = f"{reverse('thread-detail', args=[mail.thread_id])}{_scope(request).query}"
    form = LabelForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing was changed: pick a label, and say why in a few words.")
        return redirect(back)
    if threads.correct_label(mail, by=request.user, **form.cleaned_data):
        messages.success(request, f"It is: {mail.get_label_display().lower()}. Outreach learns it.")
    else:
        messages.warning(request, "It says so already.")
    return redirect(back)


@require_safe
def source(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show a mail as it came, every header, as text."""
    mail = get_object_or_404(InboundMail, pk=pk)
    raw = bytes(mail.raw)
    context = {
        "mail": mail,
        "source": raw[:SOURCE_SHOWN].decode("utf-8", "replace").replace("\0", "\ufffd"),
        "size": len(raw),
        "cut": len(raw) > SOURCE_SHOWN,
    }
    return render(request, "outreach/source.html", context)


@require_safe
def attachment(request: HttpRequest, pk: int) -> HttpResponse:
    """Hand a file over to be saved: whatever it says it is, the browser must not open it."""
    found = get_object_or_404(Attachment, pk=pk)
    response = HttpResponse(bytes(found.content), content_type="application/octet-stream")
    name = found.filename.replace("/", "_").replace("\\", "_") or f"attachment-{pk}"
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, no-store"
    return response


def _thread(pk: uuid.UUID) -> Thread:
    return get_object_or_404(Thread.objects.select_related("prospect", "lead"), pk=pk)


def _scope(request: HttpRequest) -> Scope:
    number = asked(request, "page")
    in_range = number.isascii() and number.isdecimal() and 0 < int(number[:6]) < 10_000
    asked_page = int(number[:6]) if in_range else 1
    return Scope(asked(request, "show")[:20], asked(request, "q")[:200], asked_page)


def _render(request: Request, thread: Thread | None) -> HttpResponse:
    scope = _scope(request)
    target = request.htmx.target if request.htmx else ""
    context: dict[str, Any] = {
        "scope": scope,
        "thread": thread,
        "topic": f"thread:{thread.pk}" if thread else "",
        "labels": InboundMail.Label.choices,
    }
    if target != "conversation":
        context["listed"] = inbox.read(scope)
    if thread is not None and target != "inbox-list":
        letters, drafts = inbox.letters(thread)
        context["letters"] = letters
        context["last"] = next((one for one in reversed(letters) if one.mail), None)
        context["drafts"] = drafts
    return page(request, TEMPLATE, context, partials=PARTS)
