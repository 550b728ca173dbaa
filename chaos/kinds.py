"""Work whose effects can be counted: an action with an effect outside, a job that writes a row."""

import http.client
import os
from typing import Any

from django.db import connection
from pydantic import BaseModel

from control import kinds, policy
from control.models import Action
from integrations.errors import OutcomeUnknown, ServiceError
from jobs import registry
from jobs.lease import Lease
from jobs.models import Event, Job, Lane

TIMEOUT_SECONDS = 5
FAILS_ONCE = 97
"""One job in so many fails at its first try, and its batch with it."""


class PostParams(BaseModel):
    """Which of the actions it is."""

    number: int


@kinds.register
class Post(kinds.ActionKind[PostParams]):
    """Has one line written by the ledger, under the action's id."""

    name, label, params, auto_from_phase = "chaos_post", "Posts", PostParams, 1
    outward, channel, message_class = True, "chaos", "chaos"

    def summary(self, action: Action, params: PostParams) -> str:
        return f"Post {params.number}"

    def consequence(self, action: Action, params: PostParams) -> str:
        return "The ledger has one line more."

    def execute(self, action: Action, params: PostParams, guard: kinds.Guard) -> dict[str, Any]:
        ledger = http.client.HTTPConnection(
            "127.0.0.1", int(os.environ["CHAOS_LEDGER_PORT"]), timeout=TIMEOUT_SECONDS
        )
        try:
            ledger.connect()
        except OSError as error:
            raise ServiceError(f"no ledger: {error}", permanent=False) from error
        try:
            guard()
            ledger.request("POST", f"/{action.pk}")
            status = ledger.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise OutcomeUnknown(f"the ledger did not answer: {error!r}") from error
        finally:
            ledger.close()
        if status != http.HTTPStatus.NO_CONTENT:
            raise ServiceError(f"the ledger refused: {status}", permanent=False)
        return {"number": params.number}


@policy.compliance("chaos")
def is_allowed(action: Action, params: PostParams) -> str | None:
    """Object to nothing."""
    return None


@registry.register("chaos.write", lane=Lane.NORMAL, short=True)
def write(job: Job, lease: Lease) -> None:
    """Write one row, taking a moment."""
    number = job.payload["number"]
    if number % FAILS_ONCE == 0 and job.attempt == 0:
        raise ServiceError("the first try fails", permanent=False)
    Event.objects.create(
        name="chaos.written",
        subject_type=job.payload["round"],
        subject_id=str(number),
        correlation_id=job.correlation_id,
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.01)")
