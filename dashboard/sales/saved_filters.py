"""Filters kept under a name, each person's own, for each of the pipeline's tables."""

from django.contrib.auth.models import User

from pipeline.models import SavedFilter

MOST = 20


def of(user: User, page: str) -> list[SavedFilter]:
    """Return the operator's own filters of a table."""
    return list(SavedFilter.objects.filter(user=user, page=page).order_by("name")[:MOST])


def save(user: User, page: str, name: str, query: str) -> str:
    """Keep a filter under a name, or say why not."""
    words = " ".join(name.replace("\0", "").split())[:40]
    if not words:
        return "A filter needs a name."
    kept = SavedFilter.objects.filter(user=user, page=page)
    if kept.exclude(name=words).count() >= MOST:
        return f"{MOST} filters are enough; remove one first."
    SavedFilter.objects.update_or_create(
        user=user, page=page, name=words, defaults={"query": query}
    )
    return ""
