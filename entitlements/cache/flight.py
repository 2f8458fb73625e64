"""A flight: one fetch for many callers.

It never waits. It is begun, and lands once: with a snapshot or with a failure. Whoever must wait adds a call to be made
on landing and waits outside, each with a deadline and an ending of its own, so that no caller's death harms another.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.cache.snapshot import Snapshot
    from entitlements.clocks import Deadline

__all__ = ["Failure", "Flight", "Landing", "Outcome"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a fetch brought nothing, as a value that thousands of waiters may share.

    Attributes:
        detail: what stood in the way, for a log or a person.
        retry_after: seconds after which another try makes sense.
    """

    detail: str
    retry_after: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a flight brought: a snapshot or a failure.

    Attributes:
        snapshot: what was learnt, if anything was.
        failure: why not, otherwise.
        stood: whether nothing had become known meanwhile.
        request_id: the upstream request behind it.
    """

    snapshot: Snapshot | None = None
    failure: Failure | None = None
    stood: bool = True
    request_id: str | None = None


class Landing(Protocol):
    """Something that will be over at some moment, and can be waited for."""

    def on_landing(self, call: Callable[[], object]) -> None: ...


class Flight:
    """A fetch under way for one customer.

    Attributes:
        token: the fence token noted before it began; only a caller who reads the same token may join.
        began: its beginning on the clock that judges ages.
        moment: its beginning in real time.
        boot: its beginning on the clock of this boot, for other processes.
        wall: its beginning by the wall's clock, for the same.
        deadline: when it is given up.
        asked: whether the source was asked; before that, nothing that happens is its failure.
        settling: whether a change became known so shortly before that Stripe's list may lag behind it.
    """

    __slots__ = (
        "_calls",
        "_lock",
        "asked",
        "began",
        "boot",
        "customer",
        "deadline",
        "moment",
        "outcome",
        "settling",
        "slot",
        "token",
        "wall",
    )

    def __init__(  # noqa: PLR0913 - a plain record
        self,
        customer: str,
        *,
        slot: int,
        token: float,
        began: float,
        moment: float,
        boot: float,
        wall: float,
        deadline: Deadline,
        settling: bool = False,
    ) -> None:
        self.customer: Final = customer
        self.slot: Final = slot
        self.token: Final = token
        self.began: Final = began
        self.moment: Final = moment
        self.boot: Final = boot
        self.wall: Final = wall
        self.deadline = deadline
        self.settling: Final = settling
        self.asked = False
        self.outcome: Outcome | None = None
        self._calls: list[Callable[[], object]] = []
        self._lock = threading.Lock()

    def delayed(self, seconds: float) -> None:
        """Move the deadline: who waits for a turn first has the whole time from then on."""
        self.deadline = self.deadline.later(seconds)

    @property
    def failed(self) -> bool:
        """Say whether the flight has landed with nothing."""
        return self.outcome is not None and self.outcome.failure is not None

    def land(self, outcome: Outcome) -> bool:
        """End the flight, once; return whether this was the landing."""
        with self._lock:
            if self.outcome is not None:
                return False
            self.outcome = outcome
            calls, self._calls = self._calls, []
        for call in calls:
            call()
        return True

    def on_landing(self, call: Callable[[], object]) -> None:
        """Have `call` made when the flight lands, or at once if it has."""
        with self._lock:
            if self.outcome is None:
                self._calls.append(call)
                return
        call()
