"""Whether what goes out arrives: rates over the last mails, and the stop when they turn bad."""

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db.models import Count, Q

from control import trips
from control.models import KillSwitch
from pipeline.models import SequenceStep, Touch

WINDOW = 500
MAX_BOUNCED = 0.03
MAX_COMPLAINED = 0.001
MIN_SENT = 50
"""Below so many mails a share of bounces is chance: one of twenty is 5 % and says nothing."""

MIN_COMPLAINTS = 2
"""One complaint is over 0.1 % of any 500 mails, and may be one person's slip; the second is not."""

STOPPED = "send_email"


@dataclass(frozen=True)
class Rates:
    """What became of the last mails."""

    sent: int
    bounced: int
    complained: int

    @property
    def bounce_rate(self) -> float:
        """The share that came back, 0 to 1."""
        return self.bounced / self.sent if self.sent else 0.0

    @property
    def complaint_rate(self) -> float:
        """The share that was complained of, 0 to 1."""
        return self.complained / self.sent if self.sent else 0.0


def rates(*, since_release: bool = False) -> Rates:
    """Return the rates over the last WINDOW cold mails.

    With `since_release` only over those sent since an operator last let mail go on: what was
    looked at and released must not stop it again at once.
    """
    touches = Touch.objects.filter(channel=SequenceStep.Channel.EMAIL)
    released = _released_at() if since_release else None
    if released is not None:
        touches = touches.filter(pk__gte=_first_id(released))
    last = touches.order_by("-sent_at").values("pk")[:WINDOW]
    found = Touch.objects.filter(pk__in=last).aggregate(
        sent=Count("pk"),
        bounced=Count("pk", filter=Q(bounced_at__isnull=False)),
        # Of one person two are one: nobody stops all cold mail alone.
        complained=Count("prospect", distinct=True, filter=Q(complained_at__isnull=False)),
    )
    return Rates(**found)


def look() -> None:
    """Stop cold mail when too much of it bounces or is complained of; a person lets it go on."""
    now = rates(since_release=True)
    if now.sent >= MIN_SENT and now.bounce_rate > MAX_BOUNCED:
        _trip(
            "too many bounces",
            f"{now.bounced} of the last {now.sent} cold mails bounced: {now.bounce_rate:.1%}, and"
            f" more than {MAX_BOUNCED:.0%} costs the domain its name. Check where the addresses"
            " come from before you go on.",
        )
    if now.complained >= MIN_COMPLAINTS and now.complaint_rate > MAX_COMPLAINED:
        _trip(
            "complaints",
            f"{now.complained} of the last {now.sent} cold mails were marked as spam:"
            f" {now.complaint_rate:.2%}, and mail providers allow {MAX_COMPLAINED:.1%}. Change"
            " whom you write to, or what, before you go on.",
        )


def _trip(cause: str, reason: str) -> None:
    trips.trip(KillSwitch.Scope.KIND, STOPPED, cause=cause, reason=reason)


def _released_at() -> dt.datetime | None:
    switch = (
        KillSwitch.objects.filter(
            scope=KillSwitch.Scope.KIND,
            value=STOPPED,
            automatic=True,
            released_at__isnull=False,
        )
        .order_by("-released_at")
        .first()
    )
    return switch.released_at if switch is not None else None


def _first_id(at: dt.datetime) -> uuid.UUID:
    """Return the least id a row made at that wall time can have; `sent_at` is business time."""
    return uuid.UUID(int=int(at.timestamp() * 1000) << 80)
