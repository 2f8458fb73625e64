"""Simulated time: one absolute time that only the world moves, and the clocks that a host reads it by.

Each clock fails as real ones do: the monotonic one stands still while the machine sleeps, both that count from the boot
begin again with it, and the wall's is set forwards and backwards. What a promise is measured by is `at`.
"""

from __future__ import annotations

from typing import Final

__all__ = ["EPOCH", "INSTANT", "Time"]

EPOCH: Final = 1_795_000_000.0  # wall time when a world begins
INSTANT: Final = 1e-6  # seconds between two steps at least, so that no two moments are the same


class Time:
    """Absolute seconds, and what a host's clocks make of them.

    Attributes:
        at: seconds since the world began; grows with every step, and is never set back.
        counts_sleep: whether this system has a clock that goes on while the machine sleeps.
        jumps: how often the wall's clock was set.
        farthest: how far it ever was from the truth.
        sleeps: moments and lengths of the machine's sleeps.
    """

    __slots__ = ("_booted", "_monotonic_lag", "_wall_lead", "at", "counts_sleep", "farthest", "jumps", "sleeps")

    def __init__(self, *, counts_sleep: bool) -> None:
        self.at = 0.0
        self.counts_sleep = counts_sleep
        self.jumps = 0
        self.farthest = 0.0
        self.sleeps: list[tuple[float, float]] = []
        self._booted = -1.0
        self._monotonic_lag = -1.0
        self._wall_lead = 0.0

    def monotonic(self) -> float:
        """Read seconds that are never set back, and stand still while the machine sleeps."""
        return self.at - self._monotonic_lag

    def boot(self) -> float:
        """Read seconds since the machine started, sleep included where the system has a clock for that."""
        return self.at - (self._booted if self.counts_sleep else self._monotonic_lag)

    def wall(self) -> float:
        """Read wall time, as it is set."""
        return EPOCH + self.at + self._wall_lead

    def stripe(self) -> float:
        """Read Stripe's own wall time, which is right."""
        return EPOCH + self.at

    def set_wall(self, lead: float) -> None:
        """Set the wall's clock, so many seconds before or after the truth.

        On a system where no other clock counts the machine's sleep it is never set back: with both wrong, nobody could
        tell how old anything is.
        """
        self.jumps += 1
        self._wall_lead = lead if self.counts_sleep else max(lead, self._wall_lead)
        self.farthest = max(self.farthest, abs(self._wall_lead))

    def sleep(self, seconds: float) -> None:
        """Put the machine to sleep: time goes by, and the monotonic clock doesn't notice."""
        self.at += seconds
        self._monotonic_lag += seconds
        self.sleeps.append((self.at, seconds))

    def slept_since(self, moment: float) -> float:
        """Count the seconds that the machine slept since a moment."""
        return sum(seconds for woke, seconds in self.sleeps if woke > moment)

    def reboot(self) -> None:
        """Begin the clocks that count from the boot again."""
        self._booted = self._monotonic_lag = self.at - 1.0
