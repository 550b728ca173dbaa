"""What the operator does by hand for a sequence, its text laid ready."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from agency import clock, live
from control import kinds
from control.models import Action
from pipeline.kinds import steps
from pipeline.models import (
    HandTask,
    SequenceStep,
)
from pipeline.writing import outreach


class HandParams(BaseModel):
    """A step that the operator does by hand, its text ready."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    enrollment: str
    position: int
    text: str = Field(min_length=1, max_length=3_000)


@kinds.register
class LinkedinTask(kinds.ActionKind[HandParams]):
    """Lay a LinkedIn note ready for the operator. LinkedIn itself is never automated."""

    name = "linkedin_task"
    label = "LinkedIn notes"
    params = HandParams
    stakes = Action.Stakes.LOW
    auto_from_phase = 1
    by_hand: ClassVar[str] = SequenceStep.Channel.LINKEDIN

    def summary(self, action: Action, params: HandParams) -> str:
        """Say for whom."""
        return f"{SequenceStep.Channel(self.by_hand).label}: {steps.prospect(action)}"

    def consequence(self, action: Action, params: HandParams) -> str:
        """Say where it lies."""
        return "It lies under Tasks with its text ready; the sequence goes on without waiting."

    def execute(self, action: Action, params: HandParams, guard: kinds.Guard) -> dict[str, Any]:
        """Lay it ready, and go on to the next step."""
        enrollment = steps.enrollment(action, params.enrollment)
        prospect, contact = enrollment.prospect, enrollment.contact
        task, _ = HandTask.objects.get_or_create(
            action_id=action.pk,
            defaults={
                "prospect": prospect,
                "contact": contact,
                "enrollment": enrollment,
                "position": params.position,
                "channel": self.by_hand,
                "text": params.text,
                "url": contact.linkedin or prospect.linkedin,
                "due_at": clock.now(),
            },
        )
        outreach.advance(enrollment, params.position)
        live.broadcast("tasks", f"prospect:{prospect.pk}")
        return {"task": task.pk}

    def undo(self, action: Action, params: HandParams) -> None:
        """Take the task away, unless it was done."""
        tasks = HandTask.objects.filter(action_id=action.pk, done_at=None)
        if not tasks.update(skipped_at=clock.now(), note="undone"):
            raise kinds.Blocked("the task was done already")
        live.broadcast("tasks")


@kinds.register
class CallTask(LinkedinTask):
    """Lay a call ready for the operator, who makes it by hand."""

    name = "call_task"
    label = "Calls by hand"
    by_hand = SequenceStep.Channel.CALL
