"""The emulator's time source, in whole seconds as Stripe counts them."""

from __future__ import annotations

import time

__all__ = ["Clock", "steady"]


class Clock:
    """Tell the emulator's time: the machine's, moved ahead as far as a test asked.

    >>> clock = Clock(start=1_700_000_000)
    >>> clock.now()
    1700000000
    >>> clock.advance(days=31)
    1702678400
    """

    def __init__(self, start: int | None = None) -> None:
        self._start = start
        self._ahead = 0

    def now(self) -> int:
        """Read the time as a Unix timestamp; a clock with a start stands still until it is moved."""
        base = int(time.time()) if self._start is None else self._start
        return base + self._ahead

    def advance(self, *, seconds: int = 0, days: int = 0) -> int:
        """Move the time ahead and return it; time never goes back."""
        step = seconds + days * 86_400
        if step < 0:
            raise ValueError(f"the clock can't go back by {-step} s; advance it by zero or more seconds")
        self._ahead += step
        return self.now()

    def reset(self) -> None:
        """Take back every advance, for a world that begins anew."""
        self._ahead = 0


if hasattr(time, "clock_gettime"):  # a test that freezes time must not freeze retries and waits

    def steady() -> float:
        """Read seconds that no test freezes, for waiting."""
        return time.clock_gettime(time.CLOCK_MONOTONIC)

else:  # pragma: no cover - Windows

    def steady() -> float:
        """Read seconds for waiting."""
        return time.monotonic()
