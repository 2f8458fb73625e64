"""The sweeper: a daemon thread that runs a round every so often, and outlives whatever a round raises.

It holds whoever owns the rounds by a weak reference, so that an instance nobody uses any more goes, and the thread with
it. A forked child sweeps if its parent did; the process can exit while Stripe hangs.
"""

from __future__ import annotations

import logging
import random
import threading
import weakref
from typing import TYPE_CHECKING, Final

from entitlements.clocks import Deadline
from entitlements.forks import reset_in_child, resume_in_child
from entitlements.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Sweeper"]

_PATIENCE: Final = 120.0  # seconds for one round: a hundred pages, should it come to that
_FIRST: Final = 1.0  # seconds after a failure, doubling up to
_LONGEST: Final = 60.0
_JITTER: Final = 0.1
_log = logging.getLogger("entitlements")


class Sweeper:
    """Run rounds on a thread: the first at once, then one every `interval` seconds, a little less at random.

    After a failure it waits for a second, or for the interval if that is shorter, and twice as long after each further
    one, up to a minute.
    """

    def __init__(
        self, run: Callable[[Deadline], object], *, interval: float, draw: Callable[[], float] = random.random
    ) -> None:
        self._run = run
        self._interval = interval
        self._draw = draw
        self._seldom = Seldom(_log)
        self._bell = _Bell()
        self._wanted = False
        self.reset()
        reset_in_child(self)
        resume_in_child(self)
        weakref.finalize(self, self._bell.end).atexit = False  # whoever lets go of us lets go of the thread

    def reset(self) -> None:
        """Begin anew, as a forked child must: the parent's thread doesn't exist in it."""
        self._lock = threading.Lock()
        self._bell.reset()
        self._failures = 0
        self._thread: threading.Thread | None = None

    def resume(self) -> None:
        """Go on in a forked child, if the parent's thread ran."""
        if self._wanted:
            self.start()

    def start(self) -> None:
        """Start the thread, unless it runs or was closed; where none can be started, the next call tries again."""
        with self._lock:
            if self._thread is not None or self._bell.ended:
                return
            mine, self._wanted = weakref.ref(self), True
            thread = threading.Thread(target=_keep_on, args=(mine, self._bell), name="entitlements-sweep", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                self._seldom.warning("no thread for the sweep: %s", error)
            else:
                self._thread = thread

    def wake(self) -> None:
        """Run a round now, or as soon as the present one is over."""
        self._bell.ring()

    def close(self) -> None:
        """Let the thread end after its present round; it is not started again, nor in a child."""
        self._bell.end()

    def turn(self) -> float:
        """Run one round; return the seconds until the next."""
        try:
            self._run(Deadline.after(_PATIENCE))
        except Exception as error:  # noqa: BLE001 - whatever it was, the next round may go well
            self._failures += 1
            if not self._bell.ended:
                self._seldom.warning("a sweep failed and will be tried again: %s: %s", type(error).__name__, error)
            pause = min(min(_FIRST, self._interval) * 2.0 ** min(self._failures - 1, 30), _LONGEST)
        else:
            self._failures = 0
            pause = self._interval
        return pause * (1 - _JITTER * self._draw())


class _Bell:
    """What the thread waits for: the time, somebody who can't wait, or the end."""

    def __init__(self) -> None:
        self.ended = False
        self.reset()

    def reset(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        self._rung.set()

    def end(self) -> None:
        self.ended = True
        self._rung.set()

    def wait(self, seconds: float) -> None:
        self._rung.wait(min(seconds, threading.TIMEOUT_MAX))
        self._rung.clear()


def _keep_on(target: weakref.ref[Sweeper], bell: _Bell) -> None:
    while not bell.ended:
        sweeper = target()
        if sweeper is None:
            return
        pause = sweeper.turn()
        del sweeper  # or it would live as long as the thread idles
        bell.wait(pause)
