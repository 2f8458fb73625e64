"""The seams: what the core takes from the world outside, so that a simulator can give it another world."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from entitlements.cache.wait import Wait
from entitlements.clocks import boot_now, real_now, wall_now
from entitlements.watchdog import watchdog

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Cancellable", "Rate", "Seams"]


class Cancellable(Protocol):
    """A call to come that can be taken back."""

    def cancel(self) -> object: ...


class Rate(Protocol):
    """A budget of requests a second."""

    @property
    def sustained(self) -> float: ...

    def reserve(self, patience: float, *, known: bool = False) -> float | None: ...

    def free(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Seams:
    """What the core takes from the world outside.

    Attributes:
        spawn: run a job elsewhere; false when there is no room for it.
        clock: the clock that judges ages; `None` for `time.monotonic`, as a test may have replaced it.
        now: real seconds.
        boot: seconds that every process of this boot counts alike, to judge what another process fetched.
        wall: seconds of wall time, to judge the same by.
        draw: a random number from 0 to 1.
        alarm: have something called at a real moment.
        block: wait on this thread.
    """

    spawn: Callable[[Callable[[], object]], bool]
    clock: Callable[[], float] | None = None
    now: Callable[[], float] = real_now
    boot: Callable[[], float] = boot_now
    wall: Callable[[], float] = wall_now
    draw: Callable[[], float] = random.random
    alarm: Callable[[float, Callable[[], object]], Cancellable] = watchdog.at
    block: Callable[[Wait], object] = Wait.block
