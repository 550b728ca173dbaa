"""Version 1 of the API: its parts put together, and its description (OpenAPI 3.1)."""

import functools
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern
from ninja import NinjaAPI
from ninja.errors import ValidationError
from ninja.operation import Operation

from agency import api_keys
from dashboard.api import actions, deals, gate, leads, problems, prospects
from dashboard.api.problems import Problem
from jobs.bodies import Refused

WORDS = """The Command Center for programs. Send a key, made under Settings, with each call:
`Authorization: Bearer cck_…`. Every refusal is `application/problem+json` (RFC 9457). A POST with
an `Idempotency-Key` is done once; the same again within 24 hours gets the same answer. Lists
come newest first; `next` of a page is the `cursor` of the one after it."""


class Api(NinjaAPI):
    """The API; an operation is called what its function is called."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return the function's name."""
        return operation.view_func.__name__


api = Api(
    title="Command Center",
    version="1",
    description=WORDS,
    docs_url=None,
    openapi_url=None,
    urls_namespace="api-v1",
)
api.add_router("/prospects", prospects.router)
api.add_router("/leads", leads.router)
api.add_router("", deals.router)
api.add_router("", actions.router)


@api.exception_handler(Refused)
def refused(request: HttpRequest, error: Refused) -> HttpResponse:
    return problems.answer(error)


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    return problems.answer(problems.of_validation(error))


@api.exception_handler(Http404)
def missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return problems.answer(problems.not_found("record"))


def patterns() -> list[URLPattern]:
    """Return the API's addresses, each behind the gate."""
    found = [
        entry for entry in api.urls[0] if isinstance(entry, URLPattern) and entry.name != "api-root"
    ]
    for pattern in found:
        pattern.callback = gate.keep(pattern.callback)
    return found


REFUSALS = {
    400: "The body is not JSON, or a header is wrong.",
    401: "No key, or not one that is in force.",
    403: "The key’s scopes do not allow it.",
    404: "There is no such record.",
    409: "It was decided or changed meanwhile, or policy forbids it now.",
    413: "The body is larger than 64 KB.",
    422: "Something of it is wrong; `errors` says what, and why.",
    429: "Too many requests; `Retry-After` says how many seconds to wait.",
}
IDEMPOTENCY = {
    "in": "header",
    "name": gate.HEADER,
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "description": "Done once for each; the same again gets the same answer.",
}


@functools.cache
def description() -> dict[str, Any]:
    """Return the OpenAPI document."""
    found: dict[str, Any] = dict(api.get_openapi_schema(path_prefix="/api/v1/"))
    found["servers"] = [{"url": settings.PUBLIC_URL}]
    parts = found["components"]
    parts["schemas"] |= _problem_schemas()
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    operations = {
        operation.view_func.__name__: operation
        for router in api._get_bound_routers()
        for view in router.path_operations.values()
        for operation in view.operations
    }
    for path, methods in found["paths"].items():
        for method, said in methods.items():
            _complete(said, path, method, operations[said["operationId"]])
    return found


def _complete(said: dict[str, Any], path: str, method: str, operation: Operation) -> None:
    """Add to an operation what the gate answers, and which scope it takes."""
    (auth,) = operation.auth_callbacks
    scope = auth.scope  # type: ignore[attr-defined]
    said["security"] = [{"key": []}]
    said["summary"] = said.pop("description").strip().rstrip(".")
    said["description"] = f"Scope `{scope}`: {api_keys.SCOPES[scope].lower()}."
    codes = [400, 401, 403, 413, 422, 429]
    if "{" in path:
        codes.append(404)
    if method == "post":
        codes.append(409)
        said.setdefault("parameters", []).append(IDEMPOTENCY)
    content = {problems.TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for code in sorted(codes):
        said["responses"][code] = {"description": REFUSALS[code], "content": content}
    said["responses"] = {str(code): one for code, one in said["responses"].items()}


def _problem_schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "Problem": schema}
