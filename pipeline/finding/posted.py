"""Companies that a program posts: `POST /hooks/prospects/<token>`, one in each request.

Fields may be named as a file's columns may (pipeline/finding/sources/file.py); an optional
`ideal_customer` names whose prospect it is, otherwise it is the first active one's.
"""

from dataclasses import dataclass

from jobs import bodies, registry
from jobs.bodies import FieldError, Refused
from jobs.lease import Lease
from jobs.models import Delivery, Job, Lane
from pipeline import prospects
from pipeline.finding import fit
from pipeline.finding.candidates import Candidate
from pipeline.finding.sources import file
from pipeline.models import IdealCustomer, Source

KIND = "pipeline.take_in_prospect"
NAMED = "ideal_customer"


@dataclass(frozen=True)
class Posted:
    """A company and the ideal customer it is meant for, empty where none is named."""

    candidate: Candidate
    ideal_customer: str


def read(content_type: str, body: bytes) -> Posted:
    """Return the company that a body describes. Raises Refused (400, 415, 422), fields named."""
    document = bodies.parse(content_type, body)
    named = document.pop(NAMED, "")
    said = {name: str(value) for name, value in document.items() if isinstance(value, str | int)}
    mapping = file.guess(list(said))
    candidate, problems = file.candidate(said, mapping)
    problems |= file.refusal(candidate)
    if named and not IdealCustomer.objects.filter(name=str(named), active=True).exists():
        problems[NAMED] = "names no active ideal customer"
    if problems or candidate is None:
        columns = {field: column for column, field in mapping.items()}
        errors = [
            FieldError(bodies.shown(columns.get(field, field)), bodies.shown(why, 300))
            for field, why in problems.items()
        ]
        what = ", ".join(error.field for error in errors)
        raise Refused(422, f"This is no prospect yet; see {what}.", *errors)
    return Posted(candidate, str(named))


@registry.register(KIND, lane=Lane.NORMAL, short=True)
def take_in_prospect(job: Job, lease: Lease) -> None:
    """Add the company of a delivery, once; one that is known stays as it is."""
    delivery = Delivery.objects.select_related("endpoint").get(pk=job.payload["delivery_id"])
    posted = read(delivery.content_type, bytes(delivery.body))
    wanted = IdealCustomer.objects.filter(active=True).order_by("pk")
    if posted.ideal_customer:
        wanted = wanted.filter(name=posted.ideal_customer)
    ideal = wanted.first()
    if ideal is None:
        raise LookupError("no ideal customer is active")
    source, _ = Source.objects.get_or_create(
        ideal_customer=ideal,
        name=f"API: {delivery.endpoint.name}",
        defaults={"kind": Source.Kind.API},
    )
    prospects.add(
        posted.candidate,
        ideal=ideal,
        source=source,
        measured=prospects.measure(posted.candidate, fit.ideal(ideal), unknown=1.0),
        correlation_id=job.correlation_id,
    )
