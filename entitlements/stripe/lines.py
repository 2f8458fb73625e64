"""The idle connections, last in first out; whoever takes one owns it alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from entitlements.clocks import real_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.stripe.line import Line

__all__ = ["Lines"]

_KEEP: Final = 16
_IDLE: Final = 60.0  # seconds; past this a NAT on the way may have forgotten the connection without a word


class Lines:
    """Keep connections for reuse. Without a lock: a list's `append` and `pop` are single steps."""

    def __init__(self, dial: Callable[[], Line], *, now: Callable[[], float] = real_now) -> None:
        self._dial = dial
        self._now = now
        self._pid = os.getpid()
        self._idle: list[tuple[float, Line]] = []
        self.closed = False

    def take(self) -> Line:
        self._leave_the_parents()
        while (found := _pop(self._idle)) is not None:
            since, line = found
            if self._now() - since <= _IDLE:
                return line
            line.close()
        return self._dial()

    def give(self, line: Line) -> None:
        """Take a line back: to be used again if it is fit for it."""
        if not line.reusable or len(self._idle) >= _KEEP:
            line.close()
            return
        self._idle.append((self._now(), line))
        if self.closed:  # closed while this line was out
            self._close_idle()

    def close(self) -> None:
        self.closed = True
        self._leave_the_parents()
        self._close_idle()

    def _close_idle(self) -> None:
        while (found := _pop(self._idle)) is not None:
            found[1].close()

    def _leave_the_parents(self) -> None:
        """After a fork, give up the parent's connections: two processes on one would read each other's answers."""
        if self._pid == os.getpid():
            return
        inherited, self._idle, self._pid = self._idle, [], os.getpid()
        for _, line in inherited:
            line.close()  # this process's copy; the parent's connection lives on


def _pop(idle: list[tuple[float, Line]]) -> tuple[float, Line] | None:
    try:
        return idle.pop()
    except IndexError:
        return None
