"""The price book: what is sold for how much, and the bounds no proposal leaves by itself."""

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing import prices
from billing.models import Package
from dashboard.sales.price_forms import PackageForm
from dashboard.web import Request, page

FORM_METHODS = ["GET", "HEAD", "POST"]
MOST = 200


@require_safe
def price_list(request: HttpRequest) -> HttpResponse:
    """Show what is sold, then what was sold once."""
    packages = Package.objects.annotate(sold=Count("contracts")).order_by(
        "-active", "position", "name"
    )
    context = {"packages": packages[:MOST]}
    return page(request, "billing/price_list.html", context, partials=["price-rows"])


@require_http_methods(FORM_METHODS)
def create(request: Request) -> HttpResponse:
    """Describe a package."""
    return _form(request, Package(position=Package.objects.count() + 1))


@require_http_methods(FORM_METHODS)
def edit(request: Request, slug: str) -> HttpResponse:
    """Change a package. What was signed stays as it was signed."""
    return _form(request, get_object_or_404(Package, slug=slug))


@require_POST
def switch(request: Request, slug: str, *, active: bool) -> HttpResponse:
    """Take a package out of the price book, or sell it again."""
    package = get_object_or_404(Package, slug=slug)
    if package.active != active:
        package.active = active
        prices.save(package, by=request.user.get_username())
        back = reverse("price-retire" if active else "price-sell", args=[slug])
        words = f"“{package}” is sold again." if active else f"“{package}” is no longer sold."
        messages.success(request, words, extra_tags=back)
    if request.htmx:
        return render(request, "components/messages.html", {"oob": True})
    return redirect("price-list")


def _form(request: Request, package: Package) -> HttpResponse:
    posted = request.method == "POST"
    form = PackageForm(request.POST if posted else None, instance=package)
    if posted and form.is_valid():
        prices.save(form.instance, by=request.user.get_username())
        messages.success(request, f"“{package}” is saved; proposals go by it from now on.")
        return redirect("price-list")
    context = {"form": form, "name": form.initial.get("name", "")}
    status = 422 if form.errors else 200
    return render(request, "billing/price_form.html", context, status=status)
