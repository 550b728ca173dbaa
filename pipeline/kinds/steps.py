"""What the kinds of action about a prospect have in common: whom and which enrollment."""

from uuid import UUID

from control import kinds
from control.models import Action
from pipeline.models import (
    Enrollment,
    Prospect,
)


def prospect(action: Action) -> Prospect:
    """Return the prospect. Raises Blocked if it is gone."""
    prospect = Prospect.objects.filter(pk=action.subject_id).first()
    if prospect is None:
        raise kinds.Blocked("the prospect is no longer there")
    return prospect


def enrollment(action: Action, pk: str) -> Enrollment:
    """Return the enrollment this step is of. Raises Blocked if it has gone on or stopped."""
    found = (
        Enrollment.objects.select_related(
            "prospect__ideal_customer", "contact", "mailbox__domain", "sequence"
        )
        .filter(pk=pk, prospect=UUID(action.subject_id))
        .first()
    )
    if found is None:
        raise kinds.Blocked("the enrollment is no longer there")
    return found
