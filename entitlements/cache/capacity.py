"""Capacity: how often the rate budget can pay for everybody's refresh.

At 20 requests a second, ten thousand active customers can't be fetched anew more often than every eight minutes.
Freshness comes from fences; the time to live is only the net beneath them, and it stretches to what can be paid.
"""

from __future__ import annotations

from bisect import bisect_left
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from entitlements.cache.snapshot import Snapshot
    from entitlements.freshness import Freshness

__all__ = ["Capacity", "younger"]

_EVERY: Final = 10.0  # seconds between two counts
_SHARE: Final = 0.8  # of the budget may go into refreshes: cold customers and refusals come first
_STEP: Final = 1.25
_MOST_STEPS: Final = 64  # which lead from a minute to some years
_SAMPLE: Final = 4_000  # snapshots looked at; of more than twice as many, every second, third ...


class Capacity:
    """Find the shortest time to live in which everybody active can be fetched anew.

    A customer is active whose snapshot is younger than that time: who isn't asked for any more is not refreshed, and
    drops out of the count.

    Args:
        freshness: the shortest and the longest time.
        rate: requests a second.
        count: say, for one age after another, how many are younger; asked for no more of them than needed. It may
            raise `OSError`: then what was found before holds.
        clock: seconds.

    >>> from entitlements import Freshness
    >>> busy = Capacity(Freshness(), 20, count=lambda ages: [10_000 for _ in ages], clock=lambda: 0.0)
    >>> quiet = Capacity(Freshness(), 20, count=lambda ages: [1_000 for _ in ages], clock=lambda: 0.0)
    >>> busy.recount(), quiet.recount()
    (None, None)
    >>> busy.seconds, quiet.seconds
    (625.0, 300.0)
    """

    def __init__(
        self,
        freshness: Freshness,
        rate: float,
        *,
        count: Callable[[Sequence[float]], Iterable[float]],
        clock: Callable[[], float],
    ) -> None:
        self._ages = _steps(freshness.ttl, freshness.max_stale)
        self._rate = rate * _SHARE
        self._count = count
        self._clock = clock
        self._seconds = freshness.ttl
        self._counted: float | None = None

    @property
    def seconds(self) -> float:
        """Give the time to live that can be paid for, `ttl` at the least and `max_stale` at the most, as last found."""
        return self._seconds

    def recount(self) -> None:
        """Find it anew, unless that was done a moment ago. It may take long: call it where nobody waits."""
        now = self._clock()
        if self._counted is not None and 0 <= now - self._counted < _EVERY:
            return
        self._counted = now  # first: nobody else counts meanwhile
        with suppress(OSError):  # the store has said so itself
            self._seconds = self._found()

    def _found(self) -> float:
        """Look for the shortest time within which no more customers were fetched than can be fetched in it."""
        shorter = self._ages[0]
        for age, active in zip(self._ages, self._count(self._ages), strict=False):
            if active <= self._rate * age:
                return max(shorter, active / self._rate)
            shorter = age
        return shorter


def younger(entries: Mapping[str, Snapshot], ages: Sequence[float], now: float) -> Iterator[float]:
    """Count, for each age, the snapshots that are younger; of many, by a sample.

    Then a count is off by some two in a hundred of all the snapshots there are, seldom more: it is as good as one of
    four thousand drawn at random. A customer keeps his place however often he is fetched anew, so that neighbours in
    the sample have little in common; where they have (all were fetched once, in their order), it is better than that.
    """
    stride = max(1, len(entries) // _SAMPLE)
    # One step of the interpreter's, which no other thread that adds or drops a customer comes in between.
    sample = list(islice(entries.values(), 0, None, stride))
    found = sorted(now - snapshot.began for snapshot in sample)
    for age in ages:
        yield bisect_left(found, age) * len(entries) / max(1, len(found))


def _steps(shortest: float, longest: float) -> list[float]:
    steps = [shortest]
    while len(steps) < _MOST_STEPS and steps[-1] * _STEP < longest:
        steps.append(steps[-1] * _STEP)
    return [*steps, longest]
