"""The seams of the cache: what it takes from the world outside, so that a simulator can give it another world."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from entitlements.clocks import real_now
from entitlements.watchdog import watchdog

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Cancellable", "Rate", "Seams"]


class Cancellable(Protocol):
    """A call to come that can be taken back."""

    def cancel(self) -> object: ...


class Rate(Protocol):
    """A budget of requests a second."""

    def reserve(self, patience: float) -> float | None: ...

    def free(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Seams:
    """What the cache takes from the world outside.

    Attributes:
        spawn: run a job elsewhere; false when there is no room for it.
        clock: the clock that judges ages; `None` for `time.monotonic`, as a test may have replaced it.
        now: real seconds.
        draw: a random number from 0 to 1.
        alarm: have something called at a real moment.
        sleep: wait for a turn in the rate budget; called where jobs run.
    """

    spawn: Callable[[Callable[[], object]], bool]
    sleep: Callable[[float], object]
    clock: Callable[[], float] | None = None
    now: Callable[[], float] = real_now
    draw: Callable[[], float] = random.random
    alarm: Callable[[float, Callable[[], object]], Cancellable] = watchdog.at
