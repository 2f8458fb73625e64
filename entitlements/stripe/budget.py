"""How many requests a second may be sent: a token bucket whose turns are reserved ahead.

Stripe allows 25 a second for most operations, entitlements among them. The bucket is kept as one moment, the one at
which the next turn would come if nothing were saved up (GCRA), so reserving is arithmetic and nobody queues in here.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Final

from entitlements.clocks import real_now
from entitlements.errors import InvalidSettings
from entitlements.forks import reset_in_child

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Budget"]

_RATE: Final = 25.0
_BURST: Final = 10
_ROUNDING: Final = 1e-9


class Budget:
    """Deal out turns, `rate` a second, with up to `burst` saved up while nothing was asked.

    >>> budget = Budget(rate=10, burst=1, now=lambda: 0.0)
    >>> budget.reserve(patience=1), budget.reserve(patience=1), budget.reserve(patience=0.1)
    (0.0, 0.1, None)
    """

    def __init__(self, rate: float = _RATE, burst: float = _BURST, *, now: Callable[[], float] = real_now) -> None:
        if not (math.isfinite(rate) and rate > 0 and math.isfinite(burst) and burst >= 1):
            raise InvalidSettings(f"rate {rate!r} and burst {burst!r}: the rate is above 0, the burst at least 1")
        self._interval = 1.0 / rate
        self._saved = (burst - 1) * self._interval
        self._now = now
        self._next = -math.inf
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
            wait = self._wait()
            if wait > patience:
                return None
            self._take()
            return wait

    def free(self) -> bool:
        """Say whether a turn would come at once; nothing is reserved."""
        with self._lock:
            return self._wait() == 0.0

    def charge(self) -> None:
        """Count a request sent without a turn (a further page, a retry): later turns move back."""
        with self._lock:
            self._take()

    def _wait(self) -> float:
        wait = self._next - self._saved - self._now()
        return wait if wait > _ROUNDING else 0.0

    def _take(self) -> None:
        self._next = max(self._next, self._now()) + self._interval
