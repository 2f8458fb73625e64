"""Real time, for deadlines: a clock that no test can freeze.

Ages are judged by the resolver's own clock, which tests move. Waiting is different: a test that hangs Stripe under a
frozen clock must still have its answer in two seconds, so whatever waits, waits by this module.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

__all__ = ["Deadline", "real_now"]

if hasattr(time, "clock_gettime"):  # not patched by freezegun, unlike every other clock of the `time` module

    def real_now() -> float:
        """Read seconds of monotonic time, the same for every process of this boot."""
        return time.clock_gettime(time.CLOCK_MONOTONIC)

else:  # pragma: no cover - Windows

    def real_now() -> float:
        """Read seconds of monotonic time."""
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment by which an answer is due, in seconds of `real_now`."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Set a deadline some seconds from now.

        >>> 1.9 < Deadline.after(2.0).remaining() <= 2.0
        True
        """
        return cls(real_now() + seconds)

    def sooner(self, seconds: float) -> Deadline:
        """Give whichever comes first: this deadline, or one some seconds from now."""
        return Deadline(min(self.at, real_now() + seconds))

    def remaining(self) -> float:
        """Count the seconds left; never negative."""
        return max(0.0, self.at - real_now())

    @property
    def passed(self) -> bool:
        """Say whether the moment is over."""
        return real_now() >= self.at
