"""Logging in: a password, or the one-time link that `make run` prints."""

import sesame.utils
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET


@login_not_required
@never_cache
@require_GET
def login_link(request: HttpRequest) -> HttpResponse:
    """Log in by a one-time link; say so when it is used up."""
    if request.user.is_authenticated:
        return redirect("landing")
    user = sesame.utils.get_user(request, update_last_login=False)
    if user is None:
        return render(request, "dashboard/link_used.html", status=403)
    login(request, user, backend="sesame.backends.ModelBackend")
    return redirect("landing")
