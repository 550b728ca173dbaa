"""What is wrong with a request, as RFC 9457 wants it said: one form for every refusal."""

import json
from http import HTTPStatus

from django.http import HttpResponse
from ninja import Schema
from ninja.errors import ValidationError
from pydantic import Field

from jobs.bodies import FieldError, Refused, shown

TYPE = "application/problem+json"
MOST_ERRORS = 20


class Wrong(Schema):
    """One thing that is wrong, and where."""

    field: str
    reason: str


class Problem(Schema):
    """Why a request was refused (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    errors: list[Wrong] = []


def answer(refused: Refused) -> HttpResponse:
    """Return the refusal as it goes out."""
    response = HttpResponse(json.dumps(refused.problem()), status=refused.status, content_type=TYPE)
    for name, value in refused.headers.items():
        response[name] = value
    return response


def of_response(response: HttpResponse) -> HttpResponse:
    """Say an error that Django or Ninja answered in its own way in ours; leave others alone."""
    if response.status_code < 400 or response.headers.get("Content-Type") == TYPE:
        return response
    allow = response.headers.get("Allow", "")
    words = {
        400: "The body is not JSON.",
        404: "There is nothing at this address.",
        405: f"Only {allow} is understood here.",
    }
    detail = words.get(response.status_code, HTTPStatus(response.status_code).description)
    headers = {"Allow": allow} if allow else {}
    return answer(Refused(response.status_code, detail, headers=headers))


def of_validation(error: ValidationError) -> Refused:
    """Return what is wrong with a request's parameters or body, field by field."""
    found = []
    for one in error.errors[:MOST_ERRORS]:
        where = [str(part) for part in one["loc"] if part not in ("body", "query", "path")]
        found.append(FieldError(shown(".".join(where) or "body"), shown(str(one["msg"]), 300)))
    fields = ", ".join(dict.fromkeys(one.field for one in found))
    return Refused(422, f"This cannot be done so; see {fields}.", *found)


def not_found(what: str) -> Refused:
    return Refused(404, f"There is no such {what}.")
