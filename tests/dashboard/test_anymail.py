"""What a mail provider posts: verified, kept before it is answered, never a 500."""

import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from control.models import Alert
from jobs.models import Event, Job
from pipeline.mail import inbox, reports
from pipeline.models import InboundMail, Suppression
from tests.factories import work_off
from tests.letters import DANA, enroll, make_action, make_prospect, make_touch, sign, signed, write

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def outside() -> Client:
    return Client(enforce_csrf_checks=True)


def post(client: Client, form: dict[str, str], **kwargs: Any) -> Any:
    return client.post(reverse("anymail-inbound"), form, **kwargs)


def test_a_raw_message_is_kept_and_read(outside: Client) -> None:
    prospect = make_prospect()
    touch = make_touch(prospect)
    raw = write("Yes, please.", answers=touch.message_id)
    response = post(outside, signed(**{"body-mime": raw.decode(), "recipient": "a@b.example"}))
    assert response.status_code == 200
    mail = InboundMail.objects.get()
    assert (mail.via, mail.status) == ("webhook:mailgun", "stored")
    work_off()
    mail.refresh_from_db()
    assert (mail.text, mail.prospect) == ("Yes, please.", prospect)
    assert Event.objects.filter(name="reply.received").count() == 1


@pytest.mark.parametrize("content_type", [FORM, "multipart"])
def test_every_byte_of_it_is_kept(outside: Client, content_type: str) -> None:
    raw = b"From: a@b.example\r\nSubject: caf\xe9\r\n\r\n\xff\x00\x80 \xc3\xa9\r\n"
    fields = signed()
    if content_type == FORM:
        body = urlencode({**fields, "body-mime": raw})
        outside.post(reverse("anymail-inbound"), body, content_type=FORM)
    else:
        parts = [(name, value.encode()) for name, value in fields.items()] + [("body-mime", raw)]
        body_bytes = b"".join(
            b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
            % (name.encode(), value)
            for name, value in parts
        )
        outside.post(
            reverse("anymail-inbound"),
            body_bytes + b"--x--\r\n",
            content_type="multipart/form-data; boundary=x",
        )
    assert bytes(InboundMail.objects.get().raw) == raw


def test_a_mail_with_large_files_is_taken(outside: Client) -> None:
    raw = "From: a@b.example\n\n" + "x" * (20 * 1024 * 1024)
    assert post(outside, signed(**{"body-mime": raw})).status_code == 200
    assert len(bytes(InboundMail.objects.get().raw)) == len(raw)


def test_it_comes_twice_and_is_one(outside: Client) -> None:
    form = signed(**{"body-mime": write().decode()})
    assert post(outside, form).status_code == 200
    assert post(outside, form).status_code == 200
    assert InboundMail.objects.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"signature": "0" * 64},
        {"signature": "ü"},
        {"timestamp": "1"},
        {"token": "ünd"},
        {"token": None},
    ],
)
@pytest.mark.parametrize("name", ["anymail-inbound", "anymail-tracking"])
def test_what_is_not_signed_is_refused(
    outside: Client, wrong: dict[str, str | None], name: str
) -> None:
    form = signed(**{"body-mime": write().decode()}) | wrong
    sent = {key: value for key, value in form.items() if value is not None}
    assert outside.post(reverse(name), sent).status_code == 400
    assert not InboundMail.objects.exists()


def test_without_a_key_it_is_not_there(outside: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "MAILGUN_SIGNING_KEY", "")
    form = signed(**{"body-mime": write().decode()})
    assert post(outside, form).status_code == 404


def test_a_mail_taken_apart_is_refused_for_now_and_told(outside: Client) -> None:
    assert post(outside, signed(**{"body-plain": "hello", "from": DANA})).status_code == 400
    assert Alert.objects.get().dedupe_key == "mail:not-raw"


@pytest.mark.parametrize("raw", ["", "\x00", "nonsense", "From: " + "(" * 5_000 + "\n\nx"])
def test_nonsense_never_fails(outside: Client, raw: str) -> None:
    assert post(outside, signed(**{"body-mime": raw})).status_code in {200, 400}
    work_off()
    failed = Job.objects.filter(status__in=["discarded", "retryable"], kind=inbox.READ)
    assert not failed.exists()


def test_it_answers_no_other_method(outside: Client) -> None:
    assert outside.get(reverse("anymail-inbound")).status_code == 405
    assert outside.put(reverse("anymail-tracking")).status_code == 405


def report(event: str, message_id: str, **data: Any) -> dict[str, Any]:
    form = signed()
    return {
        "signature": form,
        "event-data": {
            "event": event,
            "timestamp": 1772468047.5,
            "recipient": DANA,
            "message": {"headers": {"message-id": message_id.strip("<>")}},
            **data,
        },
    }


def tell(client: Client, body: Any) -> Any:
    return client.post(
        reverse("anymail-tracking"), json.dumps(body), content_type="application/json"
    )


GONE = {"severity": "permanent", "delivery-status": {"message": "550 5.1.1 no such user"}}


@pytest.mark.parametrize(
    ("event", "data", "field", "stop"),
    [
        ("failed", GONE, "bounced_at", "bounce"),
        ("complained", {}, "complained_at", "complaint"),
        ("unsubscribed", {}, "unsubscribed_at", "unsubscribe"),
    ],
)
def test_a_report_is_kept_and_acted_upon_once(
    outside: Client, event: str, data: dict[str, Any], field: str, stop: str
) -> None:
    prospect = make_prospect()
    enrollment = enroll(prospect)
    touch = make_touch(prospect)
    body = report(event, touch.message_id, **data)
    assert tell(outside, body).status_code == 200
    assert tell(outside, body).status_code == 200
    assert Job.objects.filter(kind="pipeline.read_report").count() == 1
    work_off()
    for row in (touch, enrollment):
        row.refresh_from_db()
    assert getattr(touch, field) is not None
    assert enrollment.stop_reason == stop
    assert Suppression.objects.get().value == DANA


def test_a_report_faster_than_the_record_of_its_mail_stops_at_once_and_comes_again(
    outside: Client,
) -> None:
    prospect = make_prospect()
    enrollment = enroll(prospect)
    action = make_action(prospect)
    tell(outside, report("failed", action.rendered["message_id"], **GONE))
    work_off()
    enrollment.refresh_from_db()
    assert enrollment.stop_reason == "bounce"
    assert Suppression.objects.get().value == DANA
    assert Job.objects.get(kind=reports.READ).status == Job.Status.RETRYABLE

    touch = make_touch(prospect, action.rendered["message_id"], action_id=action.pk)
    work_off(ahead=True)
    touch.refresh_from_db()
    assert touch.bounced_at is not None
    assert Job.objects.get(kind=reports.READ).status == Job.Status.COMPLETED


@pytest.mark.parametrize("event", ["delivered", "opened", "clicked", "accepted", "made-up"])
def test_what_needs_nothing_done_is_answered_and_forgotten(outside: Client, event: str) -> None:
    assert tell(outside, report(event, "<a@b.example>")).status_code == 200
    assert not Job.objects.exists()


def test_a_temporary_failure_is_no_bounce(outside: Client) -> None:
    touch = make_touch(make_prospect())
    assert (
        tell(outside, report("failed", touch.message_id, severity="temporary")).status_code == 200
    )
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    "body", [[], {}, {"signature": []}, {"signature": None, "event-data": {}}, "text", 7]
)
def test_a_report_in_no_known_form_is_refused(outside: Client, body: Any) -> None:
    assert tell(outside, body).status_code == 400


@pytest.mark.parametrize("data", [[], {}, {"event": []}, {"event": "failed", "message": 3}])
def test_a_signed_report_without_sense_is_refused(outside: Client, data: Any) -> None:
    form = signed()
    assert form["signature"] == sign(form["timestamp"], form["token"])
    assert tell(outside, {"signature": form, "event-data": data}).status_code in {200, 400}
    assert not Job.objects.exists()


@pytest.mark.parametrize("age", [13 * 3600, -3600])
def test_a_signature_is_good_for_half_a_day(outside: Client, age: int) -> None:
    at = str(int(time.time()) - age)
    form = {"timestamp": at, "token": "t", "signature": sign(at, "t")}
    assert post(outside, {**form, "body-mime": write().decode()}).status_code == 400
    body = report("complained", "<a@b.example>") | {"signature": form}
    assert tell(outside, body).status_code == 400
    assert not InboundMail.objects.exists()
    assert not Job.objects.filter(kind=reports.READ).exists()
