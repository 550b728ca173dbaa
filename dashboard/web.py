"""What every page needs: a typed request, partials by their target, and keyset pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.middleware import HtmxDetails

from agency.models import AgencyProfile

M = TypeVar("M", bound=Model)

PAGE_SIZE = 50


class Request(HttpRequest):
    """A request of a logged-in operator, as the middleware leaves it."""

    htmx: HtmxDetails
    profile: AgencyProfile
    user: User


def page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    partials: Sequence[str] = (),
    status: int = 200,
) -> HttpResponse:
    """Render the page, or the one partial of it that HTMX wants to replace.

    A partial has the name of the element it fills, so the target says which one is meant.
    """
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    name = template
    if htmx and not htmx.history_restore_request and htmx.target in partials:
        name = f"{template}#{htmx.target}"
    response = render(request, name, {**context, "partial": name != template}, status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def asked(request: HttpRequest, name: str) -> str:
    """Return a query parameter, clean enough to search with: Postgres takes no NUL."""
    return request.GET.get(name, "").replace("\0", "").strip()


def way_back(request: HttpRequest, otherwise: str) -> str:
    """Return the page a form says it came from, if it is one of this site."""
    back = request.POST.get("back", "")
    ours = back.startswith("/") and url_has_allowed_host_and_scheme(back, {request.get_host()})
    return back if ours else otherwise


@dataclass(frozen=True)
class Slice(Generic[M]):
    """One page of rows, newest first. `older` is the key to ask for the next with."""

    rows: list[M]
    older: str
    newer: bool

    def __bool__(self) -> bool:
        return bool(self.rows)


def newest(rows: QuerySet[M], before: str, *, size: int = PAGE_SIZE) -> Slice[M]:
    """Return a page of `rows` by descending primary key, below `before`.

    Keys grow with time here, so a page stays the same while new rows arrive. A key that makes no
    sense gives the first page.
    """
    key: Any = None
    if before:
        try:
            key = rows.model._meta.pk.to_python(before)
        except ValidationError:
            key = None
    found = rows.filter(pk__lt=key) if key is not None else rows
    listed = list(found.order_by("-pk")[: size + 1])
    more = len(listed) > size
    return Slice(listed[:size], str(listed[size - 1].pk) if more else "", key is not None)
