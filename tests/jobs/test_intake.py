"""A delivery is stored once for its keys, with its job, in one commit; bodies are read strictly."""

import datetime as dt
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import psycopg
import pytest
from django.db import connections
from hypothesis import given
from hypothesis import strategies as st

from agency import roles
from agency.models import Client
from jobs import bodies, endpoints, intake, queue
from jobs.bodies import FORM, JSON, Refused
from jobs.intake import Arrival
from jobs.models import Delivery, DeliveryKey, Endpoint, Job
from tests.conftest import conninfo

KIND = "pipeline.take_in_lead"


def arrival(body: bytes = b"{}", keys: dict[str, str] | None = None, of: str = JSON) -> Arrival:
    return Arrival(of, body, keys=keys or {})


def accept(endpoint: Endpoint, sent: Arrival, kind: str = KIND) -> intake.Receipt:
    """Take one in; raise what it is refused for."""
    (outcome,) = intake.accept([(endpoint, sent)], kind)
    if isinstance(outcome, Refused):
        raise outcome
    return outcome


@pytest.fixture
def endpoint(db: None) -> Endpoint:
    return endpoints.create("leads", "website")


def test_it_stores_the_raw_body_and_one_job(endpoint: Endpoint) -> None:
    headers = {"user-agent": "Forms/1.0"}

    receipt = accept(endpoint, Arrival(JSON, b'{"a": 1}', headers), KIND)

    delivery = Delivery.objects.get()
    assert delivery.pk == receipt.delivery_id
    assert bytes(delivery.body) == b'{"a": 1}'
    assert delivery.content_type == JSON
    assert delivery.headers == headers
    assert delivery.status == "accepted"
    assert delivery.received_at == receipt.received_at
    job = Job.objects.get()
    assert job.kind == KIND
    assert job.lane == "fast"
    assert job.payload == {"delivery_id": str(delivery.pk)}
    assert job.unique_key == f"delivery:{delivery.pk}"


def test_the_same_body_again_is_the_same_delivery(endpoint: Endpoint) -> None:
    first = accept(endpoint, arrival(), KIND)
    second = accept(endpoint, arrival(), KIND)

    assert not first.duplicate
    assert second == first._replace(duplicate=True)
    assert Delivery.objects.count() == Job.objects.count() == 1


def test_another_endpoint_has_keys_of_its_own(endpoint: Endpoint) -> None:
    other = endpoints.create("leads", "landing")
    keys = {"Idempotency-Key": "key:a"}

    accept(endpoint, arrival(keys=keys), KIND)
    receipt = accept(other, arrival(b"[]", keys=keys), KIND)

    assert not receipt.duplicate


def test_a_key_stands_for_one_body(endpoint: Endpoint) -> None:
    keys = {"Idempotency-Key": "key:a"}
    accept(endpoint, arrival(keys=keys), KIND)

    with pytest.raises(Refused) as raised:
        accept(endpoint, arrival(b"[]", keys=keys), KIND)

    assert raised.value.status == 422
    assert raised.value.errors[0].field == "Idempotency-Key"
    assert Delivery.objects.count() == 1


def test_two_keys_are_taken_together_or_not_at_all(endpoint: Endpoint) -> None:
    both = {"Idempotency-Key": "key:a", "webhook-id": "id:1"}
    first = accept(endpoint, arrival(keys=both), KIND)

    copy = accept(endpoint, arrival(keys={"Idempotency-Key": "key:b", "webhook-id": "id:1"}), KIND)

    assert copy == first._replace(duplicate=True)
    assert set(DeliveryKey.objects.values_list("key", flat=True)) == set(both.values())


def test_an_expired_key_is_taken_over(endpoint: Endpoint) -> None:
    first = accept(endpoint, arrival(), KIND)
    DeliveryKey.objects.update(expires_at=first.received_at - dt.timedelta(seconds=1))

    second = accept(endpoint, arrival(), KIND)

    assert not second.duplicate
    assert second.delivery_id != first.delivery_id
    key = DeliveryKey.objects.get()
    assert key.delivery_id == second.delivery_id
    assert key.expires_at - second.received_at == dt.timedelta(hours=24)


def test_expired_keys_are_forgotten_and_others_kept(endpoint: Endpoint) -> None:
    for name in ("old", "new"):
        accept(endpoint, arrival(keys={"Idempotency-Key": f"key:{name}"}), KIND)
    DeliveryKey.objects.filter(key="key:old").update(expires_at=dt.datetime.now(dt.UTC))

    intake.forget_delivery_keys(Job(), None)  # type: ignore[arg-type]

    assert DeliveryKey.objects.get().key == "key:new"


def test_nothing_stays_when_the_job_cannot_be_made(endpoint: Endpoint) -> None:
    with pytest.raises(LookupError):
        accept(endpoint, arrival(), "no.such.kind")

    assert not Delivery.objects.exists()
    assert not DeliveryKey.objects.exists()


def test_a_rejected_delivery_is_kept_with_its_problem_and_no_job(endpoint: Endpoint) -> None:
    refused = Refused(400, "The body is not JSON.")

    delivery = intake.reject(endpoint, arrival(b"\x00\xff"), refused)

    delivery.refresh_from_db()
    assert bytes(delivery.body) == b"\x00\xff"
    assert delivery.status == "rejected"
    assert delivery.problem["detail"] == "The body is not JSON."
    assert delivery.problem["instance"] == f"urn:uuid:{delivery.pk}"
    assert not Job.objects.exists()
    assert not DeliveryKey.objects.exists()


def at_once(call: Callable[[], Any], times: int = 8) -> list[Any]:
    """Call from as many threads at the same moment, each with a connection of its own."""
    together = Barrier(times)

    def one(_: int) -> Any:
        try:
            together.wait(timeout=30)
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def test_of_many_at_once_one_is_stored(committed: str) -> None:
    endpoint = endpoints.create("leads", "website")

    receipts = at_once(lambda: accept(endpoint, arrival(), KIND))

    assert len({receipt.delivery_id for receipt in receipts}) == 1
    assert sorted(receipt.duplicate for receipt in receipts) == [False] + [True] * 7
    assert Delivery.objects.count() == Job.objects.count() == DeliveryKey.objects.count() == 1


def test_of_many_at_once_with_an_expired_key_one_takes_it_over(committed: str) -> None:
    endpoint = endpoints.create("leads", "website")
    first = accept(endpoint, arrival(), KIND)
    DeliveryKey.objects.update(expires_at=first.received_at)

    receipts = at_once(lambda: accept(endpoint, arrival(), KIND))

    assert len({receipt.delivery_id for receipt in receipts} - {first.delivery_id}) == 1
    assert Delivery.objects.count() == 2


def test_of_many_at_once_with_crossed_keys_nobody_waits_forever(committed: str) -> None:
    endpoint = endpoints.create("leads", "website")
    pairs = iter([("a", "b"), ("b", "a")] * 4)

    def post() -> intake.Receipt:
        one, other = next(pairs)
        keys = {"Idempotency-Key": f"key:{one}", "webhook-id": f"key:{other}"}
        return accept(endpoint, arrival(keys=keys), KIND)

    assert len({receipt.delivery_id for receipt in at_once(post)}) == 1


def test_whoever_waits_stores_it_when_the_first_fails(committed: str) -> None:
    endpoint = endpoints.create("leads", "website")
    first, waits = psycopg.connect(conninfo("default")), Event()
    first.execute(
        "INSERT INTO jobs_deliverykey (endpoint_id, key, body_hash, delivery_id, expires_at)"
        " VALUES (%s, %s, 'other', gen_random_uuid(), now() + '1 day')",
        [endpoint.pk, f"hash:{intake.fingerprint(arrival())}"],
    )

    def post() -> intake.Receipt:
        waits.set()
        return accept(endpoint, arrival())

    def die() -> None:
        waits.wait(timeout=30)
        with roles.connect_admin(committed) as admin:
            while not admin.execute(WAITS_FOR, [first.info.backend_pid]).fetchone():
                pass
        first.close()

    calls = iter([post, die])
    receipts = [receipt for receipt in at_once(lambda: next(calls)(), times=2) if receipt]

    assert [receipt.duplicate for receipt in receipts] == [False]
    assert Delivery.objects.count() == Job.objects.count() == 1


WAITS_FOR = "SELECT 1 FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"


def test_the_job_is_the_one_that_enqueue_makes(endpoint: Endpoint) -> None:
    client = Client.objects.create(name="Harbor", slug="harbor")
    Endpoint.objects.filter(pk=endpoint.pk).update(client=client)
    endpoint.refresh_from_db()
    for owner in (None, client):
        endpoint.client = owner
        receipt = accept(endpoint, arrival(str(owner).encode()))
        delivery = Delivery.objects.get(pk=receipt.delivery_id)
        made = Job.objects.values().get(subject_id=str(delivery.pk))
        queue.enqueue(
            KIND,
            {"delivery_id": str(delivery.pk)},
            client=owner,
            subject=delivery,
            unique_key="another",
        )
        wanted = Job.objects.values().get(unique_key="another")
        Job.objects.filter(unique_key="another").delete()

        own = {"id", "unique_key", "correlation_id", "run_at", "created_at"}
        assert {k: v for k, v in made.items() if k not in own} == {
            k: v for k, v in wanted.items() if k not in own
        }
        assert made["unique_key"] == f"delivery:{delivery.pk}"
        assert made["run_at"] == made["created_at"] == receipt.received_at
        assert made["correlation_id"] != wanted["correlation_id"]


def test_many_are_stored_in_one_statement(
    endpoint: Endpoint, django_assert_num_queries: Any
) -> None:
    sent = [(endpoint, arrival(str(number).encode())) for number in range(20)]

    with django_assert_num_queries(1):
        receipts = intake.accept(sent, KIND)

    bodies_by_id = {delivery.pk: bytes(delivery.body) for delivery in Delivery.objects.all()}
    assert [bodies_by_id[r.delivery_id] for r in receipts if isinstance(r, intake.Receipt)] == [
        body.body for _, body in sent
    ]


def test_of_many_each_gets_its_own_outcome(endpoint: Endpoint) -> None:
    def with_keys(body: bytes, *keys: str) -> tuple[Endpoint, Arrival]:
        headers = ("Idempotency-Key", "webhook-id")
        return endpoint, arrival(body, dict(zip(headers, keys, strict=False)))

    before = accept(*with_keys(b"0", "key:a"))
    again, other_body, half, fresh, twice = intake.accept(
        [
            with_keys(b"0", "key:a"),
            with_keys(b"1", "key:a"),
            with_keys(b"0", "key:b", "key:a"),
            with_keys(b"2", "key:c", "id:c"),
            with_keys(b"2", "key:c"),
        ],
        KIND,
    )

    assert again == half == before._replace(duplicate=True)
    assert isinstance(other_body, Refused)
    assert isinstance(fresh, intake.Receipt)
    assert twice == fresh._replace(duplicate=True)
    assert not DeliveryKey.objects.filter(key="key:b").exists()


def test_ensure_makes_one_endpoint_of_many_at_once(committed: str) -> None:
    made = at_once(lambda: endpoints.ensure("leads", "website").pk)

    assert len(set(made)) == 1


def multipart(boundary: str) -> Arrival:
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--{boundary}--\r\n'
    )
    return Arrival(f"multipart/form-data; boundary={boundary}", body.encode())


def test_a_multipart_boundary_makes_no_other_body() -> None:
    assert intake.fingerprint(multipart("xyz")) == intake.fingerprint(multipart("abc"))
    assert intake.fingerprint(arrival(b"a=1")) != intake.fingerprint(arrival(b"a=1", of=FORM))
    assert intake.fingerprint(arrival(b"1")) != intake.fingerprint(arrival(b"2"))
    assert intake.fingerprint(arrival()) == intake.fingerprint(
        arrival(of="application/json; charset=UTF-8")
    )


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b'{"a": 1, "b": [true, null], "c": {"d": "e"}}',
         {"a": 1, "b": [True, None], "c": {"d": "e"}}),
        (b'\xef\xbb\xbf{"a": "\xc3\xa9"}', {"a": "é"}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        (b'{"phone": 4155550123, "long": 12345678901234567890}',
         {"phone": 4155550123, "long": "12345678901234567890"}),
        (b'{"a": 1.5, "b": 1e400, "c": -1e999, "d": 3.14159265358979323846}',
         {"a": 1.5, "b": "1e400", "c": "-1e999", "d": "3.14159265358979323846"}),
    ],
)  # fmt: skip
def test_json_is_read(body: bytes, document: dict[str, Any]) -> None:
    assert bodies.parse(JSON, body) == document


def test_forms_are_read() -> None:
    assert bodies.parse(FORM, b"a=1&b=&c=x+y%C3%A9&d=1&d=2") == {
        "a": "1",
        "b": "",
        "c": "x yé",
        "d": ["1", "2"],
    }
    of = multipart("xyz")
    assert bodies.parse(of.content_type, of.body) == {"a": "1"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "The body is empty."),
        (b" \n ", "The body is empty."),
        (b'{"a": 1,\n  "b": }', "Expecting value (line 2, column 8)"),
        (b'{"a": "\n"}', "Invalid control character at (line 1, column 8)"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": -Infinity}', "-Infinity is no JSON number"),
        (b"[]", "must be a JSON object"),
        (b'"a"', "must be a JSON object"),
        (b"1" * 5000, "must be a JSON object"),
        (b'{"a": "\xff"}', "not UTF-8: byte 7"),
        (b'{"a": "\xed\xa0\x80"}', "not UTF-8"),
        (b'{"a": "\\u0000"}', "The field “a” contains a NUL character."),
        (b'{"\\u0000": 1}', "contains a NUL character."),
        (b'{"a": ["\\ud800"]}', "The field “a” contains half of a UTF-16 surrogate pair."),
        (b'{"a": {"\\udfff": 1}}', "The field “a” contains half of a UTF-16 surrogate pair."),
        (b'{"a": 1, "a": 2}', "The field “a” is given twice"),
        (b'{"a":' * 11 + b"1" + b"}" * 11, "nested deeper than 10 levels"),
        (b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}", "nested deeper than 10 levels"),
        (b'{"a":' * 10_000, "nested deeper than 10 levels"),
        (json.dumps(dict.fromkeys(map(str, range(201)))).encode(), "more than 200 fields"),
    ],
)
def test_broken_json_is_refused_with_the_place(body: bytes, says: str) -> None:
    with pytest.raises(Refused) as raised:
        bodies.parse(JSON, body)

    assert raised.value.status == 400
    assert says in raised.value.detail


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"a=%FF", "percent-encoded text is not UTF-8"),
        (b"a=\xff", "not UTF-8: byte 2"),
        (b"a=%00", "The field “a” contains a NUL character."),
        (b"a=" + b"&a=" * 200, "more than 200 fields"),
    ],
)
def test_broken_forms_are_refused_with_the_reason(body: bytes, says: str) -> None:
    with pytest.raises(Refused) as raised:
        bodies.parse(FORM, body)

    assert raised.value.status == 400
    assert says in raised.value.detail


@pytest.mark.parametrize(
    ("content_type", "says"),
    [
        ("", "Content-Type is missing"),
        ("text/plain", "“text/plain” is not accepted"),
        ("application/json; charset=latin-1", "The charset “latin-1” is not accepted"),
        ("application/json; charset*=bogus''%41", "is not accepted"),
        ("application/json;" + "x" * 300, "is not accepted"),
        ("application/json\x01", "is not accepted"),
    ],
)
def test_other_types_are_refused_with_those_accepted(content_type: str, says: str) -> None:
    with pytest.raises(Refused) as raised:
        bodies.media_type(content_type)

    assert raised.value.status == 415
    assert says in raised.value.detail
    assert "application/x-www-form-urlencoded" in raised.value.detail


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=", b"--x--"),
        ("multipart/form-data; boundary=é", b"--x--"),
        ("multipart/form-data; boundary=" + "x" * 150, b"--x--"),
    ],
)
def test_multipart_without_a_good_boundary_is_read_or_refused(
    content_type: str, body: bytes
) -> None:
    try:
        bodies.parse(content_type, body)
    except Refused as refused:
        assert refused.status == 400


def test_files_are_refused_by_name() -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\na@b.example\r\n'
        b'--x\r\nContent-Disposition: form-data; name="empty"; filename=""\r\n\r\n\r\n'
        b'--x\r\nContent-Disposition: form-data; name="cv"; filename="cv.pdf"\r\n'
        b"Content-Type: application/pdf\r\n\r\n\xff\xfe\x00\r\n--x--\r\n"
    )

    with pytest.raises(Refused) as raised:
        bodies.parse("multipart/form-data; boundary=x", body)

    assert raised.value.status == 422
    assert raised.value.errors == (("cv", "files are not accepted (“cv.pdf”)"),)


@given(
    st.sampled_from([JSON, FORM, "multipart/form-data; boundary=x"]) | st.text(),
    st.binary() | st.binary().map(lambda b: b'--x\r\nContent-Disposition: form-data; name="' + b),
)
def test_any_bytes_are_read_or_refused(content_type: str, body: bytes) -> None:
    try:
        document = bodies.parse(content_type, body)
    except Refused as refused:
        assert refused.status in {400, 415, 422}
        json.dumps(refused.problem()).encode()
    else:
        json.dumps(document, ensure_ascii=False).encode()


PARTS = st.sampled_from(
    [
        b"--x", b"--", b"\r\n", b"\r\n\r\n", b'Content-Disposition: form-data; name="a"',
        b"; filename=f", b"; filename*=utf-16''%ff", b"; name*=bogus''%41", b"\xff", b"a",
        b"Content-Transfer-Encoding: base64", b"Content-Type: text/plain; charset=rot13", b":",
    ]
)  # fmt: skip


@given(st.lists(PARTS, max_size=30).map(b"".join))
def test_any_multipart_is_read_or_refused(body: bytes) -> None:
    try:
        bodies.parse("multipart/form-data; boundary=x", body)
    except Refused as refused:
        assert refused.status in {400, 422}
