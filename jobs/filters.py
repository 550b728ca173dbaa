"""Which jobs are meant, as the command, the page and a job in the background all say it."""

import datetime as dt
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.db.models import QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Left
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from jobs import registry
from jobs.causes import cause
from jobs.models import Job, Lane

FIELDS = (
    *("status", "lane", "kind", "client", "tag", "cause"),
    *("correlation", "since", "until", "id"),
)
EVERYTHING = "*"
ERROR_LENGTH = 300
LAST_ERROR = Left(KT("errors__-1__error"), ERROR_LENGTH)
SPAN = re.compile(r"(\d{1,6})([smhd])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class UnknownValue(ValueError):
    """A filter asks for something that cannot be; `field` says where."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


@dataclass(frozen=True)
class Filter:
    """Which jobs are meant; what is empty does not narrow.

    `since` and `until` are when a job was enqueued, which its id tells. The tag `*` means any job
    that a switch for everything reaches.
    """

    statuses: tuple[str, ...] = ()
    lanes: tuple[str, ...] = ()
    kind: str = ""
    client: int | None = None
    tag: str = ""
    cause: str = ""
    correlation_id: uuid.UUID | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    ids: tuple[uuid.UUID, ...] = ()

    @classmethod
    def parse(cls, given: Mapping[str, Sequence[str]]) -> "Filter":
        """Read a filter from words, by field. Raises UnknownValue, naming the field."""
        for name in given:
            if name not in FIELDS:
                raise UnknownValue(name, f"no such filter; there is {', '.join(FIELDS)}")
        said = {name: [text for text in given.get(name, ()) if text] for name in FIELDS}
        one = {name: _only(name, texts) for name, texts in said.items()}
        return cls(
            statuses=_known("status", said["status"], Job.Status.values),
            lanes=_known("lane", said["lane"], Lane.values),
            kind=_kind(one["kind"]),
            client=_number("client", one["client"]),
            tag=one["tag"],
            cause=one["cause"],
            correlation_id=_id("correlation", one["correlation"]),
            since=_moment("since", one["since"]),
            until=_moment("until", one["until"]),
            ids=tuple(found for text in said["id"] if (found := _id("id", text))),
        )

    def fields(self) -> dict[str, list[str]]:
        """Return the words `parse` reads this filter from, without what does not narrow."""
        single = {
            "kind": self.kind,
            "client": "" if self.client is None else str(self.client),
            "tag": self.tag,
            "cause": self.cause,
            "correlation": str(self.correlation_id or ""),
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }
        found = {
            "status": list(self.statuses),
            "lane": list(self.lanes),
            **{name: [text] for name, text in single.items() if text},
            "id": [str(pk) for pk in self.ids],
        }
        return {name: texts for name, texts in found.items() if texts}

    def __str__(self) -> str:
        found = self.fields()
        if len(self.ids) > 1:
            found["id"] = [f"{len(self.ids)} given"]
        return "; ".join(f"{name} {', '.join(texts)}" for name, texts in found.items()) or "all"

    def within(self, statuses: Sequence[str]) -> "Filter":
        """Narrow to `statuses` where neither a status nor a job was named."""
        return self if self.statuses or self.ids else replace(self, statuses=tuple(statuses))

    @property
    def needs_a_look_at_each(self) -> bool:
        """Whether no index finds these jobs, so that a page looks among the newest only."""
        narrow = self.kind or self.client is not None or self.tag or self.cause
        return bool(narrow) and not self.ids and self.correlation_id is None

    def rows(self) -> QuerySet[Job]:
        """Return the jobs, apart from what `keeps` says about their cause."""
        found = Job.objects.all()
        if self.statuses:
            found = found.filter(status__in=self.statuses)
        if self.lanes:
            found = found.filter(lane__in=self.lanes)
        if self.kind:
            found = found.filter(kind=self.kind)
        if self.client is not None:
            found = found.filter(client_id=self.client)
        if self.tag == EVERYTHING:
            found = found.exclude(tags=[])
        elif self.tag:
            found = found.filter(tags__contains=[self.tag])
        if self.correlation_id is not None:
            found = found.filter(correlation_id=self.correlation_id)
        if self.ids:
            found = found.filter(pk__in=self.ids)
        return self._enqueued(found)

    def _enqueued(self, found: QuerySet[Job]) -> QuerySet[Job]:
        if self.since is not None:
            found = found.filter(pk__gte=_first_id(_milliseconds(self.since)))
        if self.until is not None:
            found = found.filter(pk__lt=_first_id(_milliseconds(self.until) + 1))
        return found

    def keeps(self, error: str | None) -> bool:
        """Whether a job whose last error this is has the wanted cause."""
        return not self.cause or (error is not None and cause(error) == self.cause)


def _only(name: str, texts: list[str]) -> str:
    if len(texts) > 1 and name not in ("status", "lane", "id"):
        raise UnknownValue(name, "give it once")
    return texts[0] if texts else ""


def _known(name: str, texts: list[str], values: list[str]) -> tuple[str, ...]:
    for text in texts:
        if text not in values:
            raise UnknownValue(name, f"no “{text}”; there is {', '.join(values)}")
    return tuple(dict.fromkeys(texts))


def _kind(text: str) -> str:
    # A kind no code handles any more may still have jobs.
    if text and text not in registry.names() and not re.fullmatch(r"[a-z_]+\.[a-z_.]+", text):
        raise UnknownValue("kind", f"“{text}” is no kind of job; “control.execute” is one")
    return text


def _number(name: str, text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise UnknownValue(name, f"“{text}” is not a number")
    return int(text)


def _id(name: str, text: str) -> uuid.UUID | None:
    if not text:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        raise UnknownValue(name, f"“{text}” is not an id") from None


def _moment(name: str, text: str) -> dt.datetime | None:
    """Read a moment: an ISO date and time, or how long ago it is: 90s, 15m, 2h, 3d."""
    if not text:
        return None
    span = SPAN.fullmatch(text)
    if span:
        return timezone.now() - dt.timedelta(**{UNITS[span[2]]: int(span[1])})
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or not 1970 < found.year < 9999:
        raise UnknownValue(name, f"“{text}” is neither a time (2026-01-31T08:00) nor a span (2h)")
    return timezone.make_aware(found) if timezone.is_naive(found) else found


def _milliseconds(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)


def _first_id(milliseconds: int) -> uuid.UUID:
    """Return what no version 7 UUID of this millisecond is below (RFC 9562, 5.7)."""
    return uuid.UUID(int=milliseconds << 80)
