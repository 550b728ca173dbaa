"""Reading a webhook's body: JSON or a form, as text that Postgres can hold, or a clear refusal."""

import json
import math
import re
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.http import parse_header_parameters

MAX_BYTES = 64 * 1024
MAX_FIELDS = 200
MAX_CONTENT_TYPE = 200
MAX_DEPTH = 10
MAX_DIGITS = 15
"""JSON numbers longer than this stay text: a float or a jsonb reader would not give them back."""

UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
MEDIA_TYPES = (JSON, FORM, MULTIPART)

Document = dict[str, Any]
"""A body as its sender named it: text, numbers, booleans, null, lists and objects of those."""


class FieldError(NamedTuple):
    """What is wrong with one field or header."""

    field: str
    reason: str


class Refused(Exception):
    """A request that cannot be taken in; answered as an RFC 9457 problem."""

    def __init__(
        self,
        status: int,
        detail: str,
        *errors: FieldError,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.delivery_id: uuid.UUID | None = None

    def problem(self) -> dict[str, Any]:
        """Return the problem's members, JSON-ready."""
        members: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            members["errors"] = [error._asdict() for error in self.errors]
        if self.delivery_id is not None:
            members["instance"] = f"urn:uuid:{self.delivery_id}"
        return members


def media_type(content_type: str) -> tuple[str, str]:
    """Return the media type and, for multipart, its boundary. Raises Refused (415)."""
    name = ""
    params: dict[str, str] = {}
    if len(content_type) <= MAX_CONTENT_TYPE and content_type.isprintable():
        with suppress(ValueError, LookupError):
            name, params = parse_header_parameters(content_type)
    accepted = f"send {', '.join(MEDIA_TYPES[:-1])} or {MEDIA_TYPES[-1]} in UTF-8"
    if name not in MEDIA_TYPES:
        got = f"“{shown(content_type)}” is not accepted" if content_type else "is missing"
        raise Refused(
            415,
            f"Content-Type {got}; {accepted}.",
            FieldError("Content-Type", accepted),
            headers={"Accept-Post": ", ".join(MEDIA_TYPES)},
        )
    charset = params.get("charset", "utf-8").lower()
    if charset not in {"utf-8", "utf8"}:
        raise Refused(
            415,
            f"The charset “{shown(charset)}” is not accepted; {accepted}.",
            FieldError("Content-Type", "the charset must be utf-8"),
        )
    return name, params.get("boundary", "")


def parse(content_type: str, body: bytes) -> Document:
    """Return what a body says, one value a name. Raises Refused (400, 415, 422)."""
    name, _ = media_type(content_type)
    if not body.strip():
        raise Refused(400, "The body is empty.")
    document = _parse_multipart(content_type, body) if name == MULTIPART else None
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(400, f"The body is not UTF-8: byte {error.start} is wrong.") from None
    if document is None:
        document = _parse_json(text) if name == JSON else _parse_form(text)
    if len(document) > MAX_FIELDS:
        raise _too_many_fields()
    _check_text(document)
    return document


def _parse_json(text: str) -> Document:
    try:
        document = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=lambda digits: int(digits) if len(digits) <= MAX_DIGITS else digits,
            parse_float=_float,
            parse_constant=_no_constant,
        )
    except json.JSONDecodeError as error:
        raise Refused(
            400,
            f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno}).",
        ) from None
    except RecursionError:
        raise _too_deep() from None
    if not isinstance(document, dict):
        raise Refused(400, 'The body must be a JSON object, such as {"email": "…"}.')
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise Refused(
            400,
            f"The field “{shown(twice)}” is given twice in one JSON object.",
            FieldError(shown(twice), "is given twice"),
        )
    return members


def _float(digits: str) -> float | str:
    number = float(digits)
    return number if len(digits) <= MAX_DIGITS and math.isfinite(number) else digits


def _no_constant(name: str) -> None:
    raise Refused(400, f"The body is not JSON: {name} is no JSON number.")


def _parse_form(text: str) -> Document:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise Refused(400, "The form's percent-encoded text is not UTF-8.") from None
    except ValueError:
        raise _too_many_fields() from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return _single_values(values)


class _RefuseFiles(FileUploadHandler):
    def __init__(self) -> None:
        super().__init__()
        self.refused: list[FieldError] = []

    def new_file(self, field_name: str, file_name: str, *args: Any, **kwargs: Any) -> None:
        self.refused.append(
            FieldError(shown(field_name), f"files are not accepted (“{shown(file_name)}”)")
        )
        raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None: ...

    def file_complete(self, file_size: int) -> None: ...


def _parse_multipart(content_type: str, body: bytes) -> Document:
    files = _RefuseFiles()
    meta = {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": len(body)}
    try:
        post, _ = MultiPartParser(meta, BytesIO(body), [files], "utf-8").parse()
    except SuspiciousOperation:
        raise _too_many_fields() from None
    except (MultiPartParserError, ValueError, LookupError) as error:
        raise Refused(400, f"The body is no multipart form: {shown(str(error))}") from None
    if files.refused:
        raise Refused(422, "Files are not accepted; send text fields only.", *files.refused)
    return _single_values(dict(post.lists()))


def _single_values(values: dict[str, list[str]]) -> Document:
    return {name: given[0] if len(given) == 1 else given for name, given in values.items()}


def _too_many_fields() -> Refused:
    return Refused(400, f"The body has more than {MAX_FIELDS} fields.")


def _too_deep() -> Refused:
    return Refused(400, f"The body is nested deeper than {MAX_DEPTH} levels.")


def _check_text(document: Document) -> None:
    """Raise Refused (400) for text that Postgres cannot hold, or nesting that nobody means."""
    for name, text in _texts(document):
        if found := UNSTORABLE.search(text):
            nul = found[0] == "\x00"
            reason = f"contains {'a NUL character' if nul else 'half of a UTF-16 surrogate pair'}"
            raise Refused(400, f"The field “{name}” {reason}.", FieldError(name, reason))


def _texts(document: Document) -> Iterator[tuple[str, str]]:
    """Yield every text and name in the document with the top-level field it belongs to."""
    waiting = [(shown(name), value, 1) for name, value in document.items()]
    yield from ((shown(name), name) for name in document)
    while waiting:
        name, value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise _too_deep()
        if isinstance(value, str):
            yield name, value
        elif isinstance(value, list):
            waiting += [(name, item, depth + 1) for item in value]
        elif isinstance(value, dict):
            yield from ((name, key) for key in value)
            waiting += [(name, item, depth + 1) for item in value.values()]


def shown(text: str, limit: int = 100) -> str:
    """Return sender-given text fit for an error message: printable and short."""
    printable = "".join(c if c.isprintable() else "�" for c in text[: limit + 1])
    return printable if len(printable) <= limit else printable[: limit - 1] + "…"
