"""Small tables around a record, read with it in one round trip: Postgres puts them together."""

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import QuerySet
from django.db.models.functions import JSONObject


def together(rows: QuerySet[Any], names: tuple[str, ...]) -> ArraySubquery:
    """Return an annotation that has these fields of the rows as JSON."""
    return ArraySubquery(rows.values(json=JSONObject(**dict(zip(names, names, strict=True)))))


def rows(rows: QuerySet[Any], found: list[dict[str, Any]]) -> list[Any]:
    """Make model instances of what Postgres put together as JSON."""
    fields = rows.model._meta.get_field
    return [
        rows.model(**{name: fields(name).to_python(value) for name, value in one.items()})
        for one in found
    ]
