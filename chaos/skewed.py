"""Runs a module in a process whose wall clock is off: `python -m chaos.skewed seconds module …`.

Only what Python sees as the time of day is moved; monotonic time and everybody else's clock go on.
"""

import datetime as dt
import runpy
import sys
import time

_datetime = dt.datetime


class _AnyDatetime(type):
    """Takes the real class's instances, which C code still makes, for its own."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _datetime)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _datetime)


def skew(seconds: float) -> None:
    """Move the wall clock of this process, before anything else is imported."""
    offset = dt.timedelta(seconds=seconds)
    real_time, real_time_ns = time.time, time.time_ns

    class Skewed(_datetime, metaclass=_AnyDatetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> _datetime:  # type: ignore[override]
            return _datetime.now(tz) + offset

        @classmethod
        def utcnow(cls) -> _datetime:  # type: ignore[override]
            return _datetime.now(dt.UTC).replace(tzinfo=None) + offset

    Skewed.__name__ = Skewed.__qualname__ = "datetime"
    Skewed.__module__ = "datetime"
    dt.datetime = Skewed  # type: ignore[misc]
    time.time = lambda: real_time() + seconds
    time.time_ns = lambda: real_time_ns() + int(seconds * 1e9)


if __name__ == "__main__":
    offset, module, *arguments = sys.argv[1:]
    skew(float(offset))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
