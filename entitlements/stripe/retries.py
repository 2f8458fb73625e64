"""Whether to try again, and how long to wait first: the only layer that retries."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Final

from entitlements.forks import reset_in_child

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Retries", "RetryBudget"]

_FIRST: Final = 0.1
_CAP: Final = 2.0


class RetryBudget:
    """Let about one request in ten be a retry, so that an outage isn't met with three times the traffic.

    Every request puts in a tenth, every retry takes out one; ten at most are saved up.
    """

    def __init__(self, *, capacity: float = 10.0, deposit: float = 0.1) -> None:
        self._capacity = capacity
        self._deposit = deposit
        self._saved = capacity
        self.reset()
        reset_in_child(self)

    def reset(self) -> None:
        self._lock = threading.Lock()

    def deposit(self) -> None:
        with self._lock:
            self._saved = min(self._capacity, self._saved + self._deposit)

    def withdraw(self) -> bool:
        with self._lock:
            if self._saved < 1.0:
                return False
            self._saved -= 1.0
            return True


class Retries:
    """Allow a few retries of one request, each after a longer wait than the one before."""

    def __init__(
        self, limit: int, *, budget: RetryBudget | None = None, random: Callable[[], float] = random.random
    ) -> None:
        self._limit = limit
        self._budget = budget or RetryBudget()
        self._random = random

    def begin(self) -> None:
        """Count a request, which earns a tenth of a retry."""
        self._budget.deposit()

    def wait(self, tried: int, *, at_least: float | None, within: float) -> float | None:
        """Give the seconds to wait after the `tried`-th retry failed; `None` if there should be no other.

        `at_least` is what Stripe asked for, `within` what is left until the deadline.
        """
        if tried >= self._limit:
            return None
        backoff = min(_CAP, _FIRST * 2.0**tried) * (0.5 + self._random() / 2)
        wait = max(backoff, at_least or 0.0)
        return wait if wait < within and self._budget.withdraw() else None
