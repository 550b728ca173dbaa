"""What a form says becomes a lead: aliases, clean text, limits that name the field, one lead."""

import json
import re
from typing import Any

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from agency.models import AuditEntry, Client
from jobs import endpoints, intake, registry
from jobs.bodies import JSON, Refused
from jobs.intake import Arrival
from jobs.models import Event, Job
from pipeline.intake import ALIASES, FIRST_NAME, KIND, LAST_NAME, LeadIn, plain, read
from pipeline.models import Lead

DANA = {
    "name": "Dana Reyes",
    "email": "dana@harborplumbing.example",
    "company": "Harbor Plumbing",
    "message": "We miss calls after 5 pm.\nCan you help?",
}


def lead(**facts: Any) -> LeadIn:
    return read(JSON, json.dumps(facts).encode())


def errors(**facts: Any) -> dict[str, str]:
    with pytest.raises(Refused) as raised:
        lead(**facts)
    assert raised.value.status == 422
    return {error.field: error.reason for error in raised.value.errors}


def test_plain_names_are_understood() -> None:
    facts = DANA | {
        "phone": "+1 (520) 555-0134",
        "website": "https://harborplumbing.example/",
        "subject": "Missed calls",
        "timezone": "America/Phoenix",
    }

    found = lead(**facts).model_dump()

    assert found == facts | {"phone": "+15205550134", "fields": {}}


@pytest.mark.parametrize(
    ("field", "alias"), [(field, alias) for field in ALIASES for alias in ALIASES[field]]
)
def test_aliases_are_understood(field: str, alias: str) -> None:
    value = {
        "email": "d@x.example",
        "website": "https://x.example",
        "timezone": "UTC",
        "phone": "0123 456789",
    }.get(field, "Something")
    facts = DANA | {alias: value}
    facts.pop(field, None)

    found = lead(**facts, **({} if field in {"email", "phone"} else {"phone": "0123 456789"}))

    assert getattr(found, field) == value
    assert found.fields == {}


@pytest.mark.parametrize(
    "name", ["E-Mail", "e-mail", "EMAIL", "Email:", " e mail ", "eMail", "Email Address*"]
)
def test_spelling_of_names_does_not_matter(name: str) -> None:
    assert lead(**{name: "d@x.example", "message": "Hi"}).email == "d@x.example"


def test_no_alias_means_two_fields() -> None:
    listed = [plain(alias) for field, aliases in ALIASES.items() for alias in (field, *aliases)]

    assert len(listed) == len(set(listed))


def test_every_alias_is_documented() -> None:
    text = (settings.BASE_DIR / "docs" / "WEBHOOKS.md").read_text()
    documented = {plain(name) for name in re.findall(r"`([^`\n]+)`", text)}

    for field, aliases in ALIASES.items():
        assert documented.issuperset(map(plain, (field, *aliases)))
    assert documented >= FIRST_NAME | LAST_NAME


def test_first_and_last_name_make_a_name() -> None:
    assert lead(firstName="Dana", last_name="Reyes", email="d@x.example").name == "Dana Reyes"
    assert lead(given_name="Dana", email="d@x.example").name == "Dana"


def test_the_proper_name_wins_and_what_loses_is_kept() -> None:
    found = lead(mail="b@x.example", email="a@x.example", text="short", message="long")

    assert (found.email, found.message) == ("a@x.example", "long")
    assert found.fields == {"mail": "b@x.example", "text": "short"}
    assert lead(**DANA, e_mail=DANA["email"]).fields == {}
    assert lead(**DANA, first_name="D.").fields == {"first_name": "D."}


def test_everything_else_goes_to_fields() -> None:
    found = lead(
        **DANA,
        utm_source="ads",
        employees=12,
        budget=2500.5,
        newsletter=True,
        services=["calls", "booking", None],
        nested={"a": {"b": [1]}},
        empty="",
        nothing=None,
    )

    assert found.fields == {
        "utm_source": "ads",
        "employees": 12,
        "budget": 2500.5,
        "newsletter": True,
        "services": ["calls", "booking"],
        "nested": '{"a": {"b": [1]}}',
    }


def test_text_is_stripped_of_control_characters() -> None:
    found = lead(
        name="  Dana\tReyes\r\nBcc: x@y.example ",
        email=" d@x.example\n",
        message="a\x07b\u202ec\r\nd\x1b[31m\n",
    )

    assert found.name == "Dana Reyes Bcc: x@y.example"
    assert found.email == "d@x.example"
    assert found.message == "abc\nd[31m"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Dana.Reyes@Harbor.EXAMPLE", "Dana.Reyes@harbor.example"),
        ("d@shop.test", "d@shop.test"),
        ("d@bücher.example", "d@xn--bcher-kva.example"),
    ],
)
def test_an_address_is_kept_with_its_domain_in_lower_case(given: str, kept: str) -> None:
    assert lead(email=given, message="Hi").email == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("+1 520-555-0134", "+15205550134"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("(520) 555-0134", "(520) 555-0134"),
        ("+1 520 555 0134 ext. 5", "+1 520 555 0134 ext. 5"),
        ("+999 12345", "+999 12345"),
        (5205550134, "5205550134"),
    ],
)
def test_a_phone_is_e164_where_it_says_its_country(given: str | int, kept: str) -> None:
    assert lead(phone=given, message="Hi").phone == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("harbor.example", "https://harbor.example"),
        ("//harbor.example/a", "https://harbor.example/a"),
        ("HTTP://harbor.example", "http://harbor.example"),
    ],
)
def test_a_website_becomes_a_web_address(given: str, kept: str) -> None:
    assert lead(**DANA, website=given).website == kept


@pytest.mark.parametrize(
    "given",
    [
        "javascript:alert(1)", "ftp://harbor.example", "file:///etc/passwd", "mailto:a@b.example",
        "https://user:pw@harbor.example", "http://[::1", "none", "a b.example", "https://",
        "data:text/html,x",
    ],
)  # fmt: skip
def test_a_website_must_be_a_web_address(given: str) -> None:
    assert errors(**DANA, website=given)["website"].startswith("is no web address")


@pytest.mark.parametrize(
    ("facts", "field", "says"),
    [
        ({"email": "dana"}, "email", "is no e-mail address: "),
        ({"email": "Dana <d@x.example>"}, "email", "is no e-mail address: "),
        ({"e-mail": "d@", "email": None}, "e-mail", "is no e-mail address: "),
        ({"email": ["d@x.example"]}, "email", "must be text, not a list"),
        ({"name": {"first": "Dana"}}, "name", "must be text, not an object"),
        ({"message": True}, "message", "must be text, not true or false"),
        ({"phone": "call me"}, "phone", "is no phone number"),
        ({"phone": "1" * 41}, "phone", "is longer than 40 characters"),
        ({"timezone": "Mars/Olympus"}, "timezone", "is no time zone"),
        ({"timezone": "../../etc"}, "timezone", "is no time zone"),
        ({"name": "x" * 201}, "name", "is longer than 200 characters"),
        ({"company": "x" * 201}, "company", "is longer than 200 characters"),
        ({"subject": "x" * 301}, "subject", "is longer than 300 characters"),
        ({"message": "x" * 20_001}, "message", "is longer than 20,000 characters"),
        ({"website": "https://x.example/" + "x" * 500}, "website", "is longer than 500"),
        ({"notes2": "x" * 2001}, "notes2", "is longer than 2,000 characters"),
        ({"list": list(range(2000))}, "list", "is longer than 2,000 characters"),
        ({"x" * 101: "y"}, "x" * 99 + "…", "has a name longer than 100 characters"),
    ],
)
def test_what_is_wrong_names_its_field(facts: dict[str, Any], field: str, says: str) -> None:
    assert says in errors(**(DANA | facts))[field]


def test_there_is_a_limit_to_further_fields() -> None:
    many = {f"field_{n}": n for n in range(51)}

    assert errors(**DANA, **many) == {"fields": "holds more than 50 further fields"}


def test_all_errors_are_named_at_once() -> None:
    assert set(errors(email="dana", website="none")) == {"email", "website", "message"}
    assert set(errors(name=" ", colour="red")) == {"email", "message"}


def test_a_way_to_answer_is_needed() -> None:
    assert set(errors(message="Hi")) == {"email"}
    assert lead(phone="0123 456789", company="Harbor").company == "Harbor"
    assert set(errors(email="d@x.example", message="\u202e")) == {"message"}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
NAMES = st.sampled_from([*ALIASES, "e-mail", "first_name", "last_name", "utm"]) | st.text()


@given(st.dictionaries(NAMES, JSON_VALUES, max_size=8))
def test_any_object_is_a_lead_within_limits_or_refused(facts: dict[str, Any]) -> None:
    try:
        found = lead(**facts)
    except Refused as refused:
        assert refused.status in {400, 422}
        return
    row = Lead(source="test", **found.model_dump())
    for name in ALIASES:
        value = getattr(row, name)
        limit = getattr(Lead._meta.get_field(name), "max_length", None)
        assert "\x00" not in value
        assert limit is None or len(value) <= limit
    json.dumps(found.fields, allow_nan=False, ensure_ascii=False).encode()


def delivered(client: Client | None = None, **facts: Any) -> Job:
    endpoint = endpoints.create("leads", "website")
    if client is not None:
        endpoint.client = client
        endpoint.save()
    body = json.dumps(DANA | facts).encode()
    intake.accept([(endpoint, Arrival(JSON, body))], KIND)
    return Job.objects.get(kind=KIND)


def take_in(job: Job) -> None:
    registry.get(KIND).handler(job, None)  # type: ignore[arg-type]


def test_the_job_makes_the_lead(db: None) -> None:
    job = delivered(utm_source="ads")

    take_in(job)

    found = Lead.objects.get()
    assert str(found.delivery_id) == job.payload["delivery_id"]
    assert (found.name, found.email) == (DANA["name"], DANA["email"])
    assert found.source == "webhook:website"
    assert found.fields == {"utm_source": "ads"}
    assert found.status == "new"
    entry = AuditEntry.objects.get(verb="lead.received")
    assert entry.sentence == "Dana Reyes of Harbor Plumbing wrote through website"
    assert (entry.object_type, entry.object_id) == ("pipeline.lead", str(found.pk))
    assert entry.correlation_id == job.correlation_id
    event = Event.objects.get(name="lead.received")
    assert event.subject_id == str(found.pk)
    assert event.correlation_id == job.correlation_id


def test_the_job_run_twice_makes_one_lead(db: None) -> None:
    job = delivered()

    take_in(job)
    take_in(job)

    assert Lead.objects.count() == 1
    assert Event.objects.filter(name="lead.received").count() == 1
    assert AuditEntry.objects.filter(verb="lead.received").count() == 1


def test_a_clients_endpoint_makes_the_clients_lead(db: None) -> None:
    client = Client.objects.create(name="Harbor", slug="harbor")
    job = delivered(client)

    take_in(job)

    assert job.client == client
    assert Lead.objects.get().client == client
    assert Event.objects.get().client == client
