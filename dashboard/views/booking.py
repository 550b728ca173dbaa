"""The booking pages, without a login: choose a time, see one's call, move it, cancel it.

A link is signed and good for one lead or one meeting. Whoever opens it changes nothing.
"""

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from limits import RateLimitItemPerMinute

from agency import clock
from agency.models import AgencyProfile
from dashboard import rates
from dashboard.house.profile_forms import zones
from dashboard.sales import booking as pages
from dashboard.sales.booking import BookingForm, TimeForm
from pipeline import intake
from pipeline.meetings import availability, booking, ics, links
from pipeline.models import BookingRules, Lead, Meeting

GUESSES = RateLimitItemPerMinute(20)
"""Wrong links from one address."""

BOOKINGS = RateLimitItemPerMinute(30)
"""Bookings from one address without a link of the lead's own."""

CHANGES = RateLimitItemPerMinute(60)
"""Calls booked by a lead's link, moved and cancelled from one address: each of them sends mail."""

BOOKED = "booked_here"
MOST_REMEMBERED = 5


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def book(request: HttpRequest) -> HttpResponse:
    """Show the free times to anybody; book one."""
    if request.method == "POST" and rates.is_over(BOOKINGS, "book", _address(request)):
        return _wrong(request, "slow", 429)
    return _book(request, None)


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def book_lead(request: HttpRequest, token: str) -> HttpResponse:
    """Show the free times to a lead, whom the page knows; book one."""
    try:
        lead = links.read_lead(token)
    except links.BadToken:
        return _bad_link(request)
    if request.method == "POST" and rates.is_over(CHANGES, "meeting", _address(request)):
        return _wrong(request, "slow", 429)
    ahead = booking.upcoming(lead)
    if ahead is not None:
        return _to(ahead)
    return _book(request, lead)


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def meeting(request: HttpRequest, token: str) -> HttpResponse:
    """Show a guest their call; move it, or cancel it."""
    try:
        found = links.read_meeting(token)
    except links.BadToken:
        return _bad_link(request)
    if request.method != "POST":
        return _meeting(request, found)
    if rates.is_over(CHANGES, "meeting", _address(request)):
        return _wrong(request, "slow", 429)
    if request.POST.get("do") == "cancel":
        booking.cancel(found, by=booking.GUEST, reason=_reason(request))
        return redirect(request.path)
    return _move(request, found)


@login_not_required
@never_cache
@require_safe
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Give out the call as a file that calendars open."""
    try:
        found = links.read_meeting(token)
    except links.BadToken:
        return _bad_link(request)
    method: ics.Method = "CANCEL" if found.status == Meeting.Status.CANCELLED else "REQUEST"
    response = HttpResponse(
        ics.invitation(found, method), content_type=f"text/calendar; charset=utf-8; method={method}"
    )
    response["Content-Disposition"] = 'attachment; filename="call.ics"'
    response["X-Robots-Tag"] = "noindex"
    return response


def _book(request: HttpRequest, lead: Lead | None) -> HttpResponse:
    profile = AgencyProfile.load()
    known = lead.timezone if lead is not None else ""
    if request.method != "POST":
        zone = pages.zone_of(request.GET.get("timezone", ""), known, profile.timezone)
        first = {"name": lead.name, "email": lead.email, "phone": lead.phone} if lead else {}
        form = BookingForm(initial={**first, "timezone": zone.key}, lead=lead)
        return _times(request, form, lead, profile, zone)
    form = BookingForm(request.POST, lead=lead)
    zone = pages.zone_of(request.POST.get("timezone", ""), known, profile.timezone)
    if not form.is_valid():
        return _times(request, form, lead, profile, zone, status=422)
    try:
        made = (
            pages.book_anybody(form)
            if lead is None
            else booking.book(
                lead, form.cleaned_data["starts_at"], guest=form.guest(), by=booking.GUEST
            )
        )
    except booking.AlreadyBooked as already:
        return _to(already.meeting)
    except booking.NotOffered as refused:
        again = _booked_here(request, form)
        if again is not None:
            return _to(again)
        form.add_error("starts_at", str(refused))
        return _times(request, form, lead, profile, zone, status=422)
    _remember(request, made)
    return _to(made)


def _times(
    request: HttpRequest,
    form: BookingForm,
    lead: Lead | None,
    profile: AgencyProfile,
    zone: ZoneInfo,
    status: int = 200,
) -> HttpResponse:
    rules = BookingRules.load()
    free = availability.slots(rules, now=clock.now())
    context = _context(profile, zone, free) | {
        "form": form,
        "lead": lead,
        "rules": rules,
        "chosen": request.POST.get("starts_at", ""),
    }
    return _page(request, "public/booking.html", context, status)


def _meeting(
    request: HttpRequest, found: Meeting, form: TimeForm | None = None, status: int = 200
) -> HttpResponse:
    profile = AgencyProfile.load()
    asked = request.POST.get("timezone", "") or request.GET.get("timezone", "")
    zone = pages.zone_of(asked, found.guest_timezone, profile.timezone)
    stands = found.status == Meeting.Status.BOOKED
    can_move = stands and found.starts_at > clock.now()
    rules = BookingRules.load()
    free = availability.slots(rules, now=clock.now(), ignore=found) if can_move else []
    free = [slot for slot in free if slot.starts_at != found.starts_at]
    context = _context(profile, zone, free) | {
        "meeting": found,
        "rules": rules,
        "local": found.starts_at.astimezone(zone),
        "local_end": found.ends_at.astimezone(zone),
        "operators": found.starts_at.astimezone(ZoneInfo(profile.timezone)),
        "can_move": can_move,
        "is_over": stands and not can_move,
        "token": links.meeting_token(found),
        "again": _again(found),
        "form": form or TimeForm(),
        "chosen": request.POST.get("starts_at", ""),
    }
    return _page(request, "public/booking_meeting.html", context, status)


def _move(request: HttpRequest, found: Meeting) -> HttpResponse:
    form = TimeForm(request.POST)
    if not form.is_valid():
        return _meeting(request, found, form, 422)
    if found.starts_at <= clock.now():
        form.add_error("starts_at", "This call has begun: it cannot be moved any more.")
        return _meeting(request, found, form, 422)
    try:
        booking.move(found, form.cleaned_data["starts_at"], by=booking.GUEST)
    except booking.NotStanding:
        return redirect(request.path)
    except booking.NotOffered as refused:
        form.add_error("starts_at", str(refused))
        return _meeting(request, found, form, 422)
    return redirect(request.path)


def _context(profile: AgencyProfile, zone: ZoneInfo, free: list[Any]) -> dict[str, Any]:
    theirs = ZoneInfo(profile.timezone)
    now = clock.now()
    return {
        "agency": profile.name,
        "operator": profile.sender_name,
        "days": pages.days(free, zone, theirs),
        "zone": zone.key,
        "zones": zones(),
        "theirs": theirs.key,
        "apart": now.astimezone(zone).utcoffset() != now.astimezone(theirs).utcoffset(),
    }


def _again(found: Meeting) -> str:
    """Return where its guest books another call.

    On the page that knows the lead only for who knows as much: anybody can book in the name of an
    address, and is not told what else is known of it.
    """
    lead = found.lead
    told = (found.guest_name, found.guest_email.lower(), found.guest_phone)
    if told != (lead.name, lead.email.lower(), lead.phone):
        return reverse("book")
    return reverse("book-lead", args=[links.lead_token(lead)])


def _to(found: Meeting) -> HttpResponse:
    """Lead to the page of a call, on whatever host this one was opened."""
    return redirect("meeting-guest", links.meeting_token(found))


def _booked_here(request: HttpRequest, form: BookingForm) -> Meeting | None:
    """Return the call this very browser has just booked then: a form that was sent twice."""
    return Meeting.objects.filter(
        pk__in=request.session.get(BOOKED, []),
        starts_at=form.cleaned_data["starts_at"],
        guest_email=form.cleaned_data["email"],
        status=Meeting.Status.BOOKED,
    ).first()


def _remember(request: HttpRequest, made: Meeting) -> None:
    request.session[BOOKED] = [*request.session.get(BOOKED, []), str(made.pk)][-MOST_REMEMBERED:]


def _reason(request: HttpRequest) -> str:
    return " ".join(intake.CONTROL.sub("", request.POST.get("reason", "")).split())[:300]


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def _bad_link(request: HttpRequest) -> HttpResponse:
    if rates.is_over(GUESSES, "booking", _address(request)):
        return _wrong(request, "slow", 429)
    return _wrong(request, "link", 404)


def _wrong(request: HttpRequest, why: str, status: int) -> HttpResponse:
    context = {"agency": AgencyProfile.load().name, "why": why}
    return _page(request, "public/booking_wrong.html", context, status)


def _page(
    request: HttpRequest, template: str, context: dict[str, Any], status: int
) -> HttpResponse:
    response = render(request, template, context, status=status)
    response["X-Robots-Tag"] = "noindex"
    return response
