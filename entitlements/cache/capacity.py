"""Capacity: how often the rate budget can pay for everybody's refresh.

At 20 requests a second, ten thousand active customers can't be fetched anew more often than every eight minutes.
Freshness comes from fences; the time to live is only the net beneath them, and it stretches to what can be paid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.freshness import Freshness

__all__ = ["Capacity"]

_EVERY: Final = 10.0  # seconds between two counts
_SHARE: Final = 0.8  # of the budget may go into refreshes: cold customers and refusals come first
_STEP: Final = 1.25


class Capacity:
    """Find the shortest time to live in which everybody active can be fetched anew.

    A customer is active whose snapshot is younger than that time: who isn't asked for any more is not refreshed, and
    drops out of the count.

    >>> from entitlements import Freshness
    >>> busy = Capacity(Freshness(), 20, count=lambda age: 10_000, clock=lambda: 0.0)
    >>> quiet = Capacity(Freshness(), 20, count=lambda age: 1_000, clock=lambda: 0.0)
    >>> busy.seconds(), quiet.seconds()
    (625.0, 300.0)
    """

    def __init__(
        self, freshness: Freshness, rate: float, *, count: Callable[[float], int], clock: Callable[[], float]
    ) -> None:
        self._freshness = freshness
        self._rate = rate * _SHARE
        self._count = count
        self._clock = clock
        self._seconds = freshness.ttl
        self._counted: float | None = None

    def seconds(self) -> float:
        """Give the time to live that can be paid for, `ttl` at the least and `max_stale` at the most."""
        now = self._clock()
        if self._counted is None or not 0 <= now - self._counted < _EVERY:
            self._counted = now  # first: others who ask meanwhile take what was counted before
            self._seconds = self._found()
        return self._seconds

    def _found(self) -> float:
        """Look for the shortest time within which no more customers were fetched than can be fetched in it."""
        seconds = self._freshness.ttl
        while (active := self._count(seconds)) > self._rate * seconds:
            if seconds >= self._freshness.max_stale:
                break
            # So many can't be paid for in a shorter time; where there are yet more who are older, look further.
            seconds = min(max(active / self._rate, seconds * _STEP), self._freshness.max_stale)
        return seconds
