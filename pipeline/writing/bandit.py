"""Which wording is used: Thompson sampling on replies.

Each variant's reply rate is believed to be Beta(1 + replies, 1 + sent without a reply); one value
is drawn from each belief, and the highest wins (Thompson 1933; Chapelle and Li 2011, algorithm 2).
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Count, Q

from pipeline.models import Touch

DRAWS = 2_000


@dataclass(frozen=True)
class Record:
    """How often a variant went out, and was replied to."""

    sent: int = 0
    replied: int = 0


def records(variants: Iterable[int]) -> dict[int, Record]:
    """Return the record of each variant, in one query."""
    wanted = list(variants)
    rows = (
        Touch.objects.filter(variant__in=wanted)
        .values("variant")
        .annotate(sent=Count("pk"), replied=Count("pk", filter=Q(replied_at__isnull=False)))
    )
    found = {row["variant"]: Record(row["sent"], row["replied"]) for row in rows}
    return {pk: found.get(pk, Record()) for pk in wanted}


def draw(known: Mapping[int, Record], seed: str) -> int | None:
    """Return the variant to use; the same for the same seed, so that a replay chooses alike."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    drawn = [(_drawn(record, chance), pk) for pk, record in sorted(known.items())]
    return max(drawn)[1] if drawn else None


def share(known: Mapping[int, Record]) -> dict[int, float]:
    """Return with what probability each variant is used next."""
    chance = random.Random(0)  # noqa: S311 - no secret
    wins = dict.fromkeys(sorted(known), 0)
    for _ in range(DRAWS if wins else 0):
        wins[max((_drawn(known[pk], chance), pk) for pk in wins)[1]] += 1
    return {pk: won / DRAWS for pk, won in wins.items()}


def _drawn(record: Record, chance: random.Random) -> float:
    replied = min(record.replied, record.sent)
    return chance.betavariate(1 + replied, 1 + record.sent - replied)
