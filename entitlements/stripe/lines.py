"""The connections: the idle ones last in first out; whoever takes one owns it alone, and a forked child has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entitlements.clocks import real_now
from entitlements.forks import reset_in_child

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.stripe.line import Line

__all__ = ["Lines"]

_KEEP: Final = 16
_IDLE: Final = 60.0  # seconds; past this a NAT on the way may have forgotten the connection without a word


class Lines:
    """Keep connections for reuse. Without a lock: what is done to a list or a set here are single steps."""

    def __init__(self, dial: Callable[[], Line], *, now: Callable[[], float] = real_now) -> None:
        self._dial = dial
        self._now = now
        self._idle: list[tuple[float, Line]] = []
        self._open: set[Line] = set()
        self.closed = False
        reset_in_child(self)

    def reset(self) -> None:
        """Give up the parent's connections, as a forked child must: two on one would read each other's answers.

        Those that are in use just now are given up too, or Stripe would not see it when the parent hangs up.
        """
        inherited, self._idle, self._open = self._open, [], set()
        for line in inherited:
            line.leave()

    def take(self) -> Line:
        while (found := _pop(self._idle)) is not None:
            since, line = found
            if self._now() - since <= _IDLE:
                return line
            self._end(line)
        line = self._dial()
        self._open.add(line)
        return line

    def give(self, line: Line) -> None:
        """Take a line back: to be used again if it is fit for it."""
        if not line.reusable or len(self._idle) >= _KEEP:
            self._end(line)
            return
        self._idle.append((self._now(), line))
        if self.closed:  # closed while this line was out
            self._close_idle()

    def close(self) -> None:
        self.closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        while (found := _pop(self._idle)) is not None:
            self._end(found[1])

    def _end(self, line: Line) -> None:
        line.close()
        self._open.discard(line)


def _pop(idle: list[tuple[float, Line]]) -> tuple[float, Line] | None:
    try:
        return idle.pop()
    except IndexError:
        return None
