"""API keys: made with their scopes, shown once, revoked."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from agency import api_keys
from agency.models import ApiKey
from dashboard.house.api_forms import KeyForm
from dashboard.web import Request, page

SHOWN = 100


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def key_list(request: Request) -> HttpResponse:
    """Show the keys; make one, whose secret stands on the answer and nowhere else."""
    if request.method != "POST":
        return _render(request, KeyForm())
    form = KeyForm(request.POST)
    if not form.is_valid():
        return _render(request, form, status=422)
    key, secret = api_keys.issue(by=request.user, **form.cleaned_data)
    return _render(request, KeyForm(), made=key, secret=secret)


@require_POST
def revoke(request: Request, pk: int) -> HttpResponse:
    """End a key."""
    key = get_object_or_404(ApiKey, pk=pk)
    if api_keys.revoke(key, by=request.user):
        messages.success(request, f"“{key.name}” opens nothing any more.")
    else:
        messages.warning(request, f"“{key.name}” was revoked already.")
    return redirect("api-keys")


def _render(
    request: HttpRequest,
    form: KeyForm,
    *,
    made: ApiKey | None = None,
    secret: str = "",
    status: int = 200,
) -> HttpResponse:
    chosen = form["scopes"].value() or []
    context = {
        "form": form,
        "scopes": [(name, words, name in chosen) for name, words in api_keys.SCOPES.items()],
        "keys": ApiKey.objects.select_related("created_by", "client").order_by(
            "-revoked_at", "-pk"
        )[:SHOWN],
        "made": made,
        "secret": secret,
    }
    return page(request, "agency/api_keys.html", context, partials=["key-rows"], status=status)
