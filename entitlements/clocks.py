"""Real time, for deadlines: a clock that no test can freeze.

Ages are judged by the resolver's own clock, which tests move. Waiting is different: a test that hangs Stripe under a
frozen clock must still have its answer in two seconds, so whatever waits, waits by this module.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Deadline", "boot_now", "real_now", "wall_now"]

if hasattr(time, "clock_gettime"):  # not patched by freezegun, unlike every other clock of the `time` module

    def real_now() -> float:
        """Read seconds of monotonic time, the same for every process of this boot."""
        return time.clock_gettime(time.CLOCK_MONOTONIC)

else:  # pragma: no cover - Windows

    def real_now() -> float:
        """Read seconds of monotonic time."""
        return time.monotonic()


if hasattr(time, "CLOCK_BOOTTIME"):

    def boot_now() -> float:
        """Read the seconds since this machine started, those it slept included; the same for all its processes."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

else:  # pragma: no cover - not Linux
    boot_now = real_now


def wall_now() -> float:
    """Read the seconds of wall time; looked up at each call, so that a test's frozen time is seen."""
    return time.time()


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment by which an answer is due, in seconds of the clock it was set by: `real_now`, unless simulated."""

    at: float
    now: Callable[[], float] = field(default=real_now, repr=False, compare=False)

    @classmethod
    def after(cls, seconds: float, *, now: Callable[[], float] = real_now) -> Deadline:
        """Set a deadline some seconds from now.

        >>> 1.9 < Deadline.after(2.0).remaining() <= 2.0
        True
        """
        return cls(now() + seconds, now)

    def sooner(self, seconds: float) -> Deadline:
        """Give whichever comes first: this deadline, or one some seconds from now."""
        return Deadline(min(self.at, self.now() + seconds), self.now)

    def later(self, seconds: float) -> Deadline:
        """Give a deadline some seconds after this one."""
        return Deadline(self.at + seconds, self.now)

    def remaining(self) -> float:
        """Count the seconds left; never negative."""
        return max(0.0, self.at - self.now())

    @property
    def passed(self) -> bool:
        """Say whether the moment is over."""
        return self.now() >= self.at
