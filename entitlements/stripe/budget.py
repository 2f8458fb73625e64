"""How many requests a second may be sent: turns, given out ahead.

Stripe allows 25 a second for most operations, entitlements among them, and 25 in all in a sandbox. A budget remembers
its latest turns; the next one comes a window after the oldest of them, so that no window ever holds more. Reserving is
arithmetic, and nobody queues in here.

The turns may lie in memory that several processes share. They don't lock it, since a process that is killed or stopped
would leave it locked: two that reserve at the same moment may take the same turn, which sends one request more than
planned. Where many are short of turns at once that adds up: two processes that reserve as fast as they can have 20 to
22 in the busiest second instead of 20, and 8 to 16 of them on two busy cores 20 to 40. Stripe refuses what is beyond
its 25 with 429, and that is sent again.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Final, Protocol

from entitlements.clocks import real_now
from entitlements.errors import InvalidSettings
from entitlements.forks import reset_in_child

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TURNS_KEPT", "Budget", "Cells", "Lanes"]

TURNS_KEPT: Final = 20  # a budget of more turns a second deals them out in windows of less than a second
_OPEN_TURNS: Final = 15
_MOST: Final = 20.0
_ROUNDING: Final = 1e-9
_LONGEST: Final = 600.0  # seconds; a turn further off was written by another boot's clock
_KEPT: Final = 0.25  # the share of the requests that is kept for customers who are known already


class Cells(Protocol):
    """Places that hold numbers, such as words of shared memory."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> float: ...

    def __setitem__(self, index: int, value: float, /) -> None: ...


class Budget:
    """Deal out turns, at most so many in any one second.

    >>> budget = Budget(2, now=lambda: 0.0)
    >>> [budget.reserve(patience=1) for _ in range(5)]
    [0.0, 0.0, 1.0, 1.0, None]

    Args:
        most: turns in any one second, above 0.
        now: the clock that counts the seconds; where `cells` are shared, one that all processes read alike.
        cells: where the latest turns are kept; this process's memory without it. The more there are, the longer the
            window, up to a second.
    """

    def __init__(self, most: float = _MOST, *, now: Callable[[], float] = real_now, cells: Cells | None = None) -> None:
        if not (math.isfinite(most) and most > 0):
            raise InvalidSettings(f"{most!r} requests a second: give a number above 0")
        places: Cells = [-math.inf] * TURNS_KEPT if cells is None else cells
        self._turns = max(1, min(int(most), len(places)))
        self._window = self._turns / most
        self._now = now
        self._cells = places
        self.reset()
        reset_in_child(self)

    def reset(self) -> None:
        self._lock = threading.Lock()

    def reserve(self, patience: float) -> float | None:
        """Reserve the next turn.

        Returns:
            The seconds to wait for it, at most `patience`; `None`, and nothing is reserved, if it comes later.
        """
        with self._lock:
            now = self._now()
            oldest, turn = self._next(now)
            if turn - now > patience + _ROUNDING:
                return None
            self._cells[oldest] = turn
            return turn - now

    def move(self, cells: Cells) -> None:
        """Keep the turns elsewhere from here on, in as many places."""
        with self._lock:
            self._cells = cells

    def free(self) -> bool:
        """Say whether a turn would come at once; nothing is reserved."""
        with self._lock:
            now = self._now()
            return self._next(now)[1] - now <= _ROUNDING

    def charge(self) -> None:
        """Count a request sent without a turn (a further page, a retry): later turns move back."""
        self.reserve(math.inf)

    def _next(self, now: float) -> tuple[int, float]:
        """Find the oldest turn's place, and the next turn, which takes it."""
        turns = [self._cells[index] for index in range(self._turns)]
        for index, turn in enumerate(turns):
            if not turn <= now + _LONGEST:
                turns[index] = -math.inf
        oldest = min(range(len(turns)), key=turns.__getitem__)
        return oldest, max(now, turns[oldest] + self._window)


class Lanes:
    """A budget in two lanes, so that strangers can't use up what customers need.

    A quarter is kept for customers who are known already: their snapshots are refreshed and their refusals verified
    even while a flood of unknown ids takes all the rest. Somebody who waits, cold or known, may use the open lane
    first; a refresh that nobody waits for takes a turn only while one is free.

    >>> lanes = Lanes(20, now=lambda: 0.0)
    >>> strangers = [lanes.reserve(patience=0) is not None for _ in range(30)]
    >>> sum(strangers), lanes.reserve(patience=0, known=True)
    (15, 0.0)

    Args:
        most: requests in any one second.
        now: as for `Budget`.
        cells: `TURNS_KEPT` places for both lanes together; this process's memory without it.
    """

    def __init__(
        self, most: float, *, now: Callable[[], float] = real_now, cells: memoryview[float] | None = None
    ) -> None:
        self.sustained: Final = most
        places: memoryview[float] | list[float] = [-math.inf] * TURNS_KEPT if cells is None else cells
        self._open = Budget(most * (1 - _KEPT), now=now, cells=places[:_OPEN_TURNS])
        self._kept = Budget(most * _KEPT, now=now, cells=places[_OPEN_TURNS:])

    def move(self, cells: memoryview[float]) -> None:
        """Keep the turns elsewhere from here on."""
        self._open.move(cells[:_OPEN_TURNS])
        self._kept.move(cells[_OPEN_TURNS:])

    def reserve(self, patience: float, *, known: bool = False) -> float | None:
        """Reserve the next turn, as `Budget.reserve` does; `known` customers have a lane of their own besides."""
        turn = self._open.reserve(patience)
        return self._kept.reserve(patience) if turn is None and known else turn

    def free(self) -> bool:
        """Say whether a known customer's turn would come at once; nothing is reserved."""
        return self._open.free() or self._kept.free()

    def charge(self) -> None:
        """Count a request sent without a turn."""
        self._open.charge()
