"""What the pages say about tasks by hand: what is due, what is to come, what was done."""

from dataclasses import dataclass

from django.db.models import QuerySet

from agency import clock
from pipeline.models import HandTask

MOST = 50
VIEWS = (("", "To do"), ("settled", "Done and skipped"))


@dataclass(frozen=True)
class Tasks:
    """The tasks of one view, and how many there are to do."""

    rows: list[HandTask]
    due: int
    later: int

    @property
    def more(self) -> int:
        """How many are to do beyond those shown."""
        return max(0, self.due + self.later - len(self.rows))


def read(view: str) -> Tasks:
    """Return the tasks to do, due ones first, or the latest that were settled."""
    waiting = HandTask.objects.filter(done_at=None, skipped_at=None)
    due = waiting.filter(due_at__lte=clock.now()).count()
    later = waiting.count() - due
    if view == "settled":
        found = _shown(HandTask.objects.exclude(done_at=None, skipped_at=None))
        return Tasks(list(found.order_by("-id")[:MOST]), due, later)
    return Tasks(list(_shown(waiting).order_by("due_at", "id")[:MOST]), due, later)


def _shown(tasks: QuerySet[HandTask]) -> QuerySet[HandTask]:
    return tasks.select_related("prospect", "contact", "enrollment__sequence")
