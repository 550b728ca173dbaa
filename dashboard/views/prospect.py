"""One prospect, and what is done to it by hand."""

from uuid import UUID

from django.contrib import messages
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from agents.models import Run
from control.models import Action
from dashboard.finding import prospect_page, prospects
from dashboard.finding.prospect_forms import (
    ContactForm,
    DropForm,
    EnrollForm,
    FieldForm,
    SuppressForm,
)
from dashboard.sales import timeline
from dashboard.views.prospects import research, say
from dashboard.web import Request, page
from pipeline import by_hand
from pipeline.models import Contact, Enrollment, Prospect
from pipeline.writing import outreach

DETAIL = "pipeline/prospect_detail.html"


@require_safe
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show one prospect; one that was merged away leads to the one it is part of."""
    return _render(request, pk)


@require_POST
def start_research(request: Request, pk: UUID) -> HttpResponse:
    """Have the Researcher look again."""
    prospect = _get(pk)
    messages.success(request, research([prospect.pk], by=request.user.get_username()))
    return redirect("prospect-detail", pk=pk)


@require_POST
def drop(request: Request, pk: UUID) -> HttpResponse:
    """Drop it, with a reason."""
    form = DropForm(request.POST)
    if not form.is_valid():
        return _render(request, pk, form=form)
    say(request, "drop", by_hand.drop([pk], form.cleaned_data["reason"], by=request.user))
    return redirect("prospect-detail", pk=pk)


@require_POST
def suppress(request: Request, pk: UUID) -> HttpResponse:
    """See that nobody writes to it."""
    form = SuppressForm(request.POST)
    if not form.is_valid():
        return _render(request, pk, form=form)
    say(request, "suppress", by_hand.suppress([pk], form.cleaned_data["reason"], by=request.user))
    return redirect("prospect-detail", pk=pk)


@require_POST
def enroll(request: Request, pk: UUID) -> HttpResponse:
    """Put it at the start of a sequence."""
    form = EnrollForm(request.POST)
    if not form.is_valid():
        return _render(request, pk, form=form)
    change = by_hand.enroll([pk], form.cleaned_data["sequence"], by=request.user)
    if change.count:
        messages.success(request, f"In “{form.cleaned_data['sequence']}” from now on.")
    else:
        why = change.left_out[0] if change.left_out else "it is not there any more"
        messages.warning(request, f"In no sequence: {why}.")
    return redirect("prospect-detail", pk=pk)


@require_POST
def stop_sequence(request: Request, pk: UUID) -> HttpResponse:
    """Take it out of its sequence."""
    by = request.user.get_username()
    if outreach.stop(_get(pk), Enrollment.Stop.OPERATOR, by=by):
        messages.success(request, "Out of the sequence; what waited was withdrawn.")
    else:
        messages.warning(request, "It is in no sequence.")
    return redirect("prospect-detail", pk=pk)


@require_POST
def resume_sequence(request: Request, pk: UUID) -> HttpResponse:
    """Let it go on where its sequence stopped."""
    stopped = Enrollment.objects.filter(prospect=pk, status=Enrollment.Status.STOPPED)
    enrollment = stopped.select_related("contact", "sequence").order_by("-pk").first()
    try:
        if enrollment and outreach.resume(enrollment, by=request.user.get_username()):
            messages.success(request, "It goes on where it stopped.")
        else:
            messages.warning(request, "There is nothing to go on with.")
    except outreach.CannotEnroll as reason:
        messages.warning(request, f"It does not go on: {reason}.")
    return redirect("prospect-detail", pk=pk)


@require_POST
def set_field(request: Request, pk: UUID) -> HttpResponse:
    """Set a field by hand; agents leave it alone."""
    prospect = _get(pk)
    form = FieldForm(request.POST)
    if not form.is_valid():
        return _render(request, pk, form=form)
    name, value, reason = (form.cleaned_data[key] for key in ("name", "value", "reason"))
    by_hand.set_fields(prospect, {name: value}, by=request.user, reason=reason)
    messages.success(request, "Your word stands; agents no longer change it.")
    return redirect("prospect-detail", pk=pk)


@require_POST
def lift(request: Request, pk: UUID) -> HttpResponse:
    """Let agents decide a field again."""
    if by_hand.lift(_get(pk), request.POST.get("name", ""), by=request.user):
        messages.success(request, "Agents decide it again.")
    return redirect("prospect-detail", pk=pk)


@require_POST
def add_contact(request: Request, pk: UUID) -> HttpResponse:
    """Add a person."""
    prospect = _get(pk)
    form = ContactForm(request.POST, instance=Contact(prospect=prospect))
    if not form.is_valid():
        return _render(request, pk, form=form)
    contact = by_hand.add_contact(prospect, by=request.user, **form.cleaned_data)
    messages.success(request, f"{contact} is known by now.")
    return redirect("prospect-detail", pk=pk)


@require_POST
def choose_contact(request: Request, pk: UUID, contact: int) -> HttpResponse:
    """Write to this person from now on."""
    chosen = get_object_or_404(Contact.objects.exclude(email=""), pk=contact, prospect=pk)
    by_hand.make_primary(chosen, by=request.user)
    messages.success(request, f"Mail goes to {chosen} from now on.")
    return redirect("prospect-detail", pk=pk)


def _get(pk: UUID) -> Prospect:
    return get_object_or_404(Prospect, pk=pk)


def _render(request: HttpRequest, pk: UUID, *, form: BaseForm | None = None) -> HttpResponse:
    try:
        record = prospect_page.read(pk)
    except Prospect.DoesNotExist:
        raise Http404 from None
    prospect = record.prospect
    if prospect.merged_into_id is not None:
        return redirect("prospect-detail", pk=prospect.merged_into_id)
    keys = [str(pk), *record.merged]
    about = {"subject_type": prospects.LABEL, "subject_id__in": keys}
    actions = list(Action.objects.filter(**about).order_by("-pk")[: prospect_page.MOST])
    runs = list(Run.objects.filter(**about).order_by("-pk")[: prospect_page.MOST])
    touches = list(prospect.touches.order_by("-sent_at")[: prospect_page.MOST])
    way = prospect_page.way(prospect, touches)
    context = {
        "prospect": prospect,
        "topic": by_hand.topic(prospect),
        "researched_at": prospect_page.researched_at(prospect),
        "facts": prospect_page.facts(record.facts),
        "contacts": record.contacts,
        "way": way,
        "letters": prospect_page.letters(prospect, touches, actions),
        "actions": actions,
        "runs": runs,
        "timeline": timeline.of_company(prospect=prospect, runs=runs),
        "next": prospect_page.next_step(prospect, actions, way),
        "working": next(
            (run.agent.capitalize() for run in runs if run.status == Run.Status.RUNNING), ""
        ),
        "overrides": record.overrides,
        "takeover": record.takeover,
        "sequences": record.sequences,
        "settable": by_hand.SETTABLE.items(),
        "form": form,
        "wrong": type(form).__name__ if form else "",
    }
    status = 422 if form else 200
    return page(request, DETAIL, context, partials=["prospect-body"], status=status)
