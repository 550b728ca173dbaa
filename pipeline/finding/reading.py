"""Reading a source: what stands there now that nobody has judged yet.

It is read in full until nothing in it is new; only then its ETag is kept, so that a reading whose
run failed loses nothing.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from agency import clock, live
from control import alerts
from control.models import Action
from integrations import web
from integrations.errors import ServiceError
from pipeline import prospects
from pipeline.finding import candidates
from pipeline.finding.candidates import Candidate
from pipeline.finding.sources import feed, listing, overpass
from pipeline.kinds.finding import mark
from pipeline.models import Sighting, Source

MOST_NEW = 25
"""So many new candidates are judged in one run; the next reading has the others."""

FAILED_OFTEN = 5
LONGEST_BACKOFF = dt.timedelta(days=1)
FEED_BYTES = 3_000_000

Reader = Callable[[Source, web.Page, web.Network], Iterator[list[Candidate]]]
READERS: dict[str, tuple[Reader, tuple[str, ...]]] = {
    Source.Kind.FEED: (feed.entries, web.FEED),
    Source.Kind.LISTING: (listing.entries, web.HTML),
    Source.Kind.OVERPASS: (overpass.entries, web.JSON),
}
UNDECIDED = (Action.Status.WAITING, Action.Status.HELD)
SETTLED = (Action.Status.REJECTED, Action.Status.UNDONE)


@dataclass
class Reading:
    """What a reading brought: new candidates, how many were known, and what went wrong."""

    new: list[Candidate] = field(default_factory=list)
    known: int = 0
    whole: bool = True
    unchanged: bool = False
    error: str = ""


def read(source: Source, *, network: web.Network = web.INTERNET) -> Reading:
    """Fetch a source and return what is new in it; what goes wrong is noted on the source."""
    reader, accept = READERS[source.kind]
    reading = Reading()
    url = overpass.url(source) if source.kind == Source.Kind.OVERPASS else source.url
    try:
        page = web.fetch(
            url,
            world=web.world_of(source.url),
            etag=source.etag,
            last_modified=source.last_modified,
            accept=accept,
            max_bytes=FEED_BYTES,
            seconds=40.0,
            network=network,
        )
        reading.unchanged = page.not_modified
        if not page.not_modified:
            _fill(reading, source, reader(source, page, network))
    except ServiceError as error:
        reading.error = str(error)
        _failed(source, str(error))
    else:
        _done(source, page, whole=reading.whole and not reading.new)
    return reading


def _fill(reading: Reading, source: Source, batches: Iterator[list[Candidate]]) -> None:
    """Take what nobody has judged, until there is enough for one run."""
    taken: set[prospects.Key] = set()
    decided = _decided(source)
    for batch in batches:
        marks = {mark(candidate): candidate for candidate in batch}
        judged = set(
            Sighting.objects.filter(source=source, mark__in=marks).values_list("mark", flat=True)
        )
        keys = {one: candidates.keys(candidate) for one, candidate in marks.items()}
        found = prospects.known(key for each in keys.values() for key in each)
        for one, candidate in marks.items():
            mine = set(keys[one])
            if one in judged | decided or mine & (found.keys() | taken):
                reading.known += 1
            elif len(reading.new) < MOST_NEW:
                reading.new.append(candidate)
                taken |= mine
            else:
                reading.whole = False
        if len(reading.new) >= MOST_NEW:
            reading.whole = False
            return


def _decided(source: Source) -> set[str]:
    """Return what was proposed from here and waits, or was turned down by a person."""
    proposed = Action.objects.filter(
        kind="add_prospect",
        subject_type=Source._meta.label_lower,
        subject_id=str(source.pk),
        status__in=[*UNDECIDED, *SETTLED],
    ).values_list("params__candidate", flat=True)
    return {mark(Candidate.model_validate(found)) for found in proposed}


def _done(source: Source, page: web.Page, *, whole: bool) -> None:
    changes: dict[str, object] = {
        "last_read_at": clock.now(),
        "last_error": "",
        "failures": 0,
    }
    if whole and not page.not_modified:
        changes |= {"etag": page.etag, "last_modified": page.last_modified}
    Source.objects.filter(pk=source.pk).update(**changes)
    live.broadcast("sources")


def _failed(source: Source, error: str) -> None:
    """Wait longer after each failure in a row; say so when it fails again and again."""
    failures = source.failures + 1
    wait = min(dt.timedelta(minutes=source.every_minutes) * 2**failures, LONGEST_BACKOFF)
    Source.objects.filter(pk=source.pk).update(
        last_error=error[:1_000],
        failures=min(failures, 1_000),
        next_read_at=clock.now() + wait,
    )
    live.broadcast("sources")
    if failures == FAILED_OFTEN:
        alerts.raise_alert(
            f"source:{source.pk}",
            f"{source} cannot be read",
            body=f"It failed {failures} times in a row: {error}",
        )
