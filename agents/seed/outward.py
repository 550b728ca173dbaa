"""The other half of the history: companies that were found, and what was written to them."""

import datetime as dt
import random

from django.contrib.auth.models import User

from agents.seed import drafts
from agents.seed.companies import PLACES, SIGNALS, Company, Directory, measured
from agents.seed.ground import lay
from agents.seed.post import Asked, Post
from agents.seed.prospects import DAYS, Book, Clocks, Found
from agents.seed.ways import Guide
from control import actions
from control.models import Action
from pipeline.models import Lead, Prospect, Source

DROPPED = 0.2
WRITTEN_TO = 0.62
"""Shares of those that were researched."""

TO_A_MAILBOX = 14_000
"""So many prospects keep each mailbox below what it may send."""

Status = Prospect.Status


def write(rng: random.Random, count: int, waiting: int, upcoming: int, user: User) -> int:
    """Write so many prospects and drafts to some; return how many drafts there are.

    The leads that came of an answer must be there: they were prospects before.
    """
    ground = lay(count // TO_A_MAILBOX + 1)
    book = Book(rng, ground, Clocks.read())
    guide, post = Guide(book, upcoming), Post(book, user.get_username())
    first = Prospect.objects.count()
    leads = list(Lead.objects.filter(source="reply", threads=None)[:count])
    for lead in leads:
        _from_lead(lead, book, guide, post)
    directory = Directory(rng)
    for number in range(first, first + count - len(leads)):
        found = book.invent(number, directory)
        if found.status == Status.RESEARCHED:
            _go_on(found, book, guide, post)
        book.put(found)
    book.write()
    post.write()
    _answer_their_mails()
    return drafts.write(ground, waiting)


def _answer_their_mails() -> None:
    """Render the drafts to leads anew: some of these wrote by mail, which was not there before."""
    replies = Action.objects.filter(kind="reply_to_lead", status=Action.Status.WAITING)
    for action in list(replies):
        actions.render(action)


def _go_on(found: Found, book: Book, guide: Guide, post: Post) -> None:
    """Write to a researched one, drop it, or leave it at that."""
    chance = book.rng.random()
    if chance < DROPPED:
        book.drop(found)
    elif chance < DROPPED + WRITTEN_TO and found.fit >= found.ideal.min_fit:
        way = guide.draw(found)
        if way is not None:
            post.tell(way)


def _from_lead(lead: Lead, book: Book, guide: Guide, post: Post) -> None:
    """Write the prospect that a lead was, up to the answer that made it one."""
    rng, ground = book.rng, book.ground
    town, state, zone = PLACES[0]
    signal = rng.choice([*SIGNALS])
    company = Company(
        name=lead.company,
        trade="plumbing",
        town=town,
        state=state,
        zone=zone,
        domain=lead.email.rpartition("@")[2],
        phone="",
        first=lead.name.split()[0],
        person=lead.name,
        role="Owner",
        employees=14,
        signal=signal,
        signal_quote=SIGNALS[signal][1].format(name=lead.company, town=town),
        keyword="missed calls",
        says_trade=True,
    )
    end = (book.clocks.wall - lead.received_at) / dt.timedelta(days=1)
    fit, reason = measured(company, ground.states[0])
    found = Found(
        pk="",
        company=company,
        ideal=ground.ideals[0],
        source=rng.choice([s for s in ground.sources[0] if s.kind != Source.Kind.FILE]),
        age=0.0,
        fit=fit,
        reason=reason,
        status=Status.RESEARCHED,
        plain_email=lead.email,
    )
    way = guide.answered(found, end)
    found.age = max(way.start + 0.2, min(DAYS, way.start + rng.uniform(0.2, 3)))
    found.pk = book.id(found.age)
    post.tell(way, Asked(str(lead.pk), lead.name, lead.subject, lead.message))
    book.put(found)
