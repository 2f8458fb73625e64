"""Health: what the answers say of their source, told once for each change."""

from __future__ import annotations

import math
import threading
from collections import deque
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from entitlements.decision import Source
from entitlements.forks import reset_in_child

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.decision import Decision

__all__ = ["CALM", "Condition", "Health"]

CALM: Final = 10.0  # seconds between two recoveries: trouble of one customer among many must not become a flood


class Condition(IntEnum):
    """How the source is, the worse the higher."""

    WELL = 0
    STALE = 1  # it fails, and old answers stand in for it
    UNABLE = 2  # there was a question that nothing could answer


class Health:
    """Follow a source by the answers that are given.

    It gets worse at once. It is well again when an answer rests on a fetch begun after the last trouble: answers from
    before an outage go on being given during it, and prove nothing. While it isn't well it never gets better by half,
    or an outage would be told with every question, since some customers are remembered and others aren't.

    An answer within `stale_while_revalidate` is no trouble unless the refresh behind it fails.

    Args:
        tell: called with each new condition and the answer that showed it, in order, never twice at a time; on the
            thread of whoever asked, so it must be quick.
        clock: the seconds that ages are judged by.
        failing: whether a customer's fetches fail just now.
    """

    def __init__(
        self,
        tell: Callable[[Condition, Decision], object],
        *,
        clock: Callable[[], float],
        failing: Callable[[str], bool],
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._failing = failing
        self.reset()
        self.begin()
        reset_in_child(self)

    def reset(self) -> None:
        """Let go of what belongs to another process, as a forked child must."""
        self._lock = threading.Lock()
        self._turn = threading.Lock()  # held by the one thread that tells
        self._untold: deque[tuple[Condition, Decision]] = deque()

    def begin(self) -> None:
        """Take the source for well, until an answer says otherwise."""
        with self._lock:
            self._condition = Condition.WELL
            self._trouble = self._recovery = -math.inf

    def heard(self, decision: Decision) -> None:
        """Learn from an answer; tell what it changed."""
        found = self._found(decision)
        if found is self._condition is Condition.WELL:
            return  # nearly always
        with self._lock:
            if self._changes(found, decision):
                self._condition = found
                self._untold.append((found, decision))
        self._tell_in_order()

    def _found(self, decision: Decision) -> Condition:
        if decision.unavailable:
            return Condition.UNABLE
        if decision.source is Source.STALE and decision.customer is not None and self._failing(decision.customer):
            return Condition.STALE
        return Condition.WELL

    def _changes(self, found: Condition, decision: Decision) -> bool:
        """Say whether an answer changes the condition; whoever asks has the lock."""
        now = self._clock()
        if found is not Condition.WELL:
            self._trouble = now
            return found > self._condition
        if self._condition is Condition.WELL or 0 <= now - self._recovery < CALM or self._is_older(decision, now):
            return False
        self._recovery = now
        return True

    def _is_older(self, decision: Decision, now: float) -> bool:
        """Say whether an answer rests on nothing newer than the last trouble."""
        if decision.age is None:
            return True
        if self._trouble > now:
            return False  # the clock was moved back
        began = now - decision.age
        # A fetch made for this very question is newer, even under a clock that stands still.
        return began < self._trouble if decision.source is Source.FETCHED else began <= self._trouble

    def _tell_in_order(self) -> None:
        """Tell what is untold, unless somebody is at it, who then tells this too.

        Nobody ever waits for the turn, so whoever is told may ask questions of their own.
        """
        while self._untold and self._turn.acquire(blocking=False):
            try:
                if self._untold:
                    self._tell(*self._untold.popleft())
            finally:
                self._turn.release()
