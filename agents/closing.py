"""Which package the Closer takes for a deal, at what price, and in which words."""

import re
from decimal import ROUND_CEILING, Decimal

from pydantic import BaseModel, Field

from agents import answers, untrusted
from agents.deal_facts import CloserFacts, PackageSeen
from pipeline.kinds import Said
from pipeline.models import Deal

PERCENT = re.compile(r"(?<![\d.,])(\d{1,2}(?:\.\d)?) ?(?:%|per ?cent)", re.I)
CHEAPER = re.compile(
    r"discount|cheaper|(?:lower|better|best|reduce|drop|come down on|bring down) (?:\w+ ){0,2}price"
    r"|price (?:is|seems|looks) (?:\w+ )?(?:high|steep|much)|too (?:expensive|much)|expensive"
    r"|\b(?:come|go|get) down (?:(?:by|to|about|at least|another|around) )*"
    r"(?:\$?\d|a (?:bit|little)|some)"
    r"|\b(?:come|go) (?:any |a (?:bit|little) )?lower|\bdo it for less\b|\bbetter (?:deal|rate)\b"
    r"|\d ?(?:%|per ?cent) (?:less|lower)"
    r"|over (?:our|my|the) budget|more than we|(?:%|percent) off|knock|less per month|afford",
    re.I,
)
YES = re.compile(
    r"\b(?:we accept|i accept|looks good|will sign|signing|let's do it|go ahead)\b", re.I
)
WHY_LOST = (
    (Deal.Lost.PRICE, CHEAPER),
    (Deal.Lost.TIMING, re.compile(r"not now|later|next (?:year|quarter)|time|busy|season", re.I)),
    (
        Deal.Lost.COMPETITOR,
        re.compile(r"another|competitor|somebody else|someone else|went with|already", re.I),
    ),
    (Deal.Lost.NO_NEED, re.compile(r"no need|not need|don't need|not interested|ourselves", re.I)),
    (Deal.Lost.NOT_A_FIT, re.compile(r"fit|not what|wrong", re.I)),
)


class Draft(BaseModel):
    """What a proposal is about, and the mail it goes out with."""

    about: str = Field(max_length=1_200, description="Two or three sentences for the proposal.")
    subject: str = Field(max_length=150)
    body: str = Field(max_length=1_500, description="The mail; no link, no price, no signature.")


def choose(packages: list[PackageSeen], needs: list[Said]) -> PackageSeen:
    """Return the package that answers most words of the needs; of two alike, the cheaper one."""
    text = " ".join(f"{said.text} {said.quote}" for said in needs).casefold()

    def fit(package: PackageSeen) -> int:
        words = [word for word in package.fits if word]
        return sum(bool(re.search(rf"\b{re.escape(word.casefold())}", text)) for word in words)

    return max(packages, key=lambda package: (fit(package), -package.monthly_usd))


def discounted(package: PackageSeen, percent: Decimal) -> tuple[Decimal, Decimal]:
    """Return setup and monthly at so much off, in whole dollars, never under the floor."""
    share = 1 - min(max(percent, Decimal(0)), Decimal(100)) / 100

    def cut(listed: Decimal, floor: Decimal) -> Decimal:
        # Up to the next whole dollar, but not over the list: so it is never more off than said.
        price = min(listed, (listed * share).quantize(Decimal(1), ROUND_CEILING))
        return max(price, floor)

    return (
        cut(package.setup_usd, package.setup_floor_usd),
        cut(package.monthly_usd, package.monthly_floor_usd),
    )


def asked_for(text: str) -> Decimal | None:
    """Return how many percent less they ask for; 0 if they say no number, None if they do not."""
    if not CHEAPER.search(text):
        return None
    named = PERCENT.search(text)
    return Decimal(named[1]) if named else Decimal(0)


def why_lost(reason: str) -> Deal.Lost:
    """Return which reason of ours theirs is."""
    return next((lost for lost, words in WHY_LOST if words.search(reason)), Deal.Lost.OTHER)


def quotable(needs: list[Said]) -> str:
    """Return something they said that may be said back to them, or nothing."""
    for said in needs:
        plain = " ".join(said.quote.replace("“", "").replace("”", "").split())
        if not (untrusted.holds_address(plain) or untrusted.gives_orders(plain)):
            return plain
    return ""


def offer(facts: CloserFacts, package: PackageSeen, needs: list[Said]) -> Draft:
    """Return the rules' words for a proposal."""
    quote = quotable(needs)
    about = f"In our call you said: “{quote}”\n\n{package.summary}" if quote else package.summary
    first = f"You said: “{quote}” That is what our proposal begins with." if quote else ""
    body = "\n\n".join(
        part
        for part in (
            greeting(facts.name),
            "Thank you for the call.",
            first,
            "The proposal says what you get, what it costs and how we would go about it. If it"
            " suits you, you can sign it on the page; if something does not, just answer this"
            " mail.",
        )
        if part
    )
    return Draft(about=about, subject=f"Our proposal for {facts.deal}"[:150], body=body)


FOLLOW_UPS = (
    "I wanted to make sure that our proposal reached you. Is there anything in it that you would"
    " like to ask, or have otherwise?",
    "Our proposal is still open. If something about it does not fit yet, tell me what it is and"
    " I will see what we can do.",
    "This is my last note about our proposal, so that I do not fill your inbox. You can still sign"
    " it on its page, or say no there with a word on why; that helps me too.",
)


def follow_up(facts: CloserFacts, number: int) -> tuple[str, str]:
    """Return subject and text of a reminder."""
    subject = f"Our proposal for {facts.deal}"[:150]
    return f"Re: {subject}", f"{greeting(facts.name)}\n\n{FOLLOW_UPS[number - 1]}"


def new_price(facts: CloserFacts) -> tuple[str, str]:
    """Return subject and text of a mail with another price; the price itself is on its page."""
    body = (
        f"{greeting(facts.name)}\n\nThank you for being open about the price. I have made a new"
        " version that costs less, for the setup and for each month; what you get stays the same."
        " It replaces the one before."
    )
    return f"A new price for {facts.deal}"[:150], body


def greeting(name: str) -> str:
    """Return how a mail begins."""
    first = answers.first_name(name)
    return f"Hi {first}," if first else "Hello,"
