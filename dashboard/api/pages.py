"""Lists: newest first, so many at a time, and where the next ones begin."""

import datetime as dt
import re
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from ninja import Schema
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field

from jobs.bodies import FieldError, Refused, shown

STAMP = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]")
T = TypeVar("T")
M = TypeVar("M", bound=Model)


Word = Annotated[str, Field(max_length=254, pattern=r"^[^\x00]*$")]
"""What is looked for; Postgres takes no NUL."""


def _stamp(value: object) -> object:
    """Refuse a bare number, which pydantic takes for seconds since 1970."""
    if isinstance(value, str) and not STAMP.match(value):
        raise ValueError("is no time such as 2026-11-27T09:30:00Z")
    return value


def _utc(value: dt.datetime) -> dt.datetime:
    """Return the same moment in UTC: Postgres takes no offset of more than 15:59."""
    try:
        return value.astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("is out of range") from None


Moment = Annotated[AwareDatetime, BeforeValidator(_stamp), AfterValidator(_utc)]
"""A time with its zone, as RFC 3339 writes it."""


class Page(Schema, Generic[T]):
    """So many, and the cursor to ask for the next with, if there are more."""

    items: list[T]
    next: str | None


class Asked(Schema):
    """How many, and after which one."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=200)
    cursor: UUID | None = Field(None, description="`next` of the page before.")


def page(request: HttpRequest, rows: QuerySet[M], asked: Any) -> dict[str, Any]:
    """Return a page of rows by descending key: keys grow with time.

    Raises Refused (422) for a parameter that there is not: a filter that is misspelt and ignored
    would answer with everything.
    """
    unknown = sorted(set(request.GET) - set(type(asked).model_fields))
    if unknown:
        errors = [FieldError(shown(name), "is no parameter of this list") for name in unknown]
        raise Refused(422, "There is no such parameter; see errors.", *errors)
    found = rows.filter(pk__lt=asked.cursor) if asked.cursor is not None else rows
    listed = list(found.order_by("-pk")[: asked.limit + 1])
    more = len(listed) > asked.limit
    items = listed[: asked.limit]
    return {"items": items, "next": str(items[-1].pk) if more else None}
