"""Business time of the market: as fast as the app's, counted from when the market first began."""

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Clock:
    """`began` is a Unix time, `speed` business seconds a wall second.

    `epoch` is the Unix time at which the app's business time stood where the wall clock did.
    """

    began: float
    speed: float
    wall: Callable[[], float] = time.time
    epoch: float | None = None

    def passed(self) -> float:
        """Return the business seconds since the market began."""
        return max(0.0, self.wall() - self.began) * self.speed

    def day(self) -> int:
        return int(self.passed() // DAY_SECONDS)

    def at(self, passed: float) -> dt.datetime:
        """Return the business time so many business seconds after the beginning."""
        return dt.datetime.fromtimestamp(self.began + passed, dt.UTC)

    def wall_seconds(self, business_minutes: float) -> float:
        return business_minutes * 60 / self.speed

    def wall_at(self, moment: float) -> float:
        """Return when the wall clock shall stand where business time stands at a Unix time."""
        epoch = self.began if self.epoch is None else self.epoch
        return epoch + (moment - epoch) / self.speed

    def moment(self) -> float:
        """Return business time now, as a Unix time."""
        epoch = self.began if self.epoch is None else self.epoch
        return epoch + (self.wall() - epoch) * self.speed
