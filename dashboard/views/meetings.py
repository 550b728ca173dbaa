"""Calls: the week, one call with its brief, how it went, and when calls can be booked."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import trigger_client_event

from agency import clock
from dashboard.sales import meetings
from dashboard.sales.meeting_forms import CancelForm, MoveForm, NoteForm, RulesForm
from dashboard.web import Request, asked, page
from integrations import calendar
from pipeline.meetings import booking, links, rules
from pipeline.models import BookingRules, DealNote, Meeting
from pipeline.selling import deals, notes

LIST = "pipeline/meeting_list.html"
DETAIL = "pipeline/meeting_detail.html"
NOTES_AT_MOST = 20


@require_safe
def meeting_list(request: HttpRequest) -> HttpResponse:
    """Show a week of calls, those first of which nobody said how they went."""
    start = asked(request, "from")
    context = {"agenda": meetings.agenda(start), "start": start, "booking_page": links.page_url()}
    return page(request, LIST, context, partials=["agenda"])


@require_safe
def detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show one call."""
    return _show(request, _meeting(pk))


@require_POST
def held(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Say that the call took place."""
    meeting = _meeting(pk)
    won = booking.hold(meeting, by=request.user.get_username())
    return _closed(request, meeting, won, "Held")


@require_POST
def missed(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Say that the guest did not come."""
    meeting = _meeting(pk)
    won = booking.miss(meeting, by=request.user.get_username())
    return _closed(request, meeting, won, "Missed")


@require_POST
def reopen(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Take back that it was held or missed."""
    meeting = _meeting(pk)
    if booking.reopen(meeting, by=request.user.get_username()):
        messages.success(request, f"Open again: the call with {_guest(meeting)}.")
    else:
        messages.warning(request, "Nothing was taken back: it counts as neither held nor missed.")
    return _answer(request, meeting)


@require_POST
def move(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Move a call; a time the operator gives themselves need not be one that is offered."""
    meeting, form = _meeting(pk), MoveForm(request.POST)
    if not form.is_valid():
        return _show(request, meeting, move=form, status=422)
    other = form.cleaned_data["other"]
    to = other or form.cleaned_data["starts_at"]
    try:
        moved = booking.move(
            meeting, to, by=request.user.get_username(), any_time=other is not None
        )
    except (booking.NotOffered, booking.NotStanding) as why:
        form.add_error("other" if other else "starts_at", str(why))
        return _show(request, meeting, move=form, status=422)
    if moved.starts_at == meeting.starts_at:
        messages.info(request, "It is at that time already.")
    else:
        when = f"{timezone.localtime(moved.starts_at):%A %H:%M}"
        messages.success(request, f"Moved to {when}. A new invitation is written.")
    return redirect("meeting-detail", pk=pk)


@require_POST
def cancel(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Cancel a call."""
    meeting, form = _meeting(pk), CancelForm(request.POST)
    if not form.is_valid():
        return _show(request, meeting, cancel=form, status=422)
    reason = form.cleaned_data["reason"]
    if booking.cancel(meeting, by=request.user.get_username(), reason=reason):
        messages.success(request, f"Cancelled; {_guest(meeting)} is told by mail.")
    else:
        messages.warning(request, "Nothing was changed: it does not stand any more.")
    return redirect("meeting-detail", pk=pk)


@require_POST
def note(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Keep what was said."""
    meeting, form = _meeting(pk), NoteForm(request.POST)
    if form.is_valid():
        by = request.user.get_username()
        kind = DealNote.Kind.TRANSCRIPT if form.cleaned_data["transcript"] else DealNote.Kind.TYPED
        try:
            deal = meeting.deal or deals.open_for(meeting.lead, by=by)
            notes.add(deal, form.cleaned_data["text"], kind=kind, by=by, meeting=meeting)
        except notes.Refused as why:
            form.add_error("text", str(why))
    if form.errors:
        return _show(request, meeting, note=form, status=422)
    messages.success(request, "Kept. The Closer reads needs and objections out of it.")
    return redirect("meeting-detail", pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: Request) -> HttpResponse:
    """Say when calls can be booked."""
    kept = BookingRules.load()
    posted = request.method == "POST"
    form = RulesForm(request.POST if posted else None, instance=BookingRules.load())
    if posted and form.is_valid():
        changed = rules.save(form.instance, by=request.user)
        said = "Saved. Calls that are booked stay." if changed else "Nothing was changed."
        messages.success(request, said)
        return redirect("meeting-settings")
    context = {
        "form": form,
        "rules": kept,
        "zone": request.profile.timezone,
        "connected": calendar.is_configured(),
        "booking_page": links.page_url(),
    }
    status = 422 if form.errors else 200
    return render(request, "pipeline/meeting_settings.html", context, status=status)


def _meeting(pk: uuid.UUID) -> Meeting:
    rows = Meeting.objects.select_related("lead__client", "deal")
    return get_object_or_404(rows, pk=pk)


def _guest(meeting: Meeting) -> str:
    return meeting.guest_name or meeting.guest_email


def _closed(request: Request, meeting: Meeting, won: bool, word: str) -> HttpResponse:
    if won:
        undo = reverse("meeting-reopen", args=[meeting.pk])
        messages.success(request, f"{word}: the call with {_guest(meeting)}.", extra_tags=undo)
    elif meeting.starts_at > clock.now():
        messages.warning(request, "The call has not begun; cancel or move it instead.")
    else:
        messages.warning(request, "Nothing was changed: it was closed already.")
    return _answer(request, meeting)


def _answer(request: Request, meeting: Meeting) -> HttpResponse:
    """Answer with the toast, which wakes the page; or go back to it without scripts."""
    if request.htmx:
        response = render(request, "components/messages.html", {"oob": True})
        return trigger_client_event(response, "live:meetings")
    if request.POST.get("back") == "list":
        return redirect("meeting-list")
    return redirect("meeting-detail", pk=meeting.pk)


def _show(
    request: HttpRequest,
    meeting: Meeting,
    *,
    move: MoveForm | None = None,
    cancel: CancelForm | None = None,
    note: NoteForm | None = None,
    status: int = 200,
) -> HttpResponse:
    actions, said = meetings.actions_of(meeting), list(meeting.notes.all()[:NOTES_AT_MOST])
    standing = meeting.status == Meeting.Status.BOOKED
    context = {
        "meeting": meeting,
        "row": meetings.row(meeting),
        "next": meetings.next_step(meeting, meetings.pending(actions), noted=bool(said)),
        "facts": meetings.facts(meeting),
        "notes": said,
        "timeline": meetings.timeline(meeting, actions),
        "times": meetings.free_times(meeting) if standing else [],
        "standing": standing,
        "begun": meeting.starts_at <= clock.now(),
        "move": move or MoveForm(),
        "cancel": cancel or CancelForm(),
        "note": note or NoteForm(),
        "topic": f"meeting:{meeting.pk}",
        "guest_page": links.meeting_url(meeting),
    }
    return page(request, DETAIL, context, partials=["meeting-body"], status=status)
