"""A watchdog: one daemon thread that calls back at a deadline.

Two things need it. A header or body that drips a byte at a time resets every read timeout, so somebody else must shut
the socket. And a task that awaits an answer must be woken at its deadline, even where a test has frozen the loop's
clock.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from typing import TYPE_CHECKING, Final

from entitlements.clocks import real_now
from entitlements.forks import reset_in_child

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Alarm", "Watchdog", "watchdog"]

_NAP: Final = 3_600.0  # seconds; a lock can't be told to wait for longer than some centuries
_ROOM: Final = 256  # alarms kept before the cancelled ones are looked for
_log = logging.getLogger("entitlements")


class Alarm:
    """A call to be made at a moment, unless cancelled first."""

    __slots__ = ("_call", "_lock")

    def __init__(self, call: Callable[[], object]) -> None:
        self._call: Callable[[], object] | None = call
        self._lock = threading.RLock()  # a call may cancel the very alarm that makes it

    def cancel(self) -> bool:
        """Take the call back. When this returns, the call is not running and never will.

        Returns whether it was in time, which is to say whether the call was never made.
        """
        with self._lock:
            in_time, self._call = self._call is not None, None
            return in_time

    @property
    def cancelled(self) -> bool:
        """Say whether there is nothing to call any more."""
        return self._call is None

    def ring(self) -> None:
        with self._lock:
            call, self._call = self._call, None
            if call is None:
                return
            try:
                call()
            except Exception:  # noqa: BLE001 - the other alarms must ring all the same
                _log.exception("a watchdog call failed")


class Watchdog:
    """Ring alarms at their moments; the thread starts with the first one and is rebuilt after a fork."""

    def __init__(self) -> None:
        self.reset()
        reset_in_child(self)

    def reset(self) -> None:
        """Begin anew, with no alarms, as a forked child must."""
        self._wake = threading.Condition()
        self._heap: list[tuple[float, int, Alarm]] = []
        self._order = itertools.count()
        self._running = False
        self._room = _ROOM

    def at(self, moment: float, call: Callable[[], object]) -> Alarm:
        """Have `call` made at `moment`, in seconds of `clocks.real_now`.

        The call runs on the watchdog's thread: it must be short and must not wait.
        """
        alarm = Alarm(call)
        with self._wake:
            if len(self._heap) >= self._room:
                self._sweep()
            if not self._running:
                threading.Thread(target=self._run, name="entitlements-watchdog", daemon=True).start()
                self._running = True
            elif not self._heap or moment < self._heap[0][0]:
                self._wake.notify()
            # Last: who dies before it leaves no alarm; one that the thread was not woken for would hide the others.
            heapq.heappush(self._heap, (moment, next(self._order), alarm))
        return alarm

    def _run(self) -> None:
        while True:
            for alarm in self._due():
                alarm.ring()

    def _due(self) -> list[Alarm]:
        with self._wake:
            while (delay := self._delay()) is None or delay > 0:
                self._wake.wait(None if delay is None else min(delay, _NAP))
            due: list[Alarm] = []
            while self._heap and self._heap[0][0] <= real_now():
                due.append(heapq.heappop(self._heap)[2])
            return due

    def _sweep(self) -> None:
        """Drop what was cancelled: most alarms are, long before their moment."""
        self._heap = [entry for entry in self._heap if not entry[2].cancelled]
        heapq.heapify(self._heap)
        self._room = _ROOM + 2 * len(self._heap)

    def _delay(self) -> float | None:
        return self._heap[0][0] - real_now() if self._heap else None


watchdog: Final = Watchdog()
