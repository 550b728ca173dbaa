"""Jobs: how the queue does, the jobs in it, and what an operator does with them."""

import datetime as dt
import uuid
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard.house import jobs
from dashboard.house.forms import LimitForm
from dashboard.web import Request, asked, page
from jobs import failures, operate, registry
from jobs.filters import FIELDS, Filter, UnknownValue
from jobs.models import ArchivedJob, Depth, Job, Lane
from jobs.operate import Verb

AT_ONCE = 1000
"""More than this is done by a job, not by the request."""

GREW = 1.1
LIST = "jobs/job_list.html"


@require_safe
def job_list(request: Request) -> HttpResponse:
    """Show the lanes, the workers, the failures and the newest jobs."""
    return _render(request)


def _render(request: Request, *, form: LimitForm | None = None, status: int = 200) -> HttpResponse:
    chosen, problem = _chosen(request.GET)
    now = request.htmx and request.htmx.target == "job-now"
    table = request.htmx and request.htmx.target == "job-table"
    depths = jobs.depths()
    context: dict[str, Any] = {}
    if not table:
        context |= _now(depths)
    if not now:
        context |= _table(request, chosen, problem, depths)
    context["limit_form"] = form or LimitForm()
    return page(request, LIST, context, partials=["job-now", "job-table"], status=status)


def _now(depths: list[Depth]) -> dict[str, Any]:
    limits = jobs.limits()
    own = {tag: most for tag, most in limits.items() if not tag.startswith("lane:")}
    return {
        "lanes": jobs.lanes(depths, limits),
        "limits": [(f"lane:{lane}", limits.get(f"lane:{lane}")) for lane in Lane.values]
        + list(own.items()),
        "workers": jobs.workers(),
        "operations": jobs.operations(),
        "failures": [(group, _query(_of(group))) for group in failures.groups()],
        "newest": failures.NEWEST,
    }


def _table(
    request: HttpRequest, chosen: Filter, problem: str, depths: list[Depth]
) -> dict[str, Any]:
    listed = jobs.listed(chosen, asked(request, "before"), depths)
    fields = chosen.fields()
    return {
        "page": listed.page,
        "among": listed.among,
        "asked": {name: texts[0] for name, texts in fields.items()},
        "given": {name: asked(request, name) for name in ("client", "q")},
        "chosen": chosen,
        "query": _query(chosen),
        "narrowed": bool(fields),
        "problem": problem,
        "statuses": Job.Status.values,
        "lane_names": Lane.values,
        "kinds": sorted(registry.names()),
    }


def _chosen(data: QueryDict) -> tuple[Filter, str]:
    """Read the filter from a query; what is wrong with it, in words, narrows nothing."""
    given = {
        name: [text.replace("\0", "").strip() for text in data.getlist(name)] for name in FIELDS
    }
    wanted = data.get("q", "").replace("\0", "").strip()
    try:
        if wanted:
            (pk,) = Filter.parse({"id": [wanted]}).ids
            whose = "id" if Job.objects.filter(pk=pk).exists() else "correlation"
            given[whose] = [wanted]
        return Filter.parse(given), ""
    except UnknownValue as error:
        return Filter(), str(error)


def _of(group: failures.Group) -> Filter:
    return Filter(statuses=(group.status,), kind=group.kind, cause=group.cause)


def _query(chosen: Filter) -> str:
    return urlencode(chosen.fields(), doseq=True)


@require_safe
def job_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show one job, also an archived one, with the whole chain it is part of."""
    job = _find(Job.objects.all(), pk) or _find(ArchivedJob.objects.all(), pk)
    if job is None:
        raise Http404
    hot = isinstance(job, Job)
    context = {
        "job": job,
        "archived": not hot,
        "steps": jobs.steps(job),
        "subject_href": jobs.subject_href(job.subject_type, job.subject_id),
        "errors": [
            {**error, "at": dt.datetime.fromisoformat(error["at"])} for error in job.errors[::-1]
        ],
        "can_retry": hot and job.status in operate.REACHES[Verb.RETRY],
        "can_cancel": hot and job.status in operate.REACHES[Verb.CANCEL],
    }
    return page(request, "jobs/job_detail.html", context, partials=["job-body"])


def _find(rows: QuerySet[Any], pk: uuid.UUID) -> Any:
    return rows.filter(pk=pk).select_related("client").first()


@require_POST
def change(request: Request, pk: uuid.UUID, verb: str) -> HttpResponse:
    """Retry or cancel one job."""
    result = operate.act(Verb(verb), Filter(ids=(pk,)), by=request.user.get_username())
    _say(request, Verb(verb), result)
    return redirect("job-detail", pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
def bulk(request: Request) -> HttpResponse:
    """Show what a verb would do to the jobs of a filter; once confirmed, do it."""
    data = request.POST if request.method == "POST" else request.GET
    chosen, problem = _chosen(data)
    verb = data.get("verb", "")
    if problem or verb not in list(Verb) or chosen == Filter():
        messages.error(request, problem or "Narrow the list first: by status, lane, kind, …")
        return redirect("job-list")
    found = operate.preview(Verb(verb), chosen)
    if request.method == "POST":
        return _confirmed(request, found)
    return _preview(request, found)


def _confirmed(request: Request, found: operate.Preview) -> HttpResponse:
    shown = request.POST.get("count", "")
    grew = not shown.isdecimal() or found.can > int(shown[:9]) * GREW
    reason = request.POST.get("reason", "").replace("\0", "").strip()[:500]
    if grew or (found.verb == Verb.DISCARD and not reason):
        return _preview(request, found, grew=grew, status=409 if grew else 422)
    by = request.user.get_username()
    if found.can > AT_ONCE or found.more:
        total = 0 if found.more else found.can
        operate.start(found.verb, found.chosen, by=by, reason=reason, total=total)
        how_many = f"{'Over ' if found.more else ''}{found.can:,}"
        messages.success(request, f"{how_many} jobs are being {operate.PAST[found.verb]}.")
    else:
        _say(request, found.verb, operate.act(found.verb, found.chosen, by=by, reason=reason))
    return redirect("job-list")


def _preview(
    request: Request, found: operate.Preview, *, grew: bool = False, status: int = 200
) -> HttpResponse:
    context = {
        "found": found,
        "past": operate.PAST[found.verb],
        "fields": [(name, text) for name, texts in found.chosen.fields().items() for text in texts],
        "back": f"{reverse('job-list')}?{_query(found.chosen)}",
        "grew": grew,
        "needs_reason": found.verb == Verb.DISCARD,
        "background": found.can > AT_ONCE or found.more,
    }
    return render(request, "jobs/bulk.html", context, status=status)


def _say(request: Request, verb: Verb, result: operate.Result) -> None:
    if result.done:
        jobs_ = "1 job" if result.done == 1 else f"{result.done:,} jobs"
        messages.success(request, f"{operate.PAST[verb].capitalize()}: {jobs_}.")
    for why, count in result.skipped.items():
        messages.warning(
            request, f"{count:,} left as {'it was' if count == 1 else 'they were'}: {why}."
        )


@require_POST
def set_limit(request: Request) -> HttpResponse:
    """Set or lift how many long jobs of a tag run at once."""
    form = LimitForm(request.POST)
    if not form.is_valid():
        return _render(request, form=form, status=422)
    tag, most = form.cleaned_data["tag"], form.cleaned_data["most"]
    try:
        operate.set_limit(tag, most, by=request.user.get_username())
    except UnknownValue as error:
        form.add_error(error.field, str(error).partition(": ")[2])
        return _render(request, form=form, status=422)
    words = "as many as there are threads" if most is None else f"at most {most}"
    messages.success(request, f"{tag}: {words} at once.")
    return redirect(f"{reverse('job-list')}#limits")
