"""Who writes, and what: names, companies and messages, all in reserved names and numbers.

Addresses end in .example (RFC 2606), numbers are 555-0100 to 555-0199. None holds a double quote or
a backslash, so that each stands as it is in JSON and in COPY.
"""

import random
import re
from dataclasses import dataclass

from agency.models import Client

FIRST = (
    *("Dana", "Marcus", "Priya", "Elena", "Tomás", "Aisha", "Grace", "Owen", "Mei", "Jonas"),
    *("Fatima", "Lucas", "Ingrid", "Kwame", "Sofia", "Derek", "Hannah", "Rafael", "Nadia", "Colin"),
    *("Yuki", "Bruno", "Leila", "Patrick", "Camila", "Anders", "Ruth", "Vikram", "Zoe", "Emmanuel"),
    *("Carla", "Stephen", "Noor", "Gavin", "Beatriz", "Henrik", "Tamara", "Luis", "Rosa", "Ian"),
)
LAST = (
    *("Reyes", "Okafor", "Lindqvist", "Castillo", "Nguyen", "O’Brien", "Haddad", "Kowalski"),
    *("Romero", "Fitzgerald", "Tanaka", "Mbeki", "Sorensen", "Delgado", "Whitaker", "Petrov"),
    *("Ibarra", "Chaudhry", "Bergström", "Santos", "McAllister", "Yilmaz", "Dubois", "Navarro"),
    *("Hawthorne", "Kaur", "Moretti", "Ashby", "Velasquez", "Schreiber", "Adeyemi", "Park"),
    *("Quintero", "Novak", "Ellison", "Banerjee", "Fontaine", "Greaves", "Solano", "Winters"),
)
ODD = (
    "דנה לוי",
    "محمد الأحمد",
    "山田 花子",
    "Ολυμπία Παπαδοπούλου",
    "J",
    "dr. PHILIP von und zu Hohenstein-Katzenelnbogen",
    "Wolfeschlegelsteinhausenbergerdorff-Zimmermannsberger Maximiliana Anastasia Konstantina",
    "Robert'); DROP TABLE leads;--",
    "<b>Bold</b> & Sons",
    "Anne  Marie   (front desk)",
    "ĀČĒĢĪĶ ŠŽ",
    "mail@mail.example",
)
PREFIX = (
    *("Harbor", "Saguaro", "Copper State", "Old Pueblo", "Catalina", "Sonoran", "Mesa Verde"),
    *(
        "Red Rock",
        "Blue Agave",
        "Desert Sun",
        "Rincon",
        "Ocotillo",
        "Pima",
        "Santa Cruz",
        "Mission",
    ),
    *("Canyon", "Foothills", "Palo Verde", "Sunrise", "Cactus Wren", "Gila", "Superstition"),
    *("Thunderbird", "High Desert", "Silver Creek", "Juniper", "Ironwood", "Cholla", "Mesquite"),
    *("Arroyo",),
)
SUFFIX = {
    "plumbing": ("Plumbing", "Plumbing & Drain", "Plumbers"),
    "hvac": ("Heating & Air", "HVAC", "Cooling Co."),
    "roofing": ("Roofing", "Roof Repair", "Roofers"),
    "electrical": ("Electric", "Electrical Services"),
    "dental": ("Dental", "Family Dentistry", "Orthodontics"),
    "home services": ("Home Services", "Garage Doors", "Pest Control"),
    "other": ("Studio", "Partners", "Supply", "Logistics", "Bakery"),
}
LONG_COMPANY = (
    "The Greater Southern Arizona Cooperative Association of Independent Plumbing, Heating and"
    " Refrigeration Contractors, Tucson and Pima County Chapter"
)
TOWNS = ("Tucson", "Phoenix", "Mesa", "Flagstaff", "Oro Valley", "Chandler", "Yuma", "Denver")


@dataclass(frozen=True)
class Note:
    """One message somebody sent; `answer` is how a model words the reply to it."""

    trade: str
    subject: str
    text: str
    answer: str = ""


NOTES = (
    Note(
        "plumbing",
        "Do you work with ServiceTitan?",
        "We are a plumbing company in {town}. Do you work with ServiceTitan? We miss half our"
        " calls in the afternoon. What would it cost, and could we start next month? Our budget is"
        " $1,000 a month.",
        "Missed calls in the afternoon are where we usually start: somebody, or something, picks"
        " up while your people are under a sink. I would like to see how your calls reach"
        " ServiceTitan today before I say what is worth doing first.",
    ),
    Note(
        "dental",
        "No-shows",
        "Two dentists, one front desk. No-shows cost us about 12 appointments a week and nobody"
        " has time to chase people. Can you help us with reminders that patients answer? We would"
        " want it before summer.",
        "Twelve empty chairs a week is a lot for two dentists. Reminders people can answer are"
        " simple to try on one of the two calendars first, so that your front desk sees whether"
        " patients reply before anything changes for everybody.",
    ),
    Note(
        "hvac",
        "Season starts soon",
        "HVAC in {town}, six trucks. When it gets hot we cannot answer every call and people just"
        " ring the next company. How much is an answering and booking setup? We'd like it in place"
        " before the season, our budget is 1,500 USD a month.",
        "Before the heat is the right time to ask. With six trucks the question is what a caller"
        " can be promised while all of them are out, and I would like to understand that first.",
    ),
    Note(
        "roofing",
        "Quotes take too long",
        "After a storm we get 40 requests a week and our quotes go out a week late. Roofing is all"
        " about who is first. Can you automate the follow up? Call me any time.",
        "Being first after a storm is most of it. What slows your quotes down, the visit or the"
        " writing? I would look at the writing first.",
    ),
    Note(
        "electrical",
        "",
        "we do electrical work for property managers, 3 people, everything by hand in spreadsheets."
        " invoices are always late. what do you charge?",
        "Three people and late invoices usually means nobody has an evening left for them. I would"
        " start there, with the jobs you have already finished this month.",
    ),
    Note(
        "home services",
        "Reviews",
        "We repair garage doors around {town} and need more reviews. Our competitor has 400, we"
        " have 31. Do you do that? Could we have a quick call this week?",
        "From 31 to more is mostly a matter of asking at the right moment, which is when the door"
        " works again. I would like to hear how a job ends today.",
    ),
    Note(
        "dental",
        "Insurance questions by phone",
        "Our phone rings all day with the same insurance questions. Is that something you can take"
        " off our hands? We are a family practice in {town}.",
        "The same questions all day are the easiest to take over, as long as whoever is unsure"
        " still reaches a person. Which three do you hear most?",
    ),
    Note(
        "plumbing",
        "Question",
        "What would it cost to have somebody text back the people whose calls we miss? 2 trucks.",
        "With two trucks nobody can stop for every call. A text within a minute keeps most people"
        " from ringing the next plumber; let us look at how many calls that is.",
    ),
    Note(
        "other",
        "Website",
        "Hi, I run a small bakery and somebody told me you do automation. Not sure what that means"
        " for us, can you tell me more?",
        "Fair question. For a bakery it is mostly orders and the questions that come with them."
        " What takes the most of your time that is not baking?",
    ),
    Note(
        "hvac",
        "Maintenance plans",
        "We have 600 customers on maintenance plans and forget to call them back. Our office"
        " manager is overwhelmed. Can you show us how this could work with Housecall Pro?",
        "600 plans are worth a list that calls itself to mind. I would like to see how they stand"
        " in Housecall Pro today, and begin with those that are overdue.",
    ),
    Note(
        "other",
        "Partnership proposal",
        "Dear Sir, we are a leading SEO company and can rank your website on page 1 of Google."
        " We offer affordable packages and a free audit. Kindly let me know if you are interested.",
    ),
    Note("other", "", "hello"),
    Note(
        "electrical",
        "EV chargers",
        "Electrical contractor in {town}. We get a lot of inquiries for EV chargers from the city"
        " program and lose most of them because we reply too late. We are ready to start within two"
        " weeks. What are your monthly fees?",
        "People in the city program ask several electricians at once, so the first answer counts."
        " Within two weeks is possible for that one thing; let us talk about it.",
    ),
    Note(
        "other",
        "Application",
        "I am looking for a remote position in customer support, my CV is attached. Are you"
        " hiring?",
    ),
    Note(
        "roofing",
        "Commercial roofs",
        "We do commercial roofs in three states and have our own sales team, so no need for leads."
        " But our crews copy and paste photos into reports by hand for hours. Is this something you"
        " have done before?",
        "Photos into reports is a good thing to hand over: it is the same every day and easy to"
        " check. I would like to see one report as it goes out now.",
    ),
    Note(
        "home services",
        "Spanish",
        "Muchos de nuestros clientes hablan español y perdemos llamadas por eso. ¿Pueden ayudarnos?"
        " Somos una empresa de control de plagas en {town}.",
    ),
    Note(
        "dental",
        "urgent!!",
        "Our receptionist quits on Friday. Can you cover the phones from Monday? Budget is no"
        " problem if it works. Please call me today.",
        "Friday to Monday is tight, and I would rather tell you what can stand by Monday than"
        " promise all of it. Taking messages and the bookings that need no judgement can.",
    ),
    Note(
        "plumbing",
        "Dispatch",
        "21 technicians, two dispatchers. We spend hours a day texting customers that somebody is"
        " running late. Do you integrate with ServiceTitan? Looking for a demo next week; we have"
        " about $2,500 a month for it.",
        "Late notices are the kind of message nobody should type. With 21 technicians I would start"
        " with the first appointments of the day, where a delay moves everything after it.",
    ),
)

ANSWER = Note(
    "plumbing",
    "Re: A question about {company}",
    "You are right, we are a plumbing company in {town} and miss half our calls in the afternoon."
    " What would it cost, and could we start next month? We have about $900 a month for it.",
    "Half the calls of an afternoon is a good place to begin: somebody, or something, picks up"
    " while your people are under a sink. I would like to see how your calls come in today.",
)
"""What somebody writes back to a cold mail; each of these leads was a prospect."""

EDITS = (
    "I will call you tomorrow between nine and ten, if that suits.",
    "We did the same for a company two streets from you; I can tell you how that went.",
    "A short call is enough, and there is no charge for it.",
)
REJECTIONS = ("Wrong tone", "Not a fit for us", "I will answer myself", "The facts are wrong")
SENT_BACK = ("Shorter, please.", "Ask for their call volume.", "Leave out the second question.")
SWITCH = "Two invoices are open; paused with their agreement"


@dataclass(frozen=True)
class Person:
    """Somebody who writes."""

    first: str
    name: str
    company: str
    email: str
    domain: str
    phone: str


def person(rng: random.Random, trade: str, number: int) -> Person:
    """Return somebody of a trade; the number keeps addresses apart."""
    first, last = rng.choice(FIRST), rng.choice(LAST)
    name = f"{first} {last}"
    company = f"{rng.choice(PREFIX)} {rng.choice(SUFFIX[trade])}"
    if number % 89 == 7:
        name = rng.choice(ODD)
        first = name.split()[0]
    if number % 401 == 11:
        company = LONG_COMPANY
    domain = f"{plain(company)[:40]}{number if number > 40 else ''}"
    local = plain(first) or "office"
    return Person(
        first=first,
        name=name,
        company=company,
        email=f"{local}@{domain}.example",
        domain=domain,
        phone=f"+1{rng.choice((520, 602, 480, 928))}555{rng.randrange(100, 200):04}",
    )


def plain(text: str) -> str:
    """Return the ASCII letters of a text, in lower case."""
    return re.sub(r"[^a-z]", "", text.lower())


def clients(rng: random.Random, count: int, first: int) -> list[Client]:
    """Return companies to be clients, not saved; the first few are known by their bare name."""
    trades = [trade for trade in SUFFIX if trade != "other"]
    zones = ("America/Phoenix", "America/Denver", "America/Los_Angeles", "Europe/Dublin")
    states = (Client.Status.ACTIVE,) * 7 + (Client.Status.ONBOARDING,) * 2 + (Client.Status.FORMER,)
    made = []
    for number in range(first, first + count):
        name = f"{rng.choice(PREFIX)} {rng.choice(SUFFIX[rng.choice(trades)])}"
        if number % 97 == 5:
            name = LONG_COMPANY
        if number % 97 == 8:
            name = "شركة التبريد الحديثة"
        slug = f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')[:60] or 'client'}-{number}"
        status = rng.choice(states)
        made.append(Client(name=name, slug=slug, status=status, timezone=rng.choice(zones)))
    return made
