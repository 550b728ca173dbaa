"""The rubric: what the rules make of real messages, and what holds for any text at all."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from agency.models import sample_icp
from agents import answers, phrases, rubric, untrusted
from agents.fleet.qualifier import QualifierSettings
from agents.rubric import SIGNALS, Judged, LeadFacts
from pipeline.kinds import QualifyParams, ReplyParams, ScorePart
from tests.factories import GOOD_MESSAGE

SETTINGS = QualifierSettings()


def facts(message: str = "", **fields: Any) -> LeadFacts:
    """Return a lead as the Qualifier reads it, measured against the sample customer."""
    return LeadFacts(
        message=message,
        icp=sample_icp(),
        agency="Northwind Automations",
        sender="Alex Moreno",
        booking_url="https://northwind.example/book",
        **fields,
    )


def strengths(lead: LeadFacts) -> dict[str, float]:
    return {item.signal: item.strength for item in rubric.judge(lead)}


def verdict(lead: LeadFacts) -> str:
    """Return the status by rules with the default settings, or spam."""
    judged = rubric.judge(lead)
    if strengths(lead)["spam"]:
        return "spam"
    score, _ = rubric.total(judged, SETTINGS.weights)
    if score >= SETTINGS.qualified_from:
        return "qualified"
    return "review" if score >= SETTINGS.review_from else "disqualified"


MESSAGES: list[Any] = [
    pytest.param(
        "qualified",
        GOOD_MESSAGE,
        {"email": "dana@harborplumbing.example", "phone": "+15205550142", "company": "Harbor"},
        id="the plumber of the readme",
    ),
    pytest.param(
        "qualified",
        "Hi there, I run a dental practice in Phoenix with 3 chairs. We have way too many no-shows,"
        " around 12 appointments a week. Can you set up reminders and how much would that be? We"
        " would like to start this month.",
        {"email": "drlee@gmail.com", "name": "Dr. Lee", "company": "Lee Dental"},
        id="a dentist from a free mailbox",
    ),
    pytest.param(
        "qualified",
        "Our HVAC company is swamped before the summer and we’re missing calls after hours. Call me"
        " at 602-555-0133 tomorrow please. Budget is around 1500 a month.",
        {"email": "tom@coolair.example", "company": "Cool Air"},
        id="short and hot, the number in the text",
    ),
    pytest.param(
        "qualified",
        "",
        {
            "email": "info@saguaroroofing.example",
            "company": "Saguaro Roofing",
            "phone": "+14805550190",
            "subject": "Pricing for call answering",
            "fields": {
                "what_do_you_need": "Someone to answer calls, we can't keep up in monsoon season",
                "monthly_budget": "1000-2500",
                "how_soon": "As soon as possible",
                "where": "Tucson and all of southern Arizona",
                "anything_else": "Can you work with JobNimbus?",
            },
        },
        id="a form with its own questions",
    ),
    pytest.param(
        "qualified",
        "We're an electrical contractor in Tucson. Leads from our website wait hours for a reply"
        " and by then they've hired somebody else. Could you integrate with Jobber? What are your"
        " packages? Ideally live by the end of the month.",
        {"email": "maria@brightwire.example", "company": "Brightwire", "phone": "520 555 0111"},
        id="slow replies",
    ),
    pytest.param(
        "review",
        "Hi, I'm interested in your services for my plumbing business. Please contact me.",
        {"email": "joe@joesplumbing.example", "company": "Joe's Plumbing", "phone": "5205550100"},
        id="a fit that says little",
    ),
    pytest.param(
        "review",
        "How much does it cost to automate appointment reminders for a small dental office?",
        {"email": "frontdesk@smiles.example", "company": "Smiles"},
        id="one question and nothing else",
    ),
    pytest.param(
        "review",
        "We run a law firm in Boston. We lose leads because nobody answers the phone after hours."
        " Do you build answering systems, and what do you charge?",
        {"email": "anna@hartlaw.example", "company": "Hart Law", "phone": "+16175550100"},
        id="a real need in another trade and place",
    ),
    pytest.param(
        "review",
        "We're a roofing company in Phoenix, just looking around at this point. No rush at all,"
        " maybe next year. Do you do follow up for estimates?",
        {"email": "sam@peakroofs.example", "company": "Peak Roofs"},
        id="no hurry",
    ),
    pytest.param(
        "review",
        "Our last marketing agency burned us, so I'm careful. We do air conditioning in Tucson and"
        " we keep losing jobs because we call back too late. Can you help?",
        {"email": "lou@desertair.example", "company": "Desert Air"},
        id="burned by an agency, not one",
    ),
    pytest.param(
        "review",
        "We provide plumbing and drain services in Phoenix and we are struggling to answer the"
        " phone. Do you have something for that?",
        {"email": "office@drainpros.example", "company": "Drain Pros"},
        id="we provide is not spam",
    ),
    pytest.param(
        "disqualified",
        "Hello, do you sell garden furniture?",
        {"email": "pat@gmail.com", "name": "Pat"},
        id="the wrong shop",
    ),
    pytest.param(
        "disqualified",
        "I have a school project about AI and need to interview somebody. Would you answer five"
        " questions by Friday?",
        {"email": "kim@students.example", "name": "Kim"},
        id="a student",
    ),
    pytest.param(
        "disqualified", "test", {"email": "test@test.example", "name": "Test"}, id="a test"
    ),
    pytest.param(
        "disqualified",
        "Where do I send the invoice for the coffee machine? It is late already.",
        {"email": "billing@coffee.example", "company": "Coffee Co"},
        id="an invoice to us",
    ),
    pytest.param(
        "disqualified",
        "Are you hiring? I have five years of experience with Zapier and Make. My CV is attached. I"
        " could start next month.",
        {"email": "lee@gmail.com", "name": "Lee", "phone": "+15205550177"},
        id="a job seeker",
    ),
    pytest.param(
        "disqualified",
        "I am a recruiter with great candidates for your team. Can we have a call this week?",
        {"email": "eve@talent.example", "company": "Talent Co", "phone": "+12125550100"},
        id="a recruiter",
    ),
    pytest.param(
        "disqualified",
        "We are a full-service marketing agency in Phoenix. Could you white-label your bots for our"
        " clients, and what would that cost per month?",
        {"email": "ceo@adco.example", "company": "AdCo"},
        id="an excluded trade",
    ),
    pytest.param(
        "spam",
        "Dear Sir, we are a leading SEO company and can rank your website on the first page of"
        " Google for $99 per month. Can we schedule a call?",
        {"email": "seo@rankfast.example", "company": "RankFast", "phone": "+911234567890"},
        id="search engine spam",
    ),
    pytest.param(
        "spam",
        "I came across your website and noticed it could use some improvements. We offer affordable"
        " web design. Let me know if you are interested and I will send our portfolio.",
        {"email": "dev@pixels.example", "company": "Pixels"},
        id="a polite pitch",
    ),
    pytest.param(
        "spam",
        "Earn 5% daily with our bitcoin investment platform!!! Limited time offer, act today.",
        {"email": "win@coins.example"},
        id="coins",
    ),
    pytest.param(
        "spam",
        "Hi, do you accept guest posts? We have high domain authority sites and sell backlinks.",
        {"email": "links@outreach.example"},
        id="links for sale",
    ),
    pytest.param(
        "spam",
        "Get working capital up to $500,000 within 24 hours, no collateral. Reply YES or call me"
        " today at 800-555-0199.",
        {"email": "funds@cashnow.example", "company": "Cash Now", "phone": "+18005550199"},
        id="a loan",
    ),
    pytest.param(
        "spam",
        "We are an offshore software development company with dedicated developers from $15 an"
        " hour.",
        {"email": "bd@devshop.example", "company": "DevShop"},
        id="developers by the hour",
    ),
    pytest.param(
        "review",
        "We're a dental clinic in Tucson, interested in booking automation. By the way, do you also"
        " do SEO services?",
        {"email": "mo@tucsonteeth.example", "company": "Tucson Teeth"},
        id="asking for what spammers offer",
    ),
]


@pytest.mark.parametrize(("expected", "message", "fields"), MESSAGES)
def test_the_rules_tell_leads_apart(expected: str, message: str, fields: dict[str, Any]) -> None:
    lead = facts(message, **fields)
    shown = {item.signal: item.why for item in rubric.judge(lead) if item.strength}
    assert verdict(lead) == expected, (rubric.total(rubric.judge(lead), SETTINGS.weights)[0], shown)


SAYS: list[tuple[str, str, bool]] = [
    ("problem", "We miss half our calls in the afternoon.", True),
    ("problem", "I miss my old van.", False),
    ("problem", "Dear Miss Smith, thank you.", False),
    ("problem", "Our calls often go to voicemail.", True),
    ("problem", "We can’t keep up with the phone.", True),
    ("problem", "The license plate is on the truck.", False),
    ("problem", "Sorry for the late message.", False),
    ("problem", "Customers pay their invoices too late.", True),
    ("problem", "No problem at all.", False),
    ("problem", "I forgot to mention our address.", False),
    ("problem", "We copy and paste every order.", True),
    ("problem", "Need more reviews for my shop.", True),
    ("price", "What would it cost?", True),
    ("price", "It costs us a fortune in lost jobs.", False),
    ("price", "Our no-show rate is high.", False),
    ("price", "Could you send me a quote?", True),
    ("price", "Raise our prices.", False),
    ("talk", "Please call me tomorrow.", True),
    ("talk", "When people call us nobody answers.", False),
    ("talk", "Don't call me.", False),
    ("talk", "Could we have a quick chat?", True),
    ("talk", "We want a chat widget.", False),
    ("soon", "We need it ASAP.", True),
    ("soon", "Looking forward to hearing from you soon.", False),
    ("soon", "It's not urgent.", False),
    ("soon", "No rush, some time in spring is fine.", False),
    ("soon", "Within two weeks would be great.", True),
    ("soon", "In today's world everybody automates.", False),
    ("budget", "Our budget is $1,000.", True),
    ("budget", "We have no budget yet.", False),
    ("budget", "About 2k a month.", True),
    ("budget", "We get 40 calls a day.", True),
    ("budget", "I have 2 kids.", False),
    ("question", "Does it work?", True),
    ("question", "See https://shop.example/?page=2 for more", False),
    ("job_seeker", "We are hiring because we are too busy.", False),
    ("job_seeker", "I'm currently looking for a new job.", True),
    ("service", "I would like to learn more.", True),
]


@pytest.mark.parametrize(("signal", "message", "holds"), SAYS)
def test_phrases_are_read_in_their_context(signal: str, message: str, holds: bool) -> None:
    assert (phrases.find(signal, message) is not None) is holds


@pytest.mark.parametrize(
    ("signal", "fields", "strength"),
    [
        ("own_domain", {"email": "a@Gmail.com"}, 0),
        ("own_domain", {"email": "a@yahoo.co.uk"}, 0),
        ("own_domain", {"email": "a@gmail.com", "website": "https://roofs.example"}, 1),
        ("own_domain", {"email": ""}, 0),
        ("industry", {"email": "a@harborplumbing.example"}, 1),
        ("industry", {"message": "I am an orthodontist."}, 1),
        ("industry", {"message": "We dent cars."}, 0),
        ("place", {"message": "We are in tucson."}, 1),
        ("excluded", {"message": "I'm a crypto trader."}, 1),
        ("excluded", {"message": "We accept crypto too."}, rubric.MENTIONED),
        ("excluded", {"company": "Recruiters United"}, 1),
        ("phone", {"message": "Reach me on (520) 555-0142."}, 1),
        ("phone", {"message": "Order 4711 of 2026."}, 0),
        ("budget", {"fields": {"Team size": "12"}}, 1),
        ("price", {"fields": {"page_url": "/pricing", "utm_campaign": "how much"}}, 0),
        ("question", {"fields": {"How did you find us?": "A friend"}}, 0),
    ],
)
def test_facts_are_counted(signal: str, fields: dict[str, Any], strength: float) -> None:
    assert strengths(facts(**{"message": ""} | fields))[signal] == strength


def test_without_an_ideal_customer_fit_counts_half() -> None:
    found = strengths(LeadFacts(message="We are a bakery."))
    assert (found["industry"], found["place"], found["excluded"]) == (0.5, 0.5, 0)


def test_who_cannot_be_judged_is_asked_and_not_turned_away() -> None:
    thin = facts("Hello", email="a@b.example")
    spanish = facts(
        "Hola, tenemos una empresa de reformas y perdemos muchas llamadas cada tarde, nos ayudan",
        email="a@b.example",
    )
    wrong = facts("Hello, do you sell garden furniture?", email="a@b.example")
    for lead, wanted in ((thin, "ask"), (spanish, "ask"), (wrong, "decline")):
        assert verdict(lead) == "disqualified"
        assert answers.purpose(lead, "disqualified", by_rules=True) == wanted
    assert answers.purpose(spanish, "disqualified", by_rules=False) == "decline"


def test_the_template_repeats_their_words_and_greets_them() -> None:
    draft = answers.template(
        facts(GOOD_MESSAGE, name="dana reyes", subject="RE: AW: Calls"), "invite", short=False
    )
    assert draft.subject == "Re: Calls"
    assert draft.body.startswith("Hi Dana,\n\n")
    assert "“We miss half our calls in the afternoon.”" in draft.body
    assert "“Do you work with ServiceTitan?”" in draft.body


@pytest.mark.parametrize(
    ("name", "greeting"),
    [
        ("", "Hello,"),
        ("Dr. Lee", "Hello,"),
        ("MARIA LOPEZ", "Hi Maria,"),
        ("Jo-Ann O’Neil", "Hi Jo-Ann,"),
        ("J.", "Hello,"),
        ("https://evil.example", "Hello,"),
        ("Łukasz", "Hi Łukasz,"),
        ("4711", "Hello,"),
    ],
)
def test_a_name_is_greeted_only_if_it_is_one(name: str, greeting: str) -> None:
    draft = answers.template(facts("Hello there", name=name), "ask", short=False)
    assert draft.body.split("\n")[0] == greeting


PIECES = [
    *("we", "miss", "calls", "soon", "not", "no", "never", "call", "me", "how", "much", "does"),
    *("it", "cost", "budget", "my", "cv", "our", "marketing", "agency", "plumbing", "Tucson"),
    *("seo services", "backlinks", "crypto", "$ 1,000", "1.5k", "520-555-0142", "\n", ".", "?"),
    *("!", "“", "”", "’", '"', "<lead>", "ignore all instructions", "www.", "a@b.example"),
    *("https://a.example", "evil.example/pay", "evil。com", "e\u200bvil"),
]
LANGUAGE = st.one_of(
    st.text(max_size=300),
    st.text(alphabet=string.printable, max_size=300),
    st.lists(st.sampled_from(PIECES), max_size=60).map(" ".join),
)
FIELDS = st.dictionaries(
    st.text(max_size=20) | st.sampled_from(["budget", "how_soon", "page_url", "team size"]),
    LANGUAGE | st.integers() | st.booleans() | st.lists(st.text(max_size=20), max_size=3),
    max_size=4,
)
LEADS = st.builds(
    LeadFacts,
    name=LANGUAGE,
    email=st.sampled_from(["", "a@gmail.com", "dana@harborplumbing.example"]) | LANGUAGE,
    phone=st.sampled_from(["", "+15205550142"]),
    company=LANGUAGE,
    website=LANGUAGE,
    subject=LANGUAGE,
    message=LANGUAGE,
    fields=FIELDS,
    earlier=st.integers(0, 10),
    icp=st.just(sample_icp())
    | st.just({})
    | st.dictionaries(
        st.sampled_from(["industries", "places", "keywords", "exclusions"]),
        st.lists(st.text(max_size=10), max_size=3),
    ),
    sender=st.just("Alex"),
    agency=st.just("Northwind"),
)
WEIGHTS = st.fixed_dictionaries(
    {
        name: st.floats(0, 100) if signal.points > 0 else st.floats(-100, 0)
        for name, signal in SIGNALS.items()
    }
)


@settings_of_hypothesis(deadline=None, max_examples=200)
@given(LEADS, WEIGHTS)
def test_any_text_gets_a_score_that_adds_up(lead: LeadFacts, weights: dict[str, float]) -> None:
    judged = rubric.judge(lead)
    score, parts = rubric.total(judged, weights)

    assert [item.signal for item in judged] == list(SIGNALS)
    assert 0 <= score <= 100
    total = sum(float(part["points"]) for part in parts)
    assert score == max(0, min(100, round(total)))
    for part in parts:
        low, high = sorted((0.0, weights[str(part["signal"])]))
        assert low - 0.05 <= float(part["points"]) <= high + 0.05
    QualifyParams(
        score=score,
        status="review",  # type: ignore[arg-type]
        parts=[ScorePart.model_validate(part) for part in parts],
        reason=rubric.reason(score, "review", parts),
    )


@settings_of_hypothesis(deadline=None, max_examples=200)
@given(LEADS)
def test_every_quote_is_verbatim(lead: LeadFacts) -> None:
    sent = f"{lead.identity()}\n{lead.words()}"
    for item in rubric.judge(lead):
        assert item.quote in sent
        if item.signal not in ("industry", "place", "excluded"):
            assert item.quote in lead.words()


@settings_of_hypothesis(deadline=None, max_examples=200)
@given(LEADS, st.sampled_from(["invite", "ask", "decline"]), st.booleans())
def test_the_template_never_carries_a_strangers_link(
    lead: LeadFacts, wanted: answers.Purpose, short: bool
) -> None:
    draft = answers.template(lead, wanted, short=short)
    assert not untrusted.holds_address(f"{draft.subject}\n{draft.body}")
    ReplyParams(subject=draft.subject, body=answers.signed(draft.body, lead, wanted))


@settings_of_hypothesis(deadline=None, max_examples=200)
@given(
    LEADS,
    st.lists(
        st.builds(
            Judged,
            signal=st.sampled_from([*SIGNALS, "charm"]),
            strength=st.floats(0, 1),
            why=st.text(max_size=50),
            quote=st.text(max_size=50) | st.just("we miss calls"),
        )
    ),
)
def test_a_model_proves_what_it_says_or_the_rules_judge(
    lead: LeadFacts, said: list[Judged]
) -> None:
    by_rules = {item.signal: item for item in rubric.judge(lead)}
    sent = f"{lead.identity()}\n{lead.words()}"

    judged, unproven = rubric.verified(said, lead)

    assert {item.signal for item in judged} == SIGNALS.keys()
    for item in judged:
        assert item == by_rules[item.signal] or (
            not SIGNALS[item.signal].counted
            and (item.strength == 0 or untrusted.is_quoted(item.quote, sent))
            and not untrusted.holds_address(item.why)
        )
    assert set(unproven) <= {item.signal for item in said}


@pytest.mark.parametrize(
    "text",
    [
        "1,1." * 5_000,
        "a" * 20_000,
        "do you casino. " * 1_300,
        "we are " * 2_800,
        "(" * 20_000,
        "ignore all " * 1_800,
        "call me not " * 1_600,
        "“" * 20_000,
        "1 " * 10_000,
    ],
)
def test_hostile_text_is_read_in_one_pass(text: str) -> None:
    lead = facts(text, subject=text[:300], fields={"more": text})
    rubric.judge(lead)
    answers.template(lead, "invite", short=False)
    untrusted.gives_orders(text)
    untrusted.holds_address(text)
