"""Takes posted webhooks in, many at once: rate, endpoint, signature, contents, then one commit.

What a known endpoint was sent and could not take is kept, marked rejected.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from django.db import InterfaceError, OperationalError, connection

from dashboard import rates
from dashboard.hooks import arrivals
from jobs import endpoints, intake
from jobs.bodies import Refused
from jobs.intake import Arrival, Receipt
from jobs.models import Endpoint
from pipeline import intake as lead_intake
from pipeline.finding import posted
from pipeline.meetings import posted as calls

TAKES: dict[str, tuple[str, Callable[[str, bytes], object]]] = {
    "leads": (lead_intake.KIND, lead_intake.read),
    "prospects": (posted.KIND, posted.read),
    "meetings": (calls.KIND, calls.read),
}
"""What arrives, by the purpose in the address: the kind of job that takes it in, who reads it."""


class Post(NamedTuple):
    """What came, where it came and where it came from."""

    token: str
    address: str
    headers: Mapping[str, str]
    arrival: Arrival
    purpose: str = "leads"


Outcome = Receipt | Refused


def take_in(posts: Sequence[Post]) -> list[Outcome]:
    """Return each one's receipt, committed, or what it is refused for.

    Raises what Postgres does; then none of them was stored as accepted. The thread keeps its
    connection: asking whether it still works would cost a round trip each time.
    """
    try:
        return _take_in(posts)
    except (OperationalError, InterfaceError):
        lost = connection.connection is not None and connection.connection.closed
        connection.close()
        if not lost:
            raise
        return _take_in(posts)  # on a new connection; what was stored is found by its key


def _take_in(posts: Sequence[Post]) -> list[Outcome]:
    outcomes: dict[int, Outcome] = {}
    good: dict[int, tuple[Endpoint, Arrival]] = {}
    refusals = rates.check([(post.token, post.address) for post in posts])
    admitted = [post.token for post, refused in zip(posts, refusals, strict=True) if not refused]
    known = {
        token: endpoint
        for purpose in dict.fromkeys(post.purpose for post in posts)
        for token, endpoint in endpoints.find(purpose, admitted).items()
    }
    for number, (post, refused) in enumerate(zip(posts, refusals, strict=True)):
        endpoint = known.get(post.token)
        if refused or endpoint is None or endpoint.purpose != post.purpose:
            outcomes[number] = refused or not_found()
        elif refused := _refusal(endpoint, post):
            outcomes[number] = refused
        else:
            good[number] = (endpoint, post.arrival)
    for purpose, (kind, _) in TAKES.items():
        of_it = {n: sent for n, sent in good.items() if sent[0].purpose == purpose}
        if of_it:
            outcomes |= dict(zip(of_it, intake.accept(of_it.values(), kind), strict=True))
    for number, outcome in outcomes.items():
        endpoint = known.get(posts[number].token)
        if endpoint is not None and isinstance(outcome, Refused) and outcome.status != 429:
            intake.reject(endpoint, posts[number].arrival, outcome)
    return [outcomes[number] for number in range(len(posts))]


def _refusal(endpoint: Endpoint, post: Post) -> Refused | None:
    try:
        arrivals.check_signature(endpoint, post.headers, post.arrival.body)
        TAKES[post.purpose][1](post.arrival.content_type, post.arrival.body)
    except Refused as refused:
        return refused
    return None


def not_found() -> Refused:
    return Refused(404, "There is no webhook at this address, or it was switched off.")
