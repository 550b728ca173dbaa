"""Tasks by hand: LinkedIn notes and calls with their text ready; done, skipped, taken back."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from agency import clock
from dashboard.web import Request, asked, page
from dashboard.writing import hand_tasks
from pipeline.models import HandTask
from pipeline.writing import hand_tasks as services

NOTE_LENGTH = 500


@require_safe
def task_list(request: HttpRequest) -> HttpResponse:
    """List what is to do, the longest due first."""
    view = asked(request, "view")
    context = {
        "tasks": hand_tasks.read(view),
        "view": view if view == "settled" else "",
        "now": clock.now(),
    }
    return page(request, "outreach/task_list.html", context, partials=["task-rows"])


@require_POST
def done(request: Request, pk: int) -> HttpResponse:
    """Note that a task was done."""
    task = _task(pk)
    won = services.done(task, by=request.user.get_username())
    return _said(request, task, won, "Done")


@require_POST
def skip(request: Request, pk: int) -> HttpResponse:
    """Leave a task out."""
    task, note = _task(pk), request.POST.get("note", "").replace("\0", "").strip()[:NOTE_LENGTH]
    won = services.skip(task, by=request.user.get_username(), note=note)
    return _said(request, task, won, "Skipped")


@require_POST
def undo(request: Request, pk: int) -> HttpResponse:
    """Open a task again."""
    task = _task(pk)
    if services.take_back(task, by=request.user.get_username()):
        messages.success(request, f"Open again: {task}.")
    else:
        messages.warning(request, f"Not taken back: {task} is open, or its sequence ended.")
    return _answer(request)


def _task(pk: int) -> HandTask:
    return get_object_or_404(HandTask.objects.select_related("prospect", "enrollment"), pk=pk)


def _said(request: Request, task: HandTask, won: bool, word: str) -> HttpResponse:
    if won:
        undo_at = reverse("task-undo", args=[task.pk])
        messages.success(request, f"{word}: {task}.", extra_tags=undo_at)
    else:
        messages.warning(request, f"{task} was settled already.")
    return _answer(request)


def _answer(request: Request) -> HttpResponse:
    """Answer with the toast, which wakes the list; or go back to it without scripts."""
    if not request.htmx:
        return redirect("task-list")
    response = render(request, "components/messages.html", {"oob": True})
    return trigger_client_event(response, "live:tasks")
