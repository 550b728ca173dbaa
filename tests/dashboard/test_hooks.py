"""Posting to a webhook: 202 once it is stored, a problem that names the reason otherwise."""

import asyncio
import base64
import datetime as dt
import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import pytest
import redis
from asgiref.sync import async_to_sync
from django.conf import settings as django_settings
from django.core.handlers.asgi import ASGIHandler
from django.db import DataError, connection, connections
from django.http import HttpResponse
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoDbBlocker, Settings
from standardwebhooks import Webhook

from agency import roles
from dashboard import rates
from dashboard.hooks import intake as hooks
from dashboard.hooks.arrivals import SIGNATURE_HEADERS
from dashboard.hooks.intake import Hooks
from jobs import endpoints, registry
from jobs.bodies import MAX_BYTES
from jobs.models import Delivery, DeliveryKey, Endpoint, Job
from pipeline.models import Lead

DANA = {
    "name": "Dana Reyes",
    "email": "dana@harborplumbing.example",
    "message": "We miss calls after 5 pm.",
}
BODY = json.dumps(DANA).encode()


@pytest.fixture
def endpoint(db: None) -> Endpoint:
    return endpoints.create("leads", "website")


@pytest.fixture(autouse=True)
def _fresh_rates() -> Iterator[None]:
    rates.limiters.cache_clear()
    rates.valkey_away_until = 0.0
    yield
    rates.limiters.cache_clear()
    rates.valkey_away_until = 0.0


async def ask(
    app: hooks.Hooks, method: str, path: str, body: bytes, headers: dict[str, str], address: str
) -> HttpResponse:
    """Send one request to the ASGI app as uvicorn would; return its answer."""
    told = {"host": "testserver", "content-length": str(len(body))}
    told |= {name.lower(): value for name, value in headers.items()}
    scope = {
        "type": "http", "method": method, "path": unquote(path), "raw_path": path.encode(),
        "query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": "",
        "server": ("localhost", 80), "client": (address, 1),
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in told.items()],
    }  # fmt: skip
    sent: list[Any] = []
    waiting = iter([body])

    async def receive() -> dict[str, Any]:
        for whole in waiting:
            return {"type": "http.request", "body": whole, "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *rest = sent
    response = HttpResponse(
        b"".join(part.get("body", b"") for part in rest), status=start["status"]
    )
    del response["Content-Type"]
    for name, value in start["headers"]:
        response[name.decode()] = value.decode()
    return response


def request(
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    address: str = "127.0.0.1",
) -> HttpResponse:
    """Ask an app of its own; what it does in Postgres happens in this thread's transaction."""
    return async_to_sync(ask)(Hooks(ASGIHandler()), method, path, body, headers or {}, address)


def post(
    endpoint: Endpoint | str,
    body: bytes = BODY,
    content_type: str = "application/json",
    headers: dict[str, str] | None = None,
    address: str = "127.0.0.1",
) -> HttpResponse:
    token = endpoint.token if isinstance(endpoint, Endpoint) else endpoint
    told = {"Content-Type": content_type, **(headers or {})}
    return request("POST", f"/hooks/leads/{token}", body, told, address)


def json_of(response: HttpResponse) -> Any:
    return json.loads(response.content)


def post_at_once(endpoint: Endpoint, posted: Sequence[bytes]) -> list[Any]:
    """Post all to one app at the same moment; return the answers, or what was raised."""

    async def every() -> list[Any]:
        app, path = Hooks(ASGIHandler()), f"/hooks/leads/{endpoint.token}"
        headers = {"Content-Type": "application/json"}
        return await asyncio.gather(
            *(ask(app, "POST", path, body, headers, "127.0.0.1") for body in posted),
            return_exceptions=True,
        )

    return async_to_sync(every)()


def numbered(count: int) -> list[bytes]:
    return [json.dumps(DANA | {"subject": str(number)}).encode() for number in range(count)]


def problem(response: Any, status: int) -> Any:
    """Return the problem that the answer must be."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    told = json.loads(response.content)
    assert told["type"] == "about:blank"
    assert told["status"] == status
    assert told["title"]
    assert told["detail"]
    return told


def fields(told: Any) -> list[str]:
    return [error["field"] for error in told["errors"]]


# Taken in


def test_it_is_stored_with_its_job_before_the_answer(endpoint: Endpoint) -> None:
    response = post(endpoint, headers={"User-Agent": "Forms/1.0"})

    assert response.status_code == 202
    delivery = Delivery.objects.get()
    assert json_of(response) == {
        "id": str(delivery.pk),
        "status": "accepted",
        "duplicate": False,
        "received_at": delivery.received_at.isoformat(),
    }
    assert bytes(delivery.body) == BODY
    assert delivery.headers == {"user-agent": "Forms/1.0"}
    assert Job.objects.get().payload == {"delivery_id": str(delivery.pk)}
    assert not response.cookies


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json; charset=UTF-8", BODY),
        ("application/x-www-form-urlencoded", b"e-mail=d%40x.example&text=Caf%C3%A9+hours%3F"),
        (
            "multipart/form-data; boundary=xyz",
            b'--xyz\r\nContent-Disposition: form-data; name="email"\r\n\r\nd@x.example\r\n'
            b'--xyz\r\nContent-Disposition: form-data; name="message"\r\n\r\nHi\r\n--xyz--\r\n',
        ),
    ],
)
def test_json_and_forms_become_leads(endpoint: Endpoint, content_type: str, body: bytes) -> None:
    assert post(endpoint, body, content_type).status_code == 202

    job = Job.objects.get()
    registry.get(job.kind).handler(job, None)  # type: ignore[arg-type]
    assert Lead.objects.get().message in {DANA["message"], "Café hours?", "Hi"}


def test_a_form_as_a_browser_sends_it_is_taken_in(endpoint: Endpoint) -> None:
    response = post(endpoint, encode_multipart(BOUNDARY, DANA), MULTIPART_CONTENT)

    assert response.status_code == 202


def test_the_same_delivery_again_is_one_lead_and_one_id(endpoint: Endpoint) -> None:
    first, second = post(endpoint), post(endpoint)

    assert second.status_code == 202
    assert json_of(second) == json_of(first) | {"duplicate": True}
    assert Delivery.objects.count() == Job.objects.count() == 1


def test_an_idempotency_key_decides_what_is_the_same(endpoint: Endpoint) -> None:
    def key(value: str, body: bytes = BODY) -> Any:
        return post(endpoint, body, headers={"Idempotency-Key": value})

    first = json_of(key("a"))

    assert json_of(key("a"))["id"] == first["id"]
    assert json_of(key("b"))["id"] != first["id"]
    told = problem(key("a", BODY.replace(b"5 pm", b"6 pm")), 422)
    assert fields(told) == ["Idempotency-Key"]
    assert "24 hours" in told["detail"]
    assert Job.objects.count() == 2


def test_a_key_is_free_again_after_24_hours(endpoint: Endpoint) -> None:
    first = json_of(post(endpoint))
    key = DeliveryKey.objects.get()
    assert key.expires_at - Delivery.objects.get().received_at == dt.timedelta(hours=24)
    DeliveryKey.objects.update(expires_at=dt.datetime.now(dt.UTC))

    assert json_of(post(endpoint))["id"] != first["id"]


def test_a_refused_delivery_does_not_use_up_its_key(endpoint: Endpoint) -> None:
    key = {"Idempotency-Key": "a"}

    problem(post(endpoint, b"{}", headers=key), 422)

    assert post(endpoint, headers=key).status_code == 202


def test_two_at_once_are_one_delivery(committed: str) -> None:
    endpoint = endpoints.create("leads", "website")

    def one(_: int) -> Any:
        try:
            return json_of(post(endpoint))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(one, range(2)))

    assert len({answer["id"] for answer in answers}) == 1
    assert sorted(answer["duplicate"] for answer in answers) == [False, True]
    assert Job.objects.count() == 1


def test_secrets_of_the_sender_are_not_kept(endpoint: Endpoint) -> None:
    post(
        endpoint,
        headers={"Cookie": "session=1", "Authorization": "Bearer x", "Origin": "https://a.example"},
    )

    assert Delivery.objects.get().headers == {"origin": "https://a.example"}


def test_the_accepted_path_asks_the_database_little(endpoint: Endpoint) -> None:
    post(endpoint, b'{"phone": "0123 456789", "name": "Warm"}')

    with CaptureQueriesContext(connection) as queries:
        assert post(endpoint).status_code == 202

    work = [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"]]
    assert len(work) == 2, work


# Many at once


def test_what_arrives_together_shares_a_commit(committed: str) -> None:
    endpoint = endpoints.create("leads", "website")

    answers = post_at_once(endpoint, numbered(12))

    assert [answer.status_code for answer in answers] == [202] * 12
    assert len({json_of(answer)["id"] for answer in answers}) == 12
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT xmin::text) FROM jobs_delivery")
        assert cursor.fetchone() == (12, 1)
    assert Job.objects.count() == 12


def test_the_same_many_times_at_once_is_one(endpoint: Endpoint) -> None:
    answers = [json_of(answer) for answer in post_at_once(endpoint, [BODY] * 6)]

    assert len({answer["id"] for answer in answers}) == 1
    assert sorted(answer["duplicate"] for answer in answers) == [False] + [True] * 5
    assert Job.objects.count() == 1


def test_each_of_many_gets_its_own_answer(endpoint: Endpoint, settings: Settings) -> None:
    settings.LEAD_HOOK_RATE = "3/minute"

    answers = post_at_once(endpoint, [b"{}", *numbered(3)])

    assert [answer.status_code for answer in answers] == [422, 202, 202, 429]
    assert Delivery.objects.filter(status="rejected").count() == 1


def test_one_that_cannot_be_stored_does_not_fail_its_neighbours(committed: str) -> None:
    endpoint = endpoints.create("leads", "website")
    with failing_inserts(committed, "22000", "convert_from(NEW.body, 'UTF8') LIKE '%poison%'"):
        first, poisoned, last = post_at_once(
            endpoint, [BODY, BODY.replace(b"Dana", b"poison"), BODY.replace(b"Dana", b"Lee")]
        )

    assert first.status_code == last.status_code == 202
    assert isinstance(poisoned, DataError)
    assert Delivery.objects.count() == Job.objects.count() == 2


def test_many_at_once_send_one_hint(endpoint: Endpoint) -> None:
    post_at_once(endpoint, numbered(12))

    with redis.Redis.from_url(django_settings.REDIS_URL) as valkey:
        assert 1 <= valkey.llen("fast") <= 2


# Signed


def signed(
    endpoint: Endpoint, body: bytes = BODY, *, key: str = "msg_1", age: int = 0, **changed: str
) -> dict[str, str]:
    at = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=age)
    headers = {
        "webhook-id": key,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(endpoint.secret).sign(key, at, body.decode()),
    }
    return headers | changed


def test_a_signed_delivery_is_known_by_its_id(endpoint: Endpoint) -> None:
    first = json_of(post(endpoint, headers=signed(endpoint)))

    again = json_of(post(endpoint, headers=signed(endpoint, age=60)))
    copied = json_of(post(endpoint, headers=signed(endpoint) | {"Idempotency-Key": "other"}))
    other = json_of(post(endpoint, headers=signed(endpoint, key="msg_2")))

    assert again == copied == first | {"duplicate": True}
    assert other["id"] != first["id"]


def test_a_signed_form_is_verified(endpoint: Endpoint) -> None:
    body = b"email=d%40x.example&message=Hi"

    response = post(
        endpoint, body, "application/x-www-form-urlencoded", headers=signed(endpoint, body)
    )

    assert response.status_code == 202


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"webhook-signature": "v1," + base64.b64encode(b"x" * 32).decode()}, "webhook-signature"),
        ({"webhook-signature": "v1"}, "webhook-signature"),
        ({"webhook-signature": "v1,é"}, "webhook-signature"),
        ({"webhook-signature": "v2,a b,c,d"}, "webhook-signature"),
        ({"webhook-signature": ""}, "webhook-signature"),
        ({"webhook-id": "msg_2"}, "webhook-signature"),
        ({"webhook-timestamp": "yesterday"}, "webhook-timestamp"),
        ({"webhook-timestamp": "nan"}, "webhook-timestamp"),
        ({"webhook-timestamp": "1e400"}, "webhook-timestamp"),
        ({"webhook-timestamp": "9" * 30}, "webhook-timestamp"),
        ({"webhook-timestamp": "1700000000"}, "webhook-timestamp"),
    ],
)
def test_a_wrong_signature_is_refused_by_its_header(
    endpoint: Endpoint, change: dict[str, str], names: str
) -> None:
    response = post(endpoint, headers=signed(endpoint) | change)

    assert fields(problem(response, 401)) == [names]
    assert response["WWW-Authenticate"] == "StandardWebhooks"
    assert Delivery.objects.get().status == "rejected"


@pytest.mark.parametrize("name", SIGNATURE_HEADERS)
def test_half_a_signature_is_refused(endpoint: Endpoint, name: str) -> None:
    headers = signed(endpoint)
    del headers[name]

    assert fields(problem(post(endpoint, headers=headers), 401)) == [name]


def test_a_signature_can_be_compulsory(endpoint: Endpoint) -> None:
    endpoint.require_signature = True
    endpoint.save()

    assert fields(problem(post(endpoint), 401)) == ["webhook-id"]
    assert post(endpoint, headers=signed(endpoint)).status_code == 202


# Refused


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b" \n", 400, "The body is empty."),
        (b'{"email": }', 400, "line 1, column 11"),
        (b"[1]", 400, "must be a JSON object"),
        (b'{"email": "\xff"}', 400, "not UTF-8"),
        (b'{"email": "\\u0000"}', 400, "NUL"),
        (b'{"email": "\\ud800"}', 400, "surrogate"),
        (b'{"email":' * 999, 400, "nested deeper"),
        (b'{"email": "a", "email": "b"}', 400, "given twice"),
        (b'{"email": "dana", "message": "Hi"}', 422, "see email"),
    ],
)
def test_a_bad_body_is_refused_and_kept(
    endpoint: Endpoint, body: bytes, status: int, says: str
) -> None:
    told = problem(post(endpoint, body), status)

    assert says in told["detail"]
    delivery = Delivery.objects.get()
    assert delivery.status == "rejected"
    assert bytes(delivery.body) == body
    assert delivery.problem == told
    assert told["instance"] == f"urn:uuid:{delivery.pk}"
    assert not Job.objects.exists()


def test_an_empty_body_is_refused_whatever_its_type(endpoint: Endpoint) -> None:
    for content_type in ("", "application/json", "application/x-www-form-urlencoded"):
        assert problem(post(endpoint, b"", content_type), 400)["detail"] == "The body is empty."


def test_field_errors_are_listed(endpoint: Endpoint) -> None:
    told = problem(post(endpoint, b'{"email": ["a"], "website": "none"}'), 422)

    assert told["errors"] == [
        {"field": "email", "reason": "must be text, not a list"},
        {
            "field": "website",
            "reason": "is no web address; use one such as https://example.com",
        },
        {"field": "message", "reason": "is missing; a message, name or company is needed"},
    ]


@pytest.mark.parametrize("token", ["A" * 32, "short", "%00", "%ff", "..%2f..", "é" * 32])
def test_an_unknown_address_is_not_found(db: None, token: str) -> None:
    problem(post(token), 404)

    assert not Delivery.objects.exists()


@pytest.mark.parametrize("path", ["/hooks/", "/hooks/leads/", "/hooks/calls/x", "/hooks/a/b/c"])
def test_other_addresses_below_hooks_are_not_found(path: str) -> None:
    problem(request("POST", path), 404)


def test_a_disabled_endpoint_is_not_found(endpoint: Endpoint) -> None:
    endpoints.disable(endpoint)

    problem(post(endpoint), 404)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_told_which_one_is(method: str) -> None:
    response = request(method, "/hooks/leads/" + "A" * 32)

    assert response.status_code == 405
    assert response["Allow"] == "POST"


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("text/plain", {}),
        ("", {}),
        ("application/json; charset=utf-16", {}),
        ("application/json", {"Content-Encoding": "gzip"}),
    ],
)
def test_other_types_are_told_which_are_accepted(
    content_type: str, headers: dict[str, str]
) -> None:
    told = problem(post("A" * 32, BODY, content_type, headers), 415)

    assert fields(told)[0].startswith("Content-")


def test_it_names_the_accepted_types() -> None:
    response = post("A" * 32, BODY, "text/xml")

    for name in ("application/json", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert name in problem(response, 415)["detail"]
        assert name in response["Accept-Post"]


@pytest.mark.parametrize("header", ["Idempotency-Key", "webhook-id"])
@pytest.mark.parametrize("key", ["", "  ", "x" * 256, "a\x00b", "é"])
def test_a_bad_key_is_refused_by_its_header(header: str, key: str) -> None:
    assert fields(problem(post("A" * 32, headers={header: key}), 400)) == [header]


def test_a_key_may_have_255_characters(endpoint: Endpoint) -> None:
    assert post(endpoint, headers={"Idempotency-Key": "x" * 255}).status_code == 202


def test_64_kb_are_taken_and_one_byte_more_is_not(endpoint: Endpoint) -> None:
    message = {"email": "d@x.example", "message": "Hi"}
    body = json.dumps(message).encode().ljust(MAX_BYTES)

    assert post(endpoint, body).status_code == 202
    assert "64 KB" in problem(post(endpoint, body + b" "), 413)["detail"]
    problem(post(endpoint, BODY, headers={"Content-Length": "9" * 30}), 413)
    problem(post(endpoint, BODY, headers={"Content-Length": "many"}), 400)


def through_asgi(
    chunks: list[bytes], headers: list[tuple[bytes, bytes]], *, more: bool = False
) -> tuple[Any, int]:
    """Post chunks to the ASGI app; return the messages sent and how often it read.

    With `more` the sender says that more comes, and then nothing does.
    """
    sent: list[Any] = []
    waiting = iter(chunks)
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        body = next(waiting, None)
        if body is None:
            await asyncio.sleep(3600)
        return {"type": "http.request", "body": body, "more_body": more or read < len(chunks)}

    async def send(message: Any) -> None:
        sent.append(message)

    path = "/hooks/leads/" + "A" * 31
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"testserver"), (b"content-type", b"application/json"), *headers],
        "http_version": "1.1", "scheme": "http", "server": ("localhost", 80),
        "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    async_to_sync(Hooks(ASGIHandler()))(scope, receive, send)
    return sent, read


@pytest.mark.parametrize(
    "headers", [[], [(b"content-length", b"99999999")], [(b"content-length", b"9" * 5000)]]
)
def test_a_long_body_is_not_read_to_its_end(headers: list[tuple[bytes, bytes]]) -> None:
    sent, read = through_asgi([b"x" * 8192] * 1000, headers)

    assert read * 8192 <= hooks.LINGER_BYTES + MAX_BYTES + 8192
    start, body, end = sent
    assert start["status"] == 413
    assert (b"content-type", b"application/problem+json") in start["headers"]
    assert (b"connection", b"close") in start["headers"]
    assert json.loads(body["body"])["status"] == 413
    assert end == {"type": "http.response.body"}


def test_a_sender_that_stops_in_a_long_body_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hooks, "LINGER_SECONDS", 0.05)

    sent, read = through_asgi([b"x" * 8192] * 9, [], more=True)

    assert sent[0]["status"] == 413
    assert read == 10


def test_a_short_body_passes_the_limit() -> None:
    sent, read = through_asgi([b"{", b"}"], [(b"cookie", b"sessionid=asks-the-database")])

    assert sent[0]["status"] == 404
    assert read == 2


def test_what_fails_on_its_headers_costs_no_query() -> None:
    """Without the database fixture any query raises."""
    problem(post("A" * 32, content_type="text/plain"), 415)
    problem(post("A" * 32, b"x" * (MAX_BYTES + 1)), 413)
    problem(post("A" * 32, headers={"Idempotency-Key": ""}), 400)
    problem(post("A" * 31), 404)


# Too many


def test_too_many_are_told_when_to_try_again(endpoint: Endpoint, settings: Settings) -> None:
    settings.LEAD_HOOK_RATE = "2/minute"
    for _ in range(2):
        assert post(endpoint).status_code == 202

    response = post(endpoint)

    told = problem(response, 429)
    assert 1 <= int(response["Retry-After"]) <= 60
    assert f"{response['Retry-After']} s" in told["detail"]
    assert post(endpoint, address="203.0.113.9").status_code == 202
    assert post(endpoints.create("leads", "landing")).status_code == 202


def test_many_addresses_together_have_a_limit_too(endpoint: Endpoint, settings: Settings) -> None:
    settings.LEAD_HOOK_RATE = "1/minute"
    for number in range(5):
        assert post(endpoint, address=f"203.0.113.{number}").status_code == 202

    problem(post(endpoint, address="203.0.113.9"), 429)


def test_rates_are_counted_here_while_valkey_is_away(
    endpoint: Endpoint, settings: Settings
) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    settings.LEAD_HOOK_RATE = "2/minute"
    for _ in range(2):
        assert post(endpoint).status_code == 202

    assert int(post(endpoint)["Retry-After"]) >= 1


# Like every page


def test_it_has_the_headers_of_a_page(endpoint: Endpoint) -> None:
    page = dict(Client().get("/healthz").items())
    own = {"Content-Type", "Content-Length", "Vary", "Cache-Control", "Expires"}
    house = {name.lower(): value for name, value in page.items() if name not in own}

    for answer in (post(endpoint), post("A" * 32), post(endpoint, b"")):
        assert house.items() <= {name.lower(): value for name, value in answer.items()}.items()
    assert "x-frame-options" in house
    assert "content-security-policy" in house


def test_another_host_is_refused(endpoint: Endpoint) -> None:
    for host in ("elsewhere.example", "", "a b"):
        told = problem(post(endpoint, headers={"Host": host}), 400)
        assert fields(told) == ["Host"]


def test_what_is_not_a_hook_is_for_django(db: None) -> None:
    assert request("GET", "/healthz").status_code == 200


# Postgres away


def test_without_postgres_the_sender_is_told_to_try_again(
    django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The same dict for every thread's connection; a new thread has none open yet.
    where = connections["default"].settings_dict
    monkeypatch.setitem(where, "HOST", "/nowhere")
    monkeypatch.setitem(where, "OPTIONS", {})
    answers: list[Any] = []

    with django_db_blocker.unblock():
        thread = threading.Thread(target=lambda: answers.append(post("A" * 32)))
        thread.start()
        thread.join(timeout=30)

    told = problem(answers[0], 503)
    assert answers[0]["Retry-After"] == "5"
    assert "nowhere" not in json.dumps(told)


@contextmanager
def failing_inserts(database: str, code: str, when: str = "true") -> Iterator[None]:
    """Have Postgres itself answer this SQLSTATE when a delivery is inserted."""
    with roles.connect_admin(database) as admin:
        admin.execute(
            f"""
            CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF {when} THEN RAISE EXCEPTION 'as told' USING ERRCODE = '{code}'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER fail BEFORE INSERT ON jobs_delivery
                FOR EACH ROW EXECUTE FUNCTION fail();
            """
        )
        try:
            yield
        finally:
            admin.execute("DROP TRIGGER fail ON jobs_delivery; DROP FUNCTION fail()")


def test_a_full_disk_is_told_and_nothing_is_half_stored(committed: str) -> None:
    endpoint = endpoints.create("leads", "website")
    with failing_inserts(committed, "53100"):
        alone = post(endpoint)
        answers = post_at_once(endpoint, numbered(4))

        for answer in (alone, *answers):
            problem(answer, 503)
            assert answer["Retry-After"] == "5"
        assert not Delivery.objects.exists()
        assert not DeliveryKey.objects.exists()
        assert not Job.objects.exists()

    assert post(endpoint).status_code == 202
    assert Job.objects.count() == 1


def test_those_who_wait_have_a_limit(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "MOST_WAITING", 3)

    answers = post_at_once(endpoint, numbered(5))

    assert [answer.status_code for answer in answers] == [202, 202, 202, 503, 503]


def test_a_restart_of_postgres_between_two_is_not_noticed(committed: str) -> None:
    endpoint = endpoints.create("leads", "website")
    assert post(endpoint).status_code == 202
    with roles.connect_admin(committed) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    assert post(endpoint, BODY.replace(b"Dana", b"Lee")).status_code == 202


def test_the_token_is_not_logged(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        post(endpoint, b"")
        post("A" * 32)
        post(endpoint, content_type="text/plain")

    assert endpoint.token not in caplog.text
    assert "A" * 32 not in caplog.text


# Whatever is sent

HEADER_TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=300)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5)
    ),
    max_leaves=10,
)
NAMES = st.sampled_from(["email", "phone", "name", "message", "website", "timezone"]) | st.text()
BODIES = (
    st.binary(max_size=300)
    | st.dictionaries(NAMES, JSON_VALUES).map(lambda facts: json.dumps(facts).encode())
    | st.dictionaries(NAMES, st.text()).map(
        lambda facts: json.dumps(facts | {"phone": "0123 456789"}).encode()
    )
)
CONTENT_TYPES = (
    st.sampled_from(
        [
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
        ]
    )
    | HEADER_TEXT
)
HEADERS = st.dictionaries(
    st.sampled_from(["Idempotency-Key", "User-Agent", "Origin", *SIGNATURE_HEADERS]),
    HEADER_TEXT,
    max_size=3,
)


@pytest.fixture
def quiet(endpoint: Endpoint, settings: Settings) -> Callable[..., Any]:
    settings.LEAD_HOOK_RATE = "100000/minute"
    return lambda *args: post(endpoint, *args)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(body=BODIES, content_type=CONTENT_TYPES, headers=HEADERS)
def test_whatever_is_sent_is_taken_in_or_refused(
    quiet: Callable[..., Any], body: bytes, content_type: str, headers: dict[str, str]
) -> None:
    response = quiet(body, content_type, headers)

    if response.status_code == 202:
        job = Job.objects.get(payload__delivery_id=json_of(response)["id"])
        registry.get(job.kind).handler(job, None)  # type: ignore[arg-type]
        assert Lead.objects.filter(delivery_id=json_of(response)["id"]).count() == 1
    else:
        assert response.status_code in {400, 401, 415, 422}
        problem(response, response.status_code)


def test_the_rate_is_a_setting() -> None:
    assert django_settings.LEAD_HOOK_RATE == "600/minute"
